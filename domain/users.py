"""People: their role, what they may do, and how much of it."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput
from domain.ids import UserId
from domain.locales import mark, t


class Role(StrEnum):
    """What a verified person may do; each role may do what the one before it may."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


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


class Standing(StrEnum):
    """Where a person stands: known; waiting to be let in; kept out; named, but not come yet."""

    ACTIVE = "active"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    EXPECTED = "expected"


@dataclass(frozen=True)
class Account:
    """A person as an admin sees them."""

    user: User
    standing: Standing
    since: datetime
    """Since when they stand there."""
    reason: str | None
    last_login: datetime | None
    telegram_ids: tuple[int, ...]
    jobs: int
    """How many live schedules they have."""

    @property
    def name(self) -> str:
        return self.user.display_name or self.user.email


_EMPTY = {
    "name": mark("The name is empty. Write a few letters."),
    "reminder": mark("The reminder is empty. Write a few letters."),
    "title": mark("The title is empty. Write a few letters."),
}
_TOO_LONG = {
    "name": mark("The name has {n} characters, {most} is the most. Shorten it."),
    "reminder": mark("The reminder has {n} characters, {most} is the most. Shorten it."),
    "title": mark("The title has {n} characters, {most} is the most. Shorten it."),
}


def clean_name(text: str, what: str, longest: int = 80) -> str:
    """`text` in one line without control, direction or surrogate characters; InvalidInput when nothing is left."""
    kept = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFC", text) if c.isspace() or _shown(c))
    name = " ".join(kept.split())
    if not name:
        raise InvalidInput(t(_EMPTY[what]))
    if len(name) > longest:
        raise InvalidInput(t(_TOO_LONG[what], n=len(name), most=longest))
    return name


def _shown(character: str) -> bool:
    joiner = character == "\u200d"  # holds families of emoji together
    return joiner or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
