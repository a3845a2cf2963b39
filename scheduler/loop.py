"""The scheduler's loop: plan what is due, ring what waits, rescue what stalled, then sleep until something is due."""

import random
import threading
import time
from dataclasses import dataclass, field

import structlog

from db.engine import Database
from db.listen import Listener
from db.offload import with_retries
from scheduler.dispatch import Dispatch
from services.health import HealthService
from services.jobs import JobsService

log = structlog.get_logger(__name__)

LONGEST_SLEEP = 5.0
AFTER_A_FAULT = 1.0
RESCUE_EVERY = 5.0
REPORT_EVERY = 10.0
HOUSEKEEP_EVERY = 3600.0


@dataclass
class Every:
    """True once in `seconds`, by the monotonic clock, and true the first time."""

    seconds: float
    _last: float = field(default=float("-inf"))

    def is_over(self) -> bool:
        now = time.monotonic()
        if now - self._last < self.seconds:
            return False
        self._last = now
        return True


@dataclass
class Loop:
    """One scheduler; any number of them may run, the database keeps them from doubling anything."""

    database: Database
    dispatch: Dispatch
    listener: Listener
    chance: random.Random = field(default_factory=random.Random)
    rescue: Every = field(default_factory=lambda: Every(RESCUE_EVERY))
    report: Every = field(default_factory=lambda: Every(REPORT_EVERY))
    housekeep: Every = field(default_factory=lambda: Every(HOUSEKEEP_EVERY))

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop`; a fault is logged and the next tick tries again."""
        while not stop.is_set():
            try:
                pause = self.tick()
            except Exception as problem:
                log.exception("tick_failed", error=str(problem))
                pause = AFTER_A_FAULT
            if pause > 0:
                self.listener.wait(pause)

    def tick(self) -> float:
        """Do what is to be done now; the seconds to sleep come back, 0 when there is more to do."""
        planned = with_retries(self._jobs().plan_due_runs)
        rung = self.dispatch.ring()
        if self.rescue.is_over():
            with_retries(self._jobs().rescue_stalled, chance=self.chance)
        if self.report.is_over():
            self.dispatch.report()
            with_retries(HealthService(self.database.for_platform()).report, "scheduler")
        if self.housekeep.is_over():
            with_retries(self._jobs().housekeep)
        if planned or rung:
            log.info("tick_done", planned=planned, rung=rung)
            return 0.0
        until = with_retries(self._jobs().seconds_to_next)
        return LONGEST_SLEEP if until is None else min(max(until, 0.01), LONGEST_SLEEP)

    def _jobs(self) -> JobsService:
        return JobsService(self.database.for_platform())
