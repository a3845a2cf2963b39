"""Watching over the runs of this process: leases kept alive, cancellations noticed, time limits held."""

import ctypes
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from dramatiq.middleware.threading import raise_thread_exception

from db.engine import Database
from db.listen import Listener
from db.offload import with_retries
from domain import runs
from domain.runs import ClaimedRun
from services.runs import RunsService

log = structlog.get_logger(__name__)

STUCK_AFTER = 60.0
"""Seconds after its interruption at which a thread that still does not end counts as lost."""


class RunInterrupted(BaseException):
    """Raised in the thread of a run that was asked to stop and did not; no `except Exception` holds it."""


@dataclass
class Held:
    """A run that this process is carrying out, and the thread that does."""

    claimed: ClaimedRun
    thread: int
    ends: float
    stopping: threading.Event = field(default_factory=threading.Event)
    taken: bool = False
    """Whether the run is no longer ours: cancelled, rescued by a scheduler, or past its time limit."""
    asked_at: float | None = None
    interrupted_at: float | None = None
    performed: bool = False
    """Whether the job's own work is over and its result is on its way: there is nothing to stop any more."""
    stored_later: bool = False
    """Whether somebody else than its thread lets go of it."""

    def next_look(self) -> float:
        """When there is something to do about its time limit, by the monotonic clock."""
        if self.interrupted_at is not None or self.performed:
            return float("inf")
        return self.ends if self.asked_at is None else self.asked_at + runs.STOP_GRACE.total_seconds()


class Watch:
    """One thread for all runs of this process; it wakes for a beat, a deadline or a word from the database."""

    def __init__(self, database: Database, listener: Listener, every: float = runs.HEARTBEAT.total_seconds()) -> None:
        self._database = database
        self._listener = listener
        self._every = every
        self._held: dict[int, Held] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._chance = random.Random()  # noqa: S311  # jitter, no secret
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._listener.wake()
        self._thread.join(timeout=5)
        self._listener.close()

    @contextmanager
    def holding(self, claimed: ClaimedRun) -> Iterator[Held]:
        """Keep this run's lease and hold its time limit for as long as the block lasts."""
        limit = (claimed.deadline_at - claimed.started_at).total_seconds()
        held = Held(claimed, threading.get_ident(), time.monotonic() + limit)
        with self._lock:
            self._held[claimed.id] = held
        if limit < self._every:
            self._listener.wake()
        try:
            yield held
        finally:
            with self._lock:
                if self._held.get(claimed.id) is held and not held.stored_later:
                    del self._held[claimed.id]
                if held.interrupted_at is not None:  # one that did not arrive must not meet the thread's next run
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(held.thread), None)

    def performed(self, held: Held) -> None:
        """Its work is over: its lease is still kept, but nobody interrupts its thread from here on.

        RunInterrupted when that happened just before.
        """
        with self._lock:
            held.performed = True
            if held.interrupted_at is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(held.thread), None)
                raise RunInterrupted

    def release(self, held: Held) -> None:
        """Its result is stored, or it is not ours any more."""
        with self._lock:
            if self._held.get(held.claimed.id) is held:
                del self._held[held.claimed.id]

    def stuck(self) -> int:
        """How many threads did not end although they were interrupted a minute ago."""
        now = time.monotonic()
        with self._lock:
            return sum(
                h.interrupted_at is not None and now - h.interrupted_at > STUCK_AFTER for h in self._held.values()
            )

    def hand_back(self) -> int:
        """Give what is still running to other workers, as this one is being stopped; how many runs that were.

        A run that may not be repeated stays ours: its lease will lapse, and its owner is asked.
        """
        with self._lock:
            held = [
                each
                for each in self._held.values()
                if not each.taken and not each.performed and each.claimed.repeatable
            ]
        given = 0
        for each in held:
            each.stopping.set()
            each.taken = True
            given += with_retries(self._service().hand_back, each.claimed, now=datetime.now(UTC))
        return given

    def _watch(self) -> None:
        beat_at = time.monotonic() + self._every
        while not self._stopped.is_set():
            try:
                woken = self._listener.wait(max(min(beat_at, self._next_deadline()) - time.monotonic(), 0))
                if woken or time.monotonic() >= beat_at:
                    self._beat()
                    beat_at = time.monotonic() + self._every
                self._hold_time_limits()
            except Exception as problem:  # noqa: BLE001  # the next beat tries again; a lapsed lease is rescued
                log.warning("watch_failed", error=str(problem))
                beat_at = time.monotonic() + 1

    def _next_deadline(self) -> float:
        with self._lock:
            return min((each.next_look() for each in self._held.values()), default=float("inf"))

    def _beat(self) -> None:
        with self._lock:
            held = {int(each.claimed.id): each.claimed.token for each in self._held.values() if not each.taken}
        if not held:
            return
        kept = with_retries(self._service().keep_alive, held)
        now = time.monotonic()
        with self._lock:
            for run_id in held.keys() - kept:
                each = self._held.get(run_id)
                if each is not None and each.claimed.token == held[run_id]:
                    log.warning("run_taken_away", run_id=run_id)
                    each.taken, each.asked_at = True, each.asked_at or now
                    each.stopping.set()

    def _hold_time_limits(self) -> None:
        now = time.monotonic()
        with self._lock:
            held = [each for each in self._held.values() if not each.performed]
        for each in held:
            if each.asked_at is None and now >= each.ends:
                log.warning("run_past_its_time_limit", run_id=each.claimed.id)
                each.asked_at = now
                each.stopping.set()
            grace = runs.STOP_GRACE.total_seconds()
            if each.asked_at is not None and each.interrupted_at is None and now >= each.asked_at + grace:
                self._interrupt(each, now)

    def _interrupt(self, held: Held, now: float) -> None:
        with self._lock:
            if self._held.get(held.claimed.id) is not held or held.performed:
                return
            held.interrupted_at = now
            raise_thread_exception(held.thread, RunInterrupted)  # type: ignore[no-untyped-call]  # Dramatiq has no types
        if not held.taken:  # recorded now, for a thread inside a call that does not return may never hear of it
            held.taken = True
            with_retries(self._service().time_out_run, held.claimed, now=datetime.now(UTC), chance=self._chance)

    def _service(self) -> RunsService:
        return RunsService(self._database.for_platform())
