"""A person moved to another time zone: what becomes of the jobs that were saved in the old one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from db.jobs import ScheduleRow
from db.unit_of_work import UnitOfWork
from domain.calendars import SessionsUnknown
from domain.schedules import Schedule
from domain.timing import Timing
from domain.zones import zone_of
from services.jobs import next_of
from services.pausing import plan_no_more

MOST = 1000
INSTANT = timedelta(microseconds=1)


class ZonesService:
    """Use cases around the zones of jobs; the unit of work is the person's own."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def saved_in(self, zone: str, *, among: Sequence[int] | None = None) -> list[Schedule]:
        """This person's jobs whose clock is that of `zone`; those that follow an exchange have none."""
        with self.uow as uow:
            rows = uow.jobs.all_live(limit=MOST)
            found = [row for row in rows if row.timezone == zone and not row.cron.startswith("@")]
            return [row.view() for row in found if among is None or row.id in among]

    def move(self, schedule_ids: Sequence[int], source: str, target: str, *, now: datetime) -> list[int]:
        """Let these jobs keep their wall clock, in `target` from now on; the numbers of those that moved.

        A job that is not in `source` any more stays, and so does one whose only time would be over.
        """
        with self.uow as uow:
            moved = [number for number in schedule_ids if _move(uow, number, source, target, now)]
            if moved:
                uow.jobs.wake("runs")
            uow.commit()
            return moved


def _move(uow: UnitOfWork, schedule_id: int, source: str, target: str, now: datetime) -> bool:
    row = uow.jobs.live(schedule_id, lock=True)
    if row is None or row.timezone != source:
        return False
    timing = _on_the_wall_of(row.timing, target)
    cursor = _cursor(uow, row, timing, now)
    if row.enabled and row.next_run_at is not None and cursor is None and timing.exchange is None:
        return False
    if row.enabled:
        plan_no_more(uow, row, "its time zone was changed before this could be planned")
        row.next_run_at = cursor
    row.timezone, row.starts_at, row.ends_at = target, timing.starts_at, timing.ends_at
    return True


def _cursor(uow: UnitOfWork, row: ScheduleRow, timing: Timing, now: datetime) -> datetime | None:
    """The first due time that is to come; None too while the sessions it depends on are not known."""
    after = max(now, row.paused_until - INSTANT) if row.paused_until is not None else now
    try:
        return next_of(timing, after, uow.market.sessions_for(timing))
    except SessionsUnknown:
        return None


def _on_the_wall_of(timing: Timing, target: str) -> Timing:
    """The same wall clock in another zone; a single time moves with it, a period's ends stay where they are."""
    moved = replace(timing, timezone=target)
    if timing.starts_at is None or timing.starts_at != timing.ends_at:
        return moved
    wall = timing.starts_at.astimezone(zone_of(timing.timezone)).replace(tzinfo=None)
    at = wall.replace(tzinfo=zone_of(target)).astimezone(UTC)
    return replace(moved, starts_at=at, ends_at=at)
