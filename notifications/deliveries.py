"""The life of a delivery, one short transaction a step, always under the claim's owner and fence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from db.deliveries import DeliveryRow
from db.engine import Database
from db.preferences import Reader
from db.unit_of_work import UnitOfWork
from domain.destinations import is_group, read_place, trouble_of
from domain.messages import LEASE, Category, DeliveryStatus, back_off
from notifications import destinations, digests, falling_back
from notifications.delivery import Delivery, Sent

MOST_ATTEMPTS = 8
DOUBT = timedelta(seconds=1)


def claim(database: Database, owner: str, *, channels: Sequence[str], most: int, bulk: int) -> list[Delivery]:
    """The next deliveries in order of urgency, now this sender's for a minute, looked at again; those to be sent.

    What was settled meanwhile (expired, opted out, muted, its address disabled, its code used) is recorded here. None
    come back when another sender was quicker.
    """
    with database.for_platform() as uow:
        try:
            rows = uow.deliveries.claim(owner, LEASE, channels=channels, most=most, bulk=bulk)
        except IntegrityError:  # at the same moment another sender took a row of the same address
            return []
        readers = uow.preferences.readers(row.user_id for row in rows)
        claimed = _deliveries(uow, rows, owner, readers)
        now = datetime.now(UTC)
        to_send = [delivery for delivery in claimed if not _settled(uow, delivery, readers.get(delivery.user_id), now)]
        ready = [_for_a_group(uow, each) if each.to_group else each for each in to_send]
        uow.commit()
        return ready


def renew(database: Database, delivery: Delivery) -> None:
    """Keep the lease of a call that takes long; one that is no longer ours stays as it is."""
    with database.for_platform() as uow:
        uow.deliveries.renew(delivery.id, delivery.owner, delivery.fence, LEASE)
        uow.commit()


def mark_called(database: Database, delivery: Delivery) -> bool:
    """Write that the provider is about to be called, the last thing before it is; False when it is no longer ours."""
    with database.for_platform() as uow:
        ours = uow.deliveries.mark_called(delivery.id, delivery.owner, delivery.fence)
        uow.commit()
        return ours


def record_part(database: Database, delivery: Delivery, part: int, number: str) -> None:
    """One part of several was taken: a repeat begins behind it."""
    with database.for_platform() as uow:
        uow.deliveries.part_taken(delivery.id, delivery.owner, delivery.fence, part=part, number=number, lease=LEASE)
        uow.commit()


def record_sent(database: Database, delivery: Delivery, receipt: Sent) -> bool:
    """The provider's yes; False when the delivery is no longer ours, and then nothing is overwritten."""
    with database.for_platform() as uow:
        ours = uow.deliveries.finish(
            delivery.id,
            delivery.owner,
            delivery.fence,
            DeliveryStatus.SENT,
            attempt=_attempt("sent", receipt.note, took=receipt.took),
            number=receipt.provider_id,
            latency_ms=int(receipt.took.total_seconds() * 1000),
            reason=receipt.note,
        )
        if ours and receipt.left_topic and delivery.to_group:
            destinations.degrade(uow, read_place(delivery.address), datetime.now(UTC))
        uow.commit()
        return ours


def give_back(database: Database, delivery: Delivery, after: timedelta, reason: str) -> None:
    """It was not tried: it waits, for a token or because its sender stops, and that costs no attempt."""
    with database.for_platform() as uow:
        uow.deliveries.finish(
            delivery.id, delivery.owner, delivery.fence, DeliveryStatus.QUEUED, after=after, reason=reason
        )
        uow.commit()


def record_postponed(
    database: Database,
    delivery: Delivery,
    reason: str,
    kind: str,
    *,
    after: timedelta | None,
    counts: bool,
    most: int = MOST_ATTEMPTS,
) -> DeliveryStatus:
    """Not delivered: queued again for later, or dead when its tries, `most` at most, are used up."""
    tries = delivery.attempts + 1
    dead = counts and tries >= most
    wait = None if dead else after or back_off(tries)
    status = DeliveryStatus.DEAD if dead else DeliveryStatus.QUEUED
    with database.for_platform() as uow:
        uow.deliveries.finish(
            delivery.id,
            delivery.owner,
            delivery.fence,
            status,
            attempt=_attempt("postponed", reason, kind=kind, wait=wait),
            after=wait,
            counts=counts,
            reason=None if dead else reason,
            error=reason,
            error_class=kind,
        )
        if dead:
            _fall_back(uow, delivery)
        uow.commit()
        return status


