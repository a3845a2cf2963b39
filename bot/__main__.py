"""The bot's door: it hears by polling or by the webhook, on one asyncio loop."""

import asyncio
from collections.abc import Callable

import structlog
from telegram.error import InvalidToken, TelegramError
from telegram.request import HTTPXRequest

from bot import menu
from bot.app import COMMANDS, UPDATES, App, build_application
from bot.audit import AuditTrail
from bot.context import Parts
from bot.inbox import Inbox
from bot.leading import Lease
from bot.live import LiveSettings
from bot.rates import FloodRequest
from bot.receiving import Ear, Hearing, Polling, Receiving, Webhook
from db.engine import Database, role_url
from db.listen import Listener
from db.offload import Offload
from db.roles import PLATFORM
from domain.chat_settings import AccessMode, ChatSettings
from notifications.channels.telegram import request
from notifications.pacing import UNHURRIED, Limits
from notifications.rates import Rates, client_of
from openbell import logs
from openbell.settings import Settings, load_settings
from services.health import HealthService
from services.inbox import WEBHOOK, webhook_path
from services.telegram import TelegramService

log = structlog.get_logger(__name__)

THREADS = 8
BEAT_S = 10
ANSWER_WITHIN_S = 5.0
PARTS_WITHOUT_VALKEY = 2
"""The bot may use a half of the pace while nobody can say what the senders use of it."""

Ready = Callable[[], None]


class TokenRefused(Exception):
    """Telegram does not accept TELEGRAM_TOKEN. Ask @BotFather for the token and set it."""


