"""How the bot hears: by long polling or by the webhook, into the inbox first, and one copy at a time."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog
from telegram import Bot
from telegram.error import BadRequest, Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.request import BaseRequest, RequestData
from telegram.request._requestparameter import RequestParameter  # the library shows no other way to raw updates

from bot.inbox import Inbox
from bot.leading import Lease
from db.listen import Listener
from db.offload import Offload
from domain.errors import OpenbellError
from services.inbox import Brought, Unreadable

log = structlog.get_logger(__name__)

POLL_S = 20
MOST_AT_ONCE = 100
LOOK_EVERY_S = 1.0
CROWD, GATHER_S = 8, 0.01
"""While so many wait for an answer, the next are fetched a moment later and kept together: fewer, larger commits."""
CATCH_UP_EVERY_S = 5.0
WEBHOOK_LOOK_S = 30.0
CONFLICT_LASTS_S = 30.0
CONFLICT_PAUSE_S = 3.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
FAREWELL_S = 2.0


class Hearing:
    """What is known of how we hear: the health of a bot is that it hears, not that it runs."""

    def __init__(self) -> None:
        self.refused = asyncio.Event()
        self.heard_at: datetime | None = None
        self.conflicts = 0
        self._trouble: str | None = None
        self._conflict_at = float("-inf")
        self._conflict_seen: datetime | None = None

    def failed(self, problem: Exception) -> None:
        """Telegram, or what stands for it, brought nothing."""
        if isinstance(problem, Conflict):
            self.conflicts += 1
            self._conflict_at, self._conflict_seen = time.monotonic(), datetime.now(UTC)
            said = "another copy of this bot polls with the same token"
        elif isinstance(problem, InvalidToken):
            said = self._trouble = "Telegram refused the token"
            self.refused.set()
        elif isinstance(problem, TelegramError):
            said = self._trouble = "Telegram can't be reached"
        else:
            said = self._trouble = "what Telegram brings can't be kept: the database isn't answering"
        log.warning("receiving_failed", error=said, why=str(problem))

    def troubled(self, why: str) -> None:
        """Something else keeps updates from coming."""
        if why != self._trouble:
            log.warning("receiving_troubled", error=why)
        self._trouble = why

    def well(self, updates: int = 0) -> None:
        """Telegram answered, with so many updates."""
        self._trouble = None
        if updates:
            self.heard_at = datetime.now(UTC)

    def current(self) -> str | None:
        """What is wrong, if anything; a second poller is named until it has been silent for half a minute."""
        if time.monotonic() - self._conflict_at < CONFLICT_LASTS_S and self._conflict_seen is not None:
            return (
                "another copy of this bot polls with the same token, elsewhere; it was last noticed at "
                f"{self._conflict_seen:%H:%M:%S} UTC. Stop that one, or give it a bot of its own"
            )
        return self._trouble

    def summary(self, in_hand: int) -> str:
        """The receiving heartbeat, for /health."""
        last = f"last update {self.heard_at:%d %b %H:%M:%S} UTC" if self.heard_at is not None else "no update so far"
        refusals = f", {self.conflicts} times another copy polled" if self.conflicts else ""
        return f"{last}, {in_hand} in hand{refusals}"


class Ear(Protocol):
    """A way to hear."""

    async def listen(self) -> None:
        """Keep what comes and let it be handled, until cancelled."""

    async def farewell(self) -> None:
        """Say what has to be said before this copy ends."""


@dataclass
class Polling:
    """Long polling by a loop of our own: Telegram is told only of what is kept."""

    bot: Bot
    request: BaseRequest
    inbox: Inbox
    offload: Offload
    hearing: Hearing
    updates: Sequence[str]
    offset: int | None = None
    wait: int = 0
    """Seconds for which Telegram may keep us waiting: none after a failure, so that its end is known at once."""

    async def listen(self) -> None:
        """Until cancelled; every failure is a pause, and the next question asks for the same again."""
        pause = FIRST_PAUSE_S
        ready = False
        while True:
            try:
                if not ready:
                    await self._without_webhook()
                    await self.inbox.catch_up()
                    ready = True
                await self.inbox.room()
                await self._once()
            except (TelegramError, OpenbellError) as problem:
                self.hearing.failed(problem)
                self.wait = 0
                ready = ready and isinstance(problem, TelegramError)  # what was kept may be known to the database alone
                await asyncio.sleep(_pause(problem, pause))
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                pause = FIRST_PAUSE_S

    async def farewell(self) -> None:
        """Tell Telegram how far we came, so that it need not bring the last ones again."""
        if self.offset is not None:
            with contextlib.suppress(TelegramError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._fetch(limit=1, wait=0)

    async def _once(self) -> None:
        brought = await self._fetch(limit=MOST_AT_ONCE, wait=self.wait)
        self.wait = POLL_S
        self.hearing.well(len(brought))
        if not brought:
            return
        readable = [found for found in map(_read, brought) if found is not None]
        new = await self.offload.run(self.inbox.service.keep, readable)
        numbers = [each["update_id"] for each in brought if isinstance(each.get("update_id"), int)]
        self.offset = max(numbers, default=self.offset or 0) + 1
        if len(new) < len(readable):  # Telegram brought some again: those before may wait in the database alone
            await self.inbox.catch_up()
        self.inbox.feed(new)
        if self.inbox.in_hand >= CROWD:
            await asyncio.sleep(GATHER_S)

    async def _fetch(self, *, limit: int, wait: int) -> list[dict[str, Any]]:
        """The updates as they came: the inbox keeps them so, and one that can't be read costs none of the others."""
        asked = {"offset": self.offset, "limit": limit, "timeout": wait, "allowed_updates": list(self.updates)}
        data = RequestData([RequestParameter(name, value, None) for name, value in asked.items() if value is not None])
        found: Any = await self.request.post(f"{self.bot.base_url}/getUpdates", data, read_timeout=wait + 10)
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    async def _without_webhook(self) -> None:
        """A webhook that was set once keeps polling from working: it is taken away, and its updates are not lost."""
        found = await self.bot.get_webhook_info()
        if found.url:
            await self.bot.delete_webhook(drop_pending_updates=False)
            log.warning("webhook_removed", host=urlsplit(found.url).hostname, waiting=found.pending_update_count)


