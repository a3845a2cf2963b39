"""Deliveries as the sender hands them to a channel."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.ids import DeliveryId, MessageId, UserId
from domain.messages import Attachment, Category
from notifications.delivery import Delivery

NOW = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)


def delivery(text: str = "<b>GOLD</b> 1 &lt; 2", **values: Any) -> Delivery:
    """A report to Ada's chat, but for what the test says."""
    given: dict[str, Any] = {
        "id": DeliveryId(7),
        "message_id": MessageId(5),
        "user_id": UserId(1),
        "category": Category.REPORT,
        "channel": "telegram",
        "address": "77",
        "owner": "sender",
        "fence": 1,
        "attempts": 0,
        "possible_repeat": False,
        "text": text,
        "template": None,
        "params": {},
        "buttons": (),
        "attachments": (),
        "queued_at": NOW,
        "expires_at": NOW + timedelta(hours=24),
    }
    return Delivery(**given | values)


def picture(name: str = "chart.png", size: int = 100) -> Attachment:
    """A file that calls itself a picture."""
    return Attachment(name, "image/png", b"\x89PNG" + bytes(size))


def table(name: str = "trades.csv", size: int = 100) -> Attachment:
    """A file that is none."""
    return Attachment(name, "text/csv", b"a" * size)


class Parts:
    """A progress callback that remembers what it was told."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, str]] = []

    async def __call__(self, part: int, provider_id: str) -> None:
        self.taken.append((part, provider_id))
