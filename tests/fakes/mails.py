"""Deliveries by mail, as the sender hands them to the channel."""

from typing import Any

from domain.ids import DeliveryId, MessageId
from domain.messages import Category
from notifications.delivery import Delivery
from tests.fakes.delivery import delivery


def a_delivery(category: Category, text: str = "", **values: Any) -> Delivery:
    """One to Ada by mail, but for what the test says."""
    usual = {"id": DeliveryId(71), "message_id": MessageId(7), "channel": "email", "address": "ada@example.com"}
    return delivery(text, **usual | {"category": category} | values)


def a_report(text: str = "<b>GOLD</b>  3,345.20 USD\n▲ +12.30 since Thursday", **values: Any) -> Delivery:
    """A report to Ada by mail, but for what the test says."""
    return a_delivery(Category.REPORT, text, **values)
