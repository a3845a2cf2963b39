"""The web's door: one HTTP server on the event loop, and its own word that it answers."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import httpx
import structlog
from starlette.applications import Starlette

from db.engine import Database
from db.offload import Offload
from openbell import logs
from openbell.settings import Settings, load_settings
from services.health import HealthService
from web.app import Parts, build_application
from web.errors import AddressTaken
from web.health import Health
from web.metrics import Metrics
from web.serving import bound, root_of, serving
from web.telegram import Webhook
from web.unsubscribe import Unsubscribe

log = structlog.get_logger(__name__)

THREADS = 4
BEAT_S = 10.0
TRY_AGAIN_S = 5.0
ANSWER_WITHIN_S = 5.0
PROBES = {"api_service": "/healthz", "web_ui": "/"}


class Door:
    """The application and what it stands on."""

    def __init__(self, settings: Settings) -> None:
        if settings.db_url is None or settings.redis_url is None or settings.secret_key is None:
            raise ValueError("the web needs DB_URL, REDIS_URL and SECRET_KEY")
        secret_key, release = settings.secret_key.get_secret_value(), version("openbell")
        self.address = settings.http_addr
        self.database = Database.connect(settings.db_url.get_secret_value(), secret_key, pool_size=THREADS)
        self.offload = Offload(THREADS, name="web-sql")
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="web-look")
        self.app: Starlette = build_application(
            Parts(
                Health(self.database, settings.redis_url.get_secret_value(), release, self.pool),
                Metrics(self.database, release, self.pool),
                Unsubscribe(self.database, self.offload, secret_key),
                self._webhook(settings, secret_key),
            )
        )

    def _webhook(self, settings: Settings, secret_key: str) -> Webhook | None:
        if settings.telegram_mode != "webhook":
            return None
        secret = settings.telegram_webhook_secret
        return Webhook(self.database, self.offload, secret_key, secret.get_secret_value() if secret else "")

    async def open(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Answer until `stop`; AddressTaken when nothing can listen at HTTP_ADDR."""
        with contextlib.closing(bound(self.address)) as sock:
            async with serving(self.app, sock):
                root = root_of(sock)
                log.info("web_opened", address=root)
                beating = asyncio.create_task(self._beat(root))
                ready()
                await stop.wait()
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, root: str) -> None:
        """Ask itself as anybody would, and write what came of it."""
        async with httpx.AsyncClient(base_url=root, timeout=ANSWER_WITHIN_S, trust_env=False) as client:
            while True:
                for system, path in PROBES.items():
                    begun = time.monotonic()
                    error = await _answers(client, path)
                    await self.report(system, error, int((time.monotonic() - begun) * 1000))
                await asyncio.sleep(BEAT_S)

    async def report(self, system: str, error: str | None, response_ms: int | None = None) -> None:
        """Write into the health table; that it could not be written shows there as silence."""
        service = HealthService(self.database.for_platform())
        try:
            await self.offload.run(service.report, system, None, error=error, response_ms=response_ms)
        except Exception as problem:  # noqa: BLE001  # answering goes on
            log.warning("health_not_reported", error=str(problem))

    def close(self) -> None:
        self.offload.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.database.close()


async def run(settings: Settings, *, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Answer until `stop`; AddressTaken when HTTP_ADDR cannot be had."""
    await _with_door(settings, lambda door: door.open(stop, ready))


async def run_beside(settings: Settings, *, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """As `run`, in one process with others: an address that cannot be had is said and tried again, and stops nobody."""
    await _with_door(settings, lambda door: _keep_trying(door, stop, ready))


async def _with_door(settings: Settings, work: Callable[[Door], Awaitable[None]]) -> None:
    door = Door(settings)
    try:
        await work(door)
    finally:
        door.close()


async def _keep_trying(door: Door, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    said = False
    while not stop.is_set():
        try:
            await door.open(stop, ready)
        except AddressTaken as problem:
            if not said:
                log.warning("web_not_open", why=str(problem))
            said = True
            ready()  # the others need not wait for a port
            for system in PROBES:
                await door.report(system, str(problem))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TRY_AGAIN_S)


async def _answers(client: httpx.AsyncClient, path: str) -> str | None:
    try:
        answer = await client.get(path)
    except httpx.HTTPError as problem:
        return f"it does not answer itself ({type(problem).__name__})"
    return None if answer.is_success else f"it answers itself with {answer.status_code}"


if __name__ == "__main__":
    found = load_settings()
    logs.configure(found.log_level, role="web")
    asyncio.run(run(found, stop=asyncio.Event(), ready=lambda: log.info("web_ready")))
