"""Around every update: order within a chat, a clock, and a row that says what it was and what came of it."""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable

import structlog

from db.engine import Database
from db.offload import Offload
from domain.codes import read_digits
from domain.errors import RetryLater
from services.inbox import InboxService
from services.telegram import Audit

log = structlog.get_logger(__name__)

AT_ONCE = 32
MOST_MS = 2**31 - 1
WRITE_EVERY_S = 0.25
MOST_WAITING = 200
KEPT_IN_AN_OUTAGE = 10_000

_SECRETS = (
    (re.compile(r"(?<!\d)\d(?:[\s–—.-]?\d){7}(?!\d)"), "[code]"),
    (re.compile(r"(?:(?<![A-Za-z0-9])|(?<=%3D)|(?<=%3d))[vicVIC]_[A-Za-z0-9_-]{8,}"), "[link]"),
    (re.compile(r"\b\d{6,}:[A-Za-z0-9_-]{30,}"), "[token]"),
    (re.compile(r"(?i)\b(password|passwort|secret|api[ _-]?key)\b(\s*[:=]?\s*)\S+"), r"\1\2[secret]"),
)


def redact(text: str) -> str:
    """`text` as it may be kept: without codes, links, tokens and what stands behind the word password."""
    first, _, behind = text.partition(" ")
    if read_digits(text) is not None:
        return "[code]"
    if first.startswith("/") and read_digits(behind) is not None:
        return f"{first} [code]"
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


class InOrder:
    """Updates of one chat one after another, those of different chats side by side."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._running = asyncio.Semaphore(at_once)
        self._chats: dict[int, tuple[asyncio.Lock, int]] = {}

    async def do(self, chat: int, work: Awaitable[None]) -> None:
        """Await `work` once what came before it in its chat is over."""
        lock, waiting = self._chats.get(chat) or (asyncio.Lock(), 0)
        self._chats[chat] = (lock, waiting + 1)
        try:
            async with lock, self._running:
                await work
        finally:
            lock, waiting = self._chats[chat]
            if waiting <= 1:
                del self._chats[chat]
            else:
                self._chats[chat] = (lock, waiting - 1)


class AuditTrail:
    """Keeps the audit rows and which updates are done: those of commands that act at once, the others a moment later.

    What an update came to and that it is done are written in one transaction, many of them together.
    """

    def __init__(self, database: Database, offload: Offload) -> None:
        self._database = database
        self._offload = offload
        self._waiting: list[Audit] = []
        self._done: set[int] = set()
        self._writing: set[int] = set()
        self._arrived: dict[int, float] = {}
        self._stopped = asyncio.Event()

    @property
    def unwritten(self) -> set[int]:
        """The updates that are done and still stand in the inbox as if they were not."""
        return self._done | self._writing

    async def run(self) -> None:
        """Write what waits, again and again, until `stop`; then the rest."""
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._stopped.wait()
            await self.flush()

    def stop(self) -> None:
        self._stopped.set()

    def arrived(self, update_id: int, at: float) -> None:
        """An update was received at this instant of the monotonic clock: its answer is timed from there."""
        self._arrived[update_id] = at

    def done(self, update_id: int) -> None:
        """An update needs nothing more."""
        if self._arrived.pop(update_id, None) is not None:
            self._done.add(update_id)

    async def record(self, entry: Audit, begun: float, *, acted: bool, update_id: int = -1) -> None:
        """Keep the row of an update that was answered; a fault of the audit does not undo the answer."""
        begun = min(begun, self._arrived.get(update_id, begun))
        entry.response_time_ms = min(int((time.monotonic() - begun) * 1000), MOST_MS)
        log.info(
            "command_answered",
            command=entry.command,
            success=entry.success,
            took_ms=entry.response_time_ms,
            telegram_user_id=entry.telegram_user_id,
        )
        self._waiting.append(entry)
        self.done(update_id)
        if acted or len(self._waiting) >= MOST_WAITING:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; what can't be written now waits for the next time, the oldest rows give way at last."""
        rows, self._waiting = self._waiting, []
        done, self._done = self._done, set()
        if not rows and not done:
            return
        self._writing |= done
        try:
            await self._write(rows, done)
        except Exception as problem:
            log.exception("audit_not_kept", rows=len(rows), error=str(problem))
            self._waiting = [*rows, *self._waiting][-KEPT_IN_AN_OUTAGE:]
            self._done |= done
        finally:
            self._writing -= done

    async def _write(self, rows: list[Audit], done: set[int]) -> None:
        try:
            await self._offload.run(self._service().finish, rows, done)
        except RetryLater:
            raise
        except Exception as problem:  # noqa: BLE001  # one row that can't be written must not keep back the others
            log.warning("audit_written_singly", rows=len(rows), error=str(problem))
            await self._offload.run(self._service().finish, [], done)
            for row in rows:
                await self._write_alone(row)

    async def _write_alone(self, row: Audit) -> None:
        try:
            await self._offload.run(self._service().finish, [row], [])
        except RetryLater:
            self._waiting.append(row)
        except Exception as problem:
            log.exception("audit_row_lost", command=row.command, error=str(problem))

    def _service(self) -> InboxService:
        return InboxService(self._database.for_platform())
