"""Health and breaker of one system as one object: pure, fed with outcomes and their times, kept in its health row.

HEALTHY becomes DEGRADED when two windows in a row were bad (more than 10 % failures, or a slow p95), and DOWN after
three failures in a row; then the breaker is open and nothing is sent but one probe now and then. The first success
makes it DEGRADED and half-open, three close the breaker, and five over at least a minute make it HEALTHY again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from itertools import pairwise
from typing import Any

from domain.health import Status

OPENS_AFTER = 3
CLOSES_AFTER = 3
WELL_AFTER = 5
WELL_FOR_S = 60.0
WINDOW_S = 60.0
JUDGED_FROM = 5
"""With fewer calls a window says nothing: one failure of two is no rate."""
BAD_SHARE = 0.1
BAD_WINDOWS = 2
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
PROBE_TAKES_S = 20.0

BOUNDS = (0.0, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
"""Seconds; counts between them can be added up over any number of processes."""


class Breaker(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass
class Window:
    """What was seen since `began`."""

    began: float = 0.0
    failures: int = 0
    times: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) - 1))
    """Successes by how long they took."""

    @property
    def calls(self) -> int:
        return self.failures + sum(self.times)

    @property
    def share(self) -> float:
        """How much of it failed."""
        return self.failures / self.calls if self.calls else 0.0

    @property
    def p95(self) -> float:
        """Seconds within which 95 % of the successes came, read between two bounds."""
        wanted, below = 0.95 * sum(self.times), 0
        for (low, high), count in zip(pairwise(BOUNDS), self.times, strict=True):
            if count and below + count >= wanted:
                return low + (high - low) * (wanted - below) / count
            below += count
        return 0.0

    def add(self, took_s: float) -> None:
        place = next((n for n, high in enumerate(BOUNDS[1:]) if took_s <= high), len(self.times) - 1)
        self.times[place] += 1


@dataclass
class Record:
    """The health of one system; every time is in seconds since the epoch and comes from outside."""

    status: Status = Status.HEALTHY
    breaker: Breaker = Breaker.CLOSED
    why: str | None = None
    failures: int = 0
    """In a row; what failed at the same moment counts once."""
    successes: int = 0
    """In a row."""
    failed_at: float = 0.0
    succeeded_at: float = 0.0
    well: int = 0
    """Successes since `well_since`, the beginning of the present good time."""
    well_since: float = 0.0
    probe_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    bad_windows: int = 0
    p95_s: float = 0.0
    window: Window = field(default_factory=Window)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> "Record":
        """The record that `stored` holds; a fresh one when it holds something else."""
        try:
            known = dict(stored or {})
            window = Window(**known.pop("window", {}))
            if len(window.times) != len(BOUNDS) - 1:
                window = Window()
            found = cls(**{name: known[name] for name in _NAMES if name in known}, window=window)
            found.status, found.breaker = Status(found.status), Breaker(found.breaker)
        except (TypeError, ValueError, AttributeError):  # written by another version: what is known begins anew
            return cls()
        return found

    def stored(self) -> dict[str, Any]:
        """What `read` reads."""
        return asdict(self)

    def succeeded(self, at: float, took_s: float, slow_s: float) -> None:
        """It did what was asked of it."""
        self._turn(at, slow_s)
        self.window.add(took_s)
        self.failures, self.successes, self.succeeded_at = 0, self.successes + 1, at
        if not self.well:
            self.well_since = at
        self.well += 1
        if self.breaker is Breaker.OPEN:
            self.breaker, self.successes = Breaker.HALF_OPEN, 1
        if self.status is Status.DOWN:
            self.status = Status.DEGRADED
        if self.breaker is Breaker.HALF_OPEN and self.successes >= CLOSES_AFTER:
            self.breaker = Breaker.CLOSED
        if self.status is Status.DEGRADED and self._is_well(at):
            self.status, self.why, self.pause_s = Status.HEALTHY, None, FIRST_PAUSE_S

    def failed(self, at: float, began: float, why: str, slow_s: float) -> None:
        """It did not, and that was its own fault."""
        self._turn(at, slow_s)
        self.window.failures += 1
        same_moment = began < self.failed_at
        if self.breaker is not Breaker.CLOSED and same_moment:
            return  # it was under way when the breaker opened, and says nothing new
        self.why, self.successes = why, 0
        if not same_moment:
            self.failures, self.failed_at = self.failures + 1, at
        if self.window.share > BAD_SHARE or self.window.calls < JUDGED_FROM:
            self.well = 0
        if self.breaker is not Breaker.CLOSED or self.failures >= OPENS_AFTER:
            self._open(at)
        elif not self.succeeded_at:
            self.status = Status.DEGRADED  # what never worked is not called healthy

    def may_send(self) -> int | None:
        """How many may be under way: None for any number, 1 for a probe, 0 for none."""
        return {Breaker.CLOSED: None, Breaker.HALF_OPEN: 1, Breaker.OPEN: 0}[self.breaker]

    def take_probe(self, at: float) -> bool:
        """Whether the open breaker may be probed now, by whoever asked; nobody else may until that one had its time."""
        if self.breaker is not Breaker.OPEN or at < self.probe_at:
            return False
        self.probe_at = at + PROBE_TAKES_S
        return True

    def _open(self, at: float) -> None:
        self.breaker, self.status, self.well = Breaker.OPEN, Status.DOWN, 0
        self.window, self.bad_windows = Window(began=at), 0  # what led here is not held against it afterwards
        self.probe_at = at + self.pause_s
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)

    def _is_well(self, at: float) -> bool:
        long_enough = self.well >= WELL_AFTER and at - self.well_since >= WELL_FOR_S
        return long_enough and self.breaker is Breaker.CLOSED and not self.bad_windows

    def _turn(self, at: float, slow_s: float) -> None:
        """Close the window when it is over, and judge it."""
        lasted = at - self.window.began
        if lasted < WINDOW_S:
            return
        over, self.window = self.window, Window(began=at)
        if over.calls >= JUDGED_FROM:
            self.p95_s = round(over.p95, 3)
            self.bad_windows = self.bad_windows + 1 if over.share > BAD_SHARE or self.p95_s > slow_s else 0
        elif lasted > BAD_WINDOWS * WINDOW_S:
            self.bad_windows = 0  # nothing much was asked of it for long
        if self.bad_windows >= BAD_WINDOWS and self.status is Status.HEALTHY:
            self.status, self.well = Status.DEGRADED, 0
            slow = f"it takes {self.p95_s:.1f} s (95 % within that)"
            self.why = f"{over.share:.0%} of its calls failed" if over.share > BAD_SHARE else slow


_NAMES = {each.name for each in fields(Record)} - {"window"}
