"""One throw-away PostgreSQL and Valkey for a whole test run, shared by all its processes.

The first test that needs them starts `python -m tests.servers FOLDER PID`; that process ends, and the servers with
it, when the test run PID ends in whatever way. Every test gets a database of its own, copied from a migrated one.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

from openbell.postgres import OWNER, PORT
from openbell.servers import throwaway_servers

SECRET_KEY = "tests-only-secret-key-0123456789abcdef"
START_WITHIN_S = 60.0


@dataclass(frozen=True)
class TestServers:
    """Addresses of the running pair; `migration_error` tells why there is no migrated template."""

    __test__ = False

    sockets: str
    owner_url: str
    superuser_url: str
    valkey_url: str
    migration_error: str

    def url(self, database: str) -> str:
        """A database's address without a user, as processes get it."""
        return f"postgresql:///{database}?host={self.sockets}&port={PORT}"

    def url_of_owner(self, database: str) -> str:
        """A database's address for migrations."""
        return self.owner_url.replace("@/openbell?", f"@/{database}?")

    def valkey(self, number: int) -> str:
        """The address of one of Valkey's databases."""
        return self.valkey_url.replace("?db=0", f"?db={number}")

    @contextlib.contextmanager
    def fresh_database(self, template: str = "openbell") -> Iterator[str]:
        """The name of a database copied from `template`, gone after the block."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        self._as_superuser("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy", name, template, OWNER)
        try:
            yield name
        finally:
            self._as_superuser("DROP DATABASE {} WITH (FORCE)", name)

    def _as_superuser(self, statement: str, *names: str) -> None:
        connection = psycopg2.connect(self.superuser_url)
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


def shared_servers(folder: Path, run: int) -> TestServers:
    """The pair of the test run with process id `run`, started by whoever asks first."""
    answer = folder / "servers.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            _start_keeper(folder, run)
    found = json.loads(answer.read_text(encoding="utf-8"))
    if "failure" in found:
        raise RuntimeError(found["failure"])
    return TestServers(**found)


def _start_keeper(folder: Path, run: int) -> None:
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.servers", str(folder), str(run)],
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
    )
    deadline = time.monotonic() + START_WITHIN_S
    while not (folder / "servers.json").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The test servers did not start (exit {keeper.poll()}); see {folder}/*.log.")
        time.sleep(0.02)


def keep(folder: Path, run: int) -> None:
    """Start the pair, tell its addresses in `folder`, and keep it until the test run ends; `folder` goes with it."""
    told = False
    try:
        with throwaway_servers(folder) as (postgres, valkey):
            servers = TestServers(
                str(postgres.sockets),
                postgres.owner_url,
                postgres.superuser_url,
                valkey.url(),
                _migrated(postgres.owner_url),
            )
            _tell(folder, asdict(servers))
            told = True
            _wait_for_the_end_of(run)
    except Exception as problem:
        _tell(folder, {"failure": f"The test servers did not start: {problem}"})
        raise
    finally:
        if told:
            shutil.rmtree(folder, ignore_errors=True)  # a run that was killed can't, and the folder may be memory


def _migrated(owner_url: str) -> str:
    """Migrate the template; what went wrong, if anything, for the tests that need it."""
    try:
        from db.migrate import upgrade

        upgrade(owner_url, SECRET_KEY)
    except Exception:  # noqa: BLE001 - whatever it is, the tests that need the template show it
        return traceback.format_exc()
    return ""


def _tell(folder: Path, answer: dict[str, str]) -> None:
    beside = folder / "servers.json.new"
    beside.write_text(json.dumps(answer), encoding="utf-8")
    beside.replace(folder / "servers.json")


def _wait_for_the_end_of(run: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        handle = os.pidfd_open(run)
    except AttributeError:  # not Linux
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(run, 0)
                time.sleep(0.5)
        return
    except ProcessLookupError:
        return
    select.select([handle], [], [])


if __name__ == "__main__":
    (Path(sys.argv[1]) / "keeper.pid").write_text(str(os.getpid()), encoding="ascii")
    keep(Path(sys.argv[1]), int(sys.argv[2]))
