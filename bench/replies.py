"""Reply latency: from a person's message to the bot's answer, over HTTP and long polling, ours beside an echo bot."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ladder import climbed, seen
from bench.table import Section
from sandbox.app import Sandbox
from sandbox.person import Person

TOKEN = "4242:sandbox-token-of-the-bench"  # noqa: S105  # accepted by our own sandbox alone
ANSWER_WITHIN = 30.0


SLOW_S = 0.05
SLOW_TARGET = 100
TARGETS = {"/help": 0.6, "/jobs": 0.35}
"""Shares of the echo bot's rate."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured: chats and messages of each, rounds, and the length of a rung of the ladder."""

    chats: tuple[int, ...]
    messages: tuple[int, ...]
    rounds: int
    climbs: int
    seconds: float


FULL = Sizes((1, 50, 500), (100, 6, 2), 3, 3, 2.0)
QUICK = Sizes((1, 50), (50, 4), 1, 1, 2.0)


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
        try:
            await self._watch()
        except RuntimeError as void:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(void)

    async def _watch(self) -> None:
        async for event in seen(self._sandbox):
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


@asynccontextmanager
async def slow_way(address: str, seconds: float) -> AsyncIterator[str]:
    """The root of a Bot API that takes so long to answer."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.slow", address, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the process was started without a pipe")
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def compare(echo: Sandbox, ours: Sandbox, people: list[Person], sizes: Sizes) -> list[Found]:
    """For 1, 50 and 500 chats: what the echo bot, /help and /jobs take; so many rounds, alternating."""
    found = []
    every = [echo.person(f"Peer {number}") for number in range(max(sizes.chats))]
    for chats, messages in zip(sizes.chats, sizes.messages, strict=True):
        peers, mine = every[:chats], people[:chats]
        for sandbox, asked, text in ((echo, peers, "/help"), (ours, mine, "/help"), (ours, mine, "/jobs")):
            await one_round(sandbox, asked, text, 2)  # connections and caches are warm for everybody
        rounds: dict[str, list[Latency]] = {"echo bot": [], "/help": [], "/jobs": []}
        for _ in range(sizes.rounds):
            rounds["echo bot"].append(await one_round(echo, peers, "/help", messages))
            rounds["/help"].append(await one_round(ours, mine, "/help", messages))
            rounds["/jobs"].append(await one_round(ours, mine, "/jobs", messages))
        found.append(Found(chats, rounds))
    return found


async def climb(echo: Sandbox, ours: Sandbox, people: list[Person], sizes: Sizes) -> dict[str, list[float]]:
    """Updates a second until p99 passes a second, by the echo bot and by us, alternating."""
    peers = [echo.person(f"Climber {number}") for number in range(len(people))]
    rates: dict[str, list[float]] = {"echo bot": [], "/help": [], "/jobs": []}
    for _ in range(sizes.climbs):
        rates["echo bot"].append(await climbed(echo, peers, "/help", sizes.seconds))
        rates["/help"].append(await climbed(ours, people, "/help", sizes.seconds))
        rates["/jobs"].append(await climbed(ours, people, "/jobs", sizes.seconds))
    return rates


def tell(section: Section, found: list[Found]) -> None:
    """Lines for p50 and p99 of each, with the ratio to the echo bot."""
    for each in found:
        echo = statistics.median(latency.p50 for latency in each.rounds["echo bot"])
        for name, latencies in each.rounds.items():
            ratio = statistics.median(latency.p50 for latency in latencies) / echo
            chats = f"{each.chats} chat{'s' if each.chats > 1 else ''}"
            section.add(f"{name}, {chats}, p50", "ms", [one.p50 for one in latencies], f"{ratio:.2f} × the echo bot")
            section.add(f"{name}, {chats}, p99", "ms", [one.p99 for one in latencies])


def tell_rates(section: Section, rates: dict[str, list[float]], slow: dict[str, list[float]]) -> None:
    """Lines for the updates a second, and what is aimed at."""
    echo = statistics.median(rates["echo bot"])
    for name, found in rates.items():
        share = statistics.median(found) / echo
        section.add(f"{name}, updates a second until p99 > 1 s", "/s", found, f"{share:.0%} of the echo bot")
    for name, found in slow.items():
        section.add(f"{name}, behind a Bot API that takes {SLOW_S * 1000:.0f} ms", "/s", found)
    for name, target in TARGETS.items():
        share = statistics.median(rates[name]) / echo
        section.expect(f"{name} at {target:.0%} of the echo bot's rate", f"{share:.0%}", share >= target)
    reached = statistics.median(slow["/help"])
    section.expect(
        f"over {SLOW_TARGET} updates a second where the Bot API takes {SLOW_S * 1000:.0f} ms",
        f"{reached:.0f}/s",
        reached > SLOW_TARGET,
    )
