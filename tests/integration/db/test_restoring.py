"""Restoring: the rows of the backup, nothing under way, the database of before kept aside; or nothing changed."""

import contextlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from db import dumps, restoring
from db.engine import Database
from db.restoring import Restored
from domain.errors import GiveUp
from tests.factories import Rows
from tests.servers import TestServers

NOW = datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)
COUNTED = ("usr_users", "job_schedules", "job_schedule_runs", "msg_messages", "market_sessions", "alembic_version")


class House:
    """One database to back up, change and restore; whatever is set aside goes when the test ends."""

    def __init__(self, servers: TestServers, database: str, secret_key: str) -> None:
        self.servers, self.name, self.key = servers, database, secret_key
        self.owner_url = servers.url_of_owner(database)

    def ask(self, query: str, name: str | None = None) -> list[tuple[Any, ...]]:
        opened = psycopg2.connect(self.servers.url_of_owner(name or self.name))
        with contextlib.closing(opened) as connection, connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.ask(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1") for table in COUNTED}

    def restore(self, path: Path, admin_url: str | None = None, owner_url: str | None = None) -> Restored:
        return restoring.restore(
            path,
            admin_url=admin_url or self.servers.superuser_url,
            owner_url=owner_url or self.owner_url,
            secret_key=self.key,
            now=NOW,
        )

    def databases(self) -> set[str]:
        return {name for (name,) in self.ask("SELECT datname FROM pg_database") if name.startswith(self.name)}

    def admin(self, statement: str, *names: str) -> None:
        connection = psycopg2.connect(self.servers.superuser_url)
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


@pytest.fixture
def house(servers: TestServers, database: str, secret_key: str) -> Iterator[House]:
    found = House(servers, database, secret_key)
    yield found
    for name in found.databases() - {database}:
        found.admin("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def filled(house: House) -> House:
    """People, schedules and runs in it, and nobody connected."""
    with _connected(house) as rows:
        ada = rows.person()
        for number in range(3):
            rows.schedule(ada, name=f"GOLD {number}")
    return house


@contextlib.contextmanager
def _connected(house: House) -> Iterator[Rows]:
    database = Database.connect(house.servers.url(house.name), house.key)
    rows = Rows(database, house.owner_url)
    yield rows
    rows.close()
    database.close()


def test_what_was_backed_up_comes_back(filled: House, tmp_path: Path) -> None:
    before = filled.rows()
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    filled.ask("DELETE FROM job_schedules; UPDATE usr_users SET email = 'eve@example.com'; DROP TABLE market_sessions")
    done = filled.restore(made.path)
    assert filled.rows() == before
    assert (done.database, done.aside, done.tables, done.migrations) == (
        filled.name,
        f"{filled.name}_before_20260302T040506",
        made.tables,
        0,
    )
    assert filled.databases() == {done.database, done.aside}
    assert filled.ask("SELECT email FROM usr_users", done.aside) == [("eve@example.com",)]


def test_the_processes_roles_work_on_what_was_restored(filled: House, tmp_path: Path) -> None:
    filled.restore(dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW).path)
    with _connected(filled) as rows:
        eve = rows.person("eve@example.com", telegram=2000)
        rows.schedule(eve, name="SILVER", telegram=2000)
        with rows.database.for_user(eve.id) as uow:
            assert [row.name for row in uow.jobs.all_live(after=0, limit=10)] == ["SILVER"]
        with rows.database.for_platform() as uow:
            uow.planning.make_partitions()
            uow.commit()


def test_runs_and_messages_under_way_are_over_afterwards(filled: House, tmp_path: Path) -> None:
    for number, status in enumerate(("planned", "enqueued", "running", "succeeded")):
        filled.ask(
            "INSERT INTO job_schedule_runs (job_type, user_id, status, scheduled_for, job_snapshot) "
            f"SELECT 'report', id, '{status}', now() + interval '{number} s', '{{}}' FROM usr_users"
        )
    filled.ask(
        "INSERT INTO msg_messages (user_id, category, lane, payload, not_before, expires_at) "
        "SELECT id, 'report', 2, '{}', now(), now() + interval '1 day' FROM usr_users"
    )
    filled.ask(
        "INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane) "
        "SELECT id, user_id, 'telegram', '1000', 2 FROM msg_messages"
    )
    done = filled.restore(dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW).path)
    assert (done.cancelled_runs, done.expired_messages) == (3, 1)
    statuses = "SELECT status, finished_at IS NOT NULL, error LIKE '%restored%' FROM job_schedule_runs ORDER BY id"
    assert filled.ask(statuses) == [("cancelled", True, True)] * 3 + [("succeeded", False, None)]
    assert filled.ask("SELECT status FROM msg_delivery_status") == [("expired",)]


