"""A run: one execution of a job, from planned to a final state that says what became of it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.ids import RunId, ScheduleId, UserId
from domain.messages import Outgoing

LEASE = timedelta(seconds=45)
HEARTBEAT = timedelta(seconds=10)
RING_AGAIN = timedelta(seconds=30)
RUNS_AT_ONCE_PER_USER = 2


class RunStatus(StrEnum):
    PLANNED = "planned"
    ENQUEUED = "enqueued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Trigger(StrEnum):
    CRON = "cron"
    MANUAL = "manual"
    CATCH_UP = "catch_up"


TRANSITIONS: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.PLANNED: frozenset({RunStatus.ENQUEUED, RunStatus.RUNNING, RunStatus.CANCELLED, RunStatus.SKIPPED}),
    RunStatus.ENQUEUED: frozenset({RunStatus.ENQUEUED, RunStatus.RUNNING, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.SUCCEEDED,
            RunStatus.FAILED,
            RunStatus.TIMED_OUT,
            RunStatus.UNKNOWN,
            RunStatus.PLANNED,
            RunStatus.CANCELLED,
        }
    ),
}
"""Every change of state there is; a state without an entry is final."""

FINAL = frozenset(set(RunStatus) - set(TRANSITIONS))


@dataclass(frozen=True)
class Run:
    """A run as it is shown."""

    id: RunId
    schedule_id: ScheduleId | None
    name: str
    job_type: str
    status: RunStatus
    trigger: Trigger
    scheduled_for: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    error: str | None
    skip_reason: str | None

    @property
    def took(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.started_at and self.finished_at else None

    @property
    def lateness(self) -> timedelta | None:
        return self.started_at - self.scheduled_for if self.started_at else None


@dataclass(frozen=True)
class ClaimedRun:
    """A run that this worker alone may finish, as long as its token is the row's."""

    id: RunId
    scheduled_for: datetime
    token: int
    attempt: int
    max_retries: int
    job_type: str
    user_id: UserId
    schedule_id: ScheduleId | None
    name: str
    params: Mapping[str, Any]
    timezone: str
    trigger: Trigger
    deadline_at: datetime


def back_off(attempt: int, chance: random.Random) -> timedelta:
    """How long to wait before the next attempt: full jitter below 10 s, 20 s, 40 s … 10 min."""
    ceiling = min(10.0 * 2.0 ** (attempt - 1), 600.0)
    return timedelta(seconds=chance.uniform(1.0, ceiling))


@dataclass(frozen=True)
class Outcome:
    """What a job made: a result to keep, and the messages to send, stored in one commit."""

    result: Mapping[str, Any]
    messages: tuple[Outgoing, ...] = ()