def record_flooded(database: Database, delivery: Delivery, reason: str, wait: timedelta) -> None:
    """The provider had too many calls: everything for this address waits, and no attempt is counted."""
    with database.for_platform() as uow:
        uow.deliveries.finish(
            delivery.id,
            delivery.owner,
            delivery.fence,
            DeliveryStatus.QUEUED,
            attempt=_attempt("flooded", reason, kind="Flooded", wait=wait),
            after=wait,
            counts=False,
            reason=reason,
            error=reason,
            error_class="Flooded",
        )
        uow.deliveries.park(delivery.channel, delivery.address, wait, reason)
        uow.commit()


def record_moved(database: Database, delivery: Delivery, reason: str, new_address: str) -> None:
    """The address is another one now: it is rewritten everywhere, and the delivery goes on at once."""
    with database.for_platform() as uow:
        uow.deliveries.finish(
            delivery.id,
            delivery.owner,
            delivery.fence,
            DeliveryStatus.QUEUED,
            attempt=_attempt("moved", reason, kind="AddressMoved"),
            after=timedelta(0),
            counts=False,
            error=reason,
            error_class="AddressMoved",
        )
        if delivery.channel == "telegram" and is_group(delivery.address):
            old, new = read_place(delivery.address).chat_id, read_place(new_address).chat_id
            destinations.move(uow, old, new, datetime.now(UTC))
        else:
            uow.deliveries.move_address(delivery.channel, delivery.address, new_address)
            uow.users.move_address(delivery.channel, delivery.address, new_address)
        uow.commit()


def record_refused(database: Database, delivery: Delivery, reason: str, kind: str) -> None:
    """A definite no for this message."""
    _end(database, delivery, DeliveryStatus.FAILED, reason, kind)


def record_address_gone(database: Database, delivery: Delivery, reason: str, kind: str) -> None:
    """A definite no for this address: it is disabled until its person writes to us again."""
    with database.for_platform() as uow:
        _finish(uow, delivery, DeliveryStatus.SUPPRESSED, reason, kind)
        if delivery.to_group:
            place, now = read_place(delivery.address), datetime.now(UTC)
            destinations.disable(uow, place.chat_id, trouble_of(reason), now)
        elif delivery.channel == "telegram":
            uow.users.disable_address("telegram", delivery.address, reason)
        elif delivery.channel != "email":
            uow.users.disable_channel(delivery.user_id, delivery.channel, reason)
        uow.commit()


def record_bounced(uow: UnitOfWork, message_id: int, delivery_id: int, reason: str, *, gone: bool) -> bool:
    """A mail that counted as sent came back: the person's next channel gets it. False when it was told before."""
    delivery = uow.deliveries.bounced(message_id, delivery_id, _attempt("bounced", reason), reason)
    if delivery is None:
        return False
    if gone:
        uow.users.disable_mail(delivery.user_id, reason)
    what = f"{delivery.channel} bounced"
    falling_back.go_on(uow, delivery.message_id, delivery.user_id, delivery.channel, delivery.lane, what)
    return True


def record_uncertain(
    database: Database, delivery: Delivery, reason: str, kind: str, *, hold: bool = False
) -> DeliveryStatus:
    """No answer came: sent once more, marked as a possible repeat, where its category allows that and not to `hold`."""
    again = not hold and delivery.category.resends_when_uncertain and not delivery.possible_repeat
    status = DeliveryStatus.QUEUED if again else DeliveryStatus.UNCERTAIN
    with database.for_platform() as uow:
        uow.deliveries.finish(
            delivery.id,
            delivery.owner,
            delivery.fence,
            status,
            attempt=_attempt("uncertain", reason, kind=kind),
            after=DOUBT if again else None,
            repeat=again,
            error=reason,
            error_class=kind,
        )
        uow.commit()
        return status


def sweep(database: Database) -> int:
    """Deliveries whose sender is gone: back in the queue when the provider was not called, in doubt when it was."""
    with database.for_platform() as uow:
        lapsed = uow.deliveries.lapsed(100)
        for delivery in _deliveries(uow, lapsed, None, {}):
            called = delivery.called
            again = not called or (delivery.category.resends_when_uncertain and not delivery.possible_repeat)
            uow.deliveries.finish(
                delivery.id,
                delivery.owner,
                delivery.fence,
                DeliveryStatus.QUEUED if again else DeliveryStatus.UNCERTAIN,
                attempt=_attempt("uncertain" if called else "not tried", "its sender stopped"),
                after=DOUBT if again and called else timedelta(0) if again else None,
                repeat=again and called,
                error="its sender stopped",
            )
        uow.commit()
        return len(lapsed)


def _end(database: Database, delivery: Delivery, status: DeliveryStatus, reason: str, kind: str) -> None:
    with database.for_platform() as uow:
        _finish(uow, delivery, status, reason, kind)
        uow.commit()


