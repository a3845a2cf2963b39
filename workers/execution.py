"""An attempt, step by step: claim, perform under the watch, then store the result or the failure."""

import random
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from db.engine import Database
from db.offload import with_retries
from db.runs import as_json
from domain.errors import GiveUp, RetryLater, UserError
from domain.locales import speaking
from domain.runs import ClaimedRun, Outcome
from services.job_kinds import JobKind, kind_of, read_params
from services.runs import RunsService
from workers.clerk import Clerk
from workers.context import JobContext, RunStopped
from workers.feeds import FeedWatch
from workers.watch import Held, RunInterrupted, Watch

log = structlog.get_logger(__name__)


MOST_UNSTORED = 64
"""Results that may wait to be stored before threads have to wait for them."""


class Desk:
    """Claims and results of all threads of this process, written in batches."""

    def __init__(self, database: Database, worker_id: str) -> None:
        self._database, self._worker_id = database, worker_id
        self._starts = Clerk[tuple[int, int], ClaimedRun | None]("starts", self._start)
        self._ends = Clerk[tuple[ClaimedRun, Outcome, str], bool]("ends", self._end)
        self._room = threading.Semaphore(MOST_UNSTORED)

    def open(self) -> None:
        self._starts.start()
        self._ends.start()

    def close(self) -> None:
        self._starts.stop()
        self._ends.stop()

    def claim(self, run_id: int, attempt: int) -> ClaimedRun | None:
        """The run, now ours; None when a bell came late or twice."""
        return self._starts.ask((run_id, attempt))

    def store(self, claimed: ClaimedRun, outcome: Outcome) -> "Future[bool]":
        """Whether the result was stored, once that is known; False when the run is no longer ours."""
        stored = (claimed, outcome, as_json(dict(outcome.result)))
        self._room.acquire()
        future = self._ends.submit(stored)
        future.add_done_callback(lambda _: self._room.release())
        return future

    def _start(self, asked: Sequence[tuple[int, int]]) -> list[ClaimedRun | None]:
        once = list(dict.fromkeys(asked))  # a bell that came twice at one moment is one bell
        claimed = with_retries(self._service().start_runs, once, self._worker_id)
        return [claimed.pop(run_id, None) for run_id, _ in asked]

    def _end(self, ended: Sequence[tuple[ClaimedRun, Outcome, str]]) -> list[bool]:
        stored = with_retries(self._service().finish_runs, ended, now=datetime.now(UTC))
        return [claimed.id in stored for claimed, _, _ in ended]

    def _service(self) -> RunsService:
        return RunsService(self._database.for_platform())


def _named(claimed: ClaimedRun) -> Any:
    """What every line of the log within the block says of the run."""
    return structlog.contextvars.bound_contextvars(run_id=claimed.id, attempt=claimed.attempt, job=claimed.job_type)


@dataclass(frozen=True)
class Execution:
    """Carries out runs in this worker; `find` gives the kind for a job type."""

    database: Database
    desk: Desk
    watch: Watch
    market_feed: str
    data_dir: Path
    db_url: str = field(default="", repr=False)
    find: Callable[[str], JobKind] = kind_of
    feeds: FeedWatch = field(default_factory=FeedWatch)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    chance: random.Random = field(default_factory=random.Random)

    def execute(self, run_id: int, attempt: int) -> None:
        """Do one attempt of a run; a bell that came late or twice finds nothing to do."""
        self.begin(run_id, attempt).result()

    def begin(self, run_id: int, attempt: int) -> "Future[None]":
        """As `execute`, but returns as soon as the job's own work is over; the future tells when its result is stored.

        The thread is free for the next run meanwhile, and the results of many are written at once.
        """
        settled: Future[None] = Future()
        claimed = self.desk.claim(run_id, attempt)
        if claimed is None:
            log.info("bell_found_nothing", run_id=run_id, attempt=attempt)
            settled.set_result(None)
            return settled
        with _named(claimed), speaking(claimed.locale):
            log.info("run_started", name=claimed.name, late_s=self._seconds_since(claimed.scheduled_for))
            try:
                with self.watch.holding(claimed) as held:
                    self._attempt(claimed, held, settled)
            except RunInterrupted:
                log.warning("run_interrupted")  # whoever interrupted it wrote down why
            finally:
                if not held.stored_later:
                    settled.set_result(None)
        return settled

    def _attempt(self, claimed: ClaimedRun, held: Held, settled: "Future[None]") -> None:
        begun = self.clock()
        try:
            outcome = self._perform(claimed, held)
            self.watch.performed(held)
            stored = self.desk.store(claimed, outcome)
        except RunStopped as problem:
            self._stopped(claimed, held, problem)
            return
        except Exception as problem:  # noqa: BLE001  # the one place that decides what a failure means
            self._failed(claimed, problem)
            return
        held.stored_later = True
        took_s = self._seconds_since(begun)
        stored.add_done_callback(lambda done: self._settle(claimed, held, outcome, took_s, done, settled))

    def _settle(
        self,
        claimed: ClaimedRun,
        held: Held,
        outcome: Outcome,
        took_s: float,
        stored: "Future[bool]",
        settled: "Future[None]",
    ) -> None:
        """In the clerk's thread: the run is no longer held, and its log has its last line."""
        with _named(claimed):
            try:
                if isinstance(problem := stored.exception(), Exception):
                    self._failed(claimed, problem)
                else:
                    event = "run_finished" if stored.result() else "late_result_refused"
                    log.info(event, took_s=took_s, messages=len(outcome.messages))
            except Exception as problem:  # noqa: BLE001  # its lease lapses, and a scheduler rescues it
                log.warning("failure_not_recorded", error=str(problem))
            finally:
                self.watch.release(held)
                settled.set_result(None)

    def _perform(self, claimed: ClaimedRun, held: Held) -> Outcome:
        kind = self.find(claimed.job_type)
        return kind.perform(self._context(claimed, held), read_params(kind, claimed.params))

    def _stopped(self, claimed: ClaimedRun, held: Held, problem: RunStopped) -> None:
        if held.taken:
            log.info("run_stopped", reason=str(problem))
            return
        held.taken = True
        with_retries(self._service().time_out_run, claimed, now=self.clock(), chance=self.chance)

    def _failed(self, claimed: ClaimedRun, problem: Exception) -> None:
        reference = f"E-{secrets.token_hex(2).upper()}"
        if isinstance(problem, GiveUp | RetryLater | UserError):
            log.warning("run_failed", error=str(problem), final=not isinstance(problem, RetryLater))
        else:
            log.error("run_broke", reference=reference, exc_info=problem)
        service = self._service()
        with_retries(service.fail_run, claimed, problem, reference=reference, now=self.clock(), chance=self.chance)

    def _context(self, claimed: ClaimedRun, held: Held) -> JobContext:
        return JobContext(
            run_id=claimed.id,
            schedule_id=claimed.schedule_id,
            user_id=claimed.user_id,
            name=claimed.name,
            trigger=claimed.trigger,
            scheduled_for=claimed.scheduled_for,
            attempt=claimed.attempt,
            zone=ZoneInfo(claimed.timezone),
            now=self.clock(),
            deadline_at=claimed.deadline_at,
            market_feed=self.market_feed,
            data_dir=self.data_dir,
            database=self.database,
            database_url=self.db_url,
            stopping=held.stopping,
            feeds=self.feeds,
        )

    def _service(self) -> RunsService:
        return RunsService(self.database.for_platform())

    def _seconds_since(self, instant: datetime) -> float:
        return round((self.clock() - instant).total_seconds(), 3)
