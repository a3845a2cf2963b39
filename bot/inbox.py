"""From a kept update to its handler: in order within a chat, once, and marked as done when it was answered."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from telegram import Update

from bot import audit, errors, replies
from bot.audit import InOrder
from bot.context import Parts
from bot.replies import Reply
from bot.throttle import Throttle
from domain.locales import set_locale, t
from services.inbox import InboxService, Kept
from services.telegram import Audit

log = structlog.get_logger(__name__)

MOST_IN_HAND = 1024
AT_A_TIME = 256
TOO_OLD_S = 24 * 3600.0


class Inbox:
    """What was received and is not answered yet."""

    def __init__(self, application: Any, parts: Parts) -> None:
        self._application = application
        self._parts = parts
        self._order = InOrder()
        self._throttle = Throttle(lambda: parts.live.current)
        self._in_hand: dict[int, asyncio.Task[None]] = {}
        self._room = asyncio.Event()
        self._room.set()

    @property
    def service(self) -> InboxService:
        """A unit of work of its own, for one call."""
        return InboxService(self._parts.database.for_platform())

    @property
    def in_hand(self) -> int:
        """How many updates were received and are not answered."""
        return len(self._in_hand)

    async def room(self) -> None:
        """Wait until more can be taken in hand: what waits with Telegram is safe there, and costs no memory here."""
        await self._room.wait()

    async def catch_up(self) -> int:
        """Take in hand what was kept and never done: after a crash, a takeover, or through the webhook."""
        taken = 0
        while True:
            await self.room()
            known = {*self._in_hand, *self._parts.trail.unwritten}
            waiting = await self._parts.offload.run(self.service.waiting, known, AT_A_TIME)
            self.feed(waiting)
            taken += len(waiting)
            if len(waiting) < AT_A_TIME:
                return taken

    def feed(self, kept: Iterable[Kept]) -> None:
        """Let the handlers have these updates, in this order."""
        now = time.monotonic()
        for each in kept:
            if each.update_id not in self._in_hand and each.update_id not in self._parts.trail.unwritten:
                self._take(each, now)

    async def drain(self, within: float) -> None:
        """Wait for the answers that are under way; what takes longer is begun anew by the next start."""
        if self._in_hand:
            await asyncio.wait(list(self._in_hand.values()), timeout=within)
        for task in list(self._in_hand.values()):
            task.cancel()

    def _take(self, kept: Kept, now: float) -> None:
        self._parts.trail.arrived(kept.update_id, now - kept.age)
        update = self._read(kept)
        if update is None:
            self._parts.trail.done(kept.update_id)
            return
        if kept.age > TOO_OLD_S:
            work = self._too_old(update)
        elif self._throttle.allows(update):
            work = self._in_turn(update)
        else:
            work = self._too_fast(update)
        task = self._in_hand[kept.update_id] = asyncio.create_task(self._handled(kept.update_id, work))
        task.add_done_callback(lambda _: self._out_of_hand(kept.update_id))
        if len(self._in_hand) >= MOST_IN_HAND:
            self._room.clear()

    def _read(self, kept: Kept) -> Update | None:
        try:
            return Update.de_json(kept.body, self._application.bot)
        except Exception as problem:
            log.exception("update_not_read", update_id=kept.update_id, error=type(problem).__name__)
            return None

    def _out_of_hand(self, update_id: int) -> None:
        self._in_hand.pop(update_id, None)
        if len(self._in_hand) < MOST_IN_HAND:
            self._room.set()

    async def _handled(self, update_id: int, work: Any) -> None:
        try:
            await work
        except Exception as problem:
            log.exception("update_broke_outside", update_id=update_id, error=str(problem))
        self._parts.trail.done(update_id)

    async def _in_turn(self, update: Update) -> None:
        chat = update.effective_chat
        await self._order.do(chat.id if chat is not None else 0, self._application.process_update(update))

    async def _too_old(self, update: Update) -> None:
        await self._refuse(update, "older than a day, so it was not carried out")

    async def _too_fast(self, update: Update) -> None:
        """No handler and no question to the database; one word to the person a minute, at most."""
        speaker = update.effective_user
        if speaker is not None:
            known = self._parts.recent.get(speaker.id)
            set_locale((known.locale if known else None) or speaker.language_code)
            await self._ask_for_patience(update, notice=self._throttle.notices(speaker.id))
        await self._refuse(update, "too fast")

    async def _ask_for_patience(self, update: Update, *, notice: bool) -> None:
        said = t("You're faster than me: one command a second, please. What came too fast was not carried out.")
        try:
            if update.callback_query is not None:
                await errors.acknowledge(update, said if notice else None, alert=notice)
            elif notice:
                await replies.send(update, Reply(said))
        except Exception as problem:  # noqa: BLE001  # the notice is a courtesy
            log.info("notice_not_delivered", error=str(problem))

    async def _refuse(self, update: Update, why: str) -> None:
        entry = entry_of(update, self._parts.clock())
        if entry is not None:
            entry.success, entry.error_message = False, why
            await self._parts.trail.record(entry, time.monotonic(), acted=False, update_id=update.update_id)


def entry_of(update: Update, now: datetime) -> Audit | None:
    """The audit row of an update that no handler saw."""
    speaker, chat = update.effective_user, update.effective_chat
    if speaker is None:
        return None
    query, message = update.callback_query, update.effective_message
    if query is not None:
        written = query.data or ""
        command = f"button {written.partition(':')[0]}"
    else:
        written = (message.text or message.caption or "") if message is not None else ""
        first = written.split(maxsplit=1)[0] if written.strip() else ""
        command = first.partition("@")[0].lower() if first.startswith("/") else "text"
    entry = Audit(speaker.id, command, audit.redact(written), now.astimezone(UTC))
    entry.chat_id = chat.id if chat is not None else None
    return entry
