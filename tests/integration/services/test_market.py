"""Market sessions: kept, replaced, read for one schedule, and asked for when they run out."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from db.engine import Database
from domain.calendars import EXCHANGES, Session, Sessions
from domain.timing import Timing
from services.market import MarketService, lacking
from services.planning import PlanningService
from tests.factories import Rows

FIRST = date(2026, 3, 2)


def session(day: date, exchange: str = "XNYS", hour: int = 14, **more: Any) -> Session:
    opens = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)
    return Session(exchange, day, opens, opens + timedelta(hours=6, minutes=30), **more)


def market(database: Database) -> MarketService:
    return MarketService(database.for_platform())


def known_far_ahead(database: Database) -> None:
    far = datetime.now(UTC).date() + timedelta(days=400)
    market(database).store_sessions([session(far, exchange) for exchange in EXCHANGES], {})


def test_what_was_learned_is_read_back(house_database: Database) -> None:
    given = [session(FIRST), session(FIRST + timedelta(days=2), early_close=True, note="Black Friday")]
    holidays = {"XNYS": {FIRST + timedelta(days=1): "Carnival"}}
    assert market(house_database).store_sessions(given, holidays) == 2
    found = market(house_database).sessions()
    assert [found.on("XNYS", each.day) for each in given] == given
    assert found.why_closed("XNYS", FIRST + timedelta(days=1)) == "Carnival"
    assert market(house_database).known_until() == {"XNYS": FIRST + timedelta(days=2)}


def test_learning_anew_replaces_what_was_known_of_the_same_days(house_database: Database) -> None:
    days = [FIRST + timedelta(days=number) for number in range(3)]
    market(house_database).store_sessions([session(day) for day in days], {"XNYS": {days[2]: "gone"}})
    market(house_database).store_sessions([session(FIRST, "XLON")], {})
    market(house_database).store_sessions([session(days[1], hour=13)], {"XNYS": {days[2]: "Mourning"}})
    found = market(house_database).sessions()
    assert found.known_from("XNYS") == days[0]
    assert found.on("XNYS", days[1]) == session(days[1], hour=13)
    assert found.known_until("XNYS") == days[1]
    assert found.knows("XLON")


def test_unchanged_sessions_are_not_read_again_and_changed_ones_are(house_database: Database, rows: Rows) -> None:
    market(house_database).store_sessions([session(FIRST)], {})
    first = market(house_database).sessions()
    assert market(house_database).sessions() is first
    rows.execute("UPDATE market_sessions SET note = 'late'")
    changed = market(house_database).sessions().on("XNYS", FIRST)
    assert changed is not None
    assert changed.note == "late"
    rows.execute("DELETE FROM market_sessions")
    assert not market(house_database).sessions().knows("XNYS")


def test_a_schedule_reads_its_own_exchanges_alone(house_database: Database) -> None:
    market(house_database).store_sessions([session(FIRST), session(FIRST, "XLON"), session(FIRST, "XTKS")], {})
    with house_database.for_platform() as uow:
        plain = uow.market.sessions_for(Timing("0 8 * * *", "UTC"))
        by_calendar = uow.market.sessions_for(Timing("0 8 * * *", "UTC", calendar="XLON"))
        by_close = uow.market.sessions_for(Timing("@close(XTKS)+5m", "UTC"))
    assert plain is Sessions.NONE
    assert [by_calendar.knows(code) for code in ("XNYS", "XLON", "XTKS")] == [False, True, False]
    assert [by_close.knows(code) for code in ("XNYS", "XLON", "XTKS")] == [False, False, True]


def test_a_fill_is_ordered_once_and_rings_a_worker(house_database: Database, rows: Rows) -> None:
    assert lacking({}, datetime.now(UTC)) == list(EXCHANGES)
    run = market(house_database).order_fill()
    assert run is not None
    assert market(house_database).order_fill() is None
    [bell] = PlanningService(house_database.for_platform()).ring_waiting()
    assert (bell.run_id, bell.queue) == (run, "maintenance")
    [row] = rows.all("SELECT * FROM job_schedule_runs")
    assert (row.user_id, row.job_id, row.job_type) == (None, None, "data_processing")
    assert row.job_snapshot["task_params"] == {"task": "sessions"}


def test_nothing_is_ordered_while_enough_is_known(house_database: Database) -> None:
    known_far_ahead(house_database)
    assert market(house_database).order_fill() is None


def test_a_fill_that_failed_is_ordered_again_after_an_hour_and_one_that_came_short_after_a_day(
    house_database: Database, rows: Rows
) -> None:
    market(house_database).order_fill()
    for status, ago, wanted in (
        ("failed", "59 minutes", False),
        ("failed", "61 minutes", True),
        ("succeeded", "23 hours", False),
        ("succeeded", "25 hours", True),
    ):
        rows.execute("DELETE FROM job_schedule_runs WHERE status = 'planned'")
        rows.execute(
            "INSERT INTO job_schedule_runs (job_type, status, scheduled_for, job_snapshot) "
            f"VALUES ('data_processing', '{status}', now() - interval '{ago}', '{{}}')"
        )
        assert (market(house_database).order_fill() is not None) is wanted, (status, ago)
        rows.execute("DELETE FROM job_schedule_runs")


def test_two_schedulers_order_one_fill(house_database: Database) -> None:
    with house_database.for_platform() as first, house_database.for_platform() as second:
        assert first.market.fill_may_be_ordered()
        assert not second.market.fill_may_be_ordered()


def test_a_person_sees_sessions_and_none_of_the_platforms_runs(house_database: Database, rows: Rows) -> None:
    ada = rows.person(role="viewer")
    market(house_database).store_sessions([session(FIRST)], {})
    market(house_database).order_fill()
    with house_database.for_user(ada.id) as uow:
        assert uow.market.sessions().knows("XNYS")
        assert uow.runs.history(limit=10) == []
