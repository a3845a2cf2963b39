"""`openbell up` from outside: every child dies once, the supervisor dies, a person presses Ctrl-C."""

import os
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
CHILDREN = ("postgres", "valkey", "sandbox", "core", "worker")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any account may pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="openbell-up-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def kill(instance: Instance, name: str) -> None:
    process = ProcessId.of(instance.pids()[name] or 0)
    assert process is not None
    assert process.send(signal.SIGKILL)


def test_each_killed_child_alone_comes_back(place: Path) -> None:
    with running_instance(place / "data") as instance:
        instance.until_ready()
        for name in CHILDREN:
            before = instance.pids()
            killed_at = time.monotonic()
            kill(instance, name)
            assert wait_until(lambda: instance.pids()[name] not in (before[name], None), BACK_WITHIN_S), name  # noqa: B023
            started = time.monotonic() - killed_at
            instance.until_ready(seconds=20)
            after = instance.pids()
            assert started < BACK_WITHIN_S
            assert {other for other in CHILDREN if after[other] != before[other]} == {name}, instance.said()
        assert all(f"{name} was killed by SIGKILL; it is started again" in instance.said() for name in CHILDREN)


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


def test_it_starts_cleanly_after_postgres_and_the_supervisor_were_killed_hard(place: Path) -> None:
    with running_instance(place / "data") as instance:
        instance.until_ready()
        session = psycopg2.connect(instance.command("db", "url", "--owner").stdout.strip())
        os.kill(session.info.backend_pid, signal.SIGSTOP)  # a server process that notices nothing keeps its memory
        backend = ProcessId.of(session.info.backend_pid)
        instance.process.kill()
        kill(instance, "postgres")
        instance.process.wait()
    with running_instance(place / "data") as instance:
        instance.until_ready()
        assert backend is not None
        assert not backend.alive()


def test_ctrl_c_ends_everything_in_time_and_order(place: Path) -> None:
    with running_instance(place / "data") as instance:
        instance.until_ready()
        family = instance.family()
        began = time.monotonic()
        assert instance.stop() == 0
        assert time.monotonic() - began < STOPPED_WITHIN_S
        assert not any(process.alive() for process in family)
        assert not (place / "data/run/environment.json").exists()
        assert "database system was shut down" not in (place / "data/logs/postgres.log").read_text()
    with running_instance(place / "data") as instance:
        instance.until_ready("postgres")
        log = (place / "data/logs/postgres.log").read_text()
        assert "was not properly shut down" not in log


def test_a_second_up_is_refused_with_the_process_that_holds_the_data(place: Path) -> None:
    with running_instance(place / "data") as instance:
        instance.until_ready("postgres", "valkey")
        second = instance.command("up")
        assert second.returncode == 1
        assert f"(process {instance.process.pid})" in second.stderr
        assert "Traceback" not in second.stderr
        assert instance.process.poll() is None


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
