"""What is to be said is written down first, in the transaction of the work that says it."""

from datetime import datetime
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.ids import MessageId
from domain.messages import Button, Category, DeliveryStatus, Outgoing, Rows


def enqueue(uow: UnitOfWork, outgoing: Outgoing, now: datetime) -> MessageId | None:
    """Queue a message and its deliveries; None when one with the same dedupe_key is queued already.

    Nothing is sent before the unit of work commits, and whatever the caller rolls back was never queued.
    """
    category = outgoing.category
    start = outgoing.not_before or now
    message_id = uow.messages.enqueue(
        {
            "user_id": outgoing.user_id,
            "category": category,
            "lane": category.lane,
            "template": outgoing.template,
            "payload": {"text": outgoing.text, "buttons": _stored(outgoing.buttons), "params": dict(outgoing.params)},
            "run_id": outgoing.run_id,
            "dedupe_key": outgoing.dedupe_key,
            "not_before": start,
            "expires_at": start + category.keeps,
        }
    )
    if message_id is None:
        return None
    for position, attachment in enumerate(outgoing.attachments):
        uow.messages.attach(
            message_id=message_id,
            user_id=outgoing.user_id,
            position=position,
            filename=attachment.filename,
            content_type=attachment.content_type,
            content=attachment.content,
        )
    _deliver(uow, MessageId(message_id), outgoing, start)
    uow.jobs.wake("messages")
    return MessageId(message_id)


def _deliver(uow: UnitOfWork, message_id: MessageId, outgoing: Outgoing, start: datetime) -> None:
    channel = "email" if outgoing.category is Category.CODE else "telegram"
    status, reason = DeliveryStatus.QUEUED, None
    if channel == "email":
        user = uow.users.get_by_id(outgoing.user_id)
        address = user.email if user is not None else ""
    else:
        identity = uow.users.address(outgoing.user_id, "telegram")
        address = str(identity.metadata_.get("chat_id", identity.external_id)) if identity is not None else ""
        if identity is not None and identity.disabled_at is not None:
            status, reason = DeliveryStatus.SUPPRESSED, f"the address is disabled: {identity.disabled_reason}"
    if not address:
        status, reason = DeliveryStatus.SUPPRESSED, f"the person has no {channel} address"
    uow.messages.add_delivery(
        message_id=message_id,
        user_id=outgoing.user_id,
        channel=channel,
        address=address or "none",
        lane=outgoing.category.lane,
        status=status,
        not_before=start,
        error=reason,
    )


def _stored(rows: Rows) -> list[list[dict[str, Any]]]:
    return [
        [{key: value for key, value in vars(button).items() if value is not None} for button in row] for row in rows
    ]


def read_buttons(stored: list[list[dict[str, Any]]]) -> Rows:
    """The buttons as `enqueue` stored them."""
    return tuple(tuple(Button(**button) for button in row) for row in stored)
