"""The bot's own calls draw on the pace that the senders keep: what Telegram counts into a chat, it counts together."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import structlog
from telegram.error import RetryAfter
from telegram.ext import BaseRateLimiter
from telegram.request import HTTPXRequest

from notifications.rates import Rates

log = structlog.get_logger(__name__)

PATIENCE_S = 2.0
"""How long a reply waits for its turn; a person who waits longer has to be told, or has written again."""
ASSUMED_PAUSE = timedelta(seconds=30)
"""After a 429 that does not say for how long."""
DECORATION = {"sendChatAction"}

Answer = bool | dict[str, Any] | list[dict[str, Any]]


class SharedRateLimiter(BaseRateLimiter[None]):
    """Lets a call into a chat leave when its turn has come; one that would wait too long fails with RetryAfter.

    A call into no chat, such as an answer to a press, is free. A 429 is never repeated here: its chat is parked, and
    no call goes into it before that is over.
    """

    def __init__(self, rates: Rates, patience: float = PATIENCE_S) -> None:
        self._rates = rates
        self._patience = patience

    async def initialize(self) -> None:
        """Nothing to set up: the connection is made with the first question."""

    async def shutdown(self) -> None:
        """Let go of the connection."""
        await self._rates.close()

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: None,  # noqa: ARG002  # of the library's; ours has none
    ) -> Answer:
        """Call when the chat's turn has come."""
        if data.get("chat_id") is None:
            return await callback(*args, **kwargs)
        chat = str(data["chat_id"])
        patience = 0.0 if endpoint in DECORATION else self._patience
        wait = await self._rates.acquire(chat=chat, bulk=False, within=patience, cost=len(data.get("media") or "1"))
        if wait > 0 and endpoint in DECORATION:
            return True  # "typing…" is not worth what the reply itself will need
        if wait > 0:
            log.warning("reply_held_back", endpoint=endpoint, seconds=round(wait, 1))
            raise RetryAfter(timedelta(seconds=wait))
        try:
            return await callback(*args, **kwargs)
        except RetryAfter as problem:
            await self._rates.flooded(chat, _seconds(problem))
            raise


class FloodRequest(HTTPXRequest):
    """python-telegram-bot's network code, for which a 429 without seconds is one as well."""

    async def do_request(self, *args: Any, **values: Any) -> tuple[int, bytes]:
        """The status and body of the answer."""
        status, body = await super().do_request(*args, **values)
        if status == HTTPStatus.TOO_MANY_REQUESTS and b'"retry_after"' not in body:
            raise RetryAfter(ASSUMED_PAUSE)
        return status, body


def _seconds(problem: RetryAfter) -> float:
    wait = problem.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
