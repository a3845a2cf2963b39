"""Broadcasts: whom a segment means, how one stands, how long it takes."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum

from domain.errors import InvalidInput
from domain.ids import UserId
from domain.locales import t
from domain.users import Role
from domain.zones import UnknownZone, parse_zone

CANARY = 20
"""The first recipients, whom all others wait for."""
WORST_CANARY = 0.2
"""With a larger share of failures among the first, the others are held."""
KEEPS = timedelta(hours=48)
"""How long beyond its own duration a broadcast may wait for somebody's quiet hours."""
LONGEST_ACTIVE = 365
LONGEST_TEXT = 3500
"""Characters of a broadcast, markup included, so that it is one message wherever it goes."""
EXAMPLE = "/broadcast role:trader The feed is down for an hour from 18:00 UTC."
_KEYS = ("role", "zone", "active", "tag")
_KEYED = re.compile(r"([A-Za-z]+):(\S+)")


class BroadcastStatus(StrEnum):
    CANARY = "canary"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


CHANGES: Mapping[str, tuple[BroadcastStatus, frozenset[BroadcastStatus]]] = {
    "pause": (BroadcastStatus.PAUSED, frozenset({BroadcastStatus.CANARY, BroadcastStatus.RUNNING})),
    "resume": (BroadcastStatus.RUNNING, frozenset({BroadcastStatus.PAUSED})),
    "cancel": (
        BroadcastStatus.CANCELLED,
        frozenset({BroadcastStatus.CANARY, BroadcastStatus.RUNNING, BroadcastStatus.PAUSED}),
    ),
}
"""What an admin may do to a broadcast: what it is then, and what it has to be before."""


@dataclass(frozen=True)
class Segment:
    """Whom a broadcast is for: everybody who is verified, or those of them that one thing is true of."""

    kind: str = "all"
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind

    @property
    def words(self) -> str:
        """Whom it means, as a person says it."""
        match self.kind:
            case "role":
                return {
                    Role.ADMIN: t("everybody who is an admin"),
                    Role.TRADER: t("everybody who is a trader"),
                    Role.VIEWER: t("everybody who is a viewer"),
                }[Role(self.value)]
            case "zone":
                return t("everybody in {zone}", zone=self.value)
            case "active":
                return t("everybody who wrote to me in the last {days} days", days=self.days)
        return t("everybody")

    @property
    def days(self) -> int:
        """How many days back a person counts as active."""
        return int(self.value.removesuffix("d")) if self.kind == "active" else 0


def split(words: str) -> tuple[Segment, str]:
    """The segment that stands before a text, everybody where none does, and the text."""
    first, *others = words.split(maxsplit=1) or [""]
    rest = others[0] if others else ""
    if first.lower() == "all" and rest.strip():
        return Segment(), rest.strip()
    keyed = _KEYED.fullmatch(first)
    if keyed is None or keyed[1].lower() in ("http", "https", "tg", "mailto"):
        return Segment(), words.strip()
    key = keyed[1].lower()
    if key not in _KEYS:
        near = get_close_matches(key, _KEYS, n=1, cutoff=0.6)
        if not near:
            return Segment(), words.strip()
        raise InvalidInput(
            t(
                "I know no segment “{text}”. Did you mean {near}? {known}",
                text=first[:40],
                near=f"{near[0]}:{keyed[2][:20]}",
                known=_known(),
            )
        )
    return parse_segment(first), rest.strip()


def parse_segment(text: str) -> Segment:
    """The segment that a person wrote; InvalidInput says which there are."""
    key, _, value = text.strip().partition(":")
    match key.lower():
        case "all" if not value:
            return Segment()
        case "role":
            if value.lower() not in list(Role):
                raise InvalidInput(
                    t("There is no role “{name}”. There are {known}.", name=value[:20], known=", ".join(Role))
                )
            return Segment("role", value.lower())
        case "zone":
            return Segment("zone", _zone(value))
        case "active":
            return Segment("active", f"{_days(value)}d")
        case "tag":
            raise InvalidInput(t("People have no tags here. {known}", known=_known()))
    raise InvalidInput(t("I know no segment “{text}”. {known}", text=text[:40], known=_known()))


def _known() -> str:
    return t("Segments are all, role:trader, zone:Europe or zone:Berlin, active:30d.")


def _zone(value: str) -> str:
    areas = {
        "africa",
        "america",
        "antarctica",
        "arctic",
        "asia",
        "atlantic",
        "australia",
        "europe",
        "indian",
        "pacific",
    }
    if value.lower() in areas:
        return value.capitalize()
    try:
        return parse_zone(value).key
    except UnknownZone as problem:
        names = f" {', '.join(problem.suggestions[:3])}?" if problem.suggestions else ""
        area = t("An area does too: zone:Europe.")
        raise InvalidInput(f"{problem}{names} {area}") from problem


def _days(value: str) -> int:
    read = re.fullmatch(r"(\d{1,4})d?", value.lower())
    if read is None or not 1 <= int(read[1]) <= LONGEST_ACTIVE:
        raise InvalidInput(t("Say in how many days, 1 to {most}: active:30d", most=LONGEST_ACTIVE))
    return int(read[1])


@dataclass(frozen=True)
class Audience:
    """Whom a broadcast would reach now, counted."""

    total: int
    asleep: int
    """Reachable, but in their quiet hours, muted, or waiting for a digest's hour."""
    blocked: int
    """Not reachable by any channel."""
    opted_out: int

    @property
    def reachable(self) -> int:
        return self.total - self.blocked - self.opted_out


@dataclass(frozen=True)
class Broadcast:
    """A broadcast and what became of its recipients so far."""

    id: int
    text: str
    segment: str
    sent_by: str
    user_id: UserId | None
    status: BroadcastStatus
    reason: str | None
    created: datetime
    changed_at: datetime
    finished_at: datetime | None
    total: int
    sent: int
    failed: int
    blocked: int
    uncertain: int
    cancelled: int
    waiting: int
    asleep: int
    """Of those who wait, how many wait for the end of their quiet hours."""

    @property
    def ended(self) -> int:
        return self.total - self.waiting

    @property
    def nonce(self) -> str:
        """Other buttons after each change, so that each acts once."""
        return format(int(self.changed_at.timestamp() * 1000), "x")

    def may(self, action: str) -> bool:
        """Whether this can be done to it now."""
        return self.finished_at is None and self.status in CHANGES[action][1]


def duration(recipients: int, per_second: float) -> timedelta:
    """How long so many take, the first twenty included."""
    return timedelta(seconds=math.ceil(recipients / per_second))


def confirms(typed: str, count: int) -> bool:
    """Whether what was typed means yes: the number of recipients, or SEND."""
    return typed.strip() in (str(count), f"{count:,}", "SEND")


def is_bad_canary(failed: int, size: int) -> bool:
    """Whether too many of the first recipients failed."""
    return failed > size * WORST_CANARY
