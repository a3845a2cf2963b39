"""How the sources of prices answer, as the runs of this worker find out."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.engine import Database
from market.bars import Bars, Timeframe
from market.errors import FeedUnavailable
from market.feed import Feed
from market.instruments import Instrument
from notifications.health import Outcome
from services.health import HealthService

MOST_KEPT = 500


class FeedWatch:
    """Gathers what became of fetches, from any number of threads, until it is reported."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, list[Outcome]] = {}

    def note(self, feed: str, outcome: Outcome) -> None:
        with self._lock:
            seen = self._seen.setdefault(feed, [])
            if len(seen) < MOST_KEPT:
                seen.append(outcome)

    def report(self, database: Database) -> None:
        """Write it into the health table, a row for each feed that was asked."""
        with self._lock:
            seen, self._seen = self._seen, {}
        for feed, outcomes in sorted(seen.items()):
            HealthService(database.for_platform()).happened("market_data", feed, outcomes)


@dataclass(frozen=True)
class WatchedFeed:
    """A feed whose answers are noted; an unknown symbol is nobody's fault."""

    feed: Feed
    watch: FeedWatch

    @property
    def name(self) -> str:
        return self.feed.name

    def instruments(self) -> Sequence[Instrument]:
        return self.feed.instruments()

    def bars(self, symbol: str, timeframe: Timeframe | None, *, count: int, now: datetime) -> Bars:
        begun = time.monotonic()
        try:
            found = self.feed.bars(symbol, timeframe, count=count, now=now)
        except FeedUnavailable as problem:
            self.watch.note(self.name, Outcome.of(time.monotonic() - begun, str(problem)))
            raise
        self.watch.note(self.name, Outcome.of(time.monotonic() - begun))
        return found
