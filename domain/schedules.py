"""A schedule: a job, and when it is due."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from domain.calendars import Sessions
from domain.errors import InvalidInput
from domain.ids import ScheduleId, UserId
from domain.locales import t
from domain.timing import Due, Timing
from domain.users import Quota

UNDO_WINDOW = timedelta(minutes=10)
MOST_BACKFILLED = 100


class JobType(StrEnum):
    """Our own kinds of work; a plug-in's are named ``vendor.kind``."""

    REPORT = "report"
    SCREENER = "screener"
    ALERT = "alert"
    NOTIFICATION = "notification"
    DATA_PROCESSING = "data_processing"
    BACKUP = "backup"
    BOT = "bot"


OWN_JOB_TYPES = tuple(kind.value for kind in JobType)
JOB_TYPE_PATTERN = "^[a-z0-9_]+[.][a-z0-9_]+$"


class CatchUp(StrEnum):
    """What becomes of the due times that an outage made late."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


@dataclass(frozen=True)
class Schedule:
    """A schedule as it is shown."""

    id: ScheduleId
    user_id: UserId
    name: str
    job_type: str
    params: Mapping[str, Any]
    timing: Timing
    enabled: bool
    next_run_at: datetime | None
    last_run_at: datetime | None
    consecutive_failures: int
    catch_up: CatchUp
    catch_up_window_s: int
    overlap: str
    grace_s: int
    max_retries: int
    timeout_s: int
    paused_reason: str | None = None
    paused_until: datetime | None = None
    """It is enabled, and nothing of it is due before this instant."""
    tags: tuple[str, ...] = ()
    deliver_to: tuple[str, ...] | None = None
    """Channels its results go to; None for what its owner prefers."""
    destination_id: int | None = None
    """The linked group or topic that its results go to."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timing.timezone)

    @property
    def timezone(self) -> str:
        return self.timing.timezone

    @property
    def words(self) -> str:
        return self.timing.words

    def held_until(self, now: datetime) -> datetime | None:
        """The instant until which it is paused, and goes on by itself then; None when it is not held so."""
        until = self.paused_until
        return until if self.enabled and until is not None and until > now else None

    def upcoming(self, now: datetime, count: int, sessions: Sessions = Sessions.NONE) -> list[Due]:
        """The next `count` due times, none while it is paused; those that a calendar leaves out say why."""
        return list(islice(self.timing.upcoming(now, sessions), count)) if self.enabled else []


@dataclass(frozen=True)
class Proposal:
    """A schedule that a person was shown and has not saved yet."""

    name: str
    job_type: str
    params: Mapping[str, Any]
    timing: Timing

    @property
    def words(self) -> str:
        return self.timing.words

    def upcoming(self, now: datetime, count: int, sessions: Sessions = Sessions.NONE) -> list[Due]:
        return list(islice(self.timing.upcoming(now, sessions), count))

    def check(self, quota: Quota, now: datetime, sessions: Sessions = Sessions.NONE) -> None:
        """InvalidInput when the runs would come closer together than the person's quota allows."""
        shortest = self.timing.shortest_interval(now, sessions)
        if shortest is not None and shortest < quota.shortest_interval:
            floor = int(quota.shortest_interval.total_seconds() // 60)
            raise InvalidInput(
                t(
                    "{words} is closer together than your plan's {floor} minutes. Try {line} (every {floor} minutes).",
                    words=f"{self.words[:1].upper()}{self.words[1:]}",
                    floor=floor,
                    line=f"*/{floor} * * * *",
                )
            )
