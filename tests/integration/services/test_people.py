"""What admins do to people, on a real database: roles, keeping out, letting in, and one admin always."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from db.engine import Database
from domain import codes
from domain.chat_settings import AccessMode
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.users import Role, Standing, User
from services.people import LastAdmin, PeopleService
from services.planning import PlanningService
from services.users import Arrival, Suspended, UsersService, Waits
from tests.factories import Rows

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def ada(rows: Rows) -> User:
    return rows.person()


@pytest.fixture
def bob(rows: Rows) -> User:
    return rows.person("bob@example.com", telegram=1001, role="viewer")


@pytest.fixture
def people(house_database: Database) -> PeopleService:
    return PeopleService(house_database.for_platform())


def wait_to_come_in(database: Database, secret_key: str, rows: Rows, email: str, telegram: int) -> Waits:
    users = UsersService(database.for_platform())
    users.send_code(telegram, email, secret_key=secret_key, now=NOW)
    [row] = rows.all("SELECT nonce FROM usr_verification_codes ORDER BY id DESC LIMIT 1")
    code = codes.derive(secret_key, row.nonce).digits
    who = Arrival(telegram, telegram, "Cy")
    done = users.confirm(who, code, secret_key=secret_key, sandbox=False, mode=AccessMode.APPROVE, now=NOW)
    assert isinstance(done, Waits)
    return done


def test_a_role_is_given_and_told(people: PeopleService, ada: User, bob: User, rows: Rows) -> None:
    changed = people.set_role(ada, bob.id, Role.TRADER, now=NOW)
    assert changed.account.user.role is Role.TRADER
    assert people.set_role(ada, bob.id, Role.TRADER, now=NOW).was_so
    [told] = rows.all("SELECT user_id FROM msg_messages")
    assert told.user_id == bob.id


def test_only_an_admin_of_this_moment_changes_anything(people: PeopleService, ada: User, bob: User) -> None:
    people.set_role(ada, bob.id, Role.ADMIN, now=NOW)
    people.set_role(ada, ada.id, Role.VIEWER, now=NOW)
    for forbidden in (
        lambda: people.set_role(ada, bob.id, Role.VIEWER, now=NOW),
        lambda: people.suspend(ada, bob.id, "", now=NOW),
        lambda: people.restore(ada, bob.id, now=NOW),
        lambda: people.let_in(ada, bob.id, now=NOW),
        lambda: people.refuse(ada, bob.id, now=NOW),
        lambda: people.page(ada),
        lambda: people.find(ada, "bob"),
        lambda: people.jobs(ada, bob.id),
        lambda: people.counts(ada),
    ):
        with pytest.raises(NotAllowed):
            forbidden()


def test_the_last_admin_stays(people: PeopleService, ada: User, bob: User, rows: Rows) -> None:
    with pytest.raises(LastAdmin):
        people.set_role(ada, ada.id, Role.TRADER, now=NOW)
    with pytest.raises(InvalidInput):
        people.suspend(ada, ada.id, "", now=NOW)
    rows.execute("INSERT INTO usr_users (email, role) VALUES ('named@example.com', 'admin')")
    with pytest.raises(LastAdmin):  # one who was named and never came is no admin yet
        people.set_role(ada, ada.id, Role.TRADER, now=NOW)


@pytest.mark.parametrize("how", ["demote", "suspend"])
def test_two_admins_who_remove_each_other_at_once_leave_one(
    house_database: Database, ada: User, rows: Rows, how: str
) -> None:
    eve = rows.person("eve@example.com", telegram=1002)
    gate = threading.Barrier(2)
    refused: list[Exception] = []

    def remove(actor: User, other: User) -> None:
        service = PeopleService(house_database.for_platform())
        gate.wait()
        try:
            if how == "demote":
                service.set_role(actor, other.id, Role.VIEWER, now=NOW)
            else:
                service.suspend(actor, other.id, "", now=NOW)
        except (NotAllowed, LastAdmin) as problem:
            refused.append(problem)

    threads = [threading.Thread(target=remove, args=pair) for pair in ((ada, eve), (eve, ada))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    left = rows.all("SELECT id FROM usr_users WHERE role = 'admin' AND is_active AND verified_at IS NOT NULL")
    assert len(left) == 1
    assert len(refused) == 1


def test_a_suspended_person_is_unknown_and_their_jobs_rest(
    house_database: Database, people: PeopleService, ada: User, bob: User, rows: Rows
) -> None:
    schedule = rows.schedule(bob, "*/5 * * * *", telegram=1001)
    people.suspend(ada, bob.id, "left the firm", now=NOW)
    users = UsersService(house_database.for_platform())
    assert users.identify(1001) is None
    assert users.stranger(1001, now=NOW).standing is Standing.SUSPENDED
    with pytest.raises(Suspended):
        users.send_code(1001, "another@example.com", secret_key="k" * 32, now=NOW)
    rows.due_ago(schedule, timedelta(minutes=2))
    PlanningService(house_database.for_platform()).plan_due_runs()
    planned = rows.all("SELECT status, skip_reason FROM job_schedule_runs")
    assert {row.status for row in planned} == {"skipped"}
    assert "owner_inactive" in {row.skip_reason for row in planned}
    assert people.one(ada, bob.id).reason == "left the firm"
    people.restore(ada, bob.id, now=NOW)
    found = users.identify(1001)
    assert found is not None
    assert found.id == bob.id


def test_whoever_waits_is_shown_to_every_admin_once_and_let_in_once(
    house_database: Database, secret_key: str, people: PeopleService, ada: User, rows: Rows
) -> None:
    rows.person("eve@example.com", telegram=1002)
    waits = wait_to_come_in(house_database, secret_key, rows, "cy@example.com", 7)
    assert waits.asked
    asked = rows.all("SELECT payload FROM msg_messages WHERE payload::text LIKE '%rq:%'")
    assert len(asked) == 2
    users = UsersService(house_database.for_platform())
    assert users.identify(7) is None
    assert users.stranger(7, now=NOW).standing is Standing.WAITING
    [waiting] = people.page(ada, standing=Standing.WAITING)
    since = int(waiting.since.timestamp())
    with pytest.raises(NotFound):
        people.let_in(ada, waiting.user.id, asked_at=since - 1, now=NOW)
    assert not people.let_in(ada, waiting.user.id, asked_at=since, now=NOW).was_so
    assert people.let_in(ada, waiting.user.id, asked_at=since, now=NOW).was_so
    with pytest.raises(InvalidInput):
        people.refuse(ada, waiting.user.id, asked_at=since, now=NOW)
    assert users.identify(7) is not None


def test_two_admins_who_decide_at_once_decide_once(
    house_database: Database, secret_key: str, people: PeopleService, ada: User, rows: Rows
) -> None:
    eve = rows.person("eve@example.com", telegram=1002)
    wait_to_come_in(house_database, secret_key, rows, "cy@example.com", 7)
    [waiting] = people.page(ada, standing=Standing.WAITING)
    gate = threading.Barrier(2)
    decided: list[str] = []

    def decide(actor: User, what: str) -> None:
        service = PeopleService(house_database.for_platform())
        decision = service.let_in if what == "in" else service.refuse
        gate.wait()
        try:
            decision(actor, waiting.user.id, now=NOW)
        except InvalidInput:
            return
        decided.append(what)

    threads = [threading.Thread(target=decide, args=pair) for pair in ((ada, "in"), (eve, "no"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    [row] = rows.all("SELECT is_active, verified_at FROM usr_users WHERE email = 'cy@example.com'")
    assert len(decided) == 1
    assert row.is_active is (decided == ["in"])
    assert (row.verified_at is not None) is (decided == ["in"])


def test_a_refused_person_is_let_in_after_all(
    house_database: Database, secret_key: str, people: PeopleService, ada: User, rows: Rows
) -> None:
    wait_to_come_in(house_database, secret_key, rows, "cy@example.com", 7)
    [waiting] = people.page(ada, standing=Standing.WAITING)
    people.refuse(ada, waiting.user.id, now=NOW)
    assert people.one(ada, waiting.user.id).standing is Standing.SUSPENDED
    people.restore(ada, waiting.user.id, now=NOW)
    assert UsersService(house_database.for_platform()).identify(7) is not None


def test_people_are_found_by_number_address_and_a_part_of_the_name(
    people: PeopleService, ada: User, bob: User, rows: Rows
) -> None:
    rows.execute("UPDATE usr_users SET display_name = 'Bob 100%_' WHERE id = :id", id=bob.id)
    for who in (str(bob.id), "bob@example.com", "BOB@example.com", "bob", "100%_", "@bob"):
        assert people.find(ada, who).user.id == bob.id, who
    with pytest.raises(InvalidInput, match="More than one"):
        people.find(ada, "example")
    for who in ("nobody", "999999", "%%", "", "9" * 30):
        with pytest.raises(NotFound):
            people.find(ada, who)
    assert [each.user.id for each in people.page(ada, after=ada.id)] == [bob.id]
    with pytest.raises(InvalidInput):
        people.page(ada, words="x" * 31)


def test_addresses_that_nobody_proved_are_in_no_list(
    house_database: Database, people: PeopleService, ada: User
) -> None:
    UsersService(house_database.for_platform()).send_code(7, "typo@example.com", secret_key="k" * 32, now=NOW)
    assert [each.user.email for each in people.page(ada)] == ["ada@example.com"]
    assert people.counts(ada)[Standing.ACTIVE] == 1
