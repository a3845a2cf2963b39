"""Messages for those who look after them: what came to nothing, doing it again, and a test of every channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from db import replaying
from db.replaying import Filter
from db.unit_of_work import UnitOfWork
from domain.broadcasts import BroadcastStatus
from domain.errors import InvalidInput, NotFound
from domain.ids import UserId
from domain.locales import speaking, t
from domain.messages import Category, DeliveryStatus, Outgoing
from domain.users import Role
from notifications import broadcasts, deliveries, outbox
from notifications.channels.email.bounces import Bounce
from notifications.channels.kinds import kind_of
from services.history import groups_of, origin_of
from services.message_timeline import MessageStory, tell_message

GOING = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)


@dataclass(frozen=True)
class Letter:
    """A delivery in a list: a message on its way to one address."""

    id: int
    message_id: int
    category: str
    person: str
    channel: str
    address: str
    status: DeliveryStatus
    error_class: str | None
    error: str | None
    attempts: int
    possible_repeat: bool
    run_id: int | None
    broadcast_id: int | None
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None


class MessagesService:
    """Use cases around deliveries; the unit of work is the platform's."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def find(self, which: Filter, limit: int) -> list[Letter]:
        """A page of these deliveries, newest first."""
        with self.uow as uow:
            return _letters(uow, which, limit)

    def one(self, number: int, zone: ZoneInfo | None) -> tuple[Letter, MessageStory]:
        """A delivery and its whole story."""
        with self.uow as uow:
            found = _letters(uow, Filter(states=tuple(DeliveryStatus), numbers=(number,)), 1)
            delivery = uow.deliveries.get_by_id(number)
            message = uow.messages.get_by_id(delivery.message_id) if delivery is not None else None
            if not found or delivery is None or message is None:
                raise NotFound(f"There is no delivery {number}. `openbell messages list` shows what came to nothing.")
            return found[0], tell_message(
                message, delivery, zone, origin=origin_of(uow, message), groups=groups_of(uow, [message])
            )

    def replay(self, which: Filter, limit: int, *, dry_run: bool = False) -> list[Letter]:
        """Put these back into the queue, each once: those in doubt marked as possible repeats, codes never.

        With `dry_run` they come back and nothing is changed.
        """
        wrong = [state for state in which.states if state not in replaying.STUCK]
        if wrong:
            raise InvalidInput(f"What is {wrong[0]} can't be replayed; {', '.join(replaying.STUCK)} can.")
        with self.uow as uow:
            found = [each for each in _letters(uow, which, limit) if each.category != Category.CODE]
            if dry_run or not found:
                return found
            done = set(replaying.replay(uow.session, [each.id for each in found]))
            for number in {each.broadcast_id for each in found if each.broadcast_id is not None and each.id in done}:
                _reopen(uow, number)
            uow.jobs.wake("messages")
            uow.commit()
            return [each for each in found if each.id in done]

    def take_bounce(self, bounce: Bounce) -> bool:
        """A mail came back: its delivery says so, an address that is gone is used no more. False when it was known."""
        with self.uow as uow:
            reason = f"{bounce.status}: {bounce.said}"
            known = not deliveries.record_bounced(
                uow, bounce.message_id, bounce.delivery_id, reason, gone=bounce.address_is_gone
            )
            uow.commit()
            return not known

    def send_test(self, channel: str, to: str, *, now: datetime) -> int:
        """Queue a test to a person (by their e-mail address) or to a bare address; the delivery's number comes back."""
        kind = kind_of(channel)
        with self.uow as uow:
            person = uow.users.by_email(to)
            owner = UserId(person.id) if person is not None else _first_admin(uow)
            address = None if person is not None else kind.check_address(to)
            with speaking(uow.preferences.locale_of(owner)):
                message_id = outbox.enqueue(uow, _test(owner, channel), now)
            delivery = uow.messages.deliveries_of(message_id or 0)[0]
            if person is not None and delivery.status == DeliveryStatus.SUPPRESSED:
                raise NotFound(f"{to} can't be reached by {channel}: {delivery.error}.")
            if address is not None:
                delivery.address, delivery.status, delivery.error = address, str(DeliveryStatus.QUEUED), None
            uow.commit()
            return delivery.id


def _letters(uow: UnitOfWork, which: Filter, limit: int) -> list[Letter]:
    return [
        Letter(
            id=row.id,
            message_id=row.message_id,
            category=row.category,
            person=row.email,
            channel=row.channel,
            address=row.address,
            status=DeliveryStatus(row.status),
            error_class=row.error_class,
            error=row.error,
            attempts=row.attempts,
            possible_repeat=row.possible_repeat,
            run_id=row.run_id,
            broadcast_id=row.broadcast_id,
            created_at=row.created_at,
            updated_at=row.updated_at,
            sent_at=row.sent_at,
        )
        for row in replaying.find(uow.session, which, limit)
    ]


def _reopen(uow: UnitOfWork, broadcast_id: int) -> None:
    """A broadcast that was over goes on for those who were replayed."""
    row = uow.broadcasts.locked(broadcast_id)
    if row is not None and row.status == BroadcastStatus.DONE:
        row.finished_at = None
        broadcasts.change(row, BroadcastStatus.RUNNING, None, uow.planning.database_now())


def _first_admin(uow: UnitOfWork) -> UserId:
    """Whom a message to a bare address stands for."""
    admins: Sequence[UserId] = uow.users.recipients(Role.ADMIN)
    if not admins:
        raise InvalidInput("There is no admin yet, so nobody to write for. `openbell admin add EMAIL` names one.")
    return admins[0]


def _test(user_id: UserId, channel: str) -> Outgoing:
    title = t("A test from Openbell")
    said = t("This came by {channel}, through the queue and the sender, as every message does.", channel=channel)
    return Outgoing(Category.HEALTH, user_id, f"<b>{title}</b>\n{said}", channels=(channel,), subject=title)
