"""A throw-away house for measuring: durable PostgreSQL and Valkey, the product's own schema, and its own processes."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import redis

from db.engine import Database
from db.migrate import upgrade
from openbell.postgres import Postgres
from openbell.processes import wait_until
from openbell.servers import start
from openbell.valkey import COMMANDS, Valkey
from workers.enqueue import CHANNEL

SECRET_KEY = "bench-only-secret-key-0123456789abcdef"  # noqa: S105  # of a throw-away database
PASSWORD = "throw-away"  # noqa: S105  # of servers that live for one measurement
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class House:
    """The servers and what is needed to start contenders beside them."""

    folder: Path
    postgres: Postgres
    valkey_url: str
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def db_url(self) -> str:
        """The database's address without a user, as the product's processes get it."""
        return self.postgres.public_url

    @property
    def master_url(self) -> str:
        """The database's address for one who may do everything: to fill it, and for the peers."""
        return self.postgres.superuser_url.replace("@/postgres?", "@/openbell?")

    def master(self) -> Any:
        """A connection that may do everything, every statement a transaction."""
        connection = psycopg2.connect(self.master_url)
        connection.autocommit = True
        return connection

    def database(self) -> Database:
        return Database.connect(self.db_url, SECRET_KEY)

    def valkey(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey_url)

    @contextlib.contextmanager
    def process(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A Python process with the product's settings, its output in a file, killed after the block."""
        settings = {
            "DB_URL": self.db_url,
            "REDIS_URL": self.valkey_url,
            "SECRET_KEY": SECRET_KEY,
            "DATA_DIR": str(self.folder / "data"),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), str(kind_of_our_own(self.folder))]),
        }
        log = self.folder / f"{arguments[1].replace('.', '-')}-{len(list(self.folder.glob('*.out')))}.out"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, *arguments],
                env=os.environ | settings | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        child.log = log  # type: ignore[attr-defined]  # for whoever waits for a word in it
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    @contextlib.contextmanager
    def scheduler(self) -> Iterator[subprocess.Popen[bytes]]:
        """The product's scheduler as a process of its own, once it is ready and leads."""
        with self.process("-m", "scheduler") as child:
            said(child, "scheduler_leads")
            yield child

    @contextlib.contextmanager
    def workers(self, processes: int = 1) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Worker processes of the product, ready."""
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(self.process("-m", "workers")) for _ in range(processes)]
            for child in started:
                said(child, "worker_ready")
            until(lambda: self._subscribed() >= processes, 10, "the workers do not listen")
            yield started

    def _subscribed(self) -> int:
        with contextlib.closing(self.valkey()) as client:
            counts: Any = client.pubsub_numsub(CHANNEL)
            return int(counts[0][1])


@contextlib.contextmanager
def house() -> Iterator[House]:
    """The servers on a data directory of their own, migrated; gone after the block."""
    with tempfile.TemporaryDirectory(prefix="openbell-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # under root the database server is another account and passes through
        (folder / "data").mkdir()
        postgres = Postgres(
            folder / "postgres",
            superuser_password=PASSWORD,
            owner_password=PASSWORD,
            log=folder / "postgres.log",  # throw-away
        )
        valkey = Valkey(
            folder / "valkey",
            password=PASSWORD,
            log=folder / "valkey.log",
            commands=f"{COMMANDS} +flushall",  # throw-away
        )
        for server in (postgres, valkey):
            server.prepare()
            stack.callback(start(server).stop)
        upgrade(postgres.owner_url, SECRET_KEY)
        yield House(folder, postgres, valkey.url())


def kind_of_our_own(folder: Path) -> Path:
    """A folder with the metadata of a plug-in, so that workers find `bench.noop` the way they find any plug-in."""
    place = folder / "plug-in"
    metadata = place / "openbell_bench-0.dist-info"
    if not metadata.exists():
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: openbell-bench\nVersion: 0\n", encoding="utf-8"
        )
        (metadata / "entry_points.txt").write_text("[openbell.jobs]\nbench.noop = bench.noop:KIND\n", encoding="utf-8")
    return place


def said(child: subprocess.Popen[bytes], word: str, seconds: float = 60) -> None:
    """Wait until the process has written `word`."""
    log: Path = child.log  # type: ignore[attr-defined]  # set where it was started
    found = wait_until(lambda: word in log.read_text(encoding="utf-8") or child.poll() is not None, seconds)
    if not found or child.poll() is not None:
        raise RuntimeError(f"no {word}: {log.read_text(encoding='utf-8')[-3000:]}")


def until(condition: Callable[[], bool], seconds: float, fault: str, every: float = 0.02) -> None:
    """Wait for a condition; RuntimeError when it does not come true."""
    if not wait_until(condition, seconds, every=every):
        raise RuntimeError(fault)


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def share_of_a_core(pid: int, seconds: float) -> float:
    """What share of one core a process uses, over so many seconds."""
    before, begun = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - begun)


def resident_mb(pid: int) -> float:
    """The resident memory of one process, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