@dataclass
class Webhook:
    """Telegram calls the web door, which keeps what it brings; here it is taken from the inbox."""

    bot: Bot
    url: str
    secret: str
    listener: Listener
    inbox: Inbox
    hearing: Hearing
    updates: Sequence[str]

    async def listen(self) -> None:
        """Until cancelled; told by the database at once, and looking every second anyway."""
        looking = asyncio.create_task(self._look_after())
        try:
            while True:
                try:
                    taken = await self.inbox.catch_up()
                except OpenbellError as problem:
                    self.hearing.failed(problem)
                else:
                    if taken:
                        self.hearing.heard_at = datetime.now(UTC)
                await asyncio.to_thread(self.listener.wait, LOOK_EVERY_S)
        finally:
            self.listener.wake()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def farewell(self) -> None:
        """Nothing: the web door goes on keeping what comes, for the next copy."""

    async def _look_after(self) -> None:
        """Set the webhook, and ask now and then what Telegram says of it."""
        pause, is_set = FIRST_PAUSE_S, False
        while True:
            try:
                if not is_set:
                    await self._set()
                    is_set = True
                await self._examine()
            except TelegramError as problem:
                if isinstance(problem, BadRequest):
                    self.hearing.troubled(f"Telegram does not take the webhook's address: {problem}")
                else:
                    self.hearing.failed(problem)
                await asyncio.sleep(_pause(problem, pause))
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                pause = FIRST_PAUSE_S
                await asyncio.sleep(WEBHOOK_LOOK_S)

    async def _set(self) -> None:
        await self.bot.set_webhook(
            self.url, secret_token=self.secret or None, allowed_updates=list(self.updates), drop_pending_updates=False
        )
        log.info("webhook_set", host=urlsplit(self.url).hostname)

    async def _examine(self) -> None:
        found = await self.bot.get_webhook_info()
        if found.url != self.url:
            elsewhere = urlsplit(found.url).hostname or "nowhere"
            self.hearing.troubled(f"Telegram's webhook was changed: it brings updates to {elsewhere}, not here")
        elif found.last_error_date is not None and _is_recent(found.last_error_date):
            self.hearing.troubled(
                f"Telegram can't bring updates: {found.last_error_message}; {found.pending_update_count} wait there"
            )
        else:
            self.hearing.well()


class Receiving:
    """Hears while this copy holds the lease, and stands by while another one does."""

    def __init__(self, ear: Ear, lease: Lease, inbox: Inbox) -> None:
        self._ear = ear
        self._lease = lease
        self._inbox = inbox

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._lease.held.wait()
            hearing = asyncio.create_task(self._ear.listen())
            tidying = asyncio.create_task(self._tidy())
            lost = asyncio.create_task(self._lease.lost.wait())
            everything: list[asyncio.Task[Any]] = [hearing, tidying, lost]
            try:
                done, _ = await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in everything:
                    task.cancel()
                await asyncio.gather(*everything, return_exceptions=True)
            for task in done:
                task.result()  # a bug ends the door, which is started again

    async def close(self, within: float) -> None:
        """Answer what was heard, and say farewell."""
        await self._inbox.drain(within)
        if self._lease.held.is_set():
            await self._ear.farewell()

    async def _tidy(self) -> None:
        """Look now and then for what was kept and never reached a handler."""
        while True:
            await asyncio.sleep(CATCH_UP_EVERY_S)
            try:
                await self._inbox.catch_up()
            except OpenbellError as problem:
                log.warning("inbox_not_read", error=str(problem))


def _read(found: dict[str, Any]) -> Brought | None:
    try:
        return Brought.of(found)
    except Unreadable as problem:
        log.warning("update_not_kept", update_id=found.get("update_id"), error=str(problem))
        return None


def _pause(problem: Exception, usual: float) -> float:
    if isinstance(problem, RetryAfter):
        wait = problem.retry_after
        return (wait.total_seconds() if isinstance(wait, timedelta) else float(wait)) + FIRST_PAUSE_S
    return CONFLICT_PAUSE_S if isinstance(problem, Conflict) else usual


def _is_recent(when: datetime) -> bool:
    return datetime.now(UTC) - when < timedelta(seconds=2 * WEBHOOK_LOOK_S)
