"""Fixtures for all tests: databases of their own on throw-away servers, and no way to the outside."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import settings

import db.engine
from openbell.processes import ProcessId, wait_until
from tests.servers import SECRET_KEY, TestServers, shared_servers

FOLDER, RUN = "OPENBELL_TEST_FOLDER", "OPENBELL_TEST_RUN"
settings.register_profile("openbell", deadline=None)  # how long an example takes tells of the machine, not of us
settings.load_profile("openbell")
MEMORY_FOR_SERVERS = 2 * 1024**3
LOOPBACK = {"localhost", "127.0.0.1", "::1", "", None}


def pytest_configure(config: pytest.Config) -> None:
    """Give the whole run one private folder; its worker processes inherit the name."""
    sys.addaudithook(_refuse_network)
    db.engine.ON_LOOP = "raise"
    if not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="openbell-", dir=_quick_disk()))
        folder.chmod(0o711)  # under root the database server is another account and passes through
        os.environ[FOLDER], os.environ[RUN] = str(folder), str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers, if any test started them, and remove the folder."""
    folder = Path(os.environ.get(FOLDER, "/nonexistent"))
    if hasattr(config, "workerinput") or not folder.exists():
        return
    with contextlib.suppress(OSError):
        keeper = ProcessId.of(int((folder / "keeper.pid").read_text(encoding="ascii")))
        if keeper and keeper.send(signal.SIGTERM):
            wait_until(lambda: not keeper.alive(), 10)
    shutil.rmtree(folder, ignore_errors=True)


def _quick_disk() -> Path | None:
    """Memory where there is enough of it: to copy a database there takes a tenth of the time; else where files go."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_FOR_SERVERS:
        return memory
    return None


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """A forgotten call to the outside fails the test that makes it."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in LOOPBACK and not str(host).startswith("127.") and not str(host).endswith(".invalid"):
        pytest.fail(f"A test tried to reach {host}; tests stay on this machine.")


@pytest.fixture(scope="session")
def servers() -> TestServers:
    """The run's throw-away PostgreSQL and Valkey."""
    return shared_servers(Path(os.environ[FOLDER]), int(os.environ[RUN]))


@pytest.fixture(scope="session")
def secret_key() -> str:
    """The key from which the test databases' role passwords were made."""
    return SECRET_KEY


@pytest.fixture
def database(servers: TestServers) -> Iterator[str]:
    """The name of a fresh migrated database."""
    if servers.migration_error:
        pytest.fail(f"The template database could not be migrated.\n{servers.migration_error}", pytrace=False)
    with servers.fresh_database() as name:
        yield name


@pytest.fixture
def database_url(servers: TestServers, database: str) -> str:
    """The fresh database's address without a user, as the product's processes get it."""
    return servers.url(database)


@pytest.fixture
def owner_database_url(servers: TestServers, database: str) -> str:
    """The fresh database's address for its owner."""
    return servers.url_of_owner(database)


@pytest.fixture
def empty_database_url(servers: TestServers) -> Iterator[str]:
    """An unmigrated database's address for its owner."""
    with servers.fresh_database("template0") as name:
        yield servers.url_of_owner(name)


@pytest.fixture
def valkey_url(servers: TestServers) -> Iterator[str]:
    """An empty Valkey database that no other test process uses."""
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15
    url = servers.valkey(number)
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.flushdb()
        yield url
        client.flushdb()
