"""The life of a delivery, one short transaction a step, always under the claim's owner and fence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from db.engine import Database
from db.messages import DeliveryRow, MessageRow
from db.unit_of_work import UnitOfWork
from domain.ids import DeliveryId, MessageId, UserId
from domain.messages import LEASE, Attachment, Category, DeliveryStatus, Rows, back_off
from notifications.outbox import read_buttons

MOST_ATTEMPTS = 8


@dataclass(frozen=True)
class Delivery:
    """A claimed delivery with all that a channel needs to send it."""

    id: DeliveryId
    message_id: MessageId
    user_id: UserId
    category: Category
    channel: str
    address: str
    owner: str
    fence: int
    attempts: int
    possible_repeat: bool
    text: str
    template: str | None
    params: Mapping[str, Any]
    buttons: Rows
    attachments: tuple[Attachment, ...]
    queued_at: datetime
    expires_at: datetime
    part: int = 0
    """The first part that is not known to have been taken; a longer message is sent from there on."""
    edits: str | None = None
    """The provider's number of an earlier message that this one replaces in place."""
    silent: bool = False
    locale: str = "en"
    subject: str | None = None
    ref: str = ""
    """A short reference that makes a possible repeat recognisable."""
    thread: str | None = None
    """What it is about: mails with the same words here stay one conversation."""
    unsubscribe: str | None = None
    """The signed link that opts this person out of this category; mail only."""

    @property
    def label(self) -> dict[str, Any]:
        """What a log line says of it."""
        return {"delivery_id": self.id, "message_id": self.message_id, "channel": self.channel, "lane": self.category}


def claim(database: Database, owner: str, limit: int) -> list[Delivery]:
    """The next deliveries in order of urgency, now this sender's for a minute."""
    with database.for_platform() as uow:
        claimed = [_delivery(uow, *rows, owner) for rows in uow.messages.claim(owner, limit, LEASE)]
        uow.commit()
        return claimed


def look_again(database: Database, delivery: Delivery) -> DeliveryStatus | None:
    """What has become of it since it was queued: a final state, already recorded, or None when it may be sent."""
    with database.for_platform() as uow:
        status, reason = _changed(uow, delivery)
        if status is not None:
            uow.messages.finish(delivery.id, delivery.owner, delivery.fence, status, error=reason)
            uow.commit()
        return status


def mark_called(database: Database, delivery: Delivery) -> bool:
    """Write that the provider is about to be called; False when somebody else owns the delivery by now."""
    with database.for_platform() as uow:
        ours = uow.messages.mark_called(delivery.id, delivery.owner, delivery.fence)
        uow.commit()
        return ours


def record_sent(database: Database, delivery: Delivery, provider_id: str, latency: timedelta) -> bool:
    """It was accepted."""
    with database.for_platform() as uow:
        ours = uow.messages.finish(
            delivery.id,
            delivery.owner,
            delivery.fence,
            DeliveryStatus.SENT,
            sent_at=datetime.now(UTC),
            provider_message_id=provider_id,
            latency_ms=int(latency.total_seconds() * 1000),
            error=None,
            error_class=None,
        )
        uow.commit()
        return ours


def record_postponed(
    database: Database, delivery: Delivery, reason: str, kind: str, *, after: timedelta | None, counts: bool
) -> DeliveryStatus:
    """Not delivered: queued again for later, or dead when its tries are used up."""
    tries = delivery.attempts + 1
    with database.for_platform() as uow:
        if counts and tries >= MOST_ATTEMPTS:
            status, values = DeliveryStatus.DEAD, {}
        else:
            status = DeliveryStatus.QUEUED
            values = {
                "not_before": datetime.now(UTC) + (after or back_off(tries)),
                "attempts": tries if counts else delivery.attempts,
            }
        uow.messages.finish(
            delivery.id, delivery.owner, delivery.fence, status, error=reason, error_class=kind, **values
        )
        uow.commit()
        return status


