"""The settings that an admin changes in the chat, live: what there is, of which type, and what holds by default."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class AccessMode(StrEnum):
    """Who may become known: everybody who proves an address, the invited, or whom an admin approves."""

    OPEN = "open"
    INVITE = "invite"
    APPROVE = "approve"


@dataclass(frozen=True)
class ChatSettings:
    """What holds now."""

    access_mode: AccessMode = AccessMode.OPEN
    maintenance_until: datetime | None = None
    """Until then only admins are served; the year 9999 means until it is switched off."""
    commands_per_minute: int = 60
    command_burst: int = 20
    """How many messages and presses a person may make at once, and then each minute."""
    stale_after: timedelta = timedelta(minutes=10)
    """A dangerous command older than this asks again instead of acting."""
    group_acting: bool = False
    """Whether people may act in groups at all, where a linked group allows it."""
    default_language: str = "en"
    """What is spoken to people whose Telegram names no language that we speak."""

    def in_maintenance(self, now: datetime) -> bool:
        return self.maintenance_until is not None and now < self.maintenance_until