def _finish(uow: UnitOfWork, delivery: Delivery, status: DeliveryStatus, reason: str, kind: str) -> None:
    attempt = _attempt(str(status), reason, kind=kind)
    uow.deliveries.finish(
        delivery.id, delivery.owner, delivery.fence, status, attempt=attempt, error=reason, error_class=kind
    )
    _fall_back(uow, delivery)


def _fall_back(uow: UnitOfWork, delivery: Delivery) -> None:
    """After a definite failure the next of the person's channels gets it; after a doubt none does."""
    what = "the group can't be used" if delivery.to_group else f"{delivery.channel} failed"
    before = None if delivery.to_group else delivery.channel
    falling_back.go_on(uow, delivery.message_id, delivery.user_id, before, delivery.lane, what)


def _attempt(
    outcome: str,
    said: str | None,
    *,
    kind: str | None = None,
    took: timedelta | None = None,
    wait: timedelta | None = None,
) -> dict[str, Any]:
    """What is remembered of an attempt."""
    told = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "outcome": outcome,
        "class": kind,
        "said": said[:300] if said else None,
        "took_ms": int(took.total_seconds() * 1000) if took is not None else None,
        "wait_s": round(wait.total_seconds(), 1) if wait is not None else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _settled(uow: UnitOfWork, delivery: Delivery, reader: Reader | None, now: datetime) -> bool:
    """Whether it is not to be sent any more, or not now; that is recorded."""
    status, reason = _ended(uow, delivery, reader, now)
    if status is not None:
        uow.deliveries.finish(delivery.id, delivery.owner, delivery.fence, status, error=reason)
        if status is DeliveryStatus.SUPPRESSED:
            _fall_back(uow, delivery)
        return True
    if reader is None or delivery.category in (Category.DIGEST, Category.CODE) or delivery.to_group:
        return False
    decision = reader.preferences.decide(
        delivery.category, now, person=reader.user_id, timed_by_user=delivery.timed_by_user
    )
    if decision.digest_key is not None or decision.not_before <= now:
        return False
    uow.deliveries.finish(
        delivery.id,
        delivery.owner,
        delivery.fence,
        DeliveryStatus.QUEUED,
        after=decision.not_before - now,
        reason=decision.reason,
    )
    return True


def _for_a_group(uow: UnitOfWork, delivery: Delivery) -> Delivery:
    """As a group may have it: with the buttons that may be pressed there, and of no message that it replaces."""
    buttons = destinations.pressed_there(uow, delivery.destination_id, delivery.buttons)
    return replace(delivery, buttons=buttons, edits=None)


def _ended(
    uow: UnitOfWork, delivery: Delivery, reader: Reader | None, now: datetime
) -> tuple[DeliveryStatus | None, str | None]:
    if delivery.expires_at <= now:
        return DeliveryStatus.EXPIRED, "it was too old to be of use"
    if delivery.category is Category.CODE:
        code = uow.users.code(delivery.params["code_id"])
        used = code is None or code.consumed_at is not None
        return (DeliveryStatus.SUPPRESSED, "a newer code was asked for") if used else (None, None)
    if reader is None:
        return DeliveryStatus.SUPPRESSED, "its person is gone"
    if delivery.to_group:
        why = destinations.unusable(uow, delivery.destination_id)
        return (DeliveryStatus.SUPPRESSED, why) if why else (None, None)
    address = reader.addresses.get(delivery.channel)
    if address is not None and address.disabled is not None and address.address == delivery.address:
        return DeliveryStatus.SUPPRESSED, f"the address is disabled: {address.disabled}"
    preference = reader.preferences.of(delivery.category)
    if preference.opted_out:
        return DeliveryStatus.SUPPRESSED, f"opted out of {delivery.category} messages"
    return None, None


def _deliveries(
    uow: UnitOfWork, rows: Sequence[DeliveryRow], owner: str | None, readers: Mapping[int, Reader]
) -> list[Delivery]:
    if not rows:
        return []
    messages = uow.messages.by_ids([row.message_id for row in rows])
    gathered = uow.messages.gathered([row.id for row in rows if messages[row.message_id].category == Category.DIGEST])
    members = [message.id for each in gathered.values() for message in each]
    files = uow.messages.attachments_of([*messages, *members])
    found = []
    for row in rows:
        reader = readers.get(row.user_id)
        delivery = Delivery.of(row, messages[row.message_id], files.get(row.message_id, ()), owner)
        asked_in = delivery.params.get("language") if delivery.category is Category.CODE else None
        locale = asked_in or (reader.locale if reader is not None else delivery.locale)
        delivery = replace(delivery, locale=locale)
        found.append(digests.fill(delivery, gathered[row.id], files) if row.id in gathered else delivery)
    return found
