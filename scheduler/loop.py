"""The scheduler's loop: plan what is due, ring what waits, rescue what stalled, tell whom it concerns, then sleep."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from db.engine import Database
from db.listen import Listener
from db.offload import with_retries
from domain.calendars import Sessions
from notifications.health_watch import Watcher
from scheduler.dispatch import Dispatch
from scheduler.leader import Leader
from services.health import HealthService
from services.market import MarketService
from services.planning import PlanningService

log = structlog.get_logger(__name__)

FIRST_BATCH = 100
BATCH = 500
BATCHES_PER_TICK = 10
PLANNERS = 2
"""Threads that plan at once when many schedules are due: the work is half ours, half the database's."""
LONGEST_SLEEP = 2.5  # the lease is renewed in between
AFTER_A_FAULT = 1.0
AFTER_NO_ANSWER = 2.0
RESCUE_EVERY = 5.0
TELL_EVERY = 5.0
REPORT_EVERY = 10.0
SESSIONS_EVERY = 15.0
HOUSEKEEP_EVERY = 3600.0
CLOCK_JUMP = 5.0


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

    def at_once(self) -> None:
        """Let the next question be answered with yes."""
        self._last = float("-inf")


@dataclass
class Clocks:
    """The wall clock beside the monotonic one: a step of the former is noticed, said, and decides nothing."""

    _wall: float = field(default_factory=time.time)
    _monotonic: float = field(default_factory=time.monotonic)

    def step(self) -> float | None:
        """How far the wall clock was stepped since the last look, when that was more than five seconds."""
        wall, monotonic = time.time(), time.monotonic()
        stepped = (wall - self._wall) - (monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        return stepped if abs(stepped) > CLOCK_JUMP else None


@dataclass
class Loop:
    """One scheduler; any number of them may run, the database keeps them from doubling anything."""

    database: Database
    dispatch: Dispatch
    listener: Listener
    leader: Leader
    months_kept: int
    chance: random.Random = field(default_factory=random.Random)
    sessions: Sessions = Sessions.NONE
    clocks: Clocks = field(default_factory=Clocks)
    rescue: Every = field(default_factory=lambda: Every(RESCUE_EVERY))
    tell: Every = field(default_factory=lambda: Every(TELL_EVERY))
    report: Every = field(default_factory=lambda: Every(REPORT_EVERY))
    learn: Every = field(default_factory=lambda: Every(SESSIONS_EVERY))
    watcher: Watcher = field(default_factory=Watcher)
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
        self._let_go()

    def tick(self) -> float:
        """Do what is to be done now; the seconds to sleep come back, 0 when there is more to do."""
        self._look_at_the_clock()
        if self.report.is_over():
            self.dispatch.report()
            with_retries(HealthService(self.database.for_platform()).report, "scheduler")
            if told := with_retries(self.watcher.look, self.database.for_platform()):
                log.warning("health_announced", systems=told)
        if not self.leader.leads():
            return AFTER_NO_ANSWER
        if self.learn.is_over():
            self._learn_sessions()
        planned, rung = self._plan_and_ring()
        if self.rescue.is_over():
            planned += with_retries(self._planning().rescue_stalled, chance=self.chance)
        if self.housekeep.is_over():
            with_retries(self._planning().housekeep, self.months_kept)
        if planned or rung:
            log.info("tick_done", planned=planned, rung=rung)
            return 0.0
        if self.tell.is_over():
            with_retries(self._planning().tell_late)
            while with_retries(self._planning().tell_missed):
                pass
        until = with_retries(self._planning().seconds_to_next)
        return LONGEST_SLEEP if until is None else min(max(until, 0.001), LONGEST_SLEEP)

    def _plan_and_ring(self) -> tuple[int, int]:
        planned, rung = self._plan(FIRST_BATCH, 0, 1)
        if planned == FIRST_BATCH:
            with ThreadPoolExecutor(PLANNERS, "planner") as planners:
                for more, bells in planners.map(self._plan_all, range(PLANNERS)):
                    planned, rung = planned + more, rung + bells
        if not planned:  # first everything that is due, then what waited for room
            rung += self.dispatch.ring(with_retries(self._planning().ring_waiting))
        return planned, rung

    def _plan_all(self, share: int) -> tuple[int, int]:
        """Plan and ring what is due to one share of the people: while one waits for the database, another computes."""
        planned = rung = 0
        for _ in range(BATCHES_PER_TICK):
            more, bells = self._plan(BATCH, share, PLANNERS)
            planned, rung = planned + more, rung + bells
            if more < BATCH:
                break
        return planned, rung

    def _plan(self, most: int, share: int, shares: int) -> tuple[int, int]:
        planned = with_retries(self._planning().plan_due_runs, most, share, shares)
        return planned.schedules, self.dispatch.ring(planned.bells)

    def _learn_sessions(self) -> None:
        self.sessions = with_retries(self._planning().read_sessions)
        with_retries(MarketService(self.database.for_platform()).order_fill)
        if with_retries(self._planning().revive):
            log.info("schedules_revived")

    def _look_at_the_clock(self) -> None:
        if (stepped := self.clocks.step()) is not None:
            log.warning("clock_stepped", seconds=round(stepped, 1))  # the database's clock decides what is due

    def _let_go(self) -> None:
        try:
            self.leader.release()
        except Exception as problem:  # noqa: BLE001  # the lease runs out by itself
            log.warning("lease_not_released", error=str(problem))

    def _planning(self) -> PlanningService:
        return PlanningService(self.database.for_platform(), self.sessions)
