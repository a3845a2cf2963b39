"""Tells everyone who watches (pages, waiting tests) that something happened, in order, without asking again."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

KEPT = 10_000


@dataclass(frozen=True)
class Event:
    """One thing that happened; ids only grow, also over a restart."""

    id: int
    kind: str
    body: dict[str, Any]


class Events:
    """The latest events and whoever waits for the next."""

    def __init__(self) -> None:
        # Starting from the clock keeps ids growing over a restart without writing each of them down.
        self.last_id = int(time.time() * 1000)
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._first_known = self.last_id
        self._news = asyncio.Event()
        self.closed = False

    def publish(self, kind: str, **body: Any) -> None:
        """Append an event and wake all watchers."""
        self.last_id += 1
        self._kept.append(Event(self.last_id, kind, body))
        self._wake()

    def close(self) -> None:
        """End every watcher."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def since(self, event_id: int) -> list[Event] | None:
        """What happened after an event; None when that is no longer (or not yet) known here."""
        oldest = self._kept[0].id - 1 if self._kept else self.last_id
        if event_id < oldest or event_id > self.last_id or event_id < self._first_known:
            return None
        return [event for event in self._kept if event.id > event_id]

    async def wait(self, timeout: float) -> bool:
        """Until the next event or the time is up; says whether one came."""
        try:
            # Not wait_for: on Python 3.11 it may swallow a cancellation that meets the event.
            async with asyncio.timeout(timeout):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def follow(self, event_id: int, pulse: float = 15.0) -> AsyncIterator[Event | None]:
        """Every event after the given one, `None` as a sign of life in between."""
        position = event_id
        while not self.closed:
            news = self.since(position)
            if news is None:
                position = self.last_id
                yield Event(position, "reset", {})
            elif news:
                for event in news:
                    position = event.id
                    yield event
            elif not await self.wait(pulse):
                yield None
