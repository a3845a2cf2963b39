"""How many updates a second a bot answers: offered at a fixed rate, answered or not, up a ladder until p99 > 1 s."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.table import percentile
from sandbox.app import Sandbox
from sandbox.events import Event
from sandbox.person import Person

FIRST_RATE = 80.0
STEP = 1.2
LATEST_S = 1.0
PATIENCE_S = 4.0


@dataclass(frozen=True)
class Rung:
    """What became of one offered rate."""

    rate: float
    p99: float

    @property
    def holds(self) -> bool:
        return self.p99 <= LATEST_S


async def seen(sandbox: Sandbox) -> AsyncIterator[Event | None]:
    """What happens from now on; a gap ends the measurement, for an answer may have come in it."""
    events = sandbox.messenger.events
    async for event in events.follow(events.last_id):
        if event is not None and event.kind == "reset":
            raise RuntimeError("The sandbox was so busy that events were missed: what was measured is void.")
        yield event


class Flow:
    """Asks in an open loop: the next message leaves when its time has come, answered or not."""

    def __init__(self, sandbox: Sandbox, people: list[Person], text: str) -> None:
        self._sandbox = sandbox
        self._people = people
        self._text = text
        self._asked: dict[int, deque[float]] = {person.id: deque() for person in people}
        self._took: list[float] = []
        self._missing = 0
        self._complete = asyncio.Event()

    async def rung(self, rate: float, seconds: float) -> Rung:
        """Offer `rate` a second; a message without an answer counts with the time it has waited."""
        for waiting in self._asked.values():
            waiting.clear()
        self._took.clear()
        self._missing = 0
        async with self._watching():
            begun, count = time.perf_counter(), int(rate * seconds)
            for number in range(count):
                due = begun + number / rate
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                person = self._people[number % len(self._people)]
                self._asked[person.id].append(due)
                await person.send(self._text)
            self._missing = count - len(self._took)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._everything()
        now = time.perf_counter()
        unanswered = [now - due for waiting in self._asked.values() for due in waiting]
        return Rung(rate, percentile([*self._took, *unanswered], 0.99))

    async def _everything(self) -> None:
        self._complete.clear()
        if self._missing > 0:
            await self._complete.wait()

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        watcher = asyncio.create_task(self._watch())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher  # that events were missed is raised here

    async def _watch(self) -> None:
        async for event in seen(self._sandbox):
            if event is None or event.kind != "message" or event.body["message"]["out"]:
                continue
            waiting = self._asked.get(event.body["chat_id"])
            if waiting:
                self._took.append(time.perf_counter() - waiting.popleft())
                self._missing -= 1
                if self._missing <= 0:
                    self._complete.set()


async def climbed(sandbox: Sandbox, people: list[Person], text: str, seconds: float) -> float:
    """The highest rate at which 99 of 100 answers came within a second."""
    flow, rate, held = Flow(sandbox, people, text), FIRST_RATE, 0.0
    await flow.rung(FIRST_RATE / 2, 1.0)
    while True:
        rung = await flow.rung(rate, seconds)
        if not rung.holds:
            await _settled(sandbox)
            rung = await flow.rung(rate, seconds)  # once more: a hiccup of the machine is not the bot's
        if not rung.holds:
            await _settled(sandbox)
            return held
        held, rate = rate, rate * STEP


async def _settled(sandbox: Sandbox) -> None:
    """Until the bot has taken what waits and is quiet again."""
    events = sandbox.messenger.events
    last, quiet_since = events.last_id, time.perf_counter()
    until = time.perf_counter() + 60
    while time.perf_counter() - quiet_since < 1.5 and time.perf_counter() < until:
        await asyncio.sleep(0.1)
        if events.last_id != last:
            last, quiet_since = events.last_id, time.perf_counter()
