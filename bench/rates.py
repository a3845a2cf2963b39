"""The pace: what a decision costs, and how exactly several processes keep to 25 calls a second together."""

import asyncio
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench.house import House
from bench.table import Section
from notifications.pacing import REAL, SECOND, Ledger, Limits
from notifications.rates import PREFIX, Rates, client_of

FREE = Limits(bot=SECOND, chat=SECOND, chat_burst=1000)
"""Every answer is a yes."""
CHATS = 1000
PROCESSES = 4
LINE = 4


@dataclass(frozen=True)
class Sizes:
    rounds: int
    seconds: float


QUICK = Sizes(1, 1.0)
FULL = Sizes(5, 4.0)


@dataclass(frozen=True)
class Held:
    """What one process was granted, by the machine's clock, and what that cost it."""

    granted: list[float]
    asked: int
    cpu: float
    took: float


def measure(servers: House, sizes: Sizes) -> Section:
    """Decisions a second, and four processes in line for Telegram's rate."""
    section = Section("Pace: one script in Valkey, all keys or none")
    url = servers.valkey_url
    rounds = range(sizes.rounds)
    one = [_together(servers, 1, FREE, sizes.seconds) for _ in rounds]
    four = [_together(servers, PROCESSES, FREE, sizes.seconds) for _ in rounds]
    section.add("yes, one client, one question at a time", "/s", [_rate(each) for each in one])
    spent = section.add(
        "processor time of one yes, at the client",
        "ms",
        [1000 * sum(h.cpu for h in each) / _count(each) for each in one],
    )
    section.add("yes, four processes", "/s", [_rate(each) for each in four])
    section.add("PING, one client: the way there and back", "/s", [asyncio.run(_pings(url, 1.0)) for _ in rounds])
    section.add("no Valkey: the ledger in the process", "/s", [_ledger(sizes.seconds / 4) for _ in rounds])
    held = [_together(servers, PROCESSES, REAL, max(sizes.seconds, 2.0), LINE) for _ in rounds]
    reached = section.add(
        f"{PROCESSES} processes, {LINE} waiting in each, at {REAL.bot:g}/s", "/s", [_rate(each) for each in held]
    )
    fullest = section.add("the fullest second of it", "calls", [float(_fullest(each)) for each in held])
    cost = section.add(
        "processor time of one process in line",
        "% of a core",
        [100 * max(h.cpu / h.took for h in each) for each in held],
    )
    section.add("questions for one yes", "", [sum(h.asked for h in each) / _count(each) for each in held])
    section.expect(
        "a decision costs its caller under 0.4 ms of processor time", f"{spent.median:.2g} ms", spent.median < 0.4
    )
    section.expect("95 % of the rate is used", f"{reached.median / REAL.bot:.1%}", reached.median >= 0.95 * REAL.bot)
    section.expect(
        "never more in a second than the limit, and one by the lateness of a process",
        f"{max(fullest.rounds):.0f}",
        max(fullest.rounds) <= REAL.bot + 1,
    )
    section.expect("waiting costs under 5 % of a core", f"{cost.median:.1f} %", cost.median < 5)
    return section


def _together(servers: House, processes: int, limits: Limits, seconds: float, line: int = 1) -> list[Held]:
    with servers.valkey() as client:
        for key in client.scan_iter(f"{PREFIX}*"):
            client.delete(key)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        list(pool.map(_warm, range(processes)))
        begin = time.monotonic() + 0.5
        waiting = [
            pool.submit(_hold, servers.valkey_url, limits, begin, seconds, line, number) for number in range(processes)
        ]
        return [each.result() for each in waiting]


def _warm(_: int) -> None:
    time.sleep(0.2)  # so that every process of the pool is started


def _hold(url: str, limits: Limits, begin: float, seconds: float, line: int, number: int) -> Held:
    return asyncio.run(_ask(url, limits, begin, seconds, line, number))


async def _ask(url: str, limits: Limits, begin: float, seconds: float, line: int, number: int) -> Held:
    rates = Rates(client_of(url), limits, lambda: PROCESSES)
    granted: list[float] = []
    asked = 0
    decide = rates._decide

    async def counted(*values: str | None, **named: object) -> object:
        nonlocal asked
        asked += 1
        return await decide(*values, **named)  # type: ignore[arg-type]

    rates._decide = counted  # type: ignore[assignment,method-assign]
    await rates.acquire(chat=None, bulk=True, within=1)
    await asyncio.sleep(begin - time.monotonic())
    used, asked = time.process_time(), 0

    async def one(place: int) -> None:
        count = 0
        while time.monotonic() < begin + seconds:
            count += 1
            chat = f"{number}{place}{count % CHATS}"
            if await rates.acquire(chat=chat, bulk=False, within=1) == 0.0:
                granted.append(time.monotonic())

    await asyncio.gather(*map(one, range(line)))
    cpu, took = time.process_time() - used, time.monotonic() - begin
    await rates.close()
    return Held(granted, asked, cpu, took)


async def _pings(url: str, seconds: float) -> float:
    client, count, begun = client_of(url), 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        await client.ping()
        count += 1
    await client.aclose()
    return count / (time.monotonic() - begun)


def _ledger(seconds: float) -> float:
    ledger, count, begun = Ledger(), 0, time.monotonic()
    while (now := time.monotonic()) - begun < seconds:
        ledger.take(int(now * SECOND), FREE, str(count % CHATS), bulk=False)
        count += 1
    return count / (time.monotonic() - begun)


def _count(held: list[Held]) -> int:
    return sum(len(each.granted) for each in held)


def _rate(held: list[Held]) -> float:
    instants = sorted(at for each in held for at in each.granted)
    return (len(instants) - 1) / (instants[-1] - instants[0])


def _fullest(held: list[Held]) -> int:
    instants, most, first = sorted(at for each in held for at in each.granted), 0, 0
    for last, at in enumerate(instants):
        while at - instants[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most
