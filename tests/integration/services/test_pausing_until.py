"""Pausing until a time, with the real planner: nothing is due meanwhile, nothing is lost after it."""

from datetime import UTC, datetime, timedelta

import pytest

from db.engine import Database
from domain.errors import InvalidInput, NotFound
from domain.schedules import Schedule
from domain.timing import Timing
from domain.users import User
from services.agenda import AgendaService
from services.jobs import JobsService
from services.pauses import AllChanged, PausesService
from services.planning import PlanningService
from tests.factories import Rows
from tests.integration.services.test_agenda import sessions

ADA_CHAT = 1000
MINUTE = timedelta(minutes=1)


def now() -> datetime:
    return datetime.now(UTC)


def jobs(database: Database, user: User) -> JobsService:
    return JobsService(database.for_user(user.id))


def planned(database: Database) -> int:
    """How many schedules a fresh scheduler finds due."""
    return PlanningService(database.for_platform()).plan_due_runs().schedules


def runs(rows: Rows) -> list[tuple[str, datetime]]:
    found = rows.all("SELECT status, scheduled_for FROM job_schedule_runs ORDER BY scheduled_for")
    return [(row.status, row.scheduled_for) for row in found]


def time_passes_until_over(rows: Rows, schedule: Schedule) -> datetime:
    """As if the pause had ended three minutes ago, and the planner had been away since."""
    end = (now() - 3 * MINUTE).replace(second=0, microsecond=0)
    rows.execute(
        "UPDATE job_schedules SET paused_until = :end, next_run_at = :end WHERE id = :id", end=end, id=schedule.id
    )
    return end


def test_while_it_is_paused_until_a_time_nothing_is_due(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada)
    until = now() + timedelta(hours=3)
    paused = jobs(house_database, ada).pause(schedule.id, until)
    assert paused.enabled
    assert paused.paused_until == until
    assert paused.next_run_at is not None
    assert until <= paused.next_run_at < until + MINUTE
    assert planned(house_database) == 0
    assert AgendaService(house_database.for_user(ada.id)).agenda(now(), until).due == ()
    assert runs(rows) == []


def test_an_end_on_a_due_time_runs_that_one(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 9 * * *")
    due = next(schedule.timing.upcoming(now() + timedelta(days=2))).at
    assert jobs(house_database, ada).pause(schedule.id, due).next_run_at == due


def test_it_goes_on_by_itself_from_the_end_with_no_due_time_lost_or_doubled(
    house_database: Database, rows: Rows
) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, catch_up="all", overlap="allow", catch_up_window_s=86_400)
    jobs(house_database, ada).pause(schedule.id, now() + timedelta(hours=1))
    end = time_passes_until_over(rows, schedule)
    assert planned(house_database) == 1
    assert planned(house_database) == 0
    found = [at for _, at in runs(rows)]
    assert found == [end + n * MINUTE for n in range(len(found))]
    assert len(found) >= 3
    after = jobs(house_database, ada).get(schedule.id)
    assert after.next_run_at == found[-1] + MINUTE


def test_what_was_due_before_the_pause_and_not_planned_has_its_row(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada)
    first = rows.due_ago(schedule, 3 * MINUTE)
    jobs(house_database, ada).pause(schedule.id, now() + timedelta(hours=1))
    [(status, at)] = runs(rows)
    assert (status, at) == ("skipped", first)
    assert planned(house_database) == 0


def test_going_on_early_finds_the_next_due_time_from_then(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada)
    service = jobs(house_database, ada)
    service.pause(schedule.id, now() + timedelta(days=3))
    moment = now()
    resumed = service.resume(schedule.id, now=moment)
    assert resumed.paused_until is None
    assert resumed.next_run_at is not None
    assert moment < resumed.next_run_at <= moment + MINUTE


def test_resuming_what_goes_on_already_moves_nothing(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada)
    service = jobs(house_database, ada)
    service.pause(schedule.id, now() + timedelta(hours=1))
    end = time_passes_until_over(rows, schedule)
    assert service.resume(schedule.id, now=now()).next_run_at == end
    assert planned(house_database) == 1
    assert runs(rows)[0][1] == end


def test_deleting_and_undoing_keeps_the_end_of_the_pause(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada)
    service, until = jobs(house_database, ada), now() + timedelta(hours=5)
    service.pause(schedule.id, until)
    service.delete(schedule.id, now=now())
    back = service.undelete(schedule.id, now=now())
    assert back.paused_until == until
    assert back.next_run_at is not None
    assert back.next_run_at >= until


def test_a_pause_without_an_end_replaces_one_with_an_end_and_the_other_way_round(
    house_database: Database, rows: Rows
) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada)
    service = jobs(house_database, ada)
    service.pause(schedule.id, now() + timedelta(hours=1))
    held = service.pause(schedule.id)
    assert (held.enabled, held.paused_until, held.next_run_at) == (False, None, None)
    again = service.pause(schedule.id, now() + timedelta(hours=2))
    assert again.enabled
    assert again.next_run_at is not None


