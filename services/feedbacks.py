"""What people write to those who run this Openbell, and what they are answered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

import structlog

from db.feedbacks import FeedbackRow
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound
from domain.ids import UserId
from domain.locales import format_day, speaking, t
from domain.messages import Button, Category, Outgoing
from domain.users import User
from notifications import outbox
from services.admins import require_admin

log = structlog.get_logger(__name__)

LONGEST = 2000
MOST_A_DAY = 20
EXAMPLE = "/feedback The gold chart is too small"


@dataclass(frozen=True)
class Feedback:
    """What somebody wrote, and what became of it."""

    id: int
    user_id: UserId
    email: str
    name: str
    text: str
    status: str
    """open, answered or closed"""
    created_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None


class FeedbacksService:
    """Use cases around feedback; the unit of work is the platform's, so every method looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def write(self, user: User, text: str, message_id: int | None, *, now: datetime) -> int:
        """Keep what this person wrote and tell every admin, in one commit; its number."""
        said = _checked(text, EXAMPLE)
        with self.uow as uow:
            if uow.feedbacks.count_since(user.id, now - timedelta(days=1)) >= MOST_A_DAY:
                raise InvalidInput(
                    t("You wrote {most} times today, and that is the most. Try again tomorrow.", most=MOST_A_DAY)
                )
            row = uow.feedbacks.create(user_id=user.id, message=said, message_id=message_id, created_at=now)
            _tell_admins(uow, row, user, now)
            uow.commit()
            log.info("feedback_written", feedback_id=row.id, user_id=user.id)
            return row.id

    def page(self, admin: User, *, before: int | None, limit: int, only_open: bool = True) -> list[Feedback]:
        """A page of what was written, the newest first, below the number `before`."""
        with self.uow as uow:
            require_admin(uow, admin)
            return [_view(uow, row) for row in uow.feedbacks.page(before=before, limit=limit, only_open=only_open)]

    def one(self, admin: User, number: int) -> Feedback:
        """What was written under that number."""
        with self.uow as uow:
            require_admin(uow, admin)
            return _view(uow, _found(uow, number))

    def answer(self, admin: User, number: int, text: str, *, now: datetime) -> Feedback:
        """Answer it, once: the answer goes into the chat it came from, below what was written."""
        said = _checked(text, "")
        with self.uow as uow:
            require_admin(uow, admin)
            row = _found(uow, number, lock=True)
            if row.status == "answered":
                raise InvalidInput(
                    t("That was answered already, by {who}. Nothing was sent.", who=row.answered_by or "–")
                )
            row.status, row.answer, row.answered_by, row.answered_at = "answered", said, admin.email, now
            _tell_writer(uow, row, now)
            uow.session.flush()
            answered = _view(uow, row)
            uow.commit()
            log.info("feedback_answered", feedback_id=row.id, by=admin.id)
            return answered

    def close(self, admin: User, number: int) -> Feedback:
        """Let it leave the inbox without an answer; it can still be answered."""
        with self.uow as uow:
            require_admin(uow, admin)
            row = _found(uow, number, lock=True)
            if row.status == "open":
                row.status = "closed"
            uow.session.flush()
            closed = _view(uow, row)
            uow.commit()
            return closed


def _checked(text: str, example: str) -> str:
    said = "".join(c for c in text.replace("\r\n", "\n") if c == "\n" or c.isprintable()).strip()
    if not said:
        ask = t("There is no text in it. Example: {example}", example=example)
        raise InvalidInput(ask if example else t("There is no text in it. Write a few words."))
    if len(said) > LONGEST:
        raise InvalidInput(
            t("That has {n} characters, {most} is the most. Shorten it.", n=len(said), most=LONGEST),
        )
    return said


def _tell_admins(uow: UnitOfWork, row: FeedbackRow, user: User, now: datetime) -> None:
    """Every admin gets a card with two buttons, which an answer may also reply to."""
    notes = []
    for admin in uow.users.admins():
        with speaking(admin.locale):
            text = t(
                "<b>Feedback {number}</b> from {who}:\n{text}\n\nAnswer by replying to this message, or by the button.",
                number=row.id,
                who=escape(user.email),
                text=escape(row.message),
            )
            buttons = ((
                Button(t("Answer"), data=f"fb:{row.id}:show:answer"),
                Button(t("Close"), data=f"fb:{row.id}:close"),
            ),)  # fmt: skip
            subject = t("Feedback from {who}", who=user.email)
        notes.append(
            Outgoing(
                Category.HEALTH,
                UserId(admin.id),
                text,
                buttons,
                subject=subject,
                dedupe_key=f"about:{user.id}:feedback:{row.id}:{admin.id}",
                silent=True,
            )
        )
    outbox.enqueue_many(uow, notes, now)


def _tell_writer(uow: UnitOfWork, row: FeedbackRow, now: datetime) -> None:
    """The person gets the answer below what they wrote."""
    writer = uow.users.get_by_id(row.user_id)
    if writer is None:
        return
    with speaking(writer.locale):
        text = t(
            "<b>An answer to what you wrote on {day}:</b>\n{answer}\n\n/feedback writes back.",
            day=format_day(row.created_at.astimezone(writer.view().zone).date()),
            answer=escape(row.answer or ""),
        )
        subject = t("An answer to what you wrote")
    message = Outgoing(
        Category.HEALTH,
        UserId(row.user_id),
        text,
        subject=subject,
        dedupe_key=f"feedback:{row.id}:answer",
        replies_to=row.message_id,
    )
    outbox.enqueue(uow, message, now)


def _found(uow: UnitOfWork, number: int, *, lock: bool = False) -> FeedbackRow:
    row = uow.feedbacks.locked(number) if lock else uow.feedbacks.get_by_id(number)
    if row is None:
        raise NotFound(t("I can't find feedback {number}. /feedbacks lists what people wrote.", number=number))
    return row


def _view(uow: UnitOfWork, row: FeedbackRow) -> Feedback:
    writer = uow.users.get_by_id(row.user_id)
    return Feedback(
        row.id,
        UserId(row.user_id),
        writer.email if writer is not None else "–",
        writer.display_name if writer is not None else "",
        row.message,
        row.status,
        row.created_at,
        row.answer,
        row.answered_by,
        row.answered_at,
    )
