"""Groups and topics as destinations: linked by a verified group admin, shown, left, and allowed to be acted in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from db.destinations import DestinationRow
from db.unit_of_work import UnitOfWork
from domain.destinations import Destination, Place, State, Trouble
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.ids import UserId
from domain.locales import t
from domain.messages import Category, Outgoing
from domain.users import Role, User, clean_name
from notifications import destinations, outbox


class NoDestination(NotFound):
    """I can't find that group among those you linked. /link shows them."""


@dataclass(frozen=True)
class Linked:
    """A destination as it is shown: how many jobs tell their results there, and whose it is."""

    destination: Destination
    jobs: int
    owner: str = ""
    """The owner's address, where it is not the person who asks."""


class DestinationsService:
    """Use cases around groups; what changes a row runs on the platform's unit of work, and looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def linked(self, user_id: UserId) -> list[Destination]:
        """The groups and topics that this person linked, oldest first; those that are `usable` can be sent to."""
        with self.uow as uow:
            return [row.view() for row in uow.destinations.linked(user_id)]

    def of_place(self, chat_id: int, thread_id: int | None) -> Destination | None:
        """What was linked in this group or topic; run as a person it is their own, as the platform the oldest."""
        with self.uow as uow:
            rows = uow.destinations.at(Place.of(chat_id, thread_id))
            return rows[0].view() if rows else None

    def all_of_place(self, chat_id: int, thread_id: int | None) -> list[Destination]:
        """Everything that was linked in this group or topic, by whoever it was."""
        with self.uow as uow:
            return [row.view() for row in uow.destinations.at(Place.of(chat_id, thread_id))]

    def shown(self, user: User) -> list[Linked]:
        """What this person linked; an admin sees what everybody linked."""
        with self.uow as uow:
            rows = uow.destinations.all() if user.role is Role.ADMIN else uow.destinations.linked(user.id)
            return [_shown(uow, row, user) for row in rows]

    def get(self, user: User, destination_id: int) -> Linked:
        """One of them; NoDestination when it is not this person's to see."""
        with self.uow as uow:
            return _shown(uow, _mine(uow, user, destination_id), user)

    def link(
        self, user: User, chat_id: int, thread_id: int | None, *, title: str, topic: str | None, now: datetime
    ) -> Destination:
        """Let this person's jobs be told in that group or topic; the caller saw that they are its administrator."""
        place = Place.of(chat_id, thread_id)
        with self.uow as uow:
            uow.destinations.lock_place(chat_id)
            rows = uow.destinations.at(place, lock=True)
            row = next((each for each in rows if each.user_id == user.id), None)
            if row is None:
                acting = any(each.acting for each in rows)
                row = uow.destinations.create(
                    user_id=user.id, chat_id=place.chat_id, thread_id=place.thread_id, acting=acting
                )
            row.title, row.topic = _title(title), _title(topic) if topic else None
            row.state, row.reason, row.changed_at = State.ACTIVE.value, None, now
            found = row.view()
            uow.commit()
            return found

    def unlink(self, user: User, destination_id: int, *, now: datetime) -> Linked:
        """Send nothing there any more; the results of jobs that went there come to their owner again."""
        with self.uow as uow:
            [found] = _end(uow, [_mine(uow, user, destination_id)], user, now)
            uow.commit()
            return found

    def unlink_place(
        self, user: User, chat_id: int, thread_id: int | None, *, in_charge: bool, now: datetime
    ) -> list[Linked]:
        """As `unlink`, for what this person linked in a place; who is in charge there ends what others linked too."""
        place = Place.of(chat_id, thread_id)
        with self.uow as uow:
            rows = uow.destinations.at(place, lock=True)
            own = [row for row in rows if row.user_id == user.id]
            found = _end(uow, own or (rows if in_charge or user.role is Role.ADMIN else []), user, now)
            uow.commit()
            return found

    def set_acting(self, user: User, destination_id: int, *, acting: bool, now: datetime) -> Linked:
        """Let verified people act in that group or topic, or not any more; for admins alone."""
        if user.role is not Role.ADMIN:
            raise NotAllowed
        with self.uow as uow:
            row = _mine(uow, user, destination_id)
            for each in uow.destinations.at(Place(row.chat_id, row.thread_id), lock=True):
                each.acting, each.changed_at = acting, now
            uow.session.flush()
            found = _shown(uow, row, user)
            uow.commit()
            return found

    def jobs_told_at(self, place: Place) -> int:
        """How many jobs, whoever's they are, have their results sent to that place."""
        with self.uow as uow:
            return sum(uow.destinations.jobs_told(row.id) for row in uow.destinations.at(place))

    def may_act(self, user_id: UserId, chat_id: int, thread_id: int | None, job_id: int) -> bool:
        """Whether this person's job is told in that place, and people may act there."""
        place = Place.of(chat_id, thread_id)
        with self.uow as uow:
            acting = any(row.acting for row in uow.destinations.at(place))
            return acting and uow.destinations.told_at(user_id, job_id, place)

    def test(self, user: User, destination_id: int, *, now: datetime) -> Linked:
        """Send a line there, by the way that results take."""
        with self.uow as uow:
            row = _mine(uow, user, destination_id)
            found = _shown(uow, row, user)
            if row.user_id is None:
                raise NoDestination
            line = Outgoing(
                Category.REPORT,
                UserId(row.user_id),
                t("🔔 A line to see that I can write to {name}. Results arrive like this.",
                  name=f"<b>{escape(found.destination.name)}</b>"),
                destination_id=row.id,
                dedupe_key=f"destination-test:{row.id}:{now.timestamp():.3f}",
            )  # fmt: skip
            outbox.enqueue(uow, line, now)
            uow.commit()
            return found

    def disabled(self, chat_id: int, trouble: Trouble, *, now: datetime) -> int:
        """Nothing can be sent into this group any more: its owners are told; how many destinations that were."""
        with self.uow as uow:
            found = destinations.disable(uow, chat_id, trouble, now)
            uow.commit()
            return len(found)

    def degraded(self, chat_id: int, thread_id: int, *, now: datetime) -> int:
        """The topic is gone: the group itself is used, and its owners are told; how many destinations that were."""
        with self.uow as uow:
            found = destinations.degrade(uow, Place(chat_id, thread_id), now)
            uow.commit()
            return len(found)

    def back(self, chat_id: int, *, now: datetime) -> int:
        """This group can be written to again: its owners are told; how many destinations that were."""
        with self.uow as uow:
            found = destinations.enable(uow, chat_id, now)
            uow.commit()
            return len(found)

    def moved(self, old: int, new: int, *, now: datetime) -> int:
        """A group got another number; everything that named the old one names the new one, in one transaction."""
        with self.uow as uow:
            found = destinations.move(uow, old, new, now)
            uow.commit()
            return len(found)


def _mine(uow: UnitOfWork, user: User, destination_id: int) -> DestinationRow:
    row = uow.destinations.get_by_id(destination_id)
    if row is None or (row.user_id != user.id and user.role is not Role.ADMIN):
        raise NoDestination
    return row


def _end(uow: UnitOfWork, rows: Sequence[DestinationRow], user: User, now: datetime) -> list[Linked]:
    """Delete these; who linked one that somebody else ends is told."""
    ended = [_shown(uow, row, user) for row in rows]
    for row in rows:
        if row.user_id != user.id:
            destinations.tell_ended(uow, row.view(), by=user, now=now)
        uow.session.delete(row)
    uow.session.flush()
    return ended


def _shown(uow: UnitOfWork, row: DestinationRow, user: User) -> Linked:
    owner = uow.users.get_by_id(row.user_id) if row.user_id is not None and row.user_id != user.id else None
    return Linked(row.view(), uow.destinations.jobs_told(row.id), owner.email if owner is not None else "")


def _title(text: str) -> str:
    try:
        return clean_name(text[:120], "title", 120)
    except InvalidInput:  # a title of nothing that can be shown
        return "?"
