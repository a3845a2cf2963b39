"""A run: one execution of a job, from planned to a final state that says what became of it.

`STEPS` is the whole protocol: every conditional UPDATE takes its condition from it, and the model in the tests is
explored along it.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.ids import RunId, ScheduleId, UserId
from domain.locales import DEFAULT
from domain.messages import Outgoing

LEASE = timedelta(seconds=45)
HEARTBEAT = timedelta(seconds=10)
RING_AGAIN = timedelta(seconds=30)
STOP_GRACE = timedelta(seconds=3)
"""Between asking a job to stop at its deadline and taking its run away from it."""
RUNS_AT_ONCE_PER_USER = 2
PAUSE_AFTER_FAILURES = 10
TELL_AGAIN_AFTER = timedelta(hours=24)


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
    """Why there is a run."""

    CRON = "cron"
    CATCH_UP = "catch_up"
    MANUAL = "manual"
    BACKFILL = "backfill"
    API = "api"


class Overlap(StrEnum):
    """What a due time meets while an earlier run of its schedule is not over."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    ALLOW = "allow"
    IN_TURN = "in_turn"  # of rows, not of schedules: any number may wait, oldest first, one runs


class SkipReason(StrEnum):
    """Why a due time was not run."""

    OVERLAP = "overlap"
    WINDOW = "window"
    PAUSED = "paused"
    QUOTA = "quota"
    NO_SESSION = "no_session"
    OWNER_INACTIVE = "owner_inactive"
    BY_OWNER = "skipped_by_owner"


class Fence(StrEnum):
    """What of the row must still be as the writer knew it."""

    NONE = "none"
    ATTEMPT = "attempt"
    TOKEN = "token"  # noqa: S105  # a column's name


class Condition(StrEnum):
    """What must be true of the row, by the database's clock, at the moment of writing."""

    DUE = "due"
    UNANSWERED = "unanswered"
    LEASE_OVER = "lease_over"
    DEADLINE_OVER = "deadline_over"


@dataclass(frozen=True)
class Step:
    """One way from state to state: where it may start, what it requires, whether it takes the run from its holder."""

    name: str
    sources: frozenset[RunStatus]
    target: RunStatus
    fence: Fence = Fence.NONE
    condition: Condition | None = None
    raises_attempt: bool = False
    raises_token: bool = False


def _step(name: str, sources: str, target: RunStatus, fence: Fence = Fence.NONE, **rest: Any) -> Step:
    return Step(name, frozenset(RunStatus(source) for source in sources.split()), target, fence, **rest)


ENQUEUE = _step("enqueue", "planned", RunStatus.ENQUEUED, condition=Condition.DUE)
RING_ONCE_MORE = _step("ring again", "enqueued", RunStatus.ENQUEUED, condition=Condition.UNANSWERED)
START = _step("start", "planned enqueued", RunStatus.RUNNING, Fence.ATTEMPT, raises_attempt=True, raises_token=True)
KEEP = _step("heartbeat", "running", RunStatus.RUNNING, Fence.TOKEN)
SUCCEED = _step("succeed", "running", RunStatus.SUCCEEDED, Fence.TOKEN)
FAIL = _step("fail", "running", RunStatus.FAILED, Fence.TOKEN)
RETRY = _step("retry", "running", RunStatus.PLANNED, Fence.TOKEN, raises_token=True)
TIME_OUT = _step("time out", "running", RunStatus.TIMED_OUT, Fence.TOKEN)
RESCUE = _step("rescue", "running", RunStatus.PLANNED, Fence.TOKEN, condition=Condition.LEASE_OVER, raises_token=True)
LOSE = _step("lose", "running", RunStatus.UNKNOWN, Fence.TOKEN, condition=Condition.LEASE_OVER)
BURY = _step("bury", "running", RunStatus.FAILED, Fence.TOKEN, condition=Condition.LEASE_OVER)
OVERRUN_RETRY = _step(
    "overrun, retry", "running", RunStatus.PLANNED, Fence.TOKEN, condition=Condition.DEADLINE_OVER, raises_token=True
)
OVERRUN = _step("overrun", "running", RunStatus.TIMED_OUT, Fence.TOKEN, condition=Condition.DEADLINE_OVER)
CANCEL = _step("cancel", "planned enqueued running", RunStatus.CANCELLED, raises_token=True)

STEPS = (
    ENQUEUE, RING_ONCE_MORE, START, KEEP, SUCCEED, FAIL, RETRY, TIME_OUT,
    RESCUE, LOSE, BURY, OVERRUN_RETRY, OVERRUN, CANCEL,
)  # fmt: skip
"""Every change of state there is. A run is made as planned, as enqueued (planned and marked at once) or as skipped."""


def _transitions() -> Mapping[RunStatus, frozenset[RunStatus]]:
    sources = {source for step in STEPS for source in step.sources}
    return {s: frozenset(step.target for step in STEPS if s in step.sources) for s in RunStatus if s in sources}


TRANSITIONS = _transitions()
"""The states that follow each state; a state without an entry is final."""
ACTIVE = frozenset(TRANSITIONS)
FINAL = frozenset(set(RunStatus) - ACTIVE)


@dataclass(frozen=True)
class Bell:
    """What a worker is rung for: the run and the attempt that it had made before, in the queue for its kind of work."""

    run_id: RunId
    attempt: int
    queue: str


@dataclass(frozen=True)
class Run:
    """A run as it is shown."""

    id: RunId
    schedule_id: ScheduleId | None
    user_id: UserId | None
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
    covers_until: datetime | None = None

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
    repeatable: bool
    job_type: str
    user_id: UserId | None
    schedule_id: ScheduleId | None
    name: str
    params: Mapping[str, Any]
    timezone: str
    trigger: Trigger
    started_at: datetime
    deadline_at: datetime
    locale: str = DEFAULT
    """The language of whoever it reports to."""


def back_off(attempt: int, chance: random.Random) -> timedelta:
    """How long to wait before the next attempt: full jitter below 10 s, 20 s, 40 s … 10 min."""
    ceiling = min(10.0 * 2.0 ** (attempt - 1), 600.0)
    return timedelta(seconds=chance.uniform(1.0, ceiling))


@dataclass(frozen=True)
class Outcome:
    """What a job made: a result to keep, and the messages to send, stored in one commit."""

    result: Mapping[str, Any]
    messages: tuple[Outgoing, ...] = ()
