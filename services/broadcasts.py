"""Broadcasts: previewed, confirmed, begun once, held, let go on, cancelled; for admins alone."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime

import structlog

from db.broadcasts import BroadcastRow
from db.unit_of_work import UnitOfWork
from domain import broadcasts
from domain.broadcasts import CANARY, CHANGES, LONGEST_TEXT, Audience, Broadcast, BroadcastStatus, Segment
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.ids import DraftId
from domain.locales import format_number, t
from domain.users import Role, User
from notifications import broadcasts as sending

log = structlog.get_logger(__name__)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Preview:
    """What would go to whom, and how long that takes; nothing is queued."""

    segment: Segment
    text: str
    audience: Audience
    takes: str


class BroadcastsService:
    """Use cases around broadcasts; the unit of work is the platform's, so every method looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def preview(self, user: User, words: str, *, now: datetime) -> Preview:
        """What these words (a segment, perhaps, and a text in Telegram HTML) would send to whom."""
        segment, text = broadcasts.split(words)
        if not text:
            raise InvalidInput(t("There is no text in it. Example: {example}", example=broadcasts.EXAMPLE))
        if len(text) > LONGEST_TEXT:
            raise InvalidInput(
                t(
                    "The text has {length} characters, {most} is the most. Shorten it.",
                    length=format_number(len(text)),
                    most=format_number(LONGEST_TEXT),
                )
            )
        with self.uow as uow:
            _admit(uow, user)
            audience, _ = sending.recipients(uow, segment, now)
            if not audience.reachable:
                raise InvalidInput(
                    t(
                        "That would reach nobody: of {whom}, {blocked} can't be reached and {left} opted out.",
                        whom=segment.words,
                        blocked=audience.blocked,
                        left=audience.opted_out,
                    )
                )
            return Preview(segment, text, audience, sending.estimate(audience.reachable))

    def start(self, user: User, telegram_user_id: int, draft_id: DraftId, *, now: datetime) -> Broadcast:
        """Begin what was previewed: its recipients are fixed now, once; NotFound for whoever comes second."""
        with self.uow as uow:
            _admit(uow, user)
            draft = uow.telegram.draft(draft_id, telegram_user_id)
            if draft is None or draft.consumed_at is not None or draft.expires_at <= now:
                raise NotFound(t("That was sent already, or left. /broadcasts shows what goes."))
            draft.consumed_at = now
            segment, text = broadcasts.split(draft.data["words"])
            audience, found = sending.recipients(uow, segment, now)
            row = BroadcastRow(
                message=text,
                sent_by=user.email,
                user_id=user.id,
                chat_id=telegram_user_id,
                status=str(BroadcastStatus.CANARY),
                segment=str(segment),
                started_at=uow.planning.database_now(),
            )
            uow.session.add(row)
            canary = min(CANARY, audience.reachable - audience.asleep)
            uow.broadcasts.begin(row, found, canary, sending.keeps(audience.reachable))
            uow.jobs.wake("messages")
            view = _view(uow, row.id)
            uow.commit()
            log.info("broadcast_begun", broadcast_id=row.id, recipients=view.total, by=user.email)
            return view

    def shows(self, broadcast_id: int, message_id: int) -> None:
        """Its progress stands in this message of the admin's chat from now on, and is edited there."""
        with self.uow as uow:
            row = uow.broadcasts.locked(broadcast_id)
            if row is not None:
                row.progress_message_id = message_id
                uow.commit()

    def one(self, user: User, broadcast_id: int) -> Broadcast:
        """A broadcast with its counts of this moment."""
        with self.uow as uow:
            _admit(uow, user)
            return _view(uow, broadcast_id)

    def page(self, user: User, *, before: int | None = None, limit: int = 8) -> list[Broadcast]:
        """Broadcasts, newest first, older than the one numbered `before`."""
        with self.uow as uow:
            _admit(uow, user)
            return uow.broadcasts.page(before, limit)

    def change(self, user: User, broadcast_id: int, action: str) -> Broadcast:
        """``pause``, ``resume`` or ``cancel`` it; whoever is being called at this moment still gets it."""
        with self.uow as uow:
            row = _locked(uow, user, broadcast_id)
            becomes, before = CHANGES[action]
            if row.finished_at is not None or row.status not in before:
                raise InvalidInput(
                    t("Nothing was changed: that can't be done to broadcast {number} now.", number=row.id)
                )
            now = uow.planning.database_now()
            by = f"by {user.email}" if becomes is not BroadcastStatus.RUNNING else None
            sending.change(row, becomes, by, now)
            match becomes:
                case BroadcastStatus.PAUSED:
                    uow.broadcasts.hold(row.id, f"{sending.PAUSED} {by}")
                case BroadcastStatus.CANCELLED:
                    uow.broadcasts.cancel(row.id, f"{sending.CANCELLED} {by}")
                case _:
                    uow.broadcasts.keep(row.id, sending.keeps(_view(uow, row.id).waiting))
            return _changed(uow, row)

    def send_again(self, user: User, broadcast_id: int) -> tuple[Broadcast, int]:
        """Send it once more to those who are in doubt, marked as a possible repeat; how many they are."""
        with self.uow as uow:
            row = _locked(uow, user, broadcast_id)
            if row.status == BroadcastStatus.CANCELLED:
                raise InvalidInput(t("Broadcast {number} was cancelled, so nobody gets it any more.", number=row.id))
            count = uow.broadcasts.send_again(row.id)
            if not count:
                raise InvalidInput(t("Nobody is in doubt in broadcast {number} any more.", number=row.id))
            uow.broadcasts.keep(row.id, sending.keeps(count))
            row.finished_at = None
            if row.status == BroadcastStatus.DONE:
                sending.change(row, BroadcastStatus.RUNNING, None, uow.planning.database_now())
            return _changed(uow, row), count

    def failures(self, user: User, broadcast_id: int) -> bytes:
        """Those who did not get it for sure, as CSV: who, by which channel, what became of it and why."""
        with self.uow as uow:
            _admit(uow, user)
            _view(uow, broadcast_id)
            written = io.StringIO()
            table = csv.writer(written)
            table.writerow(("person", "channel", "state", "class", "reason", "attempts", "at"))
            for row in uow.broadcasts.failures(broadcast_id):
                cells = (row.email, row.channel, row.status, row.error_class, row.error)
                at = row.updated_at.isoformat(timespec="seconds")
                table.writerow((*(_cell(each) for each in cells), row.attempts, at))
            return written.getvalue().encode()


