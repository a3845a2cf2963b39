"""A schedule: a job, a cron line and the zone it is read in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from domain.cron import Cron
from domain.errors import InvalidInput
from domain.ids import ScheduleId, UserId
from domain.users import Quota
from domain.words import describe

UNDO_WINDOW = timedelta(minutes=10)
MISSED_ROWS = 100


class JobType(StrEnum):
    REPORT = "report"
    SCREENER = "screener"
    ALERT = "alert"
    NOTIFICATION = "notification"
    DATA_PROCESSING = "data_processing"
    BACKUP = "backup"
    BOT = "bot"


CATCH_UP_WINDOW = {JobType.REPORT: timedelta(hours=12), JobType.ALERT: timedelta(minutes=2)}
DEFAULT_CATCH_UP_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Schedule:
    """A schedule as it is shown."""

    id: ScheduleId
    user_id: UserId
    name: str
    job_type: JobType
    params: Mapping[str, Any]
    cron: Cron
    timezone: str
    enabled: bool
    next_run_at: datetime | None
    last_run_at: datetime | None
    consecutive_failures: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def words(self) -> str:
        return describe(self.cron)

    def upcoming(self, now: datetime, count: int) -> list[datetime]:
        """The next `count` due times, none while it is paused."""
        return list(islice(self.cron.upcoming(now, self.zone), count)) if self.enabled else []


@dataclass(frozen=True)
class Proposal:
    """A schedule that a person was shown and has not saved yet."""

    name: str
    job_type: JobType
    params: Mapping[str, Any]
    cron: Cron
    timezone: str

    @property
    def words(self) -> str:
        return describe(self.cron)

    def upcoming(self, now: datetime, count: int) -> list[datetime]:
        return list(islice(self.cron.upcoming(now, ZoneInfo(self.timezone)), count))

    def check(self, quota: Quota, now: datetime) -> None:
        """InvalidInput when the runs would come closer together than the person's quota allows."""
        shortest = self.cron.shortest_interval(now, ZoneInfo(self.timezone))
        if shortest is not None and shortest < quota.shortest_interval:
            floor = int(quota.shortest_interval.total_seconds() // 60)
            raise InvalidInput(
                f"{describe(self.cron).capitalize()} is closer together than your plan's {floor} minutes. "
                f"Try */{floor} * * * * (every {floor} minutes)."
            )


@dataclass(frozen=True)
class DuePlan:
    """What a schedule owes at one instant: at most one due time to run, the missed ones to record, the next cursor."""

    run: datetime | None
    missed: tuple[datetime, ...]
    next_run_at: datetime | None


def plan_due(cron: Cron, zone: ZoneInfo, cursor: datetime, now: datetime, window: timedelta) -> DuePlan:
    """The newest due time in [`cursor`, `now`] runs if it lies inside `window`; older ones are missed, up to 100.

    The cursor moves from due time to due time, never from `now`, so that nothing drifts; only when more than 100
    were missed is the rest passed over in one step.
    """
    due = [cursor]
    following = cron.next_after(cursor, zone)
    while following is not None and following <= now and len(due) <= MISSED_ROWS:
        due.append(following)
        following = cron.next_after(following, zone)
    if following is not None and following <= now:
        due.append(_newest(cron, zone, now, window) or due[-1])
        following = cron.next_after(now, zone)
    fresh = due[-1] >= now - window
    missed = due[:-1] if fresh else due
    return DuePlan(due[-1] if fresh else None, tuple(sorted(set(missed))), following)


def _newest(cron: Cron, zone: ZoneInfo, now: datetime, window: timedelta) -> datetime | None:
    newest = None
    for start in (now - timedelta(minutes=5), now - window):
        for due in cron.upcoming(start, zone):
            if due > now:
                break
            newest = due
        if newest is not None:
            break
    return newest
