"""People: their role, what they may do, and how much of it."""

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput
from domain.ids import UserId


class Role(StrEnum):
    """What a verified person may do; each role may do what the one before it may."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Quota:
    """How many live schedules a person may have, and how close together one schedule's runs may be."""

    schedules: int
    shortest_interval: timedelta


QUOTAS = {
    Role.VIEWER: Quota(schedules=50, shortest_interval=timedelta(minutes=5)),
    Role.TRADER: Quota(schedules=200, shortest_interval=timedelta(minutes=1)),
    Role.ADMIN: Quota(schedules=1000, shortest_interval=timedelta(minutes=1)),
}


@dataclass(frozen=True)
class User:
    """A verified person as the house sees them."""

    id: UserId
    email: str
    role: Role
    timezone: str
    timezone_chosen: bool
    display_name: str
    locale: str | None = None
    """The language they chose; None: what their Telegram says."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def quota(self) -> Quota:
        return QUOTAS[self.role]


def clean_name(text: str, what: str, longest: int = 80) -> str:
    """`text` in one line without control, direction or surrogate characters; InvalidInput when nothing is left."""
    kept = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFC", text) if c.isspace() or _shown(c))
    name = " ".join(kept.split())
    if not name:
        raise InvalidInput(f"The {what} is empty. Write a few letters.")
    if len(name) > longest:
        raise InvalidInput(f"The {what} has {len(name)} characters, {longest} is the most. Shorten it.")
    return name


def _shown(character: str) -> bool:
    joiner = character == "\u200d"  # holds families of emoji together
    return joiner or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
