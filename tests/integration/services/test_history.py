"""Pages of runs by their keys, and stories told from real rows."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from db.engine import Database
from domain.errors import GiveUp, InvalidInput, NotFound
from domain.messages import Category, Outgoing
from domain.runs import ClaimedRun, Outcome
from domain.users import User
from services.history import HistoryService
from services.jobs import JobsService
from services.planning import PlanningService
from services.runs import RunsService
from services.timeline import Timeline
from tests.factories import Rows

BERLIN = ZoneInfo("Europe/Berlin")


def history(database: Database, user: User) -> HistoryService:
    return HistoryService(database.for_user(user.id))


def jobs(database: Database, user: User) -> JobsService:
    return JobsService(database.for_user(user.id))


def story(database: Database, user: User, run_id: int) -> Timeline:
    return history(database, user).explain(run_id, BERLIN, now=datetime.now(UTC))


def begun(database: Database, user: User, schedule_id: int) -> ClaimedRun:
    """A run of that schedule, asked for by hand, rung and started."""
    run_id = jobs(database, user).run_now(schedule_id, now=datetime.now(UTC))
    PlanningService(database.for_platform()).ring_waiting()
    run = RunsService(database.for_platform()).start_run(run_id, 0, "host:1")
    assert run is not None
    return run


def test_pages_follow_each_other_by_key_without_a_gap_or_a_repeat(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "*/10 * * * *")
    rows.due_ago(schedule, timedelta(hours=3))
    PlanningService(house_database.for_platform()).plan_due_runs()
    whole = [each.run.id for each in history(house_database, ada).recent(limit=100)]
    assert len(whole) > 10
    for of in (None, schedule.id):
        seen: list[int] = []
        while page := history(house_database, ada).recent(
            schedule_id=of, before=seen[-1] if seen else None, limit=4, user_id=ada.id
        ):
            seen += [each.run.id for each in page]
        assert sorted(seen) == sorted(whole)
        assert len(seen) == len(set(seen))


def test_only_what_went_wrong_is_among_the_failed_and_only_ones_own(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    schedule = rows.schedule(ada, "0 0 1 1 *", overlap="allow")
    failing, fine = begun(house_database, ada, schedule.id), begun(house_database, ada, schedule.id)
    runs = RunsService(house_database.for_platform())
    runs.fail_run(failing, GiveUp("no such symbol"), reference="E", now=datetime.now(UTC), chance=Random(1))
    runs.finish_run(fine, Outcome({}), now=datetime.now(UTC))
    found = history(house_database, ada).failed(user_id=ada.id)
    assert [each.run.id for each in found] == [failing.id]
    assert found[0].run.error == "no such symbol"
    assert history(house_database, bob).failed() == []
    assert history(house_database, bob).recent() == []
    with pytest.raises(NotFound):
        story(house_database, bob, failing.id)


def test_a_story_joins_the_row_its_events_and_its_messages(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 0 1 1 *")
    run = begun(house_database, ada, schedule.id)
    runs = RunsService(house_database.for_platform())
    runs.fail_run(run, RuntimeError("x"), reference="E-1", now=datetime.now(UTC), chance=Random(1))
    waiting = story(house_database, ada, run.id)
    assert waiting.verdict.startswith("It waits for its next attempt")
    rows.execute("UPDATE job_schedule_runs SET not_before = now() WHERE id = :id", id=run.id)
    PlanningService(house_database.for_platform()).ring_waiting()
    second = runs.start_run(run.id, 1, "host:2")
    assert second is not None
    assert story(house_database, ada, run.id).verdict.startswith("It is running on host:2, attempt 2")
    message = Outgoing(Category.REPORT, ada.id, text="done")
    runs.finish_run(second, Outcome({}, (message,)), now=datetime.now(UTC))
    told = story(house_database, ada, run.id)
    said = "\n".join(moment.text for moment in told.moments)
    assert told.verdict == "It succeeded at attempt 2. Its message is on its way."
    for part in ("Attempt 1 failed: something broke on my side (reference E-1). It was planned again.",
                 "Attempt 2 started on host:2.", "It succeeded", "Queued: its message"):  # fmt: skip
        assert part in said


def test_a_run_that_waits_for_another_names_it(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    first = rows.schedule(ada, "0 0 1 1 *", overlap="queue_one")
    running = begun(house_database, ada, first.id)
    rows.due_ago(first, timedelta(0))
    PlanningService(house_database.for_platform()).plan_due_runs()
    [waiting] = rows.all("SELECT id FROM job_schedule_runs WHERE status = 'planned'")
    told = story(house_database, ada, waiting.id)
    assert told.verdict == f"It waits: run {running.id} of the same job goes first."


def test_a_run_that_waits_for_room_says_so_and_may_go_before_the_others(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    going = [begun(house_database, ada, rows.schedule(ada, "0 0 1 1 *", f"job {n}").id) for n in range(2)]
    waiting = [
        jobs(house_database, ada).run_now(rows.schedule(ada, "0 0 1 1 *", f"late {n}").id, now=datetime.now(UTC))
        for n in range(2)
    ]
    planner = PlanningService(house_database.for_platform())
    planner.ring_waiting()
    assert "2 runs of the same person are going" in story(house_database, ada, waiting[1]).verdict
    platform = JobsService(house_database.for_platform())
    with pytest.raises(NotFound):
        platform.hurry(bob, waiting[1])
    platform.hurry(ada, waiting[1])
    RunsService(house_database.for_platform()).finish_run(going[0], Outcome({}), now=datetime.now(UTC))
    assert [bell.run_id for bell in planner.ring_waiting()] == [waiting[1]]
    platform.hurry(ada, waiting[1])  # rung already: it is rung again at once
    assert [bell.run_id for bell in planner.ring_waiting()] == [waiting[1]]
    with pytest.raises(InvalidInput, match="does not wait any more"):
        platform.hurry(ada, going[0].id)


def test_what_is_in_doubt_may_be_left_once_and_only_that(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    run = begun(house_database, ada, rows.schedule(ada, "0 0 1 1 *").id)
    with pytest.raises(InvalidInput, match="not in doubt"):
        jobs(house_database, ada).leave(run.id, ada.email, now=datetime.now(UTC))
    rows.execute("UPDATE job_schedule_runs SET status = 'unknown', finished_at = now() WHERE id = :id", id=run.id)
    for _ in range(2):
        jobs(house_database, ada).leave(run.id, ada.email, now=datetime.now(UTC))
    assert "looked at and left by ada@example.com" in story(house_database, ada, run.id).verdict
    [row] = rows.all("SELECT jsonb_array_length(events) AS events FROM job_schedule_runs WHERE id = :id", id=run.id)
    assert row.events == 1
