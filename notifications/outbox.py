"""What is to be said is written down first, in the transaction of the work that says it."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.errors import RetryLater
from domain.ids import MessageId
from domain.messages import Button, Outgoing, Rows
from notifications import routing
from notifications.routing import Route, Routed


def enqueue(uow: UnitOfWork, outgoing: Outgoing, now: datetime) -> MessageId | None:
    """Queue a message and its deliveries; None when one with the same dedupe_key is queued already.

    Nothing is sent before the unit of work commits, and whatever the caller rolls back was never queued.
    """
    return enqueue_many(uow, [outgoing], now)[0]


def enqueue_many(uow: UnitOfWork, outgoing: Sequence[Outgoing], now: datetime) -> list[MessageId | None]:
    """Queue these messages and their deliveries, as `enqueue` does, in a few statements for all of them."""
    if not outgoing:
        return []
    routed = routing.decide(uow, outgoing, now)
    numbers = uow.messages.enqueue([_row(one, now) for one in routed])
    queued = [(number, one) for number, one in zip(numbers, routed, strict=True) if number is not None]
    _attach(uow, queued)
    _deliver(uow, queued, now)
    if queued:
        uow.messages.supersede([number for number, one in queued if one.message.supersede_key is not None])
        uow.jobs.wake("messages")
    return [MessageId(number) if number is not None else None for number in numbers]


def _attach(uow: UnitOfWork, queued: Sequence[tuple[int, Routed]]) -> None:
    for number, one in queued:
        for position, attachment in enumerate(one.message.attachments):
            uow.messages.attach(
                message_id=number,
                user_id=one.message.user_id,
                position=position,
                filename=attachment.filename,
                content_type=attachment.content_type,
                content=attachment.content,
            )


def _deliver(uow: UnitOfWork, queued: Sequence[tuple[int, Routed]], now: datetime) -> None:
    numbers = {id(one.message): number for number, one in queued}
    routes = routing.within_quota(uow, [route for _, one in queued for route in one.routes])
    rows = []
    for route in routes:
        row = {
            "message_id": numbers[id(route.message)],
            "user_id": route.message.user_id,
            "channel": route.channel,
            "address": route.address,
            "lane": route.message.category.lane,
            "status": route.status,
            "not_before": route.not_before,
            "held": route.not_before > now,
            "reason": route.reason,
            "error": route.error,
            "merged_into": None,
        }
        if route.digest_key is not None:
            row |= {"status": "merged", "merged_into": _digest(uow, route)}
        rows.append(row)
    uow.deliveries.add(rows)


def _digest(uow: UnitOfWork, route: Route) -> int:
    """The open digest that gathers this delivery, locked; a new one where none is open."""
    user, key = route.message.user_id, route.digest_key
    found = uow.deliveries.open_digest(user, route.channel, key)
    if found is None:
        uow.deliveries.begin_digest(user, route.channel, key, address=route.address, closes=route.not_before)
        found = uow.deliveries.open_digest(user, route.channel, key)
    if found is None:
        raise RetryLater("a digest closed while it was being filled", after=timedelta(seconds=1))
    return found


def _row(one: Routed, now: datetime) -> dict[str, Any]:
    message = one.message
    start = message.not_before or now
    payload: dict[str, Any] = {
        "text": message.text,
        "buttons": _stored(message.buttons),
        "params": dict(message.params),
    }
    if message.silent:
        payload["silent"] = True
    if message.edits is not None:
        payload["edits"] = message.edits
    if message.replies_to is not None:
        payload["replies_to"] = message.replies_to
    return {
        "user_id": message.user_id,
        "category": str(message.category),
        "lane": message.category.lane,
        "template": message.template,
        "payload": json.dumps(payload, separators=(",", ":")),
        "run_id": message.run_id,
        "dedupe_key": message.dedupe_key,
        "not_before": start,
        "expires_at": max([start, *(route.not_before for route in one.routes)]) + message.category.keeps,
        "channels": ",".join(one.channels),
        "subject": message.subject,
        "supersede_key": message.supersede_key,
        "timed_by_user": message.timed_by_user,
        "destination_id": message.destination_id,
    }


def _stored(rows: Rows) -> list[list[dict[str, Any]]]:
    return [
        [{key: value for key, value in vars(button).items() if value is not None} for button in row] for row in rows
    ]


def read_buttons(stored: list[list[dict[str, Any]]]) -> Rows:
    """The buttons as `enqueue` stored them."""
    return tuple(tuple(Button(**button) for button in row) for row in stored)
