"""When a schedule stops being planned, what was due by then and not planned yet still gets its row."""

from db.jobs import ScheduleRow
from db.planning import PlannedRows
from db.unit_of_work import UnitOfWork
from domain.runs import Overlap, RunStatus, SkipReason, Trigger
from domain.timing import Due


def plan_no_more(uow: UnitOfWork, schedule: ScheduleRow, why: str) -> None:
    """Take the cursor of a locked schedule away; one row, skipped with `why`, stands for what it had already passed."""
    cursor, schedule.next_run_at = schedule.next_run_at, None
    now = uow.planning.database_now()
    if cursor is None or cursor > now:
        return
    timing = schedule.timing
    sessions = uow.market.sessions_for(timing)
    first, last = timing.due_at(cursor, sessions), timing.last_until(now, cursor, sessions)
    rows = PlannedRows()
    rows.add(
        job_id=schedule.id,
        scheduled_for=first.at,
        not_before=first.not_before,
        local_slot=slot_of(first, schedule.timezone),
        status=RunStatus.SKIPPED,
        trigger=Trigger.CRON,
        overlap=Overlap.ALLOW,
        skip_reason=SkipReason.PAUSED,
        error=why,
        covers_until=last.at if last.at > first.at else None,
    )
    uow.planning.plan(rows)


def slot_of(due: Due, timezone: str) -> str | None:
    """The wall-clock slot that a due time of a fixed-time schedule fills; a fold cannot fill it twice."""
    return f"{due.local_slot:%Y-%m-%d %H:%M} {timezone}" if due.local_slot is not None else None
