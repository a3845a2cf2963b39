"""The notifications' door: one asyncio loop that delivers what is queued."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import redis.exceptions
import structlog

from db.engine import Database, role_url
from db.listen import Listener
from db.offload import Offload
from db.roles import PLATFORM
from domain import unsubscribe
from domain.ids import UserId
from notifications.channels import kinds
from notifications.channels.channel import Channel
from notifications.channels.telegram import TelegramChannel
from notifications.errors import Postponed
from notifications.pacing import UNHURRIED, Limits
from notifications.rates import Rates, client_of
from notifications.sender import Sender
from openbell import logs
from openbell.settings import Settings, load_settings

log = structlog.get_logger(__name__)

THREADS = 4
PARTS_WITHOUT_VALKEY = 2
"""A sender may use a half of the pace while nobody can say what the bot uses of it."""
PART_WITHIN_S = 60.0
"""How long the second part of a message waits for its turn; the delivery's lease is renewed with each part."""
ONE_TELLS = "openbell:tells-of-the-database"
ONE_TELLS_FOR_S = 600


async def run(
    settings: Settings, *, stop: asyncio.Event, ready: Callable[[], None], limits: Limits | None = None
) -> None:
    """Deliver until `stop`, at Telegram's pace or within other `limits`."""
    if settings.db_url is None or settings.secret_key is None or settings.telegram_token is None:
        raise ValueError("notifications need DB_URL, SECRET_KEY and TELEGRAM_TOKEN")
    db_url, secret_key = settings.db_url.get_secret_value(), settings.secret_key.get_secret_value()
    database = Database.connect(db_url, secret_key, pool_size=THREADS)
    listener = Listener(role_url(db_url, PLATFORM, secret_key), "messages")
    offload = Offload(THREADS, name="notifications-sql")
    client = client_of(settings.redis_url.get_secret_value()) if settings.redis_url is not None else None
    real = Limits(settings.telegram_per_second, settings.telegram_chat_per_second)
    pace = limits or (UNHURRIED if settings.sandbox else real)
    made = _channels(settings)
    rates = Rates(client, pace, lambda: PARTS_WITHOUT_VALKEY, _mail_caps(made.channels))
    made.rates.append(rates)
    sender = Sender(
        database,
        listener,
        made.channels,
        offload,
        rates,
        per_second=pace.bot,
        opt_out=_opt_out(settings.public_url, secret_key),
        only_one=_only_one(client),
        best_effort=[name for name in made.channels if kinds.kind_of(name).best_effort],
    )
    await sender.run(stop, ready)
    await rates.close()
    offload.close()
    listener.close()
    database.close()


class _Made:
    """The channels, and the pace that they ask once it is there."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self.rates: list[Rates] = []

    async def pace(self, chat: str, messages: int) -> None:
        """Wait for the turn of a delivery's further parts."""
        for rates in self.rates:
            wait = await rates.acquire(chat=chat, bulk=False, within=PART_WITHIN_S, cost=messages)
            if wait > 0:
                raise Postponed("its further parts come later: the chat is busy", timedelta(seconds=wait), counts=False)


def _channels(settings: Settings) -> _Made:
    made = _Made()

    async def bot_link() -> str:
        telegram = made.channels["telegram"]
        if not isinstance(telegram, TelegramChannel):
            raise TypeError("the telegram channel is not ours")
        return await telegram.link(settings.telegram_link_url)

    given = kinds.given(settings.model_dump(), os.environ, bot_link=bot_link, pace=made.pace)
    made.channels |= kinds.make_all(given).channels
    if "email" not in made.channels:
        log.warning("no_mail", advice="set SMTP_URL: without it nobody can prove an address")
    return made


def _mail_caps(channels: Mapping[str, Channel]) -> dict[str, Any]:
    """What each relay takes, by the name under which its pace is kept."""
    caps = [getattr(channel, "caps", {}) for channel in channels.values()]
    return {f"email:{relay}": taken for each in caps for relay, taken in each.items()}


def _opt_out(public_url: str | None, secret_key: str) -> Callable[[int, str], str | None]:
    """The links by which people leave a category; there are none while nobody could open them."""

    def link(user: int, category: str) -> str | None:
        if not public_url:
            return None
        word = unsubscribe.token(secret_key, unsubscribe.OptOut(UserId(user), category))
        return f"{public_url.rstrip('/')}{unsubscribe.PATH}{word}"

    return link


def _only_one(client: Any) -> Callable[[], Awaitable[bool]]:
    """Of all senders the first to ask in ten minutes; each of them while there is no Valkey to ask."""

    async def is_this_one() -> bool:
        if client is None:
            return True
        try:
            return bool(await client.set(ONE_TELLS, "1", nx=True, ex=ONE_TELLS_FOR_S))
        except redis.exceptions.RedisError:
            return True

    return is_this_one


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="notifications")
    asyncio.run(run(found, stop=asyncio.Event(), ready=lambda: log.info("notifications_ready")))
