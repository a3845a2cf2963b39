"""The scripts in Valkey and the ledger in Python decide alike, step for step, over whatever happens."""

import contextlib
import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications import rates
from notifications.pacing import AHEAD, SECOND, Ledger, Limits, pace, windows
from notifications.rates import MAIL, PARK, SPEAK, TAKE

SET_CLOCK = 'local now = tonumber(redis.call("get", "clock"))\n'
BOT, FLOODS = "bot", "floods"
CHATS = ["1", "2", "3", "-1004", "@channel"]

instants = st.integers(0, 3 * SECOND) | st.integers(0, 60_000) | st.integers(0, 90 * SECOND)
paces = st.sampled_from([25.0, 100.0, 30.0, 7.3, 1 / 3, 3.0, 1000.0])
limits = st.builds(
    Limits,
    bot=paces,
    chat=st.sampled_from([1.0, 0.7, 3.0]),
    chat_burst=st.integers(1, 4),
    group_per_minute=st.sampled_from([18.0, 17.3, 60.0]),
    group_burst=st.integers(1, 3),
    bulk_share=st.sampled_from([0.8, 0.33]),
    bulk_alone=st.sampled_from([1.0, 0.95]),
    bot_burst=st.integers(1, 3),
    bulk_burst=st.integers(1, 3),
)
takes = st.tuples(
    st.just("take"), instants, st.sampled_from([None, *CHATS]), st.booleans(), st.sampled_from([1, 1, 1, 2, 10])
)
parks = st.tuples(st.just("park"), instants, st.sampled_from(CHATS), st.booleans(), st.integers(0, 20 * SECOND))
speaks = st.tuples(st.just("speak"), instants)
steps = st.lists(takes | takes | takes | parks | speaks, max_size=40)


class Server:
    """The scripts under a clock that the test sets."""

    def __init__(self, url: str) -> None:
        self.client: Any = redis.Redis.from_url(url)
        self.take, self.park, self.mail, self.speak = (
            self.client.register_script(SET_CLOCK + each) for each in (TAKE, PARK, MAIL, SPEAK)
        )

    def fresh(self) -> None:
        self.client.flushdb()

    def at(self, now: int) -> None:
        self.client.set("clock", now)

    def kept(self) -> dict[bytes, Any]:
        """All that is stored but for who waits and who was seen."""
        beside = {b"other_at", b"other_until", b"bulk_until"}
        return {
            key: {name: value for name, value in self.client.hgetall(key).items() if name not in beside}
            for key in self.client.scan_iter()
            if key not in (b"clock", FLOODS.encode())
        }


@pytest.fixture(scope="module")
def server(servers: Any) -> Iterator[Server]:
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15
    found = Server(servers.valkey(number))
    yield found
    with contextlib.closing(found.client):
        found.fresh()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=limits, steps=steps)
