"""What is to be said is written down first, in the transaction of the work that says it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.ids import MessageId
from domain.messages import Button, Outgoing, Rows


def enqueue(uow: UnitOfWork, outgoing: Outgoing, now: datetime) -> MessageId | None:
    """Queue a message and its deliveries; None when one with the same dedupe_key is queued already.

    Nothing is sent before the unit of work commits, and whatever the caller rolls back was never queued.
    """
    return enqueue_many(uow, [outgoing], now)[0]


def enqueue_many(uow: UnitOfWork, outgoing: Sequence[Outgoing], now: datetime) -> list[MessageId | None]:
    """Queue these messages and their deliveries, as `enqueue` does, in a few statements for all of them."""
    if not outgoing:
        return []
    numbers = uow.messages.enqueue([_row(message, now) for message in outgoing])
    queued = [(number, message) for number, message in zip(numbers, outgoing, strict=True) if number is not None]
    for number, message in queued:
        for position, attachment in enumerate(message.attachments):
            uow.messages.attach(
                message_id=number,
                user_id=message.user_id,
                position=position,
                filename=attachment.filename,
                content_type=attachment.content_type,
                content=attachment.content,
            )
    uow.messages.deliver_by_mail([number for number, message in queued if "email" in message.goes_by])
    uow.messages.deliver_by_chat([number for number, message in queued if "telegram" in message.goes_by])
    if queued:
        uow.jobs.wake("messages")
    return [MessageId(number) if number is not None else None for number in numbers]


def _row(message: Outgoing, now: datetime) -> dict[str, Any]:
    start = message.not_before or now
    payload = {"text": message.text, "buttons": _stored(message.buttons), "params": dict(message.params)}
    return {
        "user_id": message.user_id,
        "category": str(message.category),
        "lane": message.category.lane,
        "template": message.template,
        "payload": json.dumps(payload, separators=(",", ":")),
        "run_id": message.run_id,
        "dedupe_key": message.dedupe_key,
        "not_before": start,
        "expires_at": start + message.category.keeps,
    }


def _stored(rows: Rows) -> list[list[dict[str, Any]]]:
    return [
        [{key: value for key, value in vars(button).items() if value is not None} for button in row] for row in rows
    ]


def read_buttons(stored: list[list[dict[str, Any]]]) -> Rows:
    """The buttons as `enqueue` stored them."""
    return tuple(tuple(Button(**button) for button in row) for row in stored)
