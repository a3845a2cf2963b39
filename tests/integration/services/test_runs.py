"""The life of a run on a real server: one row for a due time, one worker for a run, one commit for its result."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from db.engine import Database
from domain.errors import GiveUp, RetryLater
from domain.ids import UserId
from domain.messages import Category, Outgoing
from domain.runs import Bell, ClaimedRun, Outcome
from services.jobs import JobsService
from services.planning import PlanningService
from services.runs import RunsService
from tests.factories import Rows

CHANCE = Random(7)


def planning(database: Database) -> PlanningService:
    return PlanningService(database.for_platform())


def runs(database: Database) -> RunsService:
    return RunsService(database.for_platform())


def planned_and_rung(database: Database) -> list[Bell]:
    return planning(database).plan_due_runs().bells


def claimed(database: Database, rows: Rows) -> ClaimedRun:
    user = rows.person()
    rows.due_ago(rows.schedule(user), timedelta(0))
    [bell] = planned_and_rung(database)
    run = runs(database).start_run(bell.run_id, bell.attempt, "worker-1")
    assert run is not None
    return run


def statuses(rows: Rows) -> list[str]:
    return [row.status for row in rows.all("SELECT status FROM job_schedule_runs ORDER BY id")]


def test_two_schedulers_plan_a_due_time_once(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    for number in range(20):
        rows.due_ago(rows.schedule(user, "*/5 * * * *", f"job {number}"), timedelta(0))
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            list(pool.map(lambda _: planning(house_database).plan_due_runs(), range(4)))
    doubled = "SELECT job_id FROM job_schedule_runs GROUP BY job_id, scheduled_for HAVING count(*) > 1"
    assert rows.all(doubled) == []
    assert len(statuses(rows)) == 20


def test_after_an_outage_the_newest_missed_run_goes_and_the_others_say_why_not(
    house_database: Database, rows: Rows
) -> None:
    user = rows.person()
    schedule = rows.schedule(user, "*/10 * * * *")
    rows.execute("UPDATE job_schedules SET next_run_at = date_trunc('hour', now()) - interval '2 h'")
    planning(house_database).plan_due_runs()
    found = rows.all("SELECT status, skip_reason, trigger FROM job_schedule_runs ORDER BY scheduled_for")
    assert {row.skip_reason for row in found[:-1]} == {"window"}
    assert [row.status for row in found[:-1]] == ["skipped"] * (len(found) - 1)
    assert found[-1].status == "enqueued"
    assert len(found) >= 12
    [cursor] = rows.all("SELECT next_run_at > now() AS ahead FROM job_schedules WHERE id = :id", id=schedule.id)
    assert cursor.ahead


def test_a_due_time_older_than_its_window_is_recorded_and_not_run(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    rows.schedule(user, "0 0 1 1 *")
    rows.execute("UPDATE job_schedules SET next_run_at = date_trunc('year', now())")
    planning(house_database).plan_due_runs()
    assert statuses(rows) == ["skipped"]


def test_a_doubled_bell_starts_one_run(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    rows.due_ago(rows.schedule(user), timedelta(0))
    [bell] = planned_and_rung(house_database)
    with ThreadPoolExecutor(8) as pool:
        starts = list(pool.map(lambda n: runs(house_database).start_run(bell.run_id, bell.attempt, f"w{n}"), range(8)))
    assert sum(start is not None for start in starts) == 1


def test_a_lost_bell_is_rung_again(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    rows.due_ago(rows.schedule(user), timedelta(0))
    first = planned_and_rung(house_database)
    assert planning(house_database).ring_waiting() == []
    rows.execute("UPDATE job_schedule_runs SET enqueued_at = enqueued_at - interval '31 s'")
    assert planning(house_database).ring_waiting() == first


def test_bells_that_the_broker_did_not_take_are_rung_again_soon(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    rows.due_ago(rows.schedule(user), timedelta(0))
    bells = planned_and_rung(house_database)
    planning(house_database).ring_again_soon(bells)
    rows.execute("UPDATE job_schedule_runs SET enqueued_at = enqueued_at - interval '2 s'")
    assert planning(house_database).ring_waiting() == bells


def test_one_persons_many_runs_leave_room_for_others(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    for number in range(5):
        rows.due_ago(rows.schedule(ada, "* * * * *", f"a{number}"), timedelta(0))
    rows.due_ago(rows.schedule(bob, "* * * * *", "b", telegram=2000), timedelta(0))
    rung = planned_and_rung(house_database)
    owners = rows.all("SELECT user_id FROM job_schedule_runs WHERE id = ANY(:ids)", ids=[bell.run_id for bell in rung])
    assert sorted(row.user_id for row in owners).count(ada.id) <= 2
    assert bob.id in {row.user_id for row in owners}


def owner_of(run: ClaimedRun) -> UserId:
    assert run.user_id is not None
    return run.user_id


def test_a_result_and_its_messages_are_one_commit(house_database: Database, rows: Rows) -> None:
    run = claimed(house_database, rows)
    message = Outgoing(Category.REPORT, owner_of(run), "<b>GOLD</b>")
    assert runs(house_database).finish_run(run, Outcome({"last": "1"}, (message,)), now=datetime.now(UTC))
    assert statuses(rows) == ["succeeded"]
    [queued] = rows.all("SELECT m.run_id, d.status, d.channel, d.address FROM msg_messages m "
                        "JOIN msg_delivery_status d ON d.message_id = m.id")  # fmt: skip
    assert (queued.run_id, queued.status, queued.channel, queued.address) == (run.id, "queued", "telegram", "1000")


def test_a_result_that_cannot_be_stored_leaves_no_message(house_database: Database, rows: Rows) -> None:
    run = claimed(house_database, rows)
    unstorable = Outcome({"last": object()}, (Outgoing(Category.REPORT, owner_of(run), "x"),))
    with pytest.raises(Exception, match="JSON serializable"):
        runs(house_database).finish_run(run, unstorable, now=datetime.now(UTC))
    assert statuses(rows) == ["running"]
    assert rows.all("SELECT id FROM msg_messages") == []


def test_a_dead_workers_run_is_tried_again_and_its_late_result_refused(house_database: Database, rows: Rows) -> None:
    run = claimed(house_database, rows)
    rows.execute("UPDATE job_schedule_runs SET lease_until = now() - interval '1 s'")
    assert planning(house_database).rescue_stalled(chance=CHANCE) == 1
    assert statuses(rows) == ["planned"]
    rows.execute("UPDATE job_schedule_runs SET not_before = now()")
    [bell] = planning(house_database).ring_waiting()
    assert bell.attempt == 1
    assert runs(house_database).start_run(bell.run_id, bell.attempt, "worker-2") is not None
    late = Outcome({"last": "late"}, (Outgoing(Category.REPORT, owner_of(run), "late"),))
    assert not runs(house_database).finish_run(run, late, now=datetime.now(UTC))
    assert rows.all("SELECT id FROM msg_messages") == []


def test_a_run_that_keeps_failing_ends_and_its_owner_is_told_once(house_database: Database, rows: Rows) -> None:
    run: ClaimedRun | None = claimed(house_database, rows)
    attempts = 0
    while run is not None:
        attempts += 1
        assert runs(house_database).fail_run(
            run, RetryLater("the source is down"), reference="E-1", now=datetime.now(UTC), chance=CHANCE
        )
        rows.execute("UPDATE job_schedule_runs SET not_before = now() WHERE status = 'planned'")
        bells: list[Bell] = planning(house_database).ring_waiting()
        run = runs(house_database).start_run(bells[0].run_id, bells[0].attempt, "w") if bells else None
    assert attempts == 3
    assert statuses(rows) == ["failed"]
    assert [row.template for row in rows.all("SELECT template FROM msg_messages")] == ["run_failed"]
    assert rows.all("SELECT consecutive_failures AS n FROM job_schedules")[0].n == 1


def test_a_final_failure_is_not_tried_again(house_database: Database, rows: Rows) -> None:
    run = claimed(house_database, rows)
    runs(house_database).fail_run(run, GiveUp("no such symbol"), reference="E-1", now=datetime.now(UTC), chance=CHANCE)
    assert statuses(rows) == ["failed"]


def test_a_bug_is_told_by_its_reference_alone(house_database: Database, rows: Rows) -> None:
    run = claimed(house_database, rows)
    rows.execute("UPDATE job_schedule_runs SET attempt = 9")
    runs(house_database).fail_run(
        run, ZeroDivisionError("secret detail"), reference="E-77", now=datetime.now(UTC), chance=CHANCE
    )
    [row] = rows.all("SELECT error FROM job_schedule_runs")
    assert "E-77" in row.error
    assert "secret" not in row.error


def test_a_heartbeat_keeps_what_is_ours_and_says_what_is_not(house_database: Database, rows: Rows) -> None:
    run = claimed(house_database, rows)
    assert runs(house_database).keep_alive({run.id: run.token}) == {run.id}
    assert runs(house_database).keep_alive({run.id: run.token + 1}) == set()


def test_a_paused_schedule_is_not_planned_and_a_resumed_one_starts_from_now(
    house_database: Database, rows: Rows
) -> None:
    user = rows.person()
    schedule = rows.schedule(user)
    mine = JobsService(house_database.for_user(user.id))
    mine.pause(schedule.id)
    planning(house_database).plan_due_runs()
    assert statuses(rows) == []
    resumed = JobsService(house_database.for_user(user.id)).resume(schedule.id, now=datetime.now(UTC))
    assert resumed.next_run_at is not None
    assert resumed.next_run_at > datetime.now(UTC) - timedelta(seconds=61)
