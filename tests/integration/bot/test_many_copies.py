"""Several copies of the bot: one hears, the others stand by; and a poller of somebody else's is named."""

import asyncio
import time

import httpx
import pytest

from domain.health import Status
from services.health import ComponentHealth, HealthService
from tests.integration.bot.conftest import TOKEN, Place

LEASES = "SELECT holder_name FROM telegram_leases"


async def health(place: Place) -> ComponentHealth:
    """What the bot's row says."""
    found = await asyncio.to_thread(HealthService(place.database.for_platform()).current)
    return next(each for each in found if each.system == "telegram_bot" and each.component is None)


@pytest.mark.slow
async def test_a_copy_that_is_killed_is_followed_by_the_one_that_stood_by(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    async with place.process() as first, place.bot():
        (held,) = await place.until(LEASES, bool)
        assert str(first.pid) in held.holder_name
        assert "/help" in (await ada.ask("/help", 10))["text"]
        said = await until_it_says(place, "stands by")
        assert said.status is Status.HEALTHY
        first.kill()
        await first.wait()
        killed = time.monotonic()
        await ada.send("/privacy")
        await ada.wait_for(lambda m: len(ada.replies()) == 2, 25)
        assert time.monotonic() - killed < 13
        assert (await place.rows(LEASES))[0].holder_name != held.holder_name


async def test_a_copy_that_ends_hands_over_at_once(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    async with place.bot():
        await ada.ask("/help", 10)
    assert await place.rows(LEASES) == []


@pytest.mark.slow
async def test_another_installations_poller_is_named_and_the_bot_goes_on(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    async with place.bot(), httpx.AsyncClient(trust_env=False) as other:
        await ada.ask("/help", 10)
        await other.post(f"{place.addresses.root}/bot{TOKEN}/getUpdates", json={"timeout": 0, "offset": 0})
        said = await until_it_says(place, "another copy of this bot polls")
        assert "UTC" in (said.error_message or "")
        assert "/help" in (await ada.ask("/help", 10))["text"]


@pytest.mark.slow
async def test_the_heartbeat_says_when_something_was_heard(place: Place) -> None:
    async with place.bot():
        said = await until_it_says(place, "no update so far")
        assert "0 in hand" in (said.says or "")
        await place.sandbox.person("Ada").ask("/help", 10)
        await until_it_says(place, "last update")


async def until_it_says(place: Place, words: str) -> ComponentHealth:
    """The bot's row, once these words stand in it; it speaks every ten seconds."""
    deadline = time.monotonic() + 25
    while True:
        await place.until("SELECT 1 FROM msg_system_health WHERE system = 'telegram_bot'", bool)
        said = await health(place)
        if words in f"{said.says} {said.error_message}":
            return said
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.2)
