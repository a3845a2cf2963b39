"""Updates on their way to the bot: each stays until a higher offset, or a webhook's 200, confirms it."""

import asyncio
import json
import time
from typing import Any

from sandbox.errors import conflict
from sandbox.events import Events
from sandbox.store import Store

NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
ONLINE_FOR = 12.0
Update = dict[str, Any]


class UpdateQueue:
    """The waiting updates and the one bot that may fetch them."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events
        self._poll = 0
        self._waiting = 0
        self._last_poll = float("-inf")
        self._changed = asyncio.Event()
        self._shown_online = False
        self.closed = False
        self.duplicates = 0
        self.duplicates_keep_id = False

    # --- what a person did ---------------------------------------------------------------------------------

    def add(self, kind: str, body: dict[str, Any], message: tuple[int, int] | None = None) -> int | None:
        """Queue an update; None when the bot asked not to get this kind."""
        if not self.wanted(kind):
            return None
        copies = 1
        if self.duplicates and not self.duplicates_keep_id:
            self.duplicates -= 1
            copies = 2
        chat_id, message_id = message or (None, None)
        update_id = None
        for _ in range(copies):
            update_id = self._store.run(
                "INSERT INTO updates (kind, body, chat_id, message_id) VALUES (?, ?, ?, ?)",
                *(kind, json.dumps(body), chat_id, message_id),
            ).lastrowid
        self.wake()
        return update_id

    def wanted(self, kind: str) -> bool:
        """Whether the bot's `allowed_updates` let this kind through."""
        allowed = self._store.fact("allowed_updates")
        return kind in allowed if allowed else kind not in NOT_BY_DEFAULT

    def allow(self, kinds: list[str] | None) -> None:
        """Keep the bot's choice; an empty list means the default, None leaves it as it was."""
        if kinds is not None and kinds != self._store.fact("allowed_updates"):
            self._store.keep_fact("allowed_updates", kinds)

    # --- what the bot fetches ------------------------------------------------------------------------------

    def pending(self, limit: int = 100) -> list[Update]:
        """The oldest waiting updates."""
        rows = self._store.rows("SELECT * FROM updates ORDER BY update_id LIMIT ?", limit)
        updates = [{"update_id": row["update_id"], row["kind"]: json.loads(row["body"])} for row in rows]
        if updates and self.duplicates and self.duplicates_keep_id:
            self.duplicates -= 1
            updates.append(updates[-1])
        return updates

    def count(self) -> int:
        """How many updates wait."""
        row = self._store.row("SELECT count(*) AS n FROM updates")
        return int(row["n"]) if row else 0

    def waiting_in(self, chat_id: int) -> bool:
        """Whether something from this chat has not been confirmed by the bot."""
        return self._store.row("SELECT 1 FROM updates WHERE chat_id = ? LIMIT 1", chat_id) is not None

    def confirm(self, offset: int) -> None:
        """Forget what lies below the offset; a negative one keeps that many of the newest."""
        if offset < 0:
            rows = self._store.rows("SELECT update_id FROM updates ORDER BY update_id DESC LIMIT ?", -offset)
            offset = rows[-1]["update_id"] if rows else 0
        if offset == 0:
            return
        gone = self._store.rows("SELECT chat_id, message_id FROM updates WHERE update_id < ?", offset)
        if not gone:
            return
        with self._store.transaction():
            self._store.run("DELETE FROM updates WHERE update_id < ?", offset)
            for row in gone:
                self._store.run(
                    "UPDATE messages SET seen = 1 WHERE chat_id = ? AND message_id = ?",
                    *(row["chat_id"], row["message_id"]),
                )
        for row in gone:
            if row["message_id"]:
                self._events.publish("seen", chat_id=row["chat_id"], message_id=row["message_id"])

    def drop(self) -> None:
        """Forget all of them, as `drop_pending_updates` asks."""
        self.confirm(2**62)

    async def poll(self, offset: int, limit: int, timeout: float) -> list[Update]:
        """The waiting updates, as soon as there are any; a later poll ends this one with a 409."""
        self._poll += 1
        mine = self._poll
        self.wake()
        self.confirm(offset)
        self._waiting += 1
        self.tell_presence()
        try:
            return await self._wait(mine, limit, time.monotonic() + timeout)
        finally:
            self._waiting -= 1
            self._last_poll = time.monotonic()

    async def _wait(self, mine: int, limit: int, until: float) -> list[Update]:
        while True:
            if mine != self._poll:
                raise conflict(
                    "terminated by other getUpdates request; make sure that only one bot instance is running"
                )
            updates = self.pending(limit)
            if updates or self.closed or not await self.changed(until - time.monotonic()):
                return updates

    async def changed(self, timeout: float) -> bool:
        """Until something was added or the time is up."""
        if timeout <= 0:
            return False
        try:
            async with asyncio.timeout(timeout):  # wait_for of 3.11 may swallow a cancellation
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def wake(self) -> None:
        """Let everyone who waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """End every wait."""
        self.closed = True
        self.wake()

    # --- is anybody there? ---------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether a bot polls, did so a moment ago, or has a webhook."""
        recent = time.monotonic() - self._last_poll < ONLINE_FOR
        return bool(self._waiting or recent or self._store.fact("webhook"))

    def tell_presence(self) -> None:
        """Say so to whoever watches when the bot came or went."""
        if self.online != self._shown_online:
            self._shown_online = self.online
            self._events.publish("bot", online=self._shown_online)
