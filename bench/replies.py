"""Reply latency: from a person's message to the bot's answer, over HTTP and long polling, ours beside an echo bot."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.app import Sandbox
from sandbox.person import Person

TOKEN = "4242:sandbox-token-of-the-bench"  # noqa: S105  # accepted by our own sandbox alone
ROUNDS = 5
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


def median(rounds: list[Latency]) -> Latency:
    return Latency(statistics.median(each.p50 for each in rounds), statistics.median(each.p99 for each in rounds))


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


async def compare(echo: Sandbox, ours: Sandbox, people: list[Person]) -> list[tuple[str, int, dict[str, Latency]]]:
    """For 1 and 50 chats: what the echo bot, /help and /jobs take; rounds alternate, medians are kept."""
    found = []
    for chats, messages in ((1, 100), (50, 6)):
        peers = [echo.person(f"Peer {number}") for number in range(chats)]
        mine = people[:chats]
        for sandbox, asked, text in ((echo, peers, "/help"), (ours, mine, "/help"), (ours, mine, "/jobs")):
            await one_round(sandbox, asked, text, 2)  # connections and caches are warm for everybody
        rounds: dict[str, list[Latency]] = {"echo": [], "/help": [], "/jobs": []}
        for _ in range(ROUNDS):
            rounds["echo"].append(await one_round(echo, peers, "/help", messages))
            rounds["/help"].append(await one_round(ours, mine, "/help", messages))
            rounds["/jobs"].append(await one_round(ours, mine, "/jobs", messages))
        found.append(("reply", chats, {name: median(each) for name, each in rounds.items()}))
    return found


def lines(found: list[tuple[str, int, dict[str, Latency]]]) -> list[str]:
    """The table for people, ratios first."""
    out = ["Reply latency, milliseconds (p50 / p99), median of five rounds"]
    for _, chats, by_name in found:
        echo = by_name["echo"]
        out.append(f"  {chats} chat{'s' if chats > 1 else ''}")
        out.append(f"    echo bot  {echo.p50:7.1f} / {echo.p99:7.1f}")
        for name in ("/help", "/jobs"):
            mine = by_name[name]
            out.append(
                f"    {name:8}  {mine.p50:7.1f} / {mine.p99:7.1f}   {mine.p50 / echo.p50:.2f} x echo p50, "
                f"{mine.p50 - echo.p50:+.1f} ms"
            )
    return out


def as_dict(found: list[tuple[str, int, dict[str, Latency]]]) -> list[dict[str, Any]]:
    return [
        {"what": what, "chats": chats, "ms": {name: vars(each) for name, each in by_name.items()}}
        for what, chats, by_name in found
    ]
