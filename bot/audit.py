"""Around every update: order within a chat, a clock, and a row that says what it was and what came of it."""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any

import structlog
from telegram import Update
from telegram.ext import BaseUpdateProcessor

from bot.context import BotContext
from services.telegram import TelegramService

log = structlog.get_logger(__name__)

AT_ONCE = 16
WAITING = 1024

_SECRETS = (
    (re.compile(r"(?<!\d)\d(?:[\s–—.-]?\d){7}(?!\d)"), "[code]"),
    (re.compile(r"\bv_[A-Za-z0-9_-]{8,}"), "[link]"),
    (re.compile(r"\b\d{6,}:[A-Za-z0-9_-]{30,}"), "[token]"),
    (re.compile(r"(?i)\b(password|passwort|secret|api[ _-]?key)\b(\s*[:=]?\s*)\S+"), r"\1\2[secret]"),
)


def redact(text: str) -> str:
    """`text` as it may be kept: without codes, links, tokens and what stands behind the word password."""
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


async def record(context: BotContext, begun: float) -> None:
    """Keep the audit row of an update that was answered; a fault of the audit does not undo the answer."""
    entry = context.entry
    if entry is None:
        return
    entry.response_time_ms = int((time.monotonic() - begun) * 1000)
    log.info(
        "command_answered",
        command=entry.command,
        success=entry.success,
        took_ms=entry.response_time_ms,
        telegram_user_id=entry.telegram_user_id,
    )
    try:
        await context.run_as_platform(TelegramService.audit, entry)
    except Exception as problem:
        log.exception("audit_not_kept", command=entry.command, error=str(problem))
