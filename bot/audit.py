"""Around every update: order within a chat, a clock, and a row that says what it was and what came of it."""

import asyncio
import contextlib
import re
import time
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any

import structlog
from telegram import Update
from telegram.ext import BaseUpdateProcessor

from db.engine import Database
from db.offload import Offload
from domain.codes import read_digits
from services.telegram import Audit, TelegramService

log = structlog.get_logger(__name__)

AT_ONCE = 16
WAITING = 1024
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


class InOrder(BaseUpdateProcessor):
    """Updates of one chat one after another, those of different chats side by side."""

    __slots__ = ("_chats", "_running")

    def __init__(self) -> None:
        super().__init__(max_concurrent_updates=WAITING)
        self._running = asyncio.Semaphore(AT_ONCE)
        self._chats: dict[int, tuple[asyncio.Lock, int]] = defaultdict(lambda: (asyncio.Lock(), 0))

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        chat = update.effective_chat.id if isinstance(update, Update) and update.effective_chat else 0
        lock, waiting = self._chats[chat]
        self._chats[chat] = (lock, waiting + 1)
        try:
            async with lock, self._running:
                await coroutine
        finally:
            lock, waiting = self._chats[chat]
            if waiting <= 1:
                del self._chats[chat]
            else:
                self._chats[chat] = (lock, waiting - 1)

    async def initialize(self) -> None:
        """Nothing to set up."""

    async def shutdown(self) -> None:
        """Nothing to let go."""


class AuditTrail:
    """Keeps the audit rows: those of commands that act at once, the others a moment later, many in one insert."""

    def __init__(self, database: Database, offload: Offload) -> None:
        self._database = database
        self._offload = offload
        self._waiting: list[Audit] = []
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Write what waits, again and again, until `stop`; then the rest."""
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._stopped.wait()
            await self.flush()

    def stop(self) -> None:
        self._stopped.set()

    async def record(self, entry: Audit, begun: float, *, acted: bool) -> None:
        """Keep the row of an update that was answered; a fault of the audit does not undo the answer."""
        entry.response_time_ms = int((time.monotonic() - begun) * 1000)
        log.info(
            "command_answered",
            command=entry.command,
            success=entry.success,
            took_ms=entry.response_time_ms,
            telegram_user_id=entry.telegram_user_id,
        )
        self._waiting.append(entry)
        if acted or len(self._waiting) >= MOST_WAITING:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; rows that can't be written now wait for the next time, the oldest give way at last."""
        rows, self._waiting = self._waiting, []
        if not rows:
            return
        try:
            await self._offload.run(TelegramService(self._database.for_platform()).audit, rows)
        except Exception as problem:
            log.exception("audit_not_kept", rows=len(rows), error=str(problem))
            self._waiting = [*rows, *self._waiting][-KEPT_IN_AN_OUTAGE:]
