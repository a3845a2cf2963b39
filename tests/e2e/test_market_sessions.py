"""A fresh instance learns the sessions of the exchanges by itself."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from domain.calendars import EXCHANGES
from openbell.processes import wait_until
from tests.instance import running_instance


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="openbell-sessions-"))
    found.chmod(0o711)  # under root the database server is another account and passes through
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.mark.slow
def test_the_sessions_of_all_exchanges_are_there_soon_after_the_first_start(folder: Path) -> None:
    with running_instance(folder / "data") as instance:
        instance.until_ready()
        url = instance.command("db", "url", "--owner").stdout.strip()
        with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True

            def known() -> set[str]:
                cursor.execute("SELECT DISTINCT exchange FROM market_sessions")
                return {exchange for (exchange,) in cursor.fetchall()}

            assert wait_until(lambda: known() == set(EXCHANGES), 60), known()
            assert wait_until(lambda: _all(cursor) == [("succeeded", None, "sessions")], 10), _all(cursor)


def _all(cursor: psycopg2.extensions.cursor) -> list[tuple[object, ...]]:
    cursor.execute("SELECT status, user_id, result->>'task' FROM job_schedule_runs")
    return list(cursor.fetchall())
