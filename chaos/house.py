"""The house under test: embedded servers, the sandbox, people with schedules, and the roles as processes."""

import contextlib
import json
import os
import random
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import redis

from chaos.fleet import Fleet, Member
from chaos.job import EFFECTS_URL
from chaos.plugin import install
from chaos.script import WantedSchedule
from openbell.data_dir import DataDir
from openbell.places import postgres_home, server_account
from openbell.postgres import Postgres
from openbell.processes import PROC, ProcessId, wait_until
from openbell.servers import Running, start
from openbell.valkey import COMMANDS, Valkey

SECRET_KEY = "chaos-only-secret-key-0123456789abcdef"  # noqa: S105  # of a throw-away database
TOKEN = "4242:sandbox-token-of-the-chaos"  # noqa: S105  # accepted by our own sandbox alone
ROLES = ("scheduler1", "scheduler2", "worker1", "worker2", "worker3", "core1")
READY_WITHIN_S = 120.0

WATCHED = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.effects (
    run_id BIGINT NOT NULL, attempt INTEGER NOT NULL, mark TEXT NOT NULL, pid INTEGER NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL);
COMMENT ON TABLE chaos.effects IS 'What the jobs did; without a key, so that a doubled effect shows';
CREATE TABLE chaos.expected (job_id BIGINT NOT NULL, due timestamptz NOT NULL, PRIMARY KEY (job_id, due));
CREATE TABLE chaos.trail (
    n BIGINT GENERATED ALWAYS AS IDENTITY, run_id BIGINT NOT NULL, was TEXT, became TEXT NOT NULL,
    old_token BIGINT, new_token BIGINT NOT NULL, at timestamptz DEFAULT clock_timestamp() NOT NULL);
CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO chaos.trail (run_id, was, became, old_token, new_token)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status,
        CASE WHEN TG_OP = 'UPDATE' THEN OLD.token END, NEW.token);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE ON job_schedule_runs FOR EACH ROW EXECUTE FUNCTION chaos.note();