def test_an_end_that_is_over_is_refused_and_changes_nothing(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada)
    with pytest.raises(InvalidInput, match="nothing was changed"):
        jobs(house_database, ada).pause(schedule.id, now() - MINUTE)
    after = jobs(house_database, ada).get(schedule.id)
    assert (after.enabled, after.paused_until, after.next_run_at) == (True, None, schedule.next_run_at)


def test_a_job_by_sessions_that_nobody_knows_so_far_ahead_is_found_again_behind_its_pause(
    house_database: Database, rows: Rows
) -> None:
    ada = rows.person()
    schedule = rows.schedule(ada, "0 12 * * *")
    rows.execute("UPDATE job_schedules SET calendar = 'XNYS' WHERE id = :id", id=schedule.id)
    until = now() + timedelta(days=30)
    assert jobs(house_database, ada).pause(schedule.id, until).next_run_at is None
    sessions(house_database, days=60)
    with house_database.for_platform() as uow:
        known = uow.market.sessions()
    assert PlanningService(house_database.for_platform(), known).revive() == 1
    found = jobs(house_database, ada).get(schedule.id).next_run_at
    assert found is not None
    assert found >= until


def everything(database: Database, user: User) -> PausesService:
    return PausesService(database.for_user(user.id))


def undone(database: Database, user: User, done: AllChanged) -> AllChanged:
    assert done.undo is not None
    return everything(database, user).undo(ADA_CHAT, done.undo, now=now())


def test_pausing_everything_is_undone_as_it_was(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    first, second, resting = (rows.schedule(ada, name=name) for name in ("one", "two", "three"))
    others = rows.schedule(bob, telegram=2000)
    service = jobs(house_database, ada)
    service.pause(resting.id)
    until = now() + timedelta(hours=2)
    done = everything(house_database, ada).pause_all(ada, ADA_CHAT, until, now=now())
    assert [schedule.id for schedule in done.changed] == [first.id, second.id]
    assert all(schedule.paused_until == until for schedule in done.changed)
    assert jobs(house_database, bob).get(others.id).paused_until is None
    service.pause(second.id)
    back = undone(house_database, ada, done)
    assert [schedule.id for schedule in back.changed] == [first.id]
    assert back.changed[0].paused_until is None
    assert not service.get(second.id).enabled
    with pytest.raises(NotFound, match="undone any more"):
        undone(house_database, ada, done)


def test_the_undo_of_another_and_one_after_ten_minutes_are_refused(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    rows.schedule(ada)
    done = everything(house_database, ada).pause_all(ada, ADA_CHAT, now=now())
    assert done.undo is not None
    with pytest.raises(NotFound):
        everything(house_database, bob).undo(2000, done.undo, now=now())
    with pytest.raises(NotFound):
        everything(house_database, ada).undo(ADA_CHAT, done.undo, now=now() + timedelta(minutes=11))


def test_letting_everything_go_on_leaves_what_paused_itself_and_is_undone(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    broken, held = rows.schedule(ada, name="broken"), rows.schedule(ada, name="held")
    service, until = jobs(house_database, ada), now() + timedelta(days=1)
    rows.execute("UPDATE job_schedules SET enabled = false, paused_reason = 'it failed' WHERE id = :id", id=broken.id)
    service.pause(held.id, until)
    done = everything(house_database, ada).resume_all(ada, ADA_CHAT, now=now())
    assert [schedule.id for schedule in done.changed] == [held.id]
    assert [schedule.id for schedule in done.left] == [broken.id]
    assert [schedule.paused_until for schedule in undone(house_database, ada, done).changed] == [until]


def test_there_must_be_something_to_pause_and_something_to_resume(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    with pytest.raises(InvalidInput, match="nothing to pause"):
        everything(house_database, ada).pause_all(ada, ADA_CHAT, now=now())
    rows.schedule(ada)
    with pytest.raises(InvalidInput, match="nothing to resume"):
        everything(house_database, ada).resume_all(ada, ADA_CHAT, now=now())


def test_a_job_that_was_to_run_once_and_is_over_is_not_paused(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    over = rows.schedule(ada)
    ended = now() - timedelta(hours=1)
    rows.execute("UPDATE job_schedules SET next_run_at = NULL, ends_at = :at WHERE id = :id", at=ended, id=over.id)
    with pytest.raises(InvalidInput, match="nothing to pause"):
        everything(house_database, ada).pause_all(ada, ADA_CHAT, now=now())
    assert Timing(over.timing.expression, over.timezone, ends_at=ended).next_after(now()) is None
