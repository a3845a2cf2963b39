"""An attempt, step by step: claim, perform under a heartbeat, then store the result or the failure."""

import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from db.engine import Database
from db.offload import with_retries
from domain.errors import GiveUp, RetryLater
from domain.runs import HEARTBEAT, ClaimedRun
from services.jobs import JobsService
from workers.context import JobContext
from workers.jobs import Perform, perform_of

log = structlog.get_logger(__name__)


class Heartbeats:
    """Keeps the leases of all runs in this process, from a thread of its own, in one statement."""

    def __init__(self, database: Database, every: timedelta = HEARTBEAT) -> None:
        self._database = database
        self._every = every.total_seconds()
        self._held: dict[int, int] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeats", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    @contextmanager
    def holding(self, claimed: ClaimedRun) -> Iterator[None]:
        """Keep this run's lease for as long as the block lasts."""
        with self._lock:
            self._held[claimed.id] = claimed.token
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(claimed.id, None)

    def _beat(self) -> None:
        while not self._stopped.wait(self._every):
            with self._lock:
                held = dict(self._held)
            if not held:
                continue
            try:
                kept = with_retries(JobsService(self._database.for_platform()).keep_alive, held)
            except Exception as problem:  # noqa: BLE001  # the next beat tries again; a lapsed lease is rescued
                log.warning("heartbeat_failed", error=str(problem))
                continue
            for run_id in held.keys() - kept:
                log.warning("lease_lost", run_id=run_id)


@dataclass(frozen=True)
class Execution:
    """Carries out runs in this worker; `find` gives the function for a job type."""

    database: Database
    worker_id: str
    heartbeats: Heartbeats
    market_feed: str
    bars_dir: Path
    find: Callable[[str], Perform] = perform_of
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    chance: random.Random = field(default_factory=random.Random)

    def execute(self, run_id: int, attempt: int) -> None:
        """Do one attempt of a run; a bell that came late or twice finds nothing to do."""
        claimed = with_retries(self._service().start_run, run_id, attempt, self.worker_id)
        if claimed is None:
            log.info("bell_found_nothing", run_id=run_id, attempt=attempt)
            return
        with structlog.contextvars.bound_contextvars(run_id=claimed.id, attempt=claimed.attempt, job=claimed.job_type):
            log.info("run_started", name=claimed.name, late_s=self._seconds_since(claimed.scheduled_for))
            with self.heartbeats.holding(claimed):
                self._attempt(claimed)

    def _attempt(self, claimed: ClaimedRun) -> None:
        begun = self.clock()
        try:
            outcome = self.find(claimed.job_type)(self._context(claimed), claimed.params)
        except Exception as problem:  # noqa: BLE001  # the one place that decides what a failure means
            self._failed(claimed, problem)
            return
        stored = with_retries(self._service().finish_run, claimed, outcome, now=self.clock())
        event = "run_finished" if stored else "late_result_refused"
        log.info(event, took_s=self._seconds_since(begun), messages=len(outcome.messages))

    def _failed(self, claimed: ClaimedRun, problem: Exception) -> None:
        reference = f"E-{secrets.token_hex(2).upper()}"
        if isinstance(problem, GiveUp | RetryLater):
            log.warning("run_failed", error=str(problem), final=isinstance(problem, GiveUp))
        else:
            log.error("run_broke", reference=reference, exc_info=problem)
        service = self._service()
        with_retries(service.fail_run, claimed, problem, reference=reference, now=self.clock(), chance=self.chance)

    def _context(self, claimed: ClaimedRun) -> JobContext:
        return JobContext(
            run_id=claimed.id,
            schedule_id=claimed.schedule_id,
            user_id=claimed.user_id,
            name=claimed.name,
            zone=ZoneInfo(claimed.timezone),
            now=self.clock(),
            deadline_at=claimed.deadline_at,
            market_feed=self.market_feed,
            bars_dir=self.bars_dir,
        )

    def _service(self) -> JobsService:
        return JobsService(self.database.for_platform())

    def _seconds_since(self, instant: datetime) -> float:
        return round((self.clock() - instant).total_seconds(), 3)
