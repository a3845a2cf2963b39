"""`openbell up` from outside: every child dies once, the supervisor dies, a person presses Ctrl-C."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from openbell.processes import ProcessId, wait_until
from tests.instance import Instance, running_instance

BACK_WITHIN_S = 2.0
GONE_WITHIN_S = 5.0
STOPPED_WITHIN_S = 10.0
CHILDREN = ("sandbox", "postgres", "valkey", "core", "worker")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any account may pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="openbell-up-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def up() -> Iterator[Instance]:
    """One instance for the tests that leave it running."""
    folder = Path(tempfile.mkdtemp(prefix="openbell-up-"))
    folder.chmod(0o711)
    with running_instance(folder / "data") as instance:
        instance.until_ready()
        yield instance
    shutil.rmtree(folder)


def kill(instance: Instance, name: str) -> None:
    process = ProcessId.of(instance.pids()[name] or 0)
    assert process is not None
    assert process.send(signal.SIGKILL)


@pytest.mark.slow
def test_a_second_up_is_refused_with_the_process_that_holds_the_data(up: Instance) -> None:
    second = up.command("up")
    assert second.returncode == 1
    assert f"(process {up.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr
    assert up.process.poll() is None


@pytest.mark.slow
def test_a_role_alone_works_beside_a_running_up_and_ends_when_asked(up: Instance) -> None:
    second = up.beside("run", "worker")
    try:
        assert wait_until(lambda: "role_ready" in second.said(), 20), second.said()
        assert second.stop(signal.SIGTERM) == 0, second.said()
    finally:
        second.process.kill()
    assert "role_stopped" in second.said()
    assert all(up.states().values()), "the first worker goes on"


@pytest.mark.slow
def test_each_killed_child_alone_comes_back_and_all_is_well_again(up: Instance) -> None:
    for name in CHILDREN:
        before = up.pids()
        kill(up, name)
        assert wait_until(lambda: up.pids()[name] not in (before[name], None), BACK_WITHIN_S), name  # noqa: B023
        up.until_ready(seconds=20)
        after = up.pids()
        assert {other for other in CHILDREN if after[other] != before[other]} == {name}, up.said()
        assert f"{name} was killed by SIGKILL; it is started again" in up.said()
    up.until_healthy()


@pytest.mark.slow
def test_a_killed_supervisor_leaves_nothing_and_the_next_one_starts_cleanly(place: Path) -> None:
    with running_instance(place / "data") as instance:
        instance.until_ready()
        family = instance.family()
        assert len(family) >= len(CHILDREN)
        instance.process.kill()
        instance.process.wait()
        assert wait_until(lambda: not any(process.alive() for process in family), GONE_WITHIN_S)

    with running_instance(place / "data") as instance:
        instance.until_ready()
        assert "PostgreSQL 18 and Valkey 9 ................. started" in instance.said()
        session = psycopg2.connect(instance.command("db", "url", "--owner").stdout.strip())
        backend = ProcessId.of(session.info.backend_pid)
        assert backend is not None
        assert backend.send(signal.SIGSTOP)  # a server process that notices nothing keeps the shared memory
        instance.process.kill()
        kill(instance, "postgres")
        instance.process.wait()

    with running_instance(place / "data") as instance:
        instance.until_ready()
        assert not backend.alive()


@pytest.mark.slow
def test_ctrl_c_ends_everything_in_time_and_order(place: Path) -> None:
    with running_instance(place / "data") as instance:
        instance.until_ready()
        family = instance.family()
        began = time.monotonic()
        assert instance.stop() == 0
        assert time.monotonic() - began < STOPPED_WITHIN_S
        assert not any(process.alive() for process in family)
        assert not (place / "data/run/environment.json").exists()
        assert not (place / "data/run/processes.json").exists()
        assert (place / "data/logs/postgres.log").read_text().rstrip().endswith("database system is shut down")
        assert "ready to exit, bye bye" in (place / "data/logs/valkey.log").read_text()


@pytest.mark.slow
def test_a_role_alone_without_servers_says_what_it_needs(place: Path) -> None:
    with running_instance(place / "data", DB_URL="postgresql://nobody:wrong@127.0.0.1:1/none") as instance:
        assert instance.process.wait(30) == 1
        assert "Traceback" not in instance.said()
        assert "DB_URL" in instance.said()
        assert "wrong" not in instance.said()
        refused = instance.command("run", "worker")
    assert refused.returncode == 2
    assert "REDIS_URL" in refused.stderr


@pytest.mark.slow
def test_a_closed_data_directory_with_a_long_path_is_served(place: Path) -> None:
    deep = place / ("closed-" + "x" * 90)
    deep.mkdir(mode=0o700)
    with running_instance(deep / "data") as instance:
        instance.until_ready("postgres", "valkey", "worker")
        assert "up to date" in instance.command("db", "upgrade").stdout
        note = deep / "data/postgres.location"
        outside = Path(note.read_text().strip()) if note.exists() else None
    if outside:
        shutil.rmtree(outside)
