"""Reply latency: from a person's message to the bot's answer, over HTTP and long polling, ours beside an echo bot."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.table import Section
from sandbox.app import Sandbox
from sandbox.person import Person

TOKEN = "4242:sandbox-token-of-the-bench"  # noqa: S105  # accepted by our own sandbox alone
ANSWER_WITHIN = 30.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds, over all answers of a round."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Latency":
        cuts = statistics.quantiles((each * 1000 for each in seconds), n=100, method="inclusive")
        return cls(cuts[49], cuts[98])


@dataclass(frozen=True)
class Found:
    """What so many chats met, for each thing they asked, in each round."""

    chats: int
    rounds: dict[str, list[Latency]]


class Arrivals:
    """When each chat's next answer arrives: one watcher for all chats, so that watching costs little."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._waiting: dict[int, asyncio.Future[float]] = {}

    async def watch(self) -> None:
        events = self._sandbox.messenger.events
        async for event in events.follow(events.last_id):
            if event is None or event.kind != "message" or event.body["message"]["out"]:
                continue
            waiting = self._waiting.pop(event.body["chat_id"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(time.perf_counter())

    async def ask(self, person: Person, text: str) -> float:
        """Seconds from sending to the first answer."""
        arrived = self._waiting[person.id] = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        await person.send(text)
        async with asyncio.timeout(ANSWER_WITHIN):
            at: float = await arrived
        return at - begun


async def one_round(sandbox: Sandbox, people: list[Person], text: str, messages: int) -> Latency:
    """Every person writes, waits for the answer, and writes again; all of them side by side."""
    arrivals = Arrivals(sandbox)
    watcher = asyncio.create_task(arrivals.watch())
    await asyncio.sleep(0)

    async def talk(person: Person) -> list[float]:
        return [await arrivals.ask(person, text) for _ in range(messages)]

    seconds = [each for answers in await asyncio.gather(*map(talk, people)) for each in answers]
    watcher.cancel()
    return Latency.of(seconds)


@asynccontextmanager
async def echo_bot(folder: Path) -> AsyncIterator[Sandbox]:
    """A sandbox with the echo bot behind it."""
    sandbox = Sandbox(folder, TOKEN)
    async with sandbox.running() as addresses:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.echo", TOKEN, addresses.root, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await sandbox.wait_until_bot_listens(20)
            yield sandbox
        finally:
            process.terminate()
            await process.wait()


async def compare(echo: Sandbox, ours: Sandbox, people: list[Person], count: int) -> list[Found]:
    """For 1 and 50 chats: what the echo bot, /help and /jobs take; `count` rounds, alternating."""
    found = []
    for chats, messages in ((1, 100), (50, 6)):
        peers = [echo.person(f"Peer {number}") for number in range(chats)]
        mine = people[:chats]
        for sandbox, asked, text in ((echo, peers, "/help"), (ours, mine, "/help"), (ours, mine, "/jobs")):
            await one_round(sandbox, asked, text, 2)  # connections and caches are warm for everybody
        rounds: dict[str, list[Latency]] = {"echo bot": [], "/help": [], "/jobs": []}
        for _ in range(count):
            rounds["echo bot"].append(await one_round(echo, peers, "/help", messages))
            rounds["/help"].append(await one_round(ours, mine, "/help", messages))
            rounds["/jobs"].append(await one_round(ours, mine, "/jobs", messages))
        found.append(Found(chats, rounds))
    return found


def tell(section: Section, found: list[Found]) -> None:
    """Lines for p50 and p99 of each, with the ratio to the echo bot."""
    for each in found:
        echo = statistics.median(latency.p50 for latency in each.rounds["echo bot"])
        for name, latencies in each.rounds.items():
            ratio = statistics.median(latency.p50 for latency in latencies) / echo
            chats = f"{each.chats} chat{'s' if each.chats > 1 else ''}"
            section.add(f"{name}, {chats}, p50", "ms", [one.p50 for one in latencies], f"{ratio:.2f} × the echo bot")
            section.add(f"{name}, {chats}, p99", "ms", [one.p99 for one in latencies])
