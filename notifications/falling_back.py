"""After a definite failure, a message goes by the next way that its person left open."""

from datetime import UTC, datetime

from db.unit_of_work import UnitOfWork


def go_on(uow: UnitOfWork, message_id: int, user_id: int, before: str | None, lane: int, what: str) -> None:
    """Let the channel behind `before` have the message, or the first of those that it may go by."""
    channel = uow.deliveries.next_channel(message_id, before)
    reader = uow.preferences.readers([user_id]).get(user_id) if channel is not None else None
    if channel is None or reader is None:
        return
    address = reader.addresses.get(channel)
    missing = "the person has no such address" if address is None else address.disabled
    uow.deliveries.add(
        [
            {
                "message_id": message_id,
                "user_id": user_id,
                "channel": channel,
                "address": address.address if address is not None else "none",
                "lane": lane,
                "status": "queued" if missing is None else "suppressed",
                "not_before": datetime.now(UTC),
                "held": False,
                "reason": what,
                "error": missing,
                "merged_into": None,
            }
        ]
    )
    uow.jobs.wake("messages")