async def run(settings: Settings, *, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Hear and answer until `stop`; what was heard before it is still answered."""
    if settings.db_url is None or settings.secret_key is None or settings.telegram_token is None:
        raise ValueError("the bot needs DB_URL, SECRET_KEY and TELEGRAM_TOKEN")
    secret_key = settings.secret_key.get_secret_value()
    database = Database.connect(settings.db_url.get_secret_value(), secret_key, pool_size=THREADS)
    offload = Offload(THREADS, name="bot-sql")
    parts = Parts(
        database=database,
        offload=offload,
        secret_key=secret_key,
        sandbox=settings.sandbox,
        market_feed=settings.market_feed,
        bars_dir=settings.data_dir / "bars",
        trail=AuditTrail(database, offload),
        live=LiveSettings(database, offload, ChatSettings(access_mode=AccessMode(settings.access_mode))),
        history_months=settings.history_months,
        link_url=settings.telegram_link_url.rstrip("/"),
    )
    application = build_application(
        settings.telegram_token.get_secret_value(), settings.telegram_api_url, parts, _rates(settings)
    )
    try:
        await _serve(application, settings, parts, stop, ready)
    finally:
        offload.close()
        database.close()


def _rates(settings: Settings) -> Rates:
    """The pace of our calls, shared with the senders where there is a Valkey."""
    client = client_of(settings.redis_url.get_secret_value()) if settings.redis_url is not None else None
    limits = UNHURRIED if settings.sandbox else Limits(settings.telegram_per_second, settings.telegram_chat_per_second)
    return Rates(client, limits, lambda: PARTS_WITHOUT_VALKEY)


async def _serve(application: App, settings: Settings, parts: Parts, stop: asyncio.Event, ready: Ready) -> None:
    hearing = Hearing()
    if not await _initialized(application, parts, hearing, stop):
        return
    if await parts.offload.run(TelegramService(parts.database.for_platform()).speaks_as, application.bot.id):
        log.info("another_bot", bot_id=application.bot.id, username=application.bot.username)
    inbox, lease = Inbox(application, parts), Lease(parts.database, parts.offload)
    wire = request(FloodRequest, connection_pool_size=2, connect_timeout=5, read_timeout=40, pool_timeout=5)
    listener = _listener(settings)
    receiving = Receiving(_ear(application, settings, parts, inbox, hearing, wire, listener), lease, inbox)
    await wire.initialize()
    await parts.live.refresh()
    await lease.ask()
    writing = asyncio.create_task(parts.trail.run())
    work = [
        asyncio.create_task(receiving.run()),
        asyncio.create_task(lease.run()),
        asyncio.create_task(menu.show_to_strangers(application.bot, parts, COMMANDS)),
        asyncio.create_task(_report(parts, hearing, lease, inbox)),
        asyncio.create_task(parts.live.run()),
    ]
    ready()
    asked, refused = asyncio.create_task(stop.wait()), asyncio.create_task(hearing.refused.wait())
    await asyncio.wait([work[0], asked, refused], return_when=asyncio.FIRST_COMPLETED)
    failed = work[0].exception() if work[0].done() else None
    for task in (*work, asked, refused):
        task.cancel()
    await asyncio.gather(*work, asked, refused, return_exceptions=True)
    await receiving.close(ANSWER_WITHIN_S)
    parts.trail.stop()
    await writing
    await _let_go(lease)
    await wire.shutdown()
    await application.shutdown()
    if listener is not None:
        listener.close()
    if failed is not None:
        raise failed
    if hearing.refused.is_set():
        raise TokenRefused((TokenRefused.__doc__ or "").strip())


def _listener(settings: Settings) -> Listener | None:
    if settings.telegram_mode == "polling" or settings.db_url is None or settings.secret_key is None:
        return None
    db_url, secret_key = settings.db_url.get_secret_value(), settings.secret_key.get_secret_value()
    return Listener(role_url(db_url, PLATFORM, secret_key), "inbox")


def _ear(
    application: App,
    settings: Settings,
    parts: Parts,
    inbox: Inbox,
    hearing: Hearing,
    wire: HTTPXRequest,
    listener: Listener | None,
) -> Ear:
    """How this installation hears, by TELEGRAM_MODE."""
    if listener is None:
        return Polling(application.bot, wire, inbox, parts.offload, hearing, UPDATES)
    secret = settings.telegram_webhook_secret
    return Webhook(
        application.bot,
        f"{settings.public_url}{WEBHOOK}{webhook_path(parts.secret_key)}",
        secret.get_secret_value() if secret is not None else "",
        listener,
        inbox,
        hearing,
        UPDATES,
    )


async def _let_go(lease: Lease) -> None:
    try:
        await lease.release()
    except Exception as problem:  # noqa: BLE001  # it ends by itself, ten seconds later
        log.warning("lease_not_released", error=str(problem))


async def _initialized(application: App, parts: Parts, hearing: Hearing, stop: asyncio.Event) -> bool:
    """Ask Telegram who we are, until it answers; False when `stop` came first."""
    while not stop.is_set():
        try:
            await application.initialize()
        except InvalidToken as problem:
            raise TokenRefused((TokenRefused.__doc__ or "").strip()) from problem
        except TelegramError as problem:
            hearing.failed(problem)
            await _say(parts, hearing.current(), "")
            await asyncio.sleep(1)
        else:
            hearing.well()
            return True
    return False


async def _report(parts: Parts, hearing: Hearing, lease: Lease, inbox: Inbox) -> None:
    while True:
        if lease.held.is_set():
            await _say(parts, hearing.current(), hearing.summary(inbox.in_hand))
        elif lease.other is not None:
            await _stand_by(parts, lease)
        await asyncio.sleep(BEAT_S)


async def _say(parts: Parts, error: str | None, says: str) -> None:
    try:
        service = HealthService(parts.database.for_platform())
        await parts.offload.run(service.report, "telegram_bot", None, error=error, says=says)
    except Exception as problem:  # noqa: BLE001  # answering goes on; silence in the health table says the rest
        log.warning("health_not_reported", error=str(problem))


async def _stand_by(parts: Parts, lease: Lease) -> None:
    try:
        service = HealthService(parts.database.for_platform())
        await parts.offload.run(service.stands_by, "telegram_bot", lease.name)
    except Exception as problem:  # noqa: BLE001  # as above
        log.warning("health_not_reported", error=str(problem))


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="bot")
    asyncio.run(run(found, stop=asyncio.Event(), ready=lambda: log.info("bot_ready")))
