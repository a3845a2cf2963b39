"""What becomes of linked groups and topics when Telegram says that something changed there; each owner is told once."""

from collections.abc import Iterable
from datetime import datetime
from html import escape

from db.destinations import DestinationRow
from db.unit_of_work import UnitOfWork
from domain.destinations import Destination, Place, State, Trouble, job_acted_on
from domain.ids import UserId
from domain.locales import speaking, t
from domain.messages import Button, Category, Outgoing, Rows
from domain.users import User
from notifications import outbox


def disable(uow: UnitOfWork, chat_id: int, trouble: Trouble, now: datetime) -> list[Destination]:
    """Send nothing into this group any more, nor into its topics; those that were disabled come back."""
    rows = [row for row in uow.destinations.in_chat(chat_id) if row.state != State.DISABLED]
    return _turn(uow, rows, State.DISABLED, trouble, now)


def degrade(uow: UnitOfWork, place: Place, now: datetime) -> list[Destination]:
    """The topic can't be written to: the group itself is used from now on; those that were degraded come back."""
    rows = [row for row in uow.destinations.at(place, lock=True) if row.state == State.ACTIVE and place.thread_id]
    return _turn(uow, rows, State.DEGRADED, Trouble.TOPIC, now)


def enable(uow: UnitOfWork, chat_id: int, now: datetime) -> list[Destination]:
    """The group can be written to again; those that were disabled come back."""
    rows = [row for row in uow.destinations.in_chat(chat_id) if row.state == State.DISABLED]
    return _turn(uow, rows, State.ACTIVE, None, now)


def move(uow: UnitOfWork, old: int, new: int, now: datetime) -> list[Destination]:
    """A group got another number: everything that names the old one names the new one; those that moved come back."""
    for chat_id in sorted((old, new)):
        uow.destinations.lock_place(chat_id)
    moved = []
    for row in uow.destinations.in_chat(old):
        there = [each for each in uow.destinations.at(Place(new, row.thread_id)) if each.user_id == row.user_id]
        if there:
            uow.destinations.send_elsewhere(row.id, there[0].id)
            uow.deliveries.send_elsewhere(row.id, there[0].id)
            uow.session.delete(row)
            moved.append(there[0].view())
        else:
            row.chat_id, row.changed_at = new, now
            moved.append(row.view())
        uow.session.flush()
    uow.deliveries.move_chat("telegram", str(old), str(new))
    uow.users.move_address("telegram", str(old), str(new))
    return moved


def unusable(uow: UnitOfWork, destination_id: int | None) -> str | None:
    """Why nothing is to be sent to a destination any more; None when it may be."""
    row = uow.destinations.get_by_id(destination_id) if destination_id is not None else None
    if row is None:
        return "the group is not linked any more"
    if row.state != State.DISABLED:
        return None
    return f"the group is disabled: {row.reason or 'nothing can be sent there'}"


def pressed_there(uow: UnitOfWork, destination_id: int | None, buttons: Rows) -> Rows:
    """Of these buttons those that may be pressed in a group: links, and where acting is allowed what acts on a job."""
    row = uow.destinations.get_by_id(destination_id) if destination_id is not None else None
    acting = row is not None and row.acting
    kept = [
        tuple(each for each in line if each.url is not None or (acting and job_acted_on(each.data) is not None))
        for line in buttons
    ]
    return tuple(line for line in kept if line)


def tell_ended(uow: UnitOfWork, destination: Destination, *, by: User, now: datetime) -> None:
    """Tell who linked a destination that somebody else ends it, before it is gone."""
    owner = uow.users.get_by_id(destination.user_id) if destination.user_id is not None else None
    if owner is None:
        return
    with speaking(owner.locale):
        words = t(
            "{who} unlinked <b>{name}</b>. Results that went there come to you instead. Jobs concerned: {jobs}.",
            who=escape(by.display_name or by.email),
            name=escape(destination.name),
            jobs=uow.destinations.jobs_told(destination.id),
        )
        key = f"destination:{destination.id}:ended"
        subject = t("News of a linked group")
    outbox.enqueue(uow, Outgoing(Category.HEALTH, UserId(owner.id), words, dedupe_key=key, subject=subject), now)


def _turn(
    uow: UnitOfWork, rows: Iterable[DestinationRow], state: State, trouble: Trouble | None, now: datetime
) -> list[Destination]:
    turned = []
    for row in rows:
        row.state, row.reason, row.changed_at = state.value, trouble.value if trouble else None, now
        turned.append(row.view())
    uow.session.flush()
    for destination in turned:
        _tell_owner(uow, destination, now)
    return turned


def _tell_owner(uow: UnitOfWork, destination: Destination, now: datetime) -> None:
    owner = uow.users.get_by_id(destination.user_id) if destination.user_id is not None else None
    if owner is None:
        return
    with speaking(owner.locale):
        message = Outgoing(
            Category.HEALTH,
            UserId(owner.id),
            _words(destination, uow.destinations.jobs_told(destination.id)),
            buttons=((Button(t("Show the group"), data=f"gr:{destination.id}:show:new"),),),
            dedupe_key=f"destination:{destination.id}:{destination.state}:{now.timestamp():.3f}",
            subject=t("News of a linked group"),
        )
    outbox.enqueue(uow, message, now)


def _words(destination: Destination, jobs: int) -> str:
    name = f"<b>{escape(destination.name)}</b>"
    if destination.state is State.DISABLED and destination.reason is not None:
        return t(
            "⚠️ Nothing can be sent to {name}. {why}\nResults that went there come to you instead. "
            "Let me in again and send /link there, or choose another place for your jobs with /edit. "
            "Jobs concerned: {jobs}.",
            name=name,
            why=destination.reason.words,
            jobs=jobs,
        )
    if destination.state is State.DEGRADED:
        return t(
            "⚠️ Something changed in {name}. {why}\nSend /link in another topic of that group to use it instead. "
            "Jobs concerned: {jobs}.",
            name=name,
            why=Trouble.TOPIC.words,
            jobs=jobs,
        )
    return t("✓ I can write to {name} again, and your results go there as before. Jobs concerned: {jobs}.",
             name=name, jobs=jobs)  # fmt: skip
