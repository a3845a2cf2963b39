"""What the chat keeps: forms in the making, what was acted on already, and the audit of every command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from db.unit_of_work import UnitOfWork
from domain.ids import DraftId, UserId

FORM_LIVES = timedelta(hours=24)
BOT = "bot"
"""The setting that holds which bot spoke here last."""
ASKING = "ask_"
"""What the kinds of forms begin with that wait for typed text."""

Claim = Literal["new", "finished", "interrupted"]


@dataclass(frozen=True)
class Form:
    """A form that a person has begun; its data was checked when it was stored."""

    id: DraftId
    kind: str
    data: Mapping[str, Any]
    version: int = 1
    """Counts the answers: one to an earlier version comes too late."""
    step: str = ""
    """The question that is open."""


@dataclass
class Audit:
    """What a command was and what came of it; filled in on the way."""

    telegram_user_id: int
    command: str
    full_message: str
    created_at: datetime
    user_id: UserId | None = None
    user_email: str | None = None
    success: bool = True
    error_message: str | None = None
    response_time_ms: int | None = None
    chat_id: int | None = None
    reference: str | None = None
    """The code, such as E-7F3A, that the person was shown."""


class TelegramService:
    """Use cases of the chat itself; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def begin(
        self, telegram_user_id: int, user_id: UserId, kind: str, data: Mapping[str, Any], *, now: datetime
    ) -> DraftId:
        """Keep a form for a day. One that waits for typed text ends the others that do."""
        with self.uow as uow:
            if kind.startswith("ask_"):
                uow.telegram.end_asking(telegram_user_id, now)
            row = uow.telegram.create(
                telegram_user_id=telegram_user_id,
                user_id=user_id,
                kind=kind,
                data=dict(data),
                expires_at=now + FORM_LIVES,
            )
            uow.commit()
            return DraftId(row.id)

    def asked(self, telegram_user_id: int, *, now: datetime) -> Form | None:
        """The form that waits for this person's next text, or None."""
        with self.uow as uow:
            row = uow.telegram.asking(telegram_user_id, now)
            return Form(DraftId(row.id), row.kind, row.data, row.version, row.step) if row is not None else None

    def form(self, telegram_user_id: int, draft_id: int, *, now: datetime) -> Form | None:
        """A form of this person that still holds, or None."""
        with self.uow as uow:
            row = uow.telegram.draft(draft_id, telegram_user_id)
            if row is None or row.consumed_at is not None or row.expires_at <= now:
                return None
            return Form(DraftId(row.id), row.kind, row.data)

    def take(self, telegram_user_id: int, draft_id: int, *, now: datetime) -> Form | None:
        """A form of this person that still holds, ended now; None for whoever comes second."""
        with self.uow as uow:
            row = uow.telegram.draft(draft_id, telegram_user_id)
            if row is None or row.consumed_at is not None or row.expires_at <= now:
                return None
            row.consumed_at = now
            uow.commit()
            return Form(DraftId(row.id), row.kind, row.data)

    def end(self, telegram_user_id: int, *kinds: str, now: datetime) -> list[str]:
        """End this person's open forms (of these kinds); the kinds that were open come back."""
        with self.uow as uow:
            ended = uow.telegram.end_drafts(telegram_user_id, now, *kinds)
            uow.commit()
            return ended

    def asked_since(self, telegram_user_id: int, instant: datetime) -> int:
        """How many commands this person was answered since then, as far as they are written down."""
        with self.uow as uow:
            return uow.telegram.commands_since(telegram_user_id, instant)

    def claim(self, key: str) -> Claim:
        """``new`` once; then ``finished``, or ``interrupted`` when the first one never came to its end."""
        with self.uow as uow:
            claim = uow.telegram.claim_action(key)
            uow.commit()
            return claim

    def release(self, key: str) -> None:
        """What was claimed changed nothing: the next one may try."""
        with self.uow as uow:
            uow.telegram.release_action(key)
            uow.commit()

    def finished(self, key: str) -> None:
        """What was claimed has been done and answered."""
        with self.uow as uow:
            uow.telegram.finish_action(key)
            uow.commit()

    def audit(self, entries: Sequence[Audit]) -> None:
        """Keep what these commands were and what came of them."""
        with self.uow as uow:
            uow.telegram.audit(rows_of(entries))
            uow.commit()

    def speaks_as(self, bot_id: int) -> bool:
        """Note which bot we are; True for another one than before, whose updates, messages and menus are all new."""
        with self.uow as uow:
            uow.telegram.lock_bot()
            before = uow.telegram.setting(BOT)
            if before == str(bot_id):
                return False
            if before is not None:
                uow.telegram.forget_bot()
                uow.inbox.forget()
            uow.telegram.set_setting(BOT, str(bot_id))
            uow.commit()
            return before is not None

    def menu_is(self, scope: str, fingerprint: str) -> bool:
        """Whether the menu of this scope was last set to the one with this fingerprint."""
        with self.uow as uow:
            return uow.telegram.setting(f"menu:{scope}") == fingerprint

    def menu_was_set(self, scope: str, fingerprint: str) -> None:
        with self.uow as uow:
            uow.telegram.set_setting(f"menu:{scope}", fingerprint)
            uow.commit()


def rows_of(entries: Sequence[Audit]) -> list[dict[str, Any]]:
    """The audit's rows for these commands."""
    return [
        {
            "created_at": entry.created_at,
            "telegram_user_id": str(entry.telegram_user_id),
            "command": entry.command[:100],
            "full_message": entry.full_message,
            "is_registered_user": entry.user_id is not None,
            "user_id": entry.user_id,
            "user_email": entry.user_email,
            "success": entry.success,
            "error_message": entry.error_message,
            "response_time_ms": entry.response_time_ms,
            "chat_id": entry.chat_id,
            "reference": entry.reference,
        }
        for entry in entries
    ]
