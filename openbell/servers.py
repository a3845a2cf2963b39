"""The embedded servers' common life: prepared, started, ready, ended; and the ballast against a full disk."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from openbell.data_dir import DataDir
from openbell.places import postgres_home, server_account
from openbell.postgres import Postgres, ServerStartError
from openbell.processes import STDIN, wait_until
from openbell.valkey import COMMANDS, Valkey

READY_WITHIN_S = 120.0
"""A server that repairs itself after a crash may need a while; its early end is noticed at once."""

STOP_WITHIN_S = 8.0
LONGEST_LOG = 5_000_000
BALLAST_BYTES = 64 * 1024 * 1024
BALLAST_NEEDS_FREE = 10 * BALLAST_BYTES


class Server(Protocol):
    """An embedded server whose process somebody else starts and ends."""

    name: str
    stop_signal: int
    log: Path

    def prepare(self) -> None:
        """Make everything its process needs."""

    def command(self) -> list[str]:
        """What to start, from the main thread."""

    def ready(self, pid: int) -> bool:
        """Whether the process `pid` serves."""

    def started(self) -> None:
        """What is to be done once it serves."""


@dataclass(frozen=True)
class Running:
    """A started server and its process."""

    server: Server
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it in its own way, and by force when that takes too long."""
        self.process.send_signal(self.server.stop_signal)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def embedded_servers(data_dir: DataDir) -> tuple[Postgres, Valkey]:
    """The two servers of one data directory, not yet started."""
    home = postgres_home(data_dir.root, server_account())
    postgres = Postgres(
        home,
        superuser_password=data_dir.secret("postgres_superuser"),
        owner_password=data_dir.secret("postgres_owner"),
        log=data_dir.logs / "postgres.log",
    )
    valkey = Valkey(data_dir.root / "valkey", password=data_dir.secret("valkey"), log=data_dir.logs / "valkey.log")
    return postgres, valkey


def start(server: Server) -> Running:
    """Start a prepared server and wait until it serves; leftovers that keep it from starting are ended once."""
    try:
        return _start(server)
    except ServerStartError:
        server.prepare()
        return _start(server)


def _start(server: Server) -> Running:
    process = launch(server)
    wait_until(lambda: process.poll() is not None or server.ready(process.pid), READY_WITHIN_S)
    if process.poll() is not None or not server.ready(process.pid):
        process.kill()
        process.wait()
        raise ServerStartError(f"{server.name} did not start: {last_words(server.log)}")
    server.started()
    return Running(server, process)


def launch(server: Server) -> subprocess.Popen[bytes]:
    """Start the server's process, its output appended to its log."""
    cut_log(server.log)
    with server.log.open("ab") as log:
        return subprocess.Popen(
            server.command(),
            stdin=STDIN,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the one that started us: it stops the servers last
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        )


def cut_log(log: Path) -> None:
    """Keep one older log and begin anew once the present one is long; writers append, so they follow."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LONGEST_LOG:
            shutil.copyfile(log, log.with_suffix(".1.log"))
            os.truncate(log, 0)


def last_words(log: Path) -> str:
    """The last line that tells a reason."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    except OSError:
        return "it left no log."
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "ERROR" in line] or lines
    return telling[-1].strip() if telling else "it left no log."


@contextlib.contextmanager
def throwaway_servers(folder: Path) -> Iterator[tuple[Postgres, Valkey]]:
    """A pair for tests in an empty folder: quick, forgetful, ended with the block or with this process."""
    postgres = Postgres(
        folder / "postgres",
        superuser_password="throwaway-superuser",  # noqa: S106 - the socket is private and the data are nobody's
        owner_password="throwaway-owner",  # noqa: S106 - as above
        log=folder / "postgres.log",
        durable=False,
    )
    valkey = Valkey(
        folder / "valkey",
        password="throwaway-valkey",  # noqa: S106 - as above
        log=folder / "valkey.log",
        commands=f"{COMMANDS} +flushdb +flushall",
    )
    with contextlib.ExitStack() as stack:
        for server in (postgres, valkey):
            server.prepare()
            stack.callback(start(server).stop)
        yield postgres, valkey


def ballast(home: Path) -> Path:
    """The file whose removal gives a server on a full disk the room it needs to start."""
    return home / "ballast"


def ensure_ballast(home: Path) -> None:
    """Lay the ballast beside the cluster unless it is there or the disk is already short."""
    path = ballast(home)
    if path.exists() or shutil.disk_usage(home).free < BALLAST_NEEDS_FREE:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        else:
            os.write(descriptor, bytes(BALLAST_BYTES))
    finally:
        os.close(descriptor)


def release_ballast(home: Path) -> int:
    """Give the ballast's bytes back to the disk; how many there were."""
    path = ballast(home)
    if not path.exists():
        return 0
    size = path.stat().st_size
    path.unlink()
    return size
