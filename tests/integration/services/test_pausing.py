"""What was due when a schedule stopped being planned has its row all the same."""

from datetime import UTC, datetime, timedelta

import pytest

from db.engine import Database
from services.jobs import JobsService
from services.planning import PlanningService
from tests.factories import Rows


@pytest.mark.parametrize("how", ["pause", "delete"])
def test_a_due_time_that_nobody_had_planned_is_not_lost_to_a_pause(
    house_database: Database, rows: Rows, how: str
) -> None:
    user = rows.person()
    schedule = rows.schedule(user)
    first = rows.due_ago(schedule, timedelta(minutes=3))
    jobs = JobsService(house_database.for_user(user.id))
    after = jobs.pause(schedule.id) if how == "pause" else jobs.delete(schedule.id, now=datetime.now(UTC))
    assert after.next_run_at is None
    [row] = rows.all("SELECT status, skip_reason, scheduled_for, covers_until, error FROM job_schedule_runs")
    assert (row.status, row.skip_reason, row.scheduled_for) == ("skipped", "paused", first)
    assert row.covers_until >= first + timedelta(minutes=3)
    assert f"{how}d before" in row.error
    assert PlanningService(house_database.for_platform()).plan_due_runs().schedules == 0


def test_a_pause_before_anything_is_due_leaves_no_row(house_database: Database, rows: Rows) -> None:
    user = rows.person()
    schedule = rows.schedule(user, "0 0 1 1 *")
    JobsService(house_database.for_user(user.id)).pause(schedule.id)
    assert rows.all("SELECT FROM job_schedule_runs") == []
