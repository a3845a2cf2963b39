"""What a channel is: something that carries one delivery to one address."""

from typing import Protocol

from notifications.deliveries import Delivery


class Channel(Protocol):
    """Carries deliveries. A channel keeps no queue and repeats nothing; the sender does."""

    name: str

    async def open(self) -> None:
        """Get ready to send."""

    async def send(self, delivery: Delivery) -> str:
        """Carry one delivery; the provider's number for it comes back. Raises a SendError otherwise."""
        ...

    async def check(self) -> None:
        """Raise a SendError when nothing could be sent now."""

    async def close(self) -> None:
        """Let go of connections."""
