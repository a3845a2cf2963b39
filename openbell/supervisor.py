"""`openbell up`: the servers, the sandbox and the roles as children of one small asyncio process."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import time
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from domain.errors import OpenbellError
from openbell.children import Child, Deadline, PythonProgram, ServerProgram
from openbell.data_dir import DataDir, write_private
from openbell.processes import ProcessId, end
from openbell.servers import Server, embedded_servers, ensure_ballast
from openbell.settings import Settings
from openbell.terminal import Terminal

ROLES_STOP_S = 7.0
OTHERS_STOP_S = 1.2
"""All children end within 10 s: the roles together first, then sandbox, Valkey and PostgreSQL one after another."""

READY_WITHIN_S = 60.0
PORTS_TO_TRY = 50


class StartError(OpenbellError):
    """Openbell could not start."""


@dataclass(frozen=True)
class Sandbox:
    """Where the sandbox listens."""

    http: str
    smtp: str

    @property
    def root(self) -> str:
        """The chat page, and the root of the Bot API."""
        return f"http://{self.http}"


def up(data_dir: Path, load: Callable[[], Settings]) -> None:
    """Run everything until SIGINT or SIGTERM; an OpenbellError says why it could not start."""
    data = DataDir(data_dir)
    with data.locked():
        data.environment.unlink(missing_ok=True)  # of a supervisor that was killed; it would be read as settings
        asyncio.run(Supervisor(load(), data, Terminal()).run())


class Supervisor:
    """The children of one data directory, in the order in which they start."""

    def __init__(self, settings: Settings, data: DataDir, terminal: Terminal) -> None:
        self.settings = settings
        self.data = data
        self.terminal = terminal
        self.children: list[Child] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._owner_url = ""
        self._http = ""

    async def run(self) -> None:
        """Start all, say where to chat, keep all running, and end all when asked."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_stop)
        try:
            await self._until_stop(self._start())
            if not self._stop.is_set():
                self.terminal.release()
                await self._stop.wait()
        finally:
            await self._end()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        elif self.terminal.for_people:
            self.terminal.say("\nStopping; Ctrl-C once more hurries.")
        self._stop.set()

    async def _until_stop(self, work: Awaitable[None]) -> None:
        """Do `work`, or leave it when asked to stop; its failure is raised."""
        doing = asyncio.ensure_future(work)
        asked = asyncio.create_task(self._stop.wait())
        await asyncio.wait([doing, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if doing.done():
            doing.result()
        doing.cancel()

    async def _start(self) -> None:
        end_recorded(self.data)
        environment = dict(os.environ) | {"DATA_DIR": str(self.data.root)}
        environment |= {"SECRET_KEY": self._secret_key()}
        with self.terminal.step("PostgreSQL 18 and Valkey 9") as outcome:
            environment |= await self._start_servers(outcome)
        with self.terminal.step("database") as outcome:
            outcome.append(await self._migrate(environment))
        sandbox = await self._start_sandbox() if self.settings.telegram_token is None else None
        environment |= self._messengers(sandbox) | self._web()
        write_private(self.data.environment, json.dumps(handed(environment)))
        for role in ("core", "worker"):
            # glibc gives every thread a heap of its own; two are enough for threads that mostly wait
            await self._start_role(role, {"MALLOC_ARENA_MAX": "2"} | environment)
        self._say_where(sandbox)

    def _secret_key(self) -> str:
        given = self.settings.secret_key
        return given.get_secret_value() if given else self.data.secret("secret_key", lambda: secrets.token_hex(32))

    async def _start_servers(self, outcome: list[str]) -> dict[str, str]:
        """Start the embedded servers that no setting replaces; the addresses for the children."""
        given_db, given_redis = self.settings.db_url, self.settings.redis_url
        postgres = valkey = None
        if given_db is None or given_redis is None:
            postgres, valkey = embedded_servers(self.data)
        if given_db is None and postgres:
            first = not (postgres.cluster / "PG_VERSION").exists()
            await self._start_server(postgres)
            ensure_ballast(postgres.home)
            self._owner_url = postgres.owner_url
            public = postgres.public_url
            outcome.append("data made in " + str(self.settings.data_dir) if first else "started")
        else:
            self._owner_url = given_db.get_secret_value() if given_db else ""
            public = without_user(self._owner_url)
            outcome.append(f"PostgreSQL at {urlsplit(public).hostname or 'its socket'}")
        if given_redis is None and valkey:
            await self._start_server(valkey)
            redis_url = valkey.url()
        else:
            redis_url = given_redis.get_secret_value() if given_redis else ""
            outcome.append(f"Valkey at {urlsplit(redis_url).hostname or 'its socket'}")
        return {"DB_URL": public, "REDIS_URL": redis_url}

    async def _start_server(self, server: Server) -> None:
        server.prepare()  # in the main thread: making a cluster starts a process, which must end with us
        await self._keep(Child(ServerProgram(server, prepared=True), self._say, self._record))

    async def _keep(self, child: Child, seconds: float = READY_WITHIN_S) -> None:
        """Start a child and wait until it is ready."""
        self.children.append(child)
        child.begin()
        try:
            await asyncio.wait_for(child.ready.wait(), seconds)
        except TimeoutError:
            raise StartError(
                f"{child.name} was not ready within {seconds:.0f} s; its log is {self.data.logs / child.name}.log."
            ) from None

    async def _migrate(self, environment: dict[str, str]) -> str:
        """Bring the schema to its head in a process of its own, which alone knows the owner."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "openbell", "db", "upgrade",
            env=environment | {"DB_URL": self._owner_url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        out, problem = await process.communicate()
        if process.returncode != 0:
            raise StartError(problem.decode("utf-8", "replace").strip() or "The database could not be migrated.")
        return out.decode("utf-8", "replace").strip()

    async def _start_sandbox(self) -> Sandbox:
        http = self._free(self.settings.sandbox_addr, "the chat page")
        smtp = self._free(self.settings.sandbox_smtp_addr, "the mail sink")
        token = self.data.secret("sandbox_token", lambda: f"{int(time())}:{os.urandom(24).hex()}")
        port_file = self.data.run / "sandbox.json"
        fixed = ["--data", str(self.data.root / "sandbox"), "--token", token, "--port-file", str(port_file)]
        fixed += ["--bot-name", "openbell_bot"]
        program = PythonProgram(
            "sandbox",
            ["sandbox", "--http", http, "--smtp", smtp, *fixed],
            bare(os.environ),
            logs=self.data.logs,
            show=self.terminal.child_line,
            port_file=port_file,
        )
        await self._keep(Child(program, self._say, self._record))
        sandbox = Sandbox(**json.loads(port_file.read_text(encoding="utf-8")))
        # Started again, it must be where the roles look for it, also when any free port was asked for.
        program.arguments = ["sandbox", "--http", sandbox.http, "--smtp", sandbox.smtp, *fixed]
        return sandbox

    def _free(self, wished: str, what: str, setting: str = "SANDBOX_ADDR or SANDBOX_SMTP_ADDR") -> str:
        """The wished address, or the next free port, said in words."""
        host, _, port = wished.rpartition(":")
        host = host.strip("[]")
        for candidate in range(int(port), min(int(port) + PORTS_TO_TRY, 65_536)) if int(port) else [0]:
            if can_bind(host, candidate):
                if candidate != int(port):
                    self.terminal.say(f"Port {port} is taken, so {what} listens on {candidate}.")
                return f"{host}:{candidate}"
        raise StartError(f"No port from {port} on is free for {what}; name another in {setting}.")

    def _messengers(self, sandbox: Sandbox | None) -> dict[str, str]:
        """What the roles get to reach Telegram and the mail server."""
        settings = self.settings
        told = {"MAIL_FROM": settings.mail_from, "LOG_LEVEL": settings.log_level, "MARKET_FEED": settings.market_feed}
        if sandbox:
            smtp = settings.smtp_url.get_secret_value() if settings.smtp_url else f"smtp+plain://{sandbox.smtp}"
            token = self.data.secret("sandbox_token")
            return told | {
                "SANDBOX": "1", "TELEGRAM_TOKEN": token, "TELEGRAM_API_URL": sandbox.root,
                "TELEGRAM_LINK_URL": sandbox.root, "SMTP_URL": smtp,
            }  # fmt: skip
        token_value = settings.telegram_token
        told |= {"SANDBOX": "0", "TELEGRAM_API_URL": settings.telegram_api_url}
        told |= {"TELEGRAM_LINK_URL": settings.telegram_link_url}
        told |= {"TELEGRAM_TOKEN": token_value.get_secret_value() if token_value else ""}
        return told | ({"SMTP_URL": settings.smtp_url.get_secret_value()} if settings.smtp_url else {})

    def _web(self) -> dict[str, str]:
        """Where the core answers HTTP: as told, else where there is room; any port is chosen here, to be known."""
        address = self.settings.http_addr
        if address.endswith(":0"):
            address = any_port(address.removesuffix(":0"))
        elif "http_addr" not in self.settings.model_fields_set:
            address = self._free(address, "the page of health and metrics", "HTTP_ADDR")
        self._http = address
        told = {"HTTP_ADDR": address}
        return told | ({"PUBLIC_URL": self.settings.public_url} if self.settings.public_url else {})

    async def _start_role(self, role: str, environment: dict[str, str]) -> None:
        program = PythonProgram(
            role, ["openbell", "run", role], environment, logs=self.data.logs, show=self.terminal.child_line
        )
        child = Child(program, self._say, self._record)
        self.children.append(child)
        child.begin()

    def _say_where(self, sandbox: Sandbox | None) -> None:
        say = self.terminal.say
        say()
        if sandbox:
            say("  Sandbox: no TELEGRAM_TOKEN is set, so Telegram and e-mail are simulated on this machine.")
            say(f"  Chat with the bot   {sandbox.root}/")
            say(f"  Inbox               {sandbox.root}/inbox")
        else:
            say("  The bot answers in Telegram now.")
        say(f"  Health, metrics     http://{self._http}/readyz, /metrics")
        say(f"  Stop                Ctrl-C        Checks   {command()} doctor")

    def _say(self, text: str) -> None:
        self.terminal.say(text)

    def _record(self) -> None:
        """Keep the children's process ids where `doctor`, and the next start after a crash, find them."""
        me = ProcessId.of(os.getpid())
        children = [
            {
                "name": child.name,
                "pid": child.identity.pid if child.identity else None,
                "started": child.identity.started if child.identity else None,
                "started_at": child.started_at,
                "restarts": child.restarts,
                "ready": child.ready.is_set(),
            }
            for child in self.children
        ]
        up_process = {"pid": os.getpid(), "started": me.started if me else ""}
        write_private(self.data.processes, json.dumps({"up": up_process, "children": children}, indent=1))

    async def _end(self) -> None:
        """End the roles together, then the others in reverse order."""
        roles = [child for child in self.children if child.name in ("core", "worker")]
        others = [child for child in self.children if child not in roles]
        await asyncio.gather(*(child.stop(Deadline(ROLES_STOP_S, self._hurry)) for child in roles))
        for child in reversed(others):
            await child.stop(Deadline(OTHERS_STOP_S, asyncio.Event()))
        self.data.environment.unlink(missing_ok=True)
        self.data.processes.unlink(missing_ok=True)
        self.terminal.release()
        self.terminal.close()


def end_recorded(data: DataDir) -> None:
    """End what an earlier supervisor recorded and left behind when it was killed; nothing else is touched."""
    try:
        recorded = json.loads(data.processes.read_text(encoding="utf-8"))["children"]
    except (OSError, ValueError, KeyError):
        return
    left = [ProcessId(child["pid"], child["started"]) for child in recorded if child["pid"]]
    postgres = [ProcessId(child["pid"], child["started"]) for child in recorded if child["name"] == "postgres"]
    end([process for process in left if process not in postgres], (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
    # PostgreSQL's own leftovers are cleared by the cluster itself, which knows its processes by their folder.


def handed(environment: dict[str, str]) -> dict[str, str]:
    """The part of the children's environment that another terminal needs to speak to this instance."""
    known = {name.upper() for name in Settings.model_fields} - {"DATA_DIR"}
    return {name: value for name, value in environment.items() if name in known and value}


def bare(environment: "os._Environ[str]") -> dict[str, str]:
    """The environment without anything of ours: the sandbox gets no secret."""
    known = {name.upper() for name in Settings.model_fields}
    return {
        name: value
        for name, value in environment.items()
        if name not in known and name.removesuffix("_FILE") not in known
    }


def without_user(url: str) -> str:
    """A database address without user and password."""
    parts = urlsplit(url)
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] not in ("user", "password")], safe="/")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def can_bind(host: str, port: int) -> bool:
    """Whether nothing listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_port(host: str) -> str:
    """An address on `host` that nothing listens on at this moment."""
    name = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET) as probe:
        probe.bind((name, 0))
        return f"{host}:{probe.getsockname()[1]}"


def command() -> str:
    """How a person calls this command from where he stands."""
    beside = Path(sys.executable).with_name("openbell")
    on_path = any(Path(folder) / "openbell" == beside for folder in os.environ.get("PATH", "").split(os.pathsep))
    if on_path:
        return "openbell"
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)
