"""Pausing and going on: a cursor taken away, set behind a pause, or put back; what was due by then gets its row."""

from datetime import datetime

from db.jobs import ScheduleRow
from db.planning import PlannedRows
from db.unit_of_work import UnitOfWork
from domain.calendars import Sessions
from domain.errors import InvalidInput
from domain.locales import t
from domain.runs import Overlap, RunStatus, SkipReason, Trigger
from domain.timing import INSTANT, Due, SessionsUnknown, Timing

PAUSED_BEFORE = "the job was paused before this could be planned"


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


def next_of(timing: Timing, instant: datetime, sessions: Sessions) -> datetime | None:
    """The due time after `instant`, which a cursor is moved to."""
    due = timing.next_after(instant, sessions)
    return due.at if due is not None else None


def cursor_of(uow: UnitOfWork, row: ScheduleRow, now: datetime) -> datetime | None:
    """Where the cursor of a schedule belongs that was changed: nowhere, behind its pause, or behind `now`."""
    if not row.enabled:
        return None
    start = now
    if row.paused_until is not None and row.paused_until > now:
        start = row.paused_until - INSTANT
    timing = row.timing
    return next_of(timing, start, uow.market.sessions_for(timing))


def rests(row: ScheduleRow, now: datetime) -> bool:
    """Whether nothing of it is planned at this moment."""
    return not row.enabled or (row.paused_until is not None and row.paused_until > now)


def pause(uow: UnitOfWork, row: ScheduleRow, until: datetime | None, now: datetime) -> None:
    """Plan nothing of a locked schedule before `until`, or, without it, at all.

    With an end it stays enabled, and its cursor stands behind the end: it goes on by itself, whatever restarts.
    """
    if until is not None and until <= now:
        raise InvalidInput(t("That time is over already, and nothing was changed. Name one that is still to come."))
    plan_no_more(uow, row, PAUSED_BEFORE)
    row.enabled, row.paused_until = until is not None, until
    if until is not None:
        row.paused_reason = None
        try:
            row.next_run_at = cursor_of(uow, row, now)
        except SessionsUnknown:  # nobody knows the exchange's days so far ahead; the planner finds it once they are
            row.next_run_at = None


def resume(uow: UnitOfWork, row: ScheduleRow, now: datetime) -> bool:
    """Plan a locked schedule again, from the next due time after `now`; False when it was not paused."""
    if not rests(row, now):
        return False
    cursor = next_of(row.timing, now, uow.market.sessions_for(row.timing))
    row.enabled, row.paused_until, row.next_run_at = True, None, cursor
    row.paused_reason, row.failure_told_at, row.consecutive_failures = None, None, 0
    return True
