"""What the bot's calls draw, by what they are."""

import time
from datetime import timedelta
from typing import Any

import pytest
from telegram.error import NetworkError, RetryAfter

from bot.rates import SharedRateLimiter
from notifications.pacing import Limits
from notifications.rates import Rates

FAST = Limits(bot=1000, chat=0.1, chat_burst=3)


class Calls:
    """Stands for the network: remembers what left, and fails where a test wants that."""

    def __init__(self) -> None:
        self.made = 0
        self.fails: Exception | None = None

    async def __call__(self, *args: Any, **kwargs: Any) -> bool:
        self.made += 1
        if self.fails is not None:
            raise self.fails
        return True


@pytest.fixture
def rates() -> Rates:
    return Rates(None, FAST)


@pytest.fixture
def limiter(rates: Rates) -> SharedRateLimiter:
    return SharedRateLimiter(rates, patience=0.5)


@pytest.fixture
def calls() -> Calls:
    return Calls()


async def ask(limiter: SharedRateLimiter, calls: Calls, endpoint: str = "sendMessage", **data: Any) -> Any:
    return await limiter.process_request(calls, (), {}, endpoint, data, None)


async def test_a_call_into_no_chat_is_free(limiter: SharedRateLimiter, calls: Calls) -> None:
    for _ in range(20):
        await ask(limiter, calls, "answerCallbackQuery", callback_query_id="1")
    assert calls.made == 20


@pytest.mark.parametrize("endpoint", ["sendMessage", "editMessageText", "deleteMessage", "sendPhoto"])
async def test_every_call_into_a_chat_counts(limiter: SharedRateLimiter, calls: Calls, endpoint: str) -> None:
    for _ in range(3):
        await ask(limiter, calls, endpoint, chat_id=7)
    with pytest.raises(RetryAfter):
        await ask(limiter, calls, chat_id="7")
    assert calls.made == 3


async def test_an_album_counts_as_its_pictures(limiter: SharedRateLimiter, calls: Calls) -> None:
    await ask(limiter, calls, "sendMediaGroup", chat_id=7, media=[1, 2, 3])
    with pytest.raises(RetryAfter):
        await ask(limiter, calls, chat_id=7)


async def test_a_reply_that_would_wait_too_long_fails_at_once_and_says_for_how_long(
    rates: Rates, limiter: SharedRateLimiter, calls: Calls
) -> None:
    await rates.park("7", 60)
    begun = time.monotonic()
    with pytest.raises(RetryAfter) as refused:
        await ask(limiter, calls, chat_id=7)
    assert time.monotonic() - begun < 0.4
    assert timedelta(seconds=50) < refused.value._retry_after <= timedelta(seconds=60)
    assert calls.made == 0


async def test_typing_is_left_out_where_it_would_wait(rates: Rates, limiter: SharedRateLimiter, calls: Calls) -> None:
    await ask(limiter, calls, "sendChatAction", chat_id=7, action="typing")
    await rates.park("7", 60)
    assert await ask(limiter, calls, "sendChatAction", chat_id=7, action="typing") is True
    assert calls.made == 1


async def test_a_429_parks_its_chat_and_is_told(rates: Rates, limiter: SharedRateLimiter, calls: Calls) -> None:
    calls.fails = RetryAfter(30)
    with pytest.raises(RetryAfter):
        await ask(limiter, calls, chat_id=7)
    assert 29 < await rates.take(chat="7", bulk=False) <= 30
    assert calls.made == 1


async def test_another_failure_parks_nothing(rates: Rates, limiter: SharedRateLimiter, calls: Calls) -> None:
    calls.fails = NetworkError("Bad Gateway")
    with pytest.raises(NetworkError):
        await ask(limiter, calls, chat_id=7)
    assert await rates.take(chat="7", bulk=False) == 0.0
