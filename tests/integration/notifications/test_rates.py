"""What callers meet: one pace over several clients, lines, parking, and a Valkey that goes and comes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from notifications.pacing import Limits
from notifications.rates import LOOK_AGAIN_S, Rates, client_of
from tests.integration.notifications.valkeys import OwnValkey, own_valkey

FAST = Limits(bot=1000, chat=100, chat_burst=100)
New = Callable[..., Rates]


@pytest.fixture
async def new(valkey_url: str) -> AsyncIterator[New]:
    """Makes clients, as of different processes."""
    made: list[Rates] = []

    def one(limits: Limits = Limits(), url: str = valkey_url, senders: int = 1, **values: object) -> Rates:  # noqa: B008
        made.append(Rates(client_of(url), limits, lambda: senders, **values))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for rates in made:
        await rates.close()


@pytest.fixture
def own_server() -> Iterator[OwnValkey]:
    with own_valkey() as server:
        yield server


async def test_two_clients_share_a_chat(new: New) -> None:
    one, other = new(), new()
    taken = [await each.acquire(chat="8", bulk=False, within=0.5) for each in (one, other, one, other)]
    assert taken[:3] == [0.0, 0.0, 0.0]
    assert 0.7 < taken[3] < 1.0


async def test_a_topic_counts_as_its_chat(new: New) -> None:
    rates = new(Limits(bot=1000, group_burst=1))
    assert await rates.take(chat="-1007/12", bulk=False) == 0.0
    assert await rates.take(chat="-1007/13", bulk=False) > 3
    assert await rates.take(chat="-1007", bulk=False) > 3


async def test_a_call_into_no_chat_takes_the_bots_pace_alone(new: New) -> None:
    rates = new(Limits(bot=10))
    assert await rates.take(chat=None, bulk=False) == 0.0
    assert 0 < await rates.take(chat=None, bulk=False) <= 0.1


async def test_a_429_parks_its_chat_for_everybody(new: New) -> None:
    one, other = new(FAST), new(FAST)
    await one.flooded("7", 30)
    assert 29 < await one.take(chat="7", bulk=False) < 30
    assert 29 < await other.take(chat="7", bulk=False) < 30
    assert await other.take(chat="8", bulk=False) == 0.0


async def test_three_flooded_chats_slow_everybody_down(new: New) -> None:
    one, other = new(Limits(bot=10)), new(Limits(bot=10))
    for chat in ("1", "2", "3"):
        await one.flooded(chat, 1)
    assert await other.acquire(chat="7", bulk=False, within=1) == 0.0
    assert 0.15 < await other.take(chat="8", bulk=False) <= 0.2  # five a second, and not ten


async def test_parking_by_hand_slows_nobody_down(new: New) -> None:
    one, other = new(Limits(bot=10)), new(Limits(bot=10))
    for chat in ("1", "2", "3"):
        await one.park(chat, 1)
    assert await other.acquire(chat="7", bulk=False, within=1) == 0.0
    assert await other.take(chat="8", bulk=False) <= 0.1


async def test_bulk_keeps_to_its_share_once_something_else_was_seen(new: New) -> None:
    one, other = new(Limits(bot=100, bulk_share=0.4)), new(Limits(bot=100, bulk_share=0.4))

    async def in_a_second() -> int:
        until, count = time.monotonic() + 1, 0
        while time.monotonic() < until:
            count += await one.acquire(chat=None, bulk=True, within=0.1) == 0.0
        return count

    assert await in_a_second() > 60
    await other.urgent_seen()
    assert 30 < await in_a_second() <= 43


async def test_those_in_line_ask_one_after_another(new: New) -> None:
    rates = new(Limits(bot=50))
    asked = 0
    script: Any = rates._take

    async def counted(*values: object) -> object:
        nonlocal asked
        asked += 1
        return await script(*values)

    rates._take = counted  # type: ignore[assignment]
    begun = time.monotonic()
    waits = await asyncio.gather(*(rates.acquire(chat=str(n), bulk=True, within=5) for n in range(30)))
    assert waits == [0.0] * 30
    assert 0.55 < time.monotonic() - begun < 1.5
    assert asked <= 75, "everybody asks for every free moment"


async def test_who_would_wait_too_long_is_told_at_once(new: New) -> None:
    rates = new(FAST)
    await rates.park("7", 60)
    begun = time.monotonic()
    assert await rates.acquire(chat="7", bulk=False, within=2) > 50
    assert time.monotonic() - begun < 0.5


async def test_a_parked_chat_holds_no_other_up_in_line(new: New) -> None:
    rates = new(FAST)
    await rates.park("7", 1.0)
    waiting = asyncio.create_task(rates.acquire(chat="7", bulk=False, within=3))
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    assert await rates.acquire(chat="8", bulk=False, within=3) == 0.0
    assert time.monotonic() - begun < 0.5
    assert await waiting == 0.0


async def test_mail_that_waits_holds_no_chat_up(new: New) -> None:
    rates = new(FAST, mail={"email:one": Caps(1, None)})
    assert await rates.take(chat=None, bulk=False, kind="email:one") == 0.0
    mail = asyncio.create_task(rates.acquire(chat=None, bulk=False, kind="email:one", within=90))
    await asyncio.sleep(0.05)
    assert await rates.acquire(chat="7", bulk=False, within=1) == 0.0
    mail.cancel()


async def test_without_valkey_each_keeps_to_its_part() -> None:
    rates = Rates(None, Limits(bot=40), lambda: 4)
    assert not rates.shared
    until, count = time.monotonic() + 1, 0
    while time.monotonic() < until:
        count += await rates.acquire(chat=None, bulk=True, within=0.2) == 0.0
    assert 8 <= count <= 11


async def test_what_was_told_while_valkey_was_gone_holds_afterwards(own_server: OwnValkey, new: New) -> None:
    told, other = (new(FAST, own_server.url, 2) for _ in range(2))
    assert await told.take(chat="1", bulk=False) == 0.0
    assert told.shared
    own_server.stop()
    assert await told.acquire(chat="1", bulk=False, within=1) == 0.0
    assert not told.shared
    await told.flooded("7", 60)
    own_server.start()
    deadline = time.monotonic() + 10
    while not told.shared and time.monotonic() < deadline:
        await told.take(chat="1", bulk=False)
        await asyncio.sleep(LOOK_AGAIN_S / 10)
    assert told.shared
    assert 40 < await other.take(chat="7", bulk=False) < 60


async def test_a_server_that_forgot_the_script_is_given_it_again(own_server: OwnValkey, new: New) -> None:
    rates = new(FAST, own_server.url)
    assert await rates.take(chat="1", bulk=False) == 0.0
    own_server.stop()
    own_server.start()
    assert await rates.acquire(chat="1", bulk=False, within=1) == 0.0
    assert rates.shared, "a connection that was cut meanwhile is made anew"


@dataclass(frozen=True)
class Caps:
    per_minute: int | None
    per_day: int | None


async def test_a_relays_caps_are_everybodys(new: New) -> None:
    mail = {"email:one": Caps(4, None), "email:two": Caps(None, 5)}
    one, other = new(mail=mail), new(mail=mail)
    minute = [await each.take(chat=None, bulk=False, kind="email:one") for each in (one, other, one, other, one)]
    assert minute[:4] == [0.0] * 4
    assert 55 < minute[4] <= 61
    bulk = [await one.take(chat=None, bulk=True, kind="email:two") for _ in range(5)]
    assert bulk[:4] == [0.0] * 4
    assert bulk[4] > 86_000, "bulk leaves a fifth of the day to the others"
    assert await other.take(chat=None, bulk=False, kind="email:two") == 0.0
    assert await other.take(chat=None, bulk=False, kind="email:two") > 86_000
    assert await other.take(chat=None, bulk=False, kind="email:unknown") == 0.0


async def test_without_valkey_a_relay_gets_a_part_of_its_caps() -> None:
    rates = Rates(None, Limits(), lambda: 2, {"email:one": Caps(4, None)})
    waits = [await rates.take(chat=None, bulk=False, kind="email:one") for _ in range(3)]
    assert waits[:2] == [0.0, 0.0]
    assert waits[2] > 55
