"""The bot's door: long polling on one asyncio loop."""

import asyncio
import time
from collections.abc import Callable

import structlog
from telegram.error import Conflict, InvalidToken, TelegramError

from bot import menu
from bot.app import COMMANDS, UPDATES, App, build_application
from bot.audit import AuditTrail
from bot.context import Parts
from bot.live import LiveSettings
from db.engine import Database
from db.offload import Offload
from domain.chat_settings import AccessMode, ChatSettings
from notifications.pacing import UNHURRIED, Limits
from notifications.rates import Rates, client_of
from openbell import logs
from openbell.settings import Settings, load_settings
from services.health import HealthService

log = structlog.get_logger(__name__)

THREADS = 8
POLL_S = 20
BEAT_S = 10
DEAF_AFTER_S = 60
PARTS_WITHOUT_VALKEY = 2
"""The bot may use a half of the pace while nobody can say what the senders use of it."""


class TokenRefused(Exception):
    """Telegram does not accept TELEGRAM_TOKEN. Ask @BotFather for the token and set it."""


class Hearing:
    """What the polling says of itself: the health of a bot is that it hears, not that it runs."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.refused = asyncio.Event()
        self._since = time.monotonic()

    def failed(self, problem: TelegramError) -> None:
        """python-telegram-bot could not fetch updates."""
        if isinstance(problem, Conflict):
            self.trouble = "another copy of this bot polls with the same token"
        elif isinstance(problem, InvalidToken):
            self.trouble = "Telegram refused the token"
            self.refused.set()
        else:
            self.trouble = "Telegram can't be reached"
        self._since = time.monotonic()
        log.warning("polling_failed", error=self.trouble)

    def current(self) -> str | None:
        """The trouble of the last poll's length; older trouble is over, as polls have succeeded since."""
        if self.trouble is not None and time.monotonic() - self._since > POLL_S + BEAT_S:
            self.trouble = None
        return self.trouble


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
        link_url=settings.telegram_link_url.rstrip("/"),
    )
    application = build_application(
        settings.telegram_token.get_secret_value(), settings.telegram_api_url, parts, _rates(settings)
    )
    try:
        await _serve(application, parts, stop, ready)
    finally:
        offload.close()
        database.close()


def _rates(settings: Settings) -> Rates:
    """The pace of our calls, shared with the senders where there is a Valkey."""
    client = client_of(settings.redis_url.get_secret_value()) if settings.redis_url is not None else None
    limits = UNHURRIED if settings.sandbox else Limits(settings.telegram_per_second, settings.telegram_chat_per_second)
    return Rates(client, limits, lambda: PARTS_WITHOUT_VALKEY)


async def _serve(application: App, parts: Parts, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    hearing = Hearing()
    if not await _initialized(application, parts, hearing, stop):
        return
    updater = application.updater
    if updater is None:
        raise RuntimeError("the application was built without an updater")
    await application.start()
    await updater.start_polling(
        timeout=POLL_S,
        allowed_updates=UPDATES,
        drop_pending_updates=False,
        bootstrap_retries=-1,
        error_callback=hearing.failed,
    )
    writing = asyncio.create_task(parts.trail.run())
    background = [
        asyncio.create_task(menu.show_to_strangers(application.bot, parts, COMMANDS)),
        asyncio.create_task(_report(parts, hearing)),
        asyncio.create_task(parts.live.run()),
    ]
    ready()
    asked, refused = asyncio.create_task(stop.wait()), asyncio.create_task(hearing.refused.wait())
    await asyncio.wait([asked, refused], return_when=asyncio.FIRST_COMPLETED)
    for task in (*background, asked, refused):
        task.cancel()
    await asyncio.gather(*background, asked, refused, return_exceptions=True)
    await updater.stop()
    await application.stop()
    await application.shutdown()
    parts.trail.stop()
    await writing
    if hearing.refused.is_set():
        raise TokenRefused((TokenRefused.__doc__ or "").strip())


async def _initialized(application: App, parts: Parts, hearing: Hearing, stop: asyncio.Event) -> bool:
    """Ask Telegram who we are, until it answers; False when `stop` came first."""
    while not stop.is_set():
        try:
            await application.initialize()
        except InvalidToken as problem:
            raise TokenRefused((TokenRefused.__doc__ or "").strip()) from problem
        except TelegramError as problem:
            hearing.failed(problem)
            await _say(parts, hearing)
            await asyncio.sleep(1)
        else:
            hearing.trouble = None
            return True
    return False


async def _report(parts: Parts, hearing: Hearing) -> None:
    while True:
        await _say(parts, hearing)
        await asyncio.sleep(BEAT_S)


async def _say(parts: Parts, hearing: Hearing) -> None:
    try:
        service = HealthService(parts.database.for_platform())
        await parts.offload.run(service.report, "telegram_bot", None, error=hearing.current())
    except Exception as problem:  # noqa: BLE001  # answering goes on; silence in the health table says the rest
        log.warning("health_not_reported", error=str(problem))


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="bot")
    asyncio.run(run(found, stop=asyncio.Event(), ready=lambda: log.info("bot_ready")))
