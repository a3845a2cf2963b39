"""Several processes share one pace: no second holds more than the limit, whatever happens to Valkey meanwhile."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.integration.notifications.hammer import GRANTED
from tests.integration.notifications.valkeys import OwnValkey, own_valkey

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
PROCESSES = 3


class Crowd:
    """Processes that hammer together."""

    def __init__(self, url: str, rate: float) -> None:
        arguments = [url, str(rate), str(PROCESSES), "50"]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.integration.notifications.hammer", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            for _ in range(PROCESSES)
        ]

    def _say(self, word: str) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(word + "\n")
            process.stdin.flush()

    def _hear(self) -> list[str]:
        return [process.stdout.readline() for process in self._processes if process.stdout is not None]

    def begin(self) -> float:
        assert self._hear() == ["ready\n"] * PROCESSES
        self._say("go")
        return time.monotonic()

    def end(self) -> list[float]:
        """When calls were granted, by the machine's clock."""
        self._say("stop")
        return sorted(at for heard in self._hear() for at in json.loads(heard))

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@contextlib.contextmanager
def crowd(url: str, rate: float) -> Iterator[Crowd]:
    found = Crowd(url, rate)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def own_server() -> Iterator[OwnValkey]:
    with own_valkey() as server:
        yield server


def fullest(instants: list[float], window: float) -> int:
    """How many the fullest half-open window holds."""
    most, first = 0, 0
    for last, at in enumerate(instants):
        while at - instants[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def between(instants: list[float], begin: float, end: float) -> int:
    return sum(begin <= at < end for at in instants)


@pytest.mark.parametrize("rate", [50.0, 33.3])
def test_no_second_holds_more_than_the_limit(valkey_url: str, rate: float) -> None:
    with crowd(valkey_url, rate) as processes:
        processes.begin()
        time.sleep(3)
        granted = processes.end()
    with contextlib.closing(redis.Redis.from_url(valkey_url)) as client:
        by_the_server = [int(at) for at in client.lrange(GRANTED, 0, -1)]
    assert len(by_the_server) == len(granted)
    assert fullest([at / 1e6 for at in by_the_server], 1.0) <= -(-rate // 1)
    took = (by_the_server[-1] - by_the_server[0]) / 1e6
    assert len(by_the_server) >= 0.9 * rate * took, "a no took a call away"


def test_valkey_stops_and_comes_back(own_server: OwnValkey) -> None:
    rate = 30.0
    with crowd(own_server.url, rate) as processes:
        begun = processes.begin()
        time.sleep(1.5)
        own_server.stop()
        gone = time.monotonic()
        time.sleep(2.0)
        back = time.monotonic()
        own_server.start()
        time.sleep(5.5)
        with contextlib.closing(redis.Redis.from_url(own_server.url)) as client:
            shared_before = client.llen(GRANTED)
            time.sleep(1.0)
            shared_after = client.llen(GRANTED)
        granted = processes.end()
    assert fullest(granted, 1.0) <= rate + PROCESSES + 1  # by clocks of three processes, each a little late
    assert between(granted, begun, gone) > 0.6 * rate * (gone - begun)
    assert between(granted, gone, back) > 0.6 * rate * (back - gone)
    assert shared_after - shared_before > 0.6 * rate, "the pace is not everybody's again"


def test_a_frozen_valkey_holds_nobody_up(own_server: OwnValkey) -> None:
    rate = 30.0
    with crowd(own_server.url, rate) as processes:
        processes.begin()
        time.sleep(1.0)
        frozen = time.monotonic()
        with own_server.frozen():
            time.sleep(2.5)
            thawed = time.monotonic()
        time.sleep(2.0)
        granted = processes.end()
    assert fullest(granted, 1.0) <= rate + PROCESSES + 1
    assert between(granted, frozen + 0.7, thawed) > 0.6 * rate * (thawed - frozen - 0.7)
