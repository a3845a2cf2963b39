"""What becomes of jobs when their owner moves to another zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.engine import Database
from domain.zones import UnknownZone
from services.jobs import JobsService
from services.users import UsersService
from services.zones import ZonesService
from tests.factories import Rows

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def wall(instant: datetime | None, zone: str) -> str:
    assert instant is not None
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def test_a_moved_job_keeps_its_wall_clock_and_moves_back(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    job = rows.schedule(ada, "30 8 * * 1-5")
    zones = ZonesService(house_database.for_user(ada.id))
    assert [each.id for each in zones.saved_in(BERLIN)] == [job.id]
    assert zones.move([job.id], BERLIN, NEW_YORK, now=datetime.now(UTC)) == [job.id]
    moved = JobsService(house_database.for_user(ada.id)).get(job.id)
    assert moved.timezone == NEW_YORK
    assert wall(moved.next_run_at, NEW_YORK) == "08:30"
    assert zones.saved_in(BERLIN) == []
    assert zones.move([job.id], BERLIN, NEW_YORK, now=datetime.now(UTC)) == []
    assert zones.move([job.id], NEW_YORK, BERLIN, now=datetime.now(UTC)) == [job.id]
    assert JobsService(house_database.for_user(ada.id)).get(job.id).next_run_at == job.next_run_at


def test_another_persons_jobs_move_for_nobody_else(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=1001, role="viewer")
    job = rows.schedule(bob, "30 8 * * *", telegram=1001)
    zones = ZonesService(house_database.for_user(ada.id))
    assert zones.saved_in(BERLIN) == []
    assert zones.move([job.id], BERLIN, NEW_YORK, now=datetime.now(UTC)) == []
    assert JobsService(house_database.for_user(bob.id)).get(job.id).timezone == BERLIN


def test_a_paused_job_moves_and_stays_paused(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    job = rows.schedule(ada, "30 8 * * *")
    JobsService(house_database.for_user(ada.id)).pause(job.id)
    ZonesService(house_database.for_user(ada.id)).move([job.id], BERLIN, NEW_YORK, now=datetime.now(UTC))
    moved = JobsService(house_database.for_user(ada.id)).get(job.id)
    assert (moved.timezone, moved.enabled, moved.next_run_at) == (NEW_YORK, False, None)


def test_a_job_paused_until_a_time_is_not_due_before_it(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    until = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
    job = rows.schedule(ada, "30 8 * * *", paused_until=until)
    ZonesService(house_database.for_user(ada.id)).move([job.id], BERLIN, NEW_YORK, now=datetime.now(UTC))
    moved = JobsService(house_database.for_user(ada.id)).get(job.id)
    assert moved.next_run_at is not None
    assert until <= moved.next_run_at < until + timedelta(days=1, hours=1)


def test_a_single_time_moves_with_its_wall_and_stays_where_it_would_be_over(
    house_database: Database, rows: Rows
) -> None:
    ada = rows.person()
    now = datetime.now(UTC)
    local = (now + timedelta(days=3)).astimezone(ZoneInfo(BERLIN)).replace(hour=14, minute=30, second=0, microsecond=0)
    once = local.astimezone(UTC)
    cron = f"30 14 {local.day} {local.month} *"
    job = rows.schedule(ada, cron, starts_at=once, ends_at=once, next_run_at=once)
    zones = ZonesService(house_database.for_user(ada.id))
    assert zones.move([job.id], BERLIN, NEW_YORK, now=now) == [job.id]
    moved = JobsService(house_database.for_user(ada.id)).get(job.id)
    assert moved.next_run_at == local.replace(tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC)
    assert moved.timing.starts_at == moved.timing.ends_at == moved.next_run_at
    late = moved.next_run_at - timedelta(hours=1)  # in Berlin that time is over by then
    assert zones.move([job.id], NEW_YORK, BERLIN, now=late) == []


def test_a_job_by_an_exchange_has_no_clock_of_its_own(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    job = rows.schedule(ada, "30 8 * * *")
    rows.execute("UPDATE job_schedules SET cron = '@open(XNYS)-15m' WHERE id = :id", id=job.id)
    assert ZonesService(house_database.for_user(ada.id)).saved_in(BERLIN) == []


@pytest.mark.parametrize(
    ("text", "zone"),
    [("+3", "Etc/GMT-3"), ("UTC-5", "Etc/GMT+5"), ("Germany", BERLIN), ("Österreich", "Europe/Vienna"), ("+0", "UTC")],
)
def test_a_person_names_a_zone_by_offset_or_country(house_database: Database, rows: Rows, text: str, zone: str) -> None:
    ada = rows.person()
    users = UsersService(house_database.for_user(ada.id))
    assert users.set_timezone(ada, text, now=datetime.now(UTC)).timezone == zone


@pytest.mark.parametrize("text", ["EST", "IST", "CST", "USA", "+5:30", "+15", "-13", "Etc/GMT+99", "+\0", "Nowhere"])
def test_what_is_ambiguous_is_asked_and_changes_nothing(house_database: Database, rows: Rows, text: str) -> None:
    ada = rows.person()
    users = UsersService(house_database.for_user(ada.id))
    with pytest.raises(UnknownZone):
        users.set_timezone(ada, text, now=datetime.now(UTC))
    found = users.get(ada.id)
    assert found is not None
    assert found.timezone == BERLIN
