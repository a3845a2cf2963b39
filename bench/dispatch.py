"""Dispatch: many schedules due in one instant, until all are rung, beside APScheduler and the bare floor."""

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench import floor, peer_apscheduler, rows
from bench.house import House
from bench.table import Section

NAME = "openbell:reports"
WITHIN = 180.0
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Size:
    """How many schedules there are, how many are due, and how often that is measured."""

    schedules: int
    due: int
    rounds: int


FULL = Size(100_000, 10_000, 5)
QUICK = Size(2_000, 200, 1)


def measure(house: House, size: Size) -> Section:
    """Ours and its peers, one after the other, so that each has the machine for itself."""
    section = Section(f"Dispatch: {size.due:,} of {size.schedules:,} schedules due in one instant")
    mine = section.add("Openbell's scheduler", "/s", _rates(size, ours(house, size)))
    bare = section.add("the bare floor", "/s", _rates(size, the_floor(house, size)))
    alone = section.add("APScheduler 3.11, SQLAlchemy job store", "/s", _rates(size, apscheduler(house, size, "count")))
    handing = section.add("APScheduler 3.11 → Dramatiq", "/s", _rates(size, apscheduler(house, size, "send")))
    share, more = mine.median / bare.median, mine.median / handing.median
    section.expect("at least 60 % of the floor", f"{share:.0%}", share >= 0.6)
    section.expect("at least 10 times APScheduler → Dramatiq", f"{more:.1f} times", more >= 10)
    section.expect("8,000/s", f"{mine.median:,.0f}/s ({mine.median / alone.median:.1f} × APScheduler alone)",
                   mine.median >= 8000)  # fmt: skip
    return section


def ours(house: House, size: Size) -> list[float]:
    """Seconds from the due instant until the last message is in its queue, with `python -m scheduler`."""
    rows.fill(house, size.schedules)
    found = []
    with house.scheduler():
        for _ in range(size.rounds):
            rows.clear(house)
            at = rows.let_be_due(house, size.schedules, size.due).timestamp()
            found.append(seconds_until(house, NAME, size.due, at))
    return found


def the_floor(house: House, size: Size) -> list[float]:
    floor.fill(house, size.schedules)
    found = []
    for _ in range(size.rounds):
        _emptied(house)
        with _child(floor.dispatch, house.master_url, house.valkey_url, size.due) as go:
            at = time.time() + 1.5
            floor.let_be_due(house, size.schedules, size.due, at)
            go.send(max(at, time.time() + 0.2))
            found.append(seconds_until(house, f"dramatiq:{floor.QUEUE}", size.due, max(at, time.time())))
    return found


def apscheduler(house: House, size: Size, job: str) -> list[float]:
    """`job` is count, which does nothing, or send, which hands over to Dramatiq."""
    peer_apscheduler.fill(house, size.schedules, job)
    found = []
    for _ in range(size.rounds):
        _emptied(house)
        at = time.time() + 4
        peer_apscheduler.let_be_due(house, size.schedules, size.due, at, job)
        ends, finished = _spawn.Pipe(duplex=False)
        wanted = size.due if job == "count" else size.due + 1  # the other is counted in Valkey, so it goes on
        with _child(peer_apscheduler.dispatch, house.master_url, house.valkey_url, wanted, finished) as go:
            begun = max(at, time.time())
            go.send(at)
            if job == "count":
                if not ends.poll(WITHIN):
                    raise RuntimeError("APScheduler did not come to its end")
                found.append(ends.recv() - begun)
            else:
                found.append(seconds_until(house, f"dramatiq:{peer_apscheduler.QUEUE}", size.due, begun))
    return found


def seconds_until(house: House, queue: str, count: int, at: float) -> float:
    """Seconds from `at` until `queue` holds so many messages."""
    with contextlib.closing(house.valkey()) as client:
        time.sleep(max(at - time.time(), 0))
        while (there := int(client.llen(queue))) < count:
            if time.time() > at + WITHIN:
                raise RuntimeError(f"only {there} of {count} were rung")
            time.sleep(0.005)
        return time.time() - at


@contextlib.contextmanager
def _child(work: Any, database_url: str, redis_url: str, count: int, *more: Any) -> Iterator[Any]:
    """A process that has begun `work` and waits for its instant, killed after the block."""
    ready = _spawn.Event()
    theirs, mine = _spawn.Pipe(duplex=False)
    child = _spawn.Process(target=work, args=(database_url, redis_url, count, ready, theirs, *more), daemon=True)
    child.start()
    try:
        if not ready.wait(30):
            raise RuntimeError("a contender did not start")
        yield mine
    finally:
        child.kill()
        child.join()


def _emptied(house: House) -> None:
    with contextlib.closing(house.valkey()) as client:
        client.flushall()


def _rates(size: Size, seconds: list[float]) -> list[float]:
    return [size.due / each for each in seconds]
