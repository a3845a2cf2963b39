"""Deliveries as the queue hands them to a channel, without a queue."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.ids import DeliveryId, MessageId, UserId
from domain.messages import Category
from notifications.deliveries import Delivery

NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def a_delivery(category: Category, text: str = "", **values: Any) -> Delivery:
    """One to ada@example.com by mail; `values` say what is special about it."""
    usual: dict[str, Any] = {
        "id": DeliveryId(71), "message_id": MessageId(7), "user_id": UserId(3), "category": category,
        "channel": "email", "address": "ada@example.com", "owner": "a-sender", "fence": 1, "attempts": 0,
        "possible_repeat": False, "text": text, "template": None, "params": {}, "buttons": (), "attachments": (),
        "queued_at": NOW, "expires_at": NOW + timedelta(days=1),
    }  # fmt: skip
    return Delivery(**usual | values)


def a_report(text: str = "<b>GOLD</b>  3,345.20 USD\n▲ +12.30 since Thursday", **values: Any) -> Delivery:
    return a_delivery(Category.REPORT, text, **values)