def test_the_script_decides_as_the_ledger_does(server: Server, limits: Limits, steps: list[Any]) -> None:
    server.fresh()
    ledger, now = Ledger(), 1_763_000_000 * SECOND
    for what, after, *rest in steps:
        now += after
        server.at(now)
        if what == "take":
            chat, bulk, cost = rest
            before = server.kept()
            keys = [BOT] + ([chat] if chat else [])
            wait, shared, ahead = server.take(keys, rates._arguments(limits, chat, bulk=bulk, cost=cost))
            decision = ledger.take(now, limits, chat, bulk=bulk, cost=cost)
            assert (int(wait), bool(shared), int(ahead)) == (decision.wait, decision.shared, decision.ahead)
            assert int(wait) >= 0
            if int(wait):
                assert server.kept() == before, "a no has charged something"
        elif what == "park":
            chat, flood, duration = rest
            slowed = server.park([BOT, chat, FLOODS], [chat, duration, limits.bot, int(flood)])
            assert (float(slowed) > 0) == ledger.park(now, limits, chat, duration, flood=flood)
            if float(slowed):
                assert float(slowed) == ledger.cut
        else:
            server.speak([BOT], [])
            ledger.others_speak(now)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_long_rush_is_decided_alike(server: Server, seed: int) -> None:
    """Callers that come back when told, some late, some never, with floods between them."""
    server.fresh()
    random = Random(seed)
    limits = Limits(bot=random.choice([25.0, 33.3]), bulk_share=0.6, bulk_burst=random.choice([1, 2]))
    ledger, seen = Ledger(), set()
    callers = [(1_763_000_000 * SECOND + number, number) for number in range(6)]
    for _ in range(700):
        now, number = heapq.heappop(callers)
        server.at(now)
        chat, bulk = random.choice(["1", "2", "3", "-1004", None]), number < 2
        if random.random() < 0.01 and chat is not None:
            duration = random.choice([0, SECOND, 4 * SECOND])
            slowed = float(server.park([BOT, chat, FLOODS], [chat, duration, limits.bot, 1]))
            assert (slowed > 0) == ledger.park(now, limits, chat, duration, flood=True)
        keys = [BOT] + ([chat] if chat else [])
        wait, shared, ahead = server.take(keys, rates._arguments(limits, chat, bulk=bulk, cost=1))
        decision = ledger.take(now, limits, chat, bulk=bulk)
        assert (int(wait), bool(shared), int(ahead)) == (decision.wait, decision.shared, decision.ahead)
        seen.add((bulk, wait > 0, bool(shared)))
        late = random.choice([0, 0, 0, 1, 5_000, 30_000, SECOND // 2])
        heapq.heappush(callers, (now + min(int(wait), SECOND) + late, number))
    assert len(seen) == 6, "not everything happened"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=limits, chats=st.lists(st.sampled_from([None, *CHATS]), min_size=1, max_size=40), bulk=st.booleans())
def test_who_comes_back_when_told_is_let_through(
    server: Server, limits: Limits, chats: list[str | None], bulk: bool
) -> None:
    """The wait is exact: one microsecond earlier it is still no, at the moment itself it is yes."""
    server.fresh()
    now = 1_763_000_000 * SECOND
    for chat in chats:
        keys, arguments = [BOT] + ([chat] if chat else []), rates._arguments(limits, chat, bulk=bulk, cost=1)
        server.at(now)
        wait = int(server.take(keys, arguments)[0])
        if wait:
            server.at(now + wait - 1)
            assert int(server.take(keys, arguments)[0]) == 1
            now += wait
            server.at(now)
            assert int(server.take(keys, arguments)[0]) == 0


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=limits, asked=st.lists(st.tuples(instants, st.sampled_from([None, *CHATS]), st.booleans()), max_size=80))
def test_no_window_holds_more_than_the_limit(server: Server, limits: Limits, asked: list[Any]) -> None:
    server.fresh()
    now, granted = 1_763_000_000 * SECOND, []
    for after, chat, bulk in asked:
        now += min(after, pace(limits.bot) // 2)  # hammered
        server.at(now)
        keys = [BOT] + ([chat] if chat else [])
        wait, _, ahead = server.take(keys, rates._arguments(limits, chat, bulk=bulk, cost=1))
        if int(wait) == 0:
            granted.append((now + int(ahead), chat))
    assert_within([at for at, _ in granted], SECOND, limits.bot + limits.bot_burst - 1)
    for chat in CHATS:
        period, burst = limits.of(chat)
        assert_within([at for at, into in granted if into == chat], 60 * SECOND, 60 * SECOND / period + burst - 1)


def assert_within(granted: list[int], window: int, most: float) -> None:
    """No half-open window of this length holds more than `most`, rounded up to a whole call."""
    granted, allowed = sorted(granted), int(-(-most // 1))
    for first in range(len(granted) - allowed):
        assert granted[first + allowed] - granted[first] >= window


@dataclass(frozen=True)
class Caps:
    per_minute: int | None
    per_day: int | None


mails = st.lists(st.tuples(st.integers(0, 40 * SECOND) | st.integers(0, 40_000 * SECOND), st.booleans()), max_size=60)
caps = st.builds(Caps, st.none() | st.integers(1, 12), st.none() | st.integers(1, 30))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(caps=caps, mails=mails)
def test_a_relay_is_never_given_more_than_its_caps(server: Server, caps: Caps, mails: list[Any]) -> None:
    server.fresh()
    ledger, now, granted = Ledger(), 1_763_000_000 * SECOND, []
    for after, bulk in mails:
        now += after
        server.at(now)
        found = list(windows(caps, 0.8, bulk=bulk))
        wait = int(server.mail([name for name, _, _ in found], [each for _, *pair in found for each in pair]))
        assert wait == ledger.take_mail(now, "relay", caps, 0.8, bulk=bulk).wait
        if wait == 0:
            granted.append(now)
    assert_within(granted, 60 * SECOND, caps.per_minute or len(granted))
    assert_within(granted, 86_400 * SECOND, caps.per_day or len(granted))


def test_a_wait_of_less_than_a_millisecond_is_not_taken_for_a_yes(server: Server) -> None:
    server.fresh()
    now, arguments = 1_763_000_000 * SECOND, rates._arguments(Limits(bot=1000), None, bulk=False, cost=1)
    server.at(now)
    moments = [int(server.take([BOT], arguments)[2]) for _ in range(AHEAD // 1000 + 1)]
    assert moments == list(range(0, AHEAD + 1, 1000))
    for later, wait in ((0, 1000), (1, 999), (999, 1), (1000, 0), (1000, 1000)):
        server.at(now + later)
        assert int(server.take([BOT], arguments)[0]) == wait


def test_every_key_expires(server: Server) -> None:
    server.fresh()
    server.at(1_763_000_000 * SECOND)
    for chat in CHATS:
        for bulk in (True, False):
            server.take([BOT, chat], rates._arguments(Limits(), chat, bulk=bulk, cost=1))
        server.park([BOT, chat, FLOODS], [chat, SECOND, 25.0, 1])
    server.mail(["minute", "day"], [SECOND, 5, 1440 * SECOND, 5])
    server.client.delete("clock")
    expiries = {key: server.client.pttl(key) for key in server.client.scan_iter()}
    assert len(expiries) >= 8
    assert all(isinstance(left, int) and 0 < left < 26 * 3600 * 1000 for left in expiries.values()), expiries