def test_no_number_is_given_out_twice(filled: House, tmp_path: Path) -> None:
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    for _ in range(5):
        filled.ask(
            "INSERT INTO job_schedule_runs (job_type, status, scheduled_for, job_snapshot) "
            "VALUES ('report', 'succeeded', clock_timestamp(), '{}')"
        )
    [(highest,)] = filled.ask("SELECT max(id) FROM job_schedule_runs")
    filled.restore(made.path)
    [(following,)] = filled.ask(
        "INSERT INTO job_schedule_runs (job_type, status, scheduled_for, job_snapshot) "
        "VALUES ('report', 'succeeded', now(), '{}') RETURNING id"
    )
    assert following == highest + 1


def test_connected_processes_are_named_and_nothing_changes(filled: House, tmp_path: Path) -> None:
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    user = psycopg2.connect(filled.owner_url, application_name="openbell 4711")
    with contextlib.closing(user), pytest.raises(restoring.InUse, match="openbell 4711 as openbell_owner"):
        filled.restore(made.path)
    assert filled.databases() == {filled.name}


@pytest.mark.slow
def test_somebody_who_connects_meanwhile_stops_the_swap(
    filled: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    late: list[Any] = []
    swap = restoring._swap

    def connect_then_swap(*arguments: Any) -> None:
        late.append(psycopg2.connect(filled.owner_url))
        swap(*arguments)

    monkeypatch.setattr(restoring, "_swap", connect_then_swap)
    with pytest.raises(restoring.InUse, match=r"connected to the database .* meanwhile"):
        filled.restore(made.path)
    late[0].close()
    assert filled.databases() == {filled.name}


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_backup_is_refused_and_nothing_changes(filled: House, tmp_path: Path, damage: str) -> None:
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    content = bytearray(made.path.read_bytes())
    if damage == "cut":
        del content[-200:]
    else:
        content[len(content) // 2] ^= 0xFF
    made.path.write_bytes(content)
    with pytest.raises(dumps.BadDump, match="SHA-256 differs"):
        filled.restore(made.path)
    assert filled.databases() == {filled.name}


def test_a_backup_of_a_newer_version_is_refused(filled: House, tmp_path: Path) -> None:
    filled.ask("UPDATE alembic_version SET version_num = '9999'")
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    with pytest.raises(dumps.BadDump, match=r"made by a newer Openbell \(schema 9999"):
        filled.restore(made.path)
    assert filled.databases() == {filled.name}


def test_an_owner_who_may_make_databases_needs_nobody_else(filled: House, tmp_path: Path) -> None:
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    filled.ask("DELETE FROM job_schedules")
    filled.admin("ALTER ROLE openbell_owner CREATEDB")
    try:
        filled.restore(made.path, admin_url=filled.servers.url_of_owner("postgres"))
    finally:
        filled.admin("ALTER ROLE openbell_owner NOCREATEDB")
    assert filled.ask("SELECT count(*) FROM job_schedules") == [(3,)]


def test_an_owner_who_may_not_is_told_what_to_grant(filled: House, tmp_path: Path) -> None:
    made = dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW)
    role, password = f"small_{secrets.token_hex(4)}", secrets.token_hex(8)
    filled.admin(f"CREATE ROLE {{}} LOGIN PASSWORD '{password}'", role)
    filled.admin("GRANT {} TO {}", "openbell_owner", role)
    try:
        url = filled.owner_url.replace("openbell_owner:throwaway-owner@", f"{role}:{password}@")
        admin = url.replace(f"@/{filled.name}?", "@/postgres?")
        with pytest.raises(GiveUp, match=f'ALTER ROLE "{role}" CREATEDB'):
            filled.restore(made.path, admin_url=admin, owner_url=url)
    finally:
        filled.admin("DROP ROLE {}", role)


def test_rights_and_settings_of_the_database_are_kept(filled: House, tmp_path: Path) -> None:
    filled.admin("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", filled.name)
    filled.admin("GRANT CONNECT ON DATABASE {} TO openbell_app, openbell_platform", filled.name)
    filled.admin("ALTER DATABASE {} SET work_mem = '9MB'", filled.name)
    rights = (
        "SELECT a.privilege_type, a.grantee::regrole::text FROM pg_database, aclexplode(datacl) a "
        "WHERE datname = current_database() ORDER BY 1, 2"
    )
    before = filled.ask(rights)
    filled.restore(dumps.make(filled.owner_url, tmp_path, kept=1, now=NOW).path)
    assert filled.ask(rights) == before
    assert filled.ask("SHOW work_mem") == [("9MB",)]