def record_refused(database: Database, delivery: Delivery, reason: str, kind: str) -> None:
    """A definite no for this message."""
    with database.for_platform() as uow:
        uow.messages.finish(
            delivery.id, delivery.owner, delivery.fence, DeliveryStatus.FAILED, error=reason, error_class=kind
        )
        uow.commit()


def record_address_gone(database: Database, delivery: Delivery, reason: str, kind: str) -> None:
    """A definite no for this address: it is disabled until its person writes to us again."""
    with database.for_platform() as uow:
        uow.messages.finish(
            delivery.id, delivery.owner, delivery.fence, DeliveryStatus.SUPPRESSED, error=reason, error_class=kind
        )
        if delivery.channel == "telegram":
            uow.users.disable_address("telegram", delivery.address, reason)
        uow.commit()


def record_uncertain(database: Database, delivery: Delivery, reason: str, kind: str) -> DeliveryStatus:
    """No answer came: sent once more, marked as a possible repeat, where its category allows that."""
    with database.for_platform() as uow:
        status, values = _after_doubt(delivery.category, delivery.possible_repeat)
        uow.messages.finish(
            delivery.id, delivery.owner, delivery.fence, status, error=reason, error_class=kind, **values
        )
        uow.commit()
        return status


def sweep(database: Database) -> int:
    """Deliveries whose sender is gone: back in the queue when the provider was not called, in doubt when it was."""
    with database.for_platform() as uow:
        lapsed = uow.messages.lapsed(100)
        for row, message in lapsed:
            status, values = (
                (DeliveryStatus.QUEUED, {})
                if row.called_at is None
                else _after_doubt(Category(message.category), row.possible_repeat)
            )
            uow.messages.finish(row.id, row.owner or "", row.fence, status, error="its sender stopped", **values)
        uow.commit()
        return len(lapsed)


def report(database: Database, component: str | None, error: str | None, response_ms: int | None = None) -> None:
    """Write into the health table how a channel, or the sender itself, is."""
    with database.for_platform() as uow:
        status = "HEALTHY" if error is None else "DOWN"
        uow.health.report(
            "notification", component, ok=error is None, status=status, error=error, response_ms=response_ms
        )
        uow.commit()


def _after_doubt(category: Category, repeated: bool) -> tuple[DeliveryStatus, dict[str, Any]]:
    if category.resends_when_uncertain and not repeated:
        return DeliveryStatus.QUEUED, {"possible_repeat": True, "not_before": datetime.now(UTC) + timedelta(seconds=1)}
    return DeliveryStatus.UNCERTAIN, {}


def _changed(uow: UnitOfWork, delivery: Delivery) -> tuple[DeliveryStatus | None, str | None]:
    if delivery.expires_at <= datetime.now(UTC):
        return DeliveryStatus.EXPIRED, "it was too old to be of use"
    if delivery.channel == "telegram":
        identity = uow.users.address(delivery.user_id, "telegram")
        if identity is not None and identity.disabled_at is not None:
            return DeliveryStatus.SUPPRESSED, f"the address is disabled: {identity.disabled_reason}"
    if delivery.category is Category.CODE:
        code = uow.users.code(delivery.params["code_id"])
        if code is None or code.consumed_at is not None:
            return DeliveryStatus.SUPPRESSED, "a newer code was asked for"
    return None, None


def _delivery(uow: UnitOfWork, row: DeliveryRow, message: MessageRow, owner: str) -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        message_id=MessageId(row.message_id),
        user_id=UserId(row.user_id),
        category=Category(message.category),
        channel=row.channel,
        address=row.address,
        owner=owner,
        fence=row.fence,
        attempts=row.attempts,
        possible_repeat=row.possible_repeat,
        text=message.payload["text"],
        template=message.template,
        params=message.payload["params"],
        buttons=read_buttons(message.payload["buttons"]),
        attachments=tuple(
            Attachment(file.filename, file.content_type, file.content)
            for file in uow.messages.attachments(row.message_id)
        ),
        queued_at=message.created_at,
        expires_at=message.expires_at,
    )
