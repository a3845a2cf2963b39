"""What a channel is: something that carries one delivery to one address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from notifications.delivery import Delivery

Progress = Callable[[int, str], Awaitable[None]]
"""Told after each part that the provider took: its place, from 0, and the provider's number for it."""


@dataclass(frozen=True)
class Receipt:
    """The provider's yes: its number for the (last) message, and what was changed to get it through."""

    provider_id: str
    note: str | None = None
    left_topic: bool = False
    """Whether the topic it was for can't be written to, so that it went to the group itself."""


class Channel(Protocol):
    """Carries deliveries. A channel keeps no queue and repeats nothing; the sender does."""

    name: str

    async def open(self) -> None:
        """Get ready to send."""

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:
        """Carry one delivery from its part `delivery.part` on. Raises a SendError otherwise."""
        ...

    async def check(self) -> None:
        """Raise a SendError when nothing could be sent now."""

    async def close(self) -> None:
        """Let go of connections."""
