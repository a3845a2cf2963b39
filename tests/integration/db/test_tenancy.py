"""Your rows are yours: what the roles may see and do, asked of the catalogue and tried."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from db.engine import Database
from db.roles import APP, PLATFORM
from domain.ids import UserId
from tests.integration.db.test_migrations import driver


@pytest.fixture
def house(database_url: str, secret_key: str) -> Iterator[Database]:
    house = Database.connect(database_url, secret_key, on_loop="raise")
    yield house
    house.close()


def add_person(house: Database, email: str) -> UserId:
    with house.for_platform() as uow:
        person = UserId(uow.users.ensure_email(email).id)
        uow.commit()
    return person


def add_schedule(house: Database, person: UserId, name: str) -> int:
    with house.for_user(person) as uow:
        row = uow.jobs.create(
            user_id=person, name=name, job_type="report", cron="0 9 * * *", timezone="UTC", task_params={}
        )
        uow.commit()
        return row.id


def test_a_forgotten_where_shows_only_own_rows(house: Database) -> None:
    ada, bob = add_person(house, "ada@example.com"), add_person(house, "bob@example.com")
    hers = add_schedule(house, ada, "gold")
    theirs = add_schedule(house, bob, "gold")
    with house.for_user(ada) as uow:
        assert [row.id for row in uow.jobs.all_live()] == [hers]
        assert uow.jobs.get_by_id(theirs) is None
        assert uow.session.execute(text("SELECT count(*) FROM usr_users")).scalar() == 1


def test_without_a_person_the_app_role_sees_nothing_and_nothing_raises(house: Database) -> None:
    ada = add_person(house, "ada@example.com")
    add_schedule(house, ada, "gold")
    with house.app.connect() as connection:
        for _ in range(2):  # the setting is empty, not null, on a connection that was used before
            assert connection.execute(text("SELECT count(*) FROM job_schedules")).scalar() == 0
            connection.rollback()


def test_nobody_can_write_a_row_for_somebody_else(house: Database) -> None:
    ada, bob = add_person(house, "ada@example.com"), add_person(house, "bob@example.com")
    with house.for_user(ada) as uow, pytest.raises(ProgrammingError, match="row-level security"):
        uow.jobs.create(user_id=bob, name="x", job_type="report", cron="0 9 * * *", timezone="UTC", task_params={})


def test_a_person_cannot_make_themselves_admin(house: Database) -> None:
    ada = add_person(house, "ada@example.com")
    with house.for_user(ada) as uow, pytest.raises(ProgrammingError, match="permission denied"):
        uow.session.execute(text("UPDATE usr_users SET role = 'admin'"))


def test_every_table_with_a_users_rows_forces_its_policies(owner_database_url: str) -> None:
    owned = text("""
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'user_id'
          AND c.relnamespace = 'public'::regnamespace""")
    engine = create_engine(driver(owner_database_url))
    with engine.connect() as connection:
        tables = {row.relname: row.forced for row in connection.execute(owned)}
    engine.dispose()
    assert {"job_schedules", "job_schedule_runs", "msg_messages"} <= set(tables)
    assert all(tables.values()), tables


def test_the_roles_own_nothing_bypass_nothing_and_reach_no_partition(owner_database_url: str) -> None:
    roles = text("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = :role")
    owns = text("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = :role")
    partitions = text("""SELECT relname FROM pg_class
        WHERE relispartition AND relkind = 'r' AND has_table_privilege(:role, oid, 'SELECT, INSERT, UPDATE, DELETE')""")
    engine = create_engine(driver(owner_database_url))
    with engine.connect() as connection:
        for role in (APP, PLATFORM):
            assert connection.execute(roles, {"role": role}).one() == (False, False, False, False)
            assert connection.execute(owns, {"role": role}).scalar() == 0
            assert connection.execute(partitions, {"role": role}).all() == []
    engine.dispose()


async def test_sql_on_the_event_loop_is_refused(house: Database) -> None:
    with house.app.connect() as connection, pytest.raises(RuntimeError, match="event loop"):
        connection.execute(text("SELECT 1"))
