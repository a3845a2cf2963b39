"""What comes, filling in what was, leaving out a run, and a job's options, on a real server."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.engine import Database
from domain.calendars import Session, SessionsUnknown
from domain.errors import InvalidInput, NotFound
from domain.schedules import Proposal
from domain.timing import Timing
from domain.users import User
from services.agenda import AgendaService, first_run
from services.backfill import BackfillService
from services.jobs import JobsService
from services.planning import PlanningService
from services.telegram import TelegramService
from tests.factories import Rows

ADA_CHAT = 1000
NEW_YORK = ZoneInfo("America/New_York")


def now() -> datetime:
    return datetime.now(UTC)


def sessions(database: Database, days: int = 30) -> date:
    """NYSE sessions on each weekday from a month ago on, but for the next weekday, a holiday; its day comes back."""
    first = now().astimezone(NEW_YORK).date() - timedelta(days=30)
    holiday = next(
        day for day in (now().astimezone(NEW_YORK).date() + timedelta(days=n) for n in range(1, 5)) if day.weekday() < 5
    )
    known = [
        Session("XNYS", day, at(day, time(9, 30)), at(day, time(16)))
        for day in (first + timedelta(days=n) for n in range(30 + days))
        if day.weekday() < 5 and day != holiday
    ]
    with database.for_platform() as uow:
        uow.market.store(known, {"XNYS": {holiday: "Founders' Day"}})
        uow.commit()
    return holiday


def at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, NEW_YORK).astimezone(UTC)


def on_nyse_days(database: Database, user: User, cron: str = "0 12 * * *") -> int:
    timing = Timing(cron, "America/New_York", calendar="XNYS")
    proposal = Proposal("noon", "notification", {"text": "noon"}, timing)
    return JobsService(database.for_user(user.id)).create(user, proposal, now=now()).id


def begin(database: Database, user: User, schedule_id: int, first: date, last: date) -> int:
    """The form of a backfill that was shown to the person."""
    found = BackfillService(database.for_user(user.id)).preview(schedule_id, first, last, now=now())
    telegram = TelegramService(database.for_user(user.id))
    return telegram.begin(ADA_CHAT, user.id, "backfill", found.as_form(), now=now())


def test_a_day_without_a_session_is_named_in_what_comes(house_database: Database, rows: Rows) -> None:
    ada, holiday = rows.person(), sessions(house_database)
    number = on_nyse_days(house_database, ada)
    found = AgendaService(house_database.for_user(ada.id)).agenda(now(), now() + timedelta(days=7))
    named = {due.at.astimezone(NEW_YORK).date(): due.left_out for _, due in found.due}
    assert named[holiday] == "no session: Founders' Day"
    [(_, due)] = AgendaService(house_database.for_user(ada.id)).page()
    assert due is not None
    assert due.left_out is None
    _, card = AgendaService(house_database.for_user(ada.id)).card(number)
    assert first_run(card) == due


def test_what_comes_is_merged_in_order_begins_at_the_cursor_and_is_bounded(
    house_database: Database, rows: Rows
) -> None:
    ada = rows.person()
    for number, cron in enumerate(("*/20 * * * *", "*/30 * * * *", "5 * * * *")):
        rows.schedule(ada, cron, f"job {number}")
    moment = now()
    until = moment + timedelta(hours=4)
    agenda = AgendaService(house_database.for_user(ada.id))
    found = agenda.agenda(moment, until)
    instants = [due.at for _, due in found.due]
    assert instants == sorted(instants)
    assert len(instants) == 12 + 8 + 4
    few = agenda.agenda(moment, until, limit=5)
    assert (len(few.due), few.more, found.more) == (5, True, False)
    skipped, left_out = JobsService(house_database.for_user(ada.id)).skip_next(found.due[0][0].id)
    after = [(schedule.id, due.at) for schedule, due in agenda.agenda(moment, until).due]
    assert (skipped.id, left_out) not in after


def test_leaving_out_the_next_run_leaves_no_day_without_its_row(house_database: Database, rows: Rows) -> None:
    ada, holiday = rows.person(), sessions(house_database)
    number = on_nyse_days(house_database, ada)
    rows.execute("UPDATE job_schedules SET next_run_at = :at WHERE id = :id", at=at(holiday, time(12)), id=number)
    schedule, left_out = JobsService(house_database.for_user(ada.id)).skip_next(number)
    assert left_out > at(holiday, time(12))
    found = rows.all("SELECT scheduled_for, skip_reason, error FROM job_schedule_runs ORDER BY scheduled_for")
    assert (found[0].skip_reason, found[0].error) == ("no_session", "no session: Founders' Day")
    assert (found[-1].skip_reason, found[-1].scheduled_for) == ("skipped_by_owner", left_out)
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > left_out
    assert PlanningService(house_database.for_platform()).plan_due_runs().schedules == 0


def test_filling_in_runs_each_day_once_oldest_first_one_at_a_time(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 9 * * *")
    today = now().astimezone(schedule.zone).date()
    first, last = today - timedelta(days=6), today - timedelta(days=2)
    service = BackfillService(house_database.for_user(ada.id))
    shown = service.preview(schedule.id, first, last, now=now())
    assert [due.astimezone(schedule.zone).date() for due in shown.due] == [first + timedelta(days=n) for n in range(5)]
    forms = [begin(house_database, ada, schedule.id, first, last) for _ in range(2)]
    assert service.carry_out(ADA_CHAT, forms[0], now=now())[1] == 5
    assert service.carry_out(ADA_CHAT, forms[1], now=now())[1] == 0
    with pytest.raises(NotFound):
        service.carry_out(ADA_CHAT, forms[0], now=now())
    found = rows.all("SELECT trigger, overlap, status, scheduled_for FROM job_schedule_runs ORDER BY scheduled_for")
    assert {(row.trigger, row.overlap, row.status) for row in found} == {("backfill", "in_turn", "planned")}
    assert [row.scheduled_for for row in found] == [due + timedelta(microseconds=1) for due in shown.due]
    planner = PlanningService(house_database.for_platform())
    rung = planner.ring_waiting()
    assert len(rung) == 1
    assert planner.ring_waiting() == []
    with pytest.raises(InvalidInput, match="filled in already"):
        service.preview(schedule.id, first, last, now=now())
    longer = service.preview(schedule.id, first - timedelta(days=1), last, now=now())
    assert (len(longer.due), longer.done_before) == (1, 5)


def test_filling_in_leaves_out_days_without_a_session(house_database: Database, rows: Rows) -> None:
    ada, _ = rows.person(), sessions(house_database)
    number = on_nyse_days(house_database, ada)
    today = now().astimezone(NEW_YORK).date()
    found = BackfillService(house_database.for_user(ada.id)).preview(
        number, today - timedelta(days=14), today - timedelta(days=1), now=now()
    )
    assert (len(found.due), found.left_out) == (10, 4)


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [(1, 3, "Name the earlier day first"), (-2, -2, "still to come"), (400, 1, "more than 100 runs")],
)
def test_what_cannot_be_filled_in_is_said(
    first: int, last: int, says: str, house_database: Database, rows: Rows
) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 9 * * *")
    today = now().astimezone(schedule.zone).date()
    with pytest.raises(InvalidInput, match=says):
        BackfillService(house_database.for_user(ada.id)).preview(
            schedule.id, today - timedelta(days=first), today - timedelta(days=last), now=now()
        )


def test_a_job_that_acts_on_the_world_is_not_filled_in_nor_is_anothers(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    schedule = rows.schedule(ada, "0 9 * * *", repeatable=False)
    yesterday = now().date() - timedelta(days=1)
    with pytest.raises(InvalidInput, match="acts on the world"):
        BackfillService(house_database.for_user(ada.id)).preview(schedule.id, yesterday, yesterday, now=now())
    with pytest.raises(NotFound):
        BackfillService(house_database.for_user(bob.id)).preview(schedule.id, yesterday, yesterday, now=now())


def test_a_calendar_moves_the_cursor_and_an_unknown_one_changes_nothing(house_database: Database, rows: Rows) -> None:
    ada, _ = rows.person(), sessions(house_database)
    schedule = rows.schedule(ada, "0 12 * * *")
    jobs = JobsService(house_database.for_user(ada.id))
    changed = jobs.set_calendar(schedule.id, "XNYS", now=now())
    assert changed.timing.calendar == "XNYS"
    with pytest.raises(SessionsUnknown):
        jobs.set_calendar(schedule.id, "XTKS", now=now())
    assert jobs.get(schedule.id).timing.calendar == "XNYS"
    assert jobs.set_calendar(schedule.id, None, now=now()).timing.calendar is None


def test_options_are_kept_and_only_options(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 12 * * *")
    jobs = JobsService(house_database.for_user(ada.id))
    changed = jobs.set_options(schedule.id, {"catch_up": "all", "overlap": "allow", "jitter_s": 300})
    assert (changed.catch_up, changed.overlap, changed.timing.jitter_s) == ("all", "allow", 300)
    with pytest.raises(ValueError, match="no option"):
        jobs.set_options(schedule.id, {"user_id": 2})