def _admit(uow: UnitOfWork, user: User) -> None:
    """Refuse whoever is no admin at this moment, as a command that is not there."""
    row = uow.users.get_by_id(user.id)
    if row is None or not row.is_active or row.role != Role.ADMIN:
        raise NotAllowed


def _locked(uow: UnitOfWork, user: User, broadcast_id: int) -> BroadcastRow:
    _admit(uow, user)
    row = uow.broadcasts.locked(broadcast_id)
    if row is None:
        raise _unknown(broadcast_id)
    return row


def _view(uow: UnitOfWork, broadcast_id: int) -> Broadcast:
    uow.session.flush()
    found = uow.broadcasts.view(broadcast_id)
    if found is None:
        raise _unknown(broadcast_id)
    return found


def _changed(uow: UnitOfWork, row: BroadcastRow) -> Broadcast:
    """How it stands now; the progress in the chat is shown by the one who changed it."""
    view = _view(uow, row.id)
    uow.jobs.wake("messages")
    uow.commit()
    log.info("broadcast_changed", broadcast_id=row.id, status=row.status)
    return view


def _unknown(broadcast_id: int) -> NotFound:
    return NotFound(t("There is no broadcast {number}. /broadcasts lists them.", number=broadcast_id))


def _cell(value: str | None) -> str:
    """A value that no spreadsheet takes for a formula."""
    text = value or ""
    return f"'{text}" if text.startswith(_FORMULA) else text