CREATE ROLE chaos_effects LOGIN PASSWORD 'chaos-effects';
GRANT USAGE ON SCHEMA chaos TO chaos_effects;
GRANT INSERT ON chaos.effects TO chaos_effects;
"""


class House:
    """Everything that runs, on one data directory of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.data = DataDir(folder / "data")
        self.data.make()
        self.postgres = Postgres(
            postgres_home(self.data.root, server_account()),
            superuser_password=self.data.secret("postgres_superuser"),
            owner_password=self.data.secret("postgres_owner"),
            log=self.data.logs / "postgres.log",
        )
        self.valkey = Valkey(
            self.data.root / "valkey",
            password=self.data.secret("valkey"),
            log=self.data.logs / "valkey.log",
            commands=f"{COMMANDS} +flushall +client|list +client|kill",
        )
        self.fleet = Fleet(random.Random(f"fleet {seed}"))  # noqa: S311  # to be repeated
        self.address = ""
        self.due_after: dict[int, tuple[WantedSchedule, datetime]] = {}
        self._plugin = install(folder / "plugin")
        self._servers: dict[str, Running] = {}
        self._sandbox: Member | None = None

    # starting

    def open(self, wanted: list[WantedSchedule], people: int, members: tuple[str, ...] = ROLES) -> None:
        """Start everything, with that many people, and make the schedules."""
        from db.migrate import upgrade

        for server in (self.postgres, self.valkey):
            self.start_server(server)
        upgrade(self.postgres.owner_url, SECRET_KEY)
        with self.superuser() as cursor:
            cursor.execute(WATCHED)
        self._start_sandbox()
        self._make_people_and_schedules(wanted, people)
        for name in members:
            self.fleet.add(self.member(name))
        self.fleet.until_ready(READY_WITHIN_S)

    def member(self, name: str, paths: tuple[Path, ...] = ()) -> Member:
        """A process of the role that `name` tells, not yet started; `paths` go in front of its own."""
        environment = self._environment()
        environment["PYTHONPATH"] = os.pathsep.join([*map(str, paths), environment["PYTHONPATH"]])
        role = name.rstrip("0123456789")
        return Member(name, ("openbell", "run", role), environment, self.data.logs / f"{name}.log")

    def start_server(self, server: Postgres | Valkey) -> None:
        """Start a server, clearing away what its last life left."""
        server.prepare()
        self._servers[server.name] = start(server)

    def _start_sandbox(self) -> None:
        told = self.data.run / "sandbox.json"
        arguments = ("sandbox", "--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--token", TOKEN,
                     "--data", str(self.data.root / "sandbox"), "--port-file", str(told))  # fmt: skip
        self._sandbox = Member("sandbox", arguments, self._bare_environment(), self.data.logs / "sandbox.log")
        self._sandbox.start()
        if not wait_until(told.exists, 30):
            raise RuntimeError("The sandbox did not start.")
        self.address = f"http://{json.loads(told.read_text(encoding='utf-8'))['http']}"
        self._smtp = json.loads(told.read_text(encoding="utf-8"))["smtp"]

    def _bare_environment(self) -> dict[str, str]:
        from openbell.supervisor import bare

        root = Path(__file__).resolve().parent.parent
        return bare(os.environ) | {"PYTHONPATH": f"{self._plugin}{os.pathsep}{root}", "MALLOC_ARENA_MAX": "2"}

    def _environment(self) -> dict[str, str]:
        effects = self.postgres.public_url.replace(":///", "://chaos_effects:chaos-effects@/")
        return self._bare_environment() | {
            "DATA_DIR": str(self.data.root),
            "DB_URL": self.postgres.public_url,
            "REDIS_URL": self.valkey.url(),
            "SECRET_KEY": SECRET_KEY,
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": self.address,
            "TELEGRAM_LINK_URL": self.address,
            "SMTP_URL": f"smtp+plain://{self._smtp}",
            "SANDBOX": "1",
            "LOG_LEVEL": "INFO",
            EFFECTS_URL: effects,
        }

    def _make_people_and_schedules(self, wanted: list[WantedSchedule], count: int) -> None:
        from db.engine import Database
        from domain.schedules import Proposal
        from domain.timing import Timing, parse_timing
        from services.jobs import JobsService

        _find_plugins_in(self._plugin)
        database = Database.connect(self.postgres.public_url, SECRET_KEY, pool_size=2)
        people = [self._person(database, number) for number in range(count)]
        for number, wish in enumerate(wanted):
            now = datetime.now(UTC)
            read = parse_timing(wish.cron, timezone=wish.zone, now=now)
            timing = Timing(read.expression, wish.zone, jitter_s=wish.jitter_s)
            proposal = Proposal(f"chaos {number}", wish.kind, {"seconds": wish.seconds}, timing)
            user = people[wish.person]
            service = JobsService(database.for_user(user.id))
            options = {"overlap": wish.overlap, "catch_up": wish.catch_up, "catch_up_window_s": 900}
            made = service.create(user, proposal, now=now, **options)
            self.due_after[made.id] = (wish, now)
        database.close()

    def _person(self, database: Any, number: int) -> Any:
        telegram = self.ask("/api/people", {"first_name": f"Person {number}"})["done"]["id"]
        self.ask(f"/api/chats/{telegram}/send", {"text": "/start"})  # a bot may not write first
        with database.for_platform() as uow:
            row = uow.users.ensure_email(f"person{number}@example.com")
            row.role, row.verified_at, row.timezone_chosen_at = "trader", datetime.now(UTC), datetime.now(UTC)
            uow.users.link(row.id, "telegram", str(telegram), chat_id=telegram)
            uow.commit()
            return row.view()

    # looking and touching from outside

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The sandbox's answer."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310  # our own sandbox on loopback
            self.address + path, data, {"content-type": "application/json", "origin": self.address}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  # as above
            return json.loads(answer.read())

    @contextlib.contextmanager
    def superuser(self) -> Iterator[Any]:
        """A cursor that sees and may do everything; what it did is committed."""
        url = self.postgres.superuser_url.replace("@/postgres?", "@/openbell?")
        connection = psycopg2.connect(url, connect_timeout=10, application_name="chaos")
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    @contextlib.contextmanager
    def valkey_client(self) -> Iterator[Any]:
        client = redis.Redis.from_url(self.valkey.url(), socket_timeout=5)
        try:
            yield client
        finally:
            client.close()

    def server_process(self, name: str) -> subprocess.Popen[bytes]:
        return self._servers[name].process

    def postgres_processes(self) -> list[ProcessId]:
        """The server and all processes below it."""
        server = self.server_process("postgres").pid
        pids = [server, *(int(entry.name) for entry in PROC.glob("[0-9]*") if _parent(entry) == server)]
        return [found for found in map(ProcessId.of, pids) if found]

    def now(self) -> datetime:
        """The database's clock."""
        with self.superuser() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            found: datetime = cursor.fetchone()[0]
            return found

    # ending

    def close(self) -> None:
        """End everything, the roles first; whatever is stopped goes on first."""
        self.fleet.end()
        if self._sandbox is not None:
            self._sandbox.end()
        if "postgres" in self._servers:
            for each in self.postgres_processes():
                each.send(signal.SIGCONT)
        for running in reversed(self._servers.values()):
            if running.process.poll() is None:
                running.stop()


def _parent(entry: Path) -> int:
    with contextlib.suppress(OSError):
        return int((entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    return 0


def _find_plugins_in(folder: Path) -> None:
    """Let this process know the harness's kinds as well: it makes the schedules through the product's own service."""
    import importlib
    import sys

    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
