"""Backups: whole or not there, verified to the end, private, and no more of them than wanted."""

import hashlib
import os
import resource
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest
from sqlalchemy import make_url

from db import dumps
from tests.factories import Rows

NOW = datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def test_a_backup_is_whole_verified_and_private(rows: Rows, owner_database_url: str, folder: Path) -> None:
    rows.person()
    made = dumps.make(owner_database_url, folder, kept=3, now=NOW)
    assert made.path == folder / "openbell-20260302T040506Z.dump"
    assert made.size == made.path.stat().st_size
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest() == dumps.expected_checksum(made.path)
    assert made.tables == dumps.contents(made.path) > 10
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(each.name for each in folder.iterdir()) == [made.path.name, f"{made.path.name}.sha256"]


def test_only_the_newest_are_kept(owner_database_url: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.dump").write_text("not ours to delete", encoding="utf-8")
    made = [dumps.make(owner_database_url, folder, kept=2, now=NOW + timedelta(days=day)).path for day in range(4)]
    assert dumps.kept_in(folder) == [made[3], made[2]]
    assert len(list(folder.glob("*.sha256"))) == 2
    assert (folder / "mine.dump").exists()


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.999])
def test_a_truncated_backup_is_refused_in_a_sentence(owner_database_url: str, folder: Path, part: float) -> None:
    made = dumps.make(owner_database_url, folder, kept=1, now=NOW)
    cut = folder / "cut.dump"
    cut.write_bytes(made.path.read_bytes()[: int(made.size * part)])
    with pytest.raises(dumps.BadDump, match=r"^cut\.dump is .*damaged"):
        dumps.contents(cut)


def test_a_dump_of_something_else_is_refused(empty_database_url: str, folder: Path) -> None:
    with pytest.raises(dumps.BadDump, match="no database of Openbell"):
        dumps.make(empty_database_url, folder, kept=1, now=NOW)
    assert list(folder.iterdir()) == []


def test_a_short_disk_is_said_before_anything_is_written(
    owner_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(dumps.DiskShort, match=r"has 1 MB left, a backup may need \d+ MB"):
        dumps.make(owner_database_url, folder, kept=1, now=NOW)
    assert list(folder.iterdir()) == []


def test_rows_that_a_policy_hides_are_never_left_out_silently(
    rows: Rows, owner_database_url: str, folder: Path
) -> None:
    rows.execute("DROP POLICY owner ON job_schedules")
    with pytest.raises(dumps.RowsHidden, match="may not see every row of job_schedules"):
        dumps.make(owner_database_url, folder, kept=1, now=NOW)


def test_stopping_ends_the_program_and_leaves_no_part(owner_database_url: str, folder: Path) -> None:
    class Stopped(Exception):
        pass

    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise Stopped

    with psycopg2.connect(owner_database_url) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE market_sessions IN ACCESS EXCLUSIVE MODE")  # pg_dump waits for it
        with pytest.raises(Stopped):
            dumps.make(owner_database_url, folder, kept=1, now=NOW, check=check)
    holder.close()
    assert list(folder.iterdir()) == []
    assert _connections(owner_database_url, "openbell backup") == 0


def test_what_a_killed_backup_left_is_cleared_away_later(owner_database_url: str, folder: Path) -> None:
    folder.mkdir()
    old, young = folder / ".openbell-old.dump.1.partial", folder / ".openbell-young.dump.1.partial"
    for left in (old, young):
        left.write_bytes(b"PGDMP")
    os.utime(old, (time.time() - dumps.ABANDONED_AFTER_S - 60,) * 2)
    dumps.make(owner_database_url, folder, kept=1, now=NOW)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_folder_that_cannot_be_used_is_said(owner_database_url: str, folder: Path) -> None:
    folder.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(dumps.DumpFailed, match=r"backups can't be written to \(File exists\)"):
        dumps.make(owner_database_url, folder, kept=1, now=NOW)


def test_a_file_that_can_grow_no_further_leaves_no_part_and_deletes_no_older_backup(
    rows: Rows, owner_database_url: str, folder: Path
) -> None:
    rows.execute(
        "INSERT INTO market_closures SELECT 'XNYS', date '2000-01-01' + n, string_agg(md5(random()::text), '') "
        "FROM generate_series(1, 100) n, generate_series(1, 1000) GROUP BY n"
    )
    folder.mkdir()
    kept = folder / "openbell-20250101T000000Z.dump"
    kept.write_bytes(b"an older one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # as near to a full disk as a test gets without one
    try:
        with pytest.raises(dumps.DumpFailed, match=r"^pg_dump gave up: it was ended by SIGXFSZ\.$"):
            dumps.make(owner_database_url, folder, kept=1, now=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(folder.iterdir()) == [kept]


def test_a_server_that_is_gone_is_a_passing_fault(folder: Path) -> None:
    with pytest.raises(dumps.DumpFailed, match="does not answer"):
        dumps.make("postgresql://nobody:secret@127.0.0.1:1/none", folder, kept=1, now=NOW)


def test_the_password_is_in_no_command_line() -> None:
    address = dumps._without_password("postgresql+psycopg2://ada:s3cret@/x?host=/run/pg&password=s3cret&port=5432")
    assert "s3cret" not in address
    url = make_url(address)
    assert (url.drivername, url.username, url.database, url.query["host"]) == ("postgresql", "ada", "x", "/run/pg")


def _connections(url: str, application: str) -> int:
    """How many programs of that name are still connected to the database, after at most five seconds."""
    deadline = time.monotonic() + 5
    while True:
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
                (application,),
            )
            count = int(cursor.fetchone()[0])
        connection.close()
        if not count or time.monotonic() > deadline:
            return count
