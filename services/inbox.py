"""What Telegram brought, from the moment we have it until it was answered; and which copy of the bot hears."""

import hashlib
import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from db.unit_of_work import UnitOfWork
from services.telegram import Audit, rows_of

WEBHOOK = "/telegram/"
"""Where the web door takes what Telegram brings; behind it stands `webhook_path`."""
LARGEST_ID = 2**63 - 1
KINDS = ("message", "edited_message", "callback_query", "my_chat_member")


class Unreadable(ValueError):
    """That is no update of the Bot API."""


@dataclass(frozen=True)
class Brought:
    """An update as it came, checked for what the inbox needs to know of it."""

    update_id: int
    chat_id: int | None
    body: dict[str, Any]
    written: str

    @classmethod
    def of(cls, body: Any) -> "Brought":
        """Unreadable when it has no number, or holds what cannot be written down."""
        update_id = body.get("update_id") if isinstance(body, dict) else None
        if not isinstance(update_id, int) or isinstance(update_id, bool) or not 0 <= update_id <= LARGEST_ID:
            raise Unreadable("it has no update_id")
        written = _written(body)
        return cls(update_id, _chat_of(body), json.loads(written), written)


@dataclass(frozen=True)
class Kept:
    """An update that was kept and is not done, and for how many seconds it has waited."""

    update_id: int
    body: dict[str, Any]
    age: float = 0.0


class InboxService:
    """Use cases of receiving; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def keep(self, brought: Sequence[Brought], *, tell: bool = False) -> list[Kept]:
        """Keep them durably; those that were never brought before, in their order. `tell` wakes the copy that hears."""
        unique = {each.update_id: each for each in brought}
        with self.uow as uow:
            rows = list(unique.values())
            new = uow.inbox.keep(
                [each.update_id for each in rows], [each.chat_id for each in rows], [each.written for each in rows]
            )
            if tell and new:
                uow.inbox.notify()
            uow.commit()
        return [Kept(each.update_id, each.body) for each in rows if each.update_id in new]

    def waiting(self, known: Collection[int], limit: int) -> list[Kept]:
        """What was kept and is not done, but for what the caller knows of already; the oldest number first."""
        with self.uow as uow:
            return [Kept(*found) for found in uow.inbox.waiting(known, limit)]

    def finish(self, entries: Sequence[Audit], done: Collection[int]) -> None:
        """Keep what these commands came to, and that these updates are done: both or neither."""
        with self.uow as uow:
            if entries:
                uow.telegram.audit(rows_of(entries))
            if done:
                uow.inbox.done(done)
            uow.commit()

    def lease(self, holder: UUID, name: str, length: timedelta) -> str | None:
        """Take or renew the right to hear: None, or the name of the copy that has it."""
        with self.uow as uow:
            other = uow.inbox.lease(holder, name, length)
            uow.commit()
            return other

    def release(self, holder: UUID) -> None:
        """Let another copy hear at once."""
        with self.uow as uow:
            uow.inbox.release(holder)
            uow.commit()


def webhook_path(secret_key: str) -> str:
    """The last part of the webhook's address: nobody guesses it, and every process of this installation knows it."""
    return hmac.new(secret_key.encode(), b"the webhook's path", hashlib.sha256).hexdigest()[:32]


def _chat_of(body: dict[str, Any]) -> int | None:
    found: Any = next((body[kind] for kind in KINDS if kind in body), None)
    for step in ("message", "chat", "id"):
        if isinstance(found, dict) and (step != "message" or step in found):
            found = found.get(step)
    return found if isinstance(found, int) and abs(found) <= LARGEST_ID else None


def _written(body: dict[str, Any]) -> str:
    """As JSON that PostgreSQL takes: without NUL, halves of characters, and numbers that are none."""
    try:
        written = json.dumps(body, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as problem:
        raise Unreadable(str(problem)) from problem
    if "\\u0000" in written:
        written = json.dumps(_without_nul(body), ensure_ascii=False, allow_nan=False)
    return written.encode("utf-8", "replace").decode("utf-8")


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(each) for each in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(each) for name, each in value.items()}
    return value
