"""The notifications' door: one asyncio loop that delivers what is queued."""

import asyncio
from collections.abc import Callable

import structlog

from db.engine import Database, role_url
from db.listen import Listener
from db.offload import Offload
from db.roles import PLATFORM
from notifications.channels.channel import Channel
from notifications.channels.email import EmailChannel
from notifications.channels.telegram import TelegramChannel
from notifications.pacing import REAL, UNHURRIED
from notifications.rates import Rates, client_of
from notifications.sender import Sender
from openbell import logs
from openbell.settings import Settings, load_settings

log = structlog.get_logger(__name__)

THREADS = 4
PARTS_WITHOUT_VALKEY = 2
"""A sender may use a half of the pace while nobody can say what the bot uses of it."""


async def run(settings: Settings, *, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Deliver until `stop`."""
    if settings.db_url is None or settings.secret_key is None or settings.telegram_token is None:
        raise ValueError("notifications need DB_URL, SECRET_KEY and TELEGRAM_TOKEN")
    db_url, secret_key = settings.db_url.get_secret_value(), settings.secret_key.get_secret_value()
    database = Database.connect(db_url, secret_key, pool_size=THREADS)
    listener = Listener(role_url(db_url, PLATFORM, secret_key), "messages")
    offload = Offload(THREADS, name="notifications-sql")
    telegram = TelegramChannel(settings.telegram_token.get_secret_value(), settings.telegram_api_url)
    channels: dict[str, Channel] = {telegram.name: telegram}
    if settings.smtp_url is not None:
        email = EmailChannel(
            settings.smtp_url.get_secret_value(),
            settings.mail_from,
            secret_key,
            lambda: telegram.link(settings.telegram_link_url),
        )
        channels[email.name] = email
    else:
        log.warning("no_mail", advice="set SMTP_URL: without it nobody can prove an address")
    limits = UNHURRIED if settings.sandbox else REAL
    client = client_of(settings.redis_url.get_secret_value()) if settings.redis_url is not None else None
    relays = {relay: caps for each in channels.values() for relay, caps in getattr(each, "caps", {}).items()}
    mail = {f"email:{relay}": caps for relay, caps in relays.items()}
    rates = Rates(client, limits, lambda: PARTS_WITHOUT_VALKEY, mail)
    sender = Sender(database, listener, channels, offload, rates, per_second=limits.bot)
    await sender.run(stop, ready)
    await rates.close()
    offload.close()
    listener.close()
    database.close()


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="notifications")
    asyncio.run(run(found, stop=asyncio.Event(), ready=lambda: log.info("notifications_ready")))
