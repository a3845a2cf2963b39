"""Planning on a real server: catch-up, overlap, turns, room for others, and whom the scheduler tells."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from db.engine import Database
from domain.calendars import Session, Sessions
from domain.errors import GiveUp, InvalidInput
from domain.runs import RESCUE, Outcome
from scheduler.leader import Leader
from services.jobs import JobsService
from services.planning import PlanningService
from services.runs import RunsService
from tests.factories import Rows

CHANCE = Random(7)
YEARLY = "* 0 1 1 *"  # nothing else comes due while a test looks; not of fixed time, so it has no slots


def planning(database: Database, sessions: Sessions = Sessions.NONE) -> PlanningService:
    return PlanningService(database.for_platform(), sessions)


def runs(database: Database) -> RunsService:
    return RunsService(database.for_platform())


def history(rows: Rows) -> list[Any]:
    return rows.all(
        "SELECT id, status, skip_reason, trigger, overlap, attempt, covers_until, error, scheduled_for "
        "FROM job_schedule_runs ORDER BY scheduled_for, id"
    )


def plan_all(database: Database) -> None:
    while planning(database).plan_due_runs().schedules:
        pass


def due_seconds_ago(rows: Rows, seconds: int) -> None:
    """Make every schedule due, however shortly after its last run."""
    rows.execute(
        "UPDATE job_schedules SET last_planned_for = NULL, "
        "next_run_at = date_trunc('second', now()) - make_interval(secs => :seconds)",
        seconds=seconds,
    )


def messages(rows: Rows) -> list[Any]:
    return rows.all("SELECT template, payload, user_id FROM msg_messages ORDER BY id")


def test_a_due_time_is_planned_and_marked_in_one_transaction(house_database: Database, rows: Rows) -> None:
    schedule = rows.schedule(rows.person())
    due = rows.due_ago(schedule, timedelta(0))
    planned = planning(house_database).plan_due_runs()
    assert [(bell.attempt, bell.queue) for bell in planned.bells] == [(0, "reports")]
    assert [(row.status, row.scheduled_for) for row in history(rows)] == [("enqueued", due)]


def five_minutes_ago_every_ten(minutes: int) -> tuple[str, datetime]:
    """A line whose newest due time is five to six minutes old, and its due time so many minutes before that one."""
    newest = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    return f"{newest.minute % 10}-59/10 * * * *", newest - timedelta(minutes=minutes)


@pytest.mark.parametrize(("catch_up", "ran"), [("skip", 0), ("latest", 1), ("all", 5)])
def test_what_an_outage_made_late_follows_its_policy(
    house_database: Database, rows: Rows, catch_up: str, ran: int
) -> None:
    line, first = five_minutes_ago_every_ten(90)
    schedule = rows.schedule(rows.person(), line, catch_up=catch_up, catch_up_window_s=2900)
    rows.execute("UPDATE job_schedules SET next_run_at = :at WHERE id = :id", at=first, id=schedule.id)
    plan_all(house_database)
    found = history(rows)
    assert [row.scheduled_for for row in found] == [first + timedelta(minutes=10 * n) for n in range(10)]
    told = [(row.trigger, row.skip_reason) for row in found]
    assert told == [("cron", "window")] * (10 - ran) + [("catch_up", None)] * ran


def test_a_long_outage_leaves_a_hundred_rows_and_one_for_the_rest(house_database: Database, rows: Rows) -> None:
    schedule = rows.schedule(rows.person())
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=3)
    rows.execute("UPDATE job_schedules SET next_run_at = :at WHERE id = :id", at=start, id=schedule.id)
    plan_all(house_database)
    found = history(rows)
    [rest] = [row for row in found if row.covers_until is not None]
    assert rest.scheduled_for == start + timedelta(minutes=100)
    assert sum(row.status == "skipped" and row.covers_until is None for row in found) == 100
    newest = max(row.scheduled_for for row in found if row.status != "skipped")
    assert newest - rest.covers_until == timedelta(minutes=1)


def test_caught_up_runs_go_one_by_one_and_oldest_first(house_database: Database, rows: Rows) -> None:
    line, first = five_minutes_ago_every_ten(40)
    schedule = rows.schedule(rows.person(), line, catch_up="all", catch_up_window_s=7200)
    rows.execute("UPDATE job_schedules SET next_run_at = :at WHERE id = :id", at=first, id=schedule.id)
    bells = planning(house_database).plan_due_runs().bells
    order: list[datetime] = []
    while bells:
        [bell] = bells
        run = runs(house_database).start_run(bell.run_id, bell.attempt, "w")
        assert run is not None
        assert planning(house_database).ring_waiting() == []
        assert runs(house_database).finish_run(run, Outcome({}), now=datetime.now(UTC))
        order.append(run.scheduled_for)
        bells = planning(house_database).ring_waiting()
    assert order == [first + timedelta(minutes=10 * n) for n in range(5)]


def test_a_due_time_beside_an_earlier_run_is_skipped_and_says_so(house_database: Database, rows: Rows) -> None:
    rows.schedule(rows.person(), YEARLY)
    due_seconds_ago(rows, 5)
    plan_all(house_database)
    due_seconds_ago(rows, 1)
    plan_all(house_database)
    first, *later = history(rows)
    assert first.status == "enqueued"
    assert {row.skip_reason for row in later} == {"overlap"}


def test_one_may_wait_where_the_schedule_says_so(house_database: Database, rows: Rows) -> None:
    rows.schedule(rows.person(), YEARLY, overlap="queue_one")
    for second in (3, 2, 1):
        due_seconds_ago(rows, second)
        for bell in planning(house_database).plan_due_runs().bells:
            assert runs(house_database).start_run(bell.run_id, bell.attempt, "w") is not None
    assert [row.status for row in history(rows)] == ["running", "planned", "skipped"]
    assert planning(house_database).ring_waiting() == []


def test_runs_side_by_side_where_the_schedule_allows_it(house_database: Database, rows: Rows) -> None:
    rows.schedule(rows.person(), YEARLY, overlap="allow")
    for second in (2, 1):
        due_seconds_ago(rows, second)
        planning(house_database).plan_due_runs()
    assert [row.status for row in history(rows)] == ["enqueued", "enqueued"]


def test_what_waits_for_room_goes_when_there_is_room(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    for number in range(5):
        rows.due_ago(rows.schedule(user, name=f"job {number}"), timedelta(0))
    bells = planning(house_database).plan_due_runs().bells
    assert len(bells) == 2
    done = 0
    while bells:
        for bell in bells:
            run = runs(house_database).start_run(bell.run_id, bell.attempt, "w")
            assert run is not None
            runs(house_database).finish_run(run, Outcome({}), now=datetime.now(UTC))
            done += 1
        bells = planning(house_database).ring_waiting()
        assert len(bells) <= 2
    assert done == 5


def test_a_run_that_may_not_be_repeated_becomes_unknown_and_its_owner_is_asked(
    house_database: Database, rows: Rows
) -> None:
    rows.due_ago(rows.schedule(rows.person(), repeatable=False), timedelta(0))
    [bell] = planning(house_database).plan_due_runs().bells
    run = runs(house_database).start_run(bell.run_id, bell.attempt, "w")
    assert run is not None
    rows.execute("UPDATE job_schedule_runs SET lease_until = now() - interval '1 s'")
    assert planning(house_database).rescue_stalled(chance=CHANCE) == 1
    assert history(rows)[0].status == "unknown"
    assert [row.template for row in messages(rows)] == ["run_lost"]
    assert not runs(house_database).finish_run(run, Outcome({}), now=datetime.now(UTC))


def test_a_run_past_its_time_limit_is_tried_again_and_then_ends(house_database: Database, rows: Rows) -> None:
    rows.due_ago(rows.schedule(rows.person(), max_retries=1), timedelta(0))
    bells = planning(house_database).plan_due_runs().bells
    for expected in ("planned", "timed_out"):
        assert runs(house_database).start_run(bells[0].run_id, bells[0].attempt, "w") is not None
        rows.execute("UPDATE job_schedule_runs SET deadline_at = now() - interval '1 min'")
        planning(house_database).rescue_stalled(chance=CHANCE)
        assert history(rows)[0].status == expected
        rows.execute("UPDATE job_schedule_runs SET not_before = now()")
        bells = planning(house_database).ring_waiting()
    assert [row.template for row in messages(rows)] == ["run_failed"]


def test_a_rescue_judges_again_as_it_writes(house_database: Database, rows: Rows) -> None:
    rows.due_ago(rows.schedule(rows.person()), timedelta(0))
    [bell] = planning(house_database).plan_due_runs().bells
    run = runs(house_database).start_run(bell.run_id, bell.attempt, "w")
    assert run is not None
    with house_database.for_platform() as uow:  # the lease is not over: an old read must not count
        assert not uow.runs.move(RESCUE, run.id, run.token, error="x", event={})


def test_ten_failures_in_a_row_pause_the_schedule_and_are_told_twice(house_database: Database, rows: Rows) -> None:
    schedule = rows.schedule(rows.person(), YEARLY, max_retries=0)
    for number in range(10):
        due_seconds_ago(rows, 20 - number)
        [bell] = planning(house_database).plan_due_runs().bells
        run = runs(house_database).start_run(bell.run_id, bell.attempt, "w")
        assert run is not None
        runs(house_database).fail_run(run, GiveUp("no"), reference="E-1", now=datetime.now(UTC), chance=CHANCE)
    [row] = rows.all("SELECT enabled, paused_reason, next_run_at FROM job_schedules")
    assert (row.enabled, row.next_run_at) == (False, None)
    assert "10 times" in row.paused_reason
    assert [row.template for row in messages(rows)] == ["run_failed", "schedule_paused"]
    resumed = JobsService(house_database.for_user(schedule.user_id)).resume(schedule.id, now=datetime.now(UTC))
    assert (resumed.enabled, resumed.paused_reason, resumed.consecutive_failures) == (True, None, 0)


def test_a_late_start_is_told_once_with_its_cause(house_database: Database, rows: Rows) -> None:
    rows.due_ago(rows.schedule(rows.person()), timedelta(0))
    planning(house_database).plan_due_runs()
    assert planning(house_database).tell_late() == 0
    rows.execute("UPDATE job_schedule_runs SET not_before = not_before - interval '10 min'")
    assert planning(house_database).tell_late() == 1
    assert planning(house_database).tell_late() == 0
    [told] = messages(rows)
    assert told.template == "runs_late"
    assert [button["text"] for row in told.payload["buttons"] for button in row] == [
        "Run now", "Skip it", "Why?", "Pause job",
    ]  # fmt: skip


def test_an_outage_is_told_in_one_message_to_each_person(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    for number in range(3):
        rows.schedule(ada, "*/5 * * * *", f"a{number}")
    rows.schedule(bob, "*/5 * * * *", "b", telegram=2000)
    rows.execute("UPDATE job_schedules SET next_run_at = date_trunc('hour', now()) - interval '3 h'")
    plan_all(house_database)
    assert planning(house_database).tell_missed() == 2
    assert planning(house_database).tell_missed() == 0
    told = messages(rows)
    assert sorted(row.user_id for row in told) == sorted([ada.id, bob.id])
    assert {row.template for row in told} == {"runs_missed"}
    of_ada = next(row.payload["params"] for row in told if row.user_id == ada.id)
    assert len(of_ada["jobs"]) == 3
    assert of_ada["skipped"] == sum(job["count"] for job in of_ada["jobs"])


def test_a_person_who_may_do_less_now_runs_less_often(house_database: Database, rows: Rows) -> None:
    schedule = rows.schedule(rows.person(), "* * * * *", overlap="allow")
    rows.execute("UPDATE usr_users SET role = 'viewer'")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    rows.execute(
        "UPDATE job_schedules SET next_run_at = :at, last_planned_for = :last WHERE id = :id",
        at=now,
        last=now - timedelta(minutes=1),
        id=schedule.id,
    )
    planning(house_database).plan_due_runs()
    assert [row.skip_reason for row in history(rows)] == ["quota"]


def test_an_inactive_owners_runs_are_skipped(house_database: Database, rows: Rows) -> None:
    rows.due_ago(rows.schedule(rows.person()), timedelta(0))
    rows.execute("UPDATE usr_users SET verified_at = NULL")
    assert planning(house_database).plan_due_runs().bells == []
    assert [row.skip_reason for row in history(rows)] == ["owner_inactive"]


def test_a_day_without_a_session_gets_its_row(house_database: Database, rows: Rows) -> None:
    schedule = rows.schedule(rows.person(), "* * * * *", calendar="XNYS")
    due = rows.due_ago(schedule, timedelta(0))
    far = due.date() + timedelta(days=3)
    opens = datetime(far.year, far.month, far.day, 14, 30, tzinfo=UTC)
    old = opens - timedelta(days=6)
    known = Sessions(
        {"XNYS": [Session("XNYS", day.date(), day, day + timedelta(hours=6), False, None) for day in (old, opens)]}
    )
    planning(house_database, known).plan_due_runs()
    assert [row.skip_reason for row in history(rows)] == ["no_session"]


def test_the_owner_skips_the_next_due_time(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    schedule = rows.schedule(user, "0 8 * * *")
    after, due = JobsService(house_database.for_user(user.id)).skip_next(schedule.id)
    assert due == schedule.next_run_at
    assert after.next_run_at is not None
    assert after.next_run_at > due
    assert [(row.skip_reason, row.scheduled_for) for row in history(rows)] == [("skipped_by_owner", due)]


def test_a_cancelled_run_is_never_started_and_its_result_is_refused(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    rows.due_ago(rows.schedule(user), timedelta(0))
    [bell] = planning(house_database).plan_due_runs().bells
    run = runs(house_database).start_run(bell.run_id, bell.attempt, "w")
    assert run is not None
    mine = JobsService(house_database.for_user(user.id))
    assert mine.kill(run.id, "ada@example.com", now=datetime.now(UTC)).status == "cancelled"
    assert runs(house_database).keep_alive({run.id: run.token}) == set()
    assert not runs(house_database).finish_run(run, Outcome({}), now=datetime.now(UTC))
    with pytest.raises(InvalidInput, match="over already"):
        JobsService(house_database.for_user(user.id)).kill(run.id, "ada@example.com", now=datetime.now(UTC))


def test_a_run_is_retried_as_a_new_run_with_the_same_parameters(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    rows.due_ago(rows.schedule(user, max_retries=0), timedelta(0))
    [bell] = planning(house_database).plan_due_runs().bells
    run = runs(house_database).start_run(bell.run_id, bell.attempt, "w")
    assert run is not None
    mine = JobsService(house_database.for_user(user.id))
    with pytest.raises(InvalidInput, match="not over"):
        mine.retry(run.id, now=datetime.now(UTC))
    runs(house_database).fail_run(run, GiveUp("no"), reference="E-1", now=datetime.now(UTC), chance=CHANCE)
    again = JobsService(house_database.for_user(user.id)).retry(run.id, now=datetime.now(UTC))
    [row] = rows.all("SELECT retry_of, job_snapshot, trigger FROM job_schedule_runs WHERE id = :id", id=again)
    assert (row.retry_of, row.trigger, row.job_snapshot["task_params"]) == (run.id, "manual", dict(run.params))


def test_one_scheduler_leads_and_another_follows_at_once(house_database: Database) -> None:
    first, second = Leader(house_database), Leader(house_database)
    assert first.leads()
    assert not second.leads()
    first.release()
    second._asked = float("-inf")
    assert second.leads()
    assert not first.leads()


def test_a_leader_that_was_stopped_trusts_its_own_clock_alone(house_database: Database) -> None:
    now = 100.0
    leader = Leader(house_database, clock=lambda: now)
    assert leader.leads()
    now += 2.9
    assert leader.leads()
    now += 60
    leader._asked = now  # it was stopped between asking and working: no question is due
    assert not leader.leads()
