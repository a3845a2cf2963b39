"""Where a message goes and when, for each of those it is for, in the transaction that queues it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from db.preferences import Reader
from db.unit_of_work import UnitOfWork
from domain.messages import Category, Outgoing
from domain.preferences import Decision

PER_PERSON = {"telegram": (120, 240), "email": (30, 60), "webhook": (60, 600)}
"""Messages at once and messages an hour that a person may receive by a channel; more wait, and are not lost."""
_UNCHARGED = (Category.CODE, Category.HEALTH, Category.BROADCAST, Category.DIGEST)


@dataclass(frozen=True)
class Route:
    """One delivery to be: its message's number comes later."""

    message: Outgoing
    channel: str
    address: str
    not_before: datetime
    status: str = "queued"
    reason: str | None = None
    error: str | None = None
    digest_key: str | None = None


@dataclass(frozen=True)
class Routed:
    """A message, the channels it may go by in their order, and its deliveries."""

    message: Outgoing
    channels: tuple[str, ...]
    routes: tuple[Route, ...]


def decide(uow: UnitOfWork, outgoing: Sequence[Outgoing], now: datetime) -> list[Routed]:
    """The ways of these messages, by what their readers chose; nothing is written."""
    readers = uow.preferences.readers(message.user_id for message in outgoing)
    return [_route(message, readers[message.user_id], now) for message in outgoing]


def within_quota(uow: UnitOfWork, routes: Sequence[Route]) -> list[Route]:
    """These deliveries, each charged once; those beyond what a person may receive wait, and say why."""
    charged = [route for route in routes if _is_charged(route)]
    counts = Counter((int(route.message.user_id), route.channel) for route in charged)
    waits = uow.preferences.charge(counts, PER_PERSON)
    if not any(waits.values()):
        return list(routes)
    left = Counter(counts)
    found = []
    for route in routes:
        key = (int(route.message.user_id), route.channel)
        if not _is_charged(route) or not waits.get(key):
            found.append(route)
            continue
        left[key] -= 1
        hours = waits[key] - left[key] / PER_PERSON[route.channel][1]
        wait = timedelta(hours=max(hours, 0))
        reason = f"more than {PER_PERSON[route.channel][1]} messages an hour" if wait else route.reason
        found.append(replace(route, not_before=route.not_before + wait, reason=reason))
    return found


def _is_charged(route: Route) -> bool:
    return route.status == "queued" and route.digest_key is None and route.message.category not in _UNCHARGED


def _route(message: Outgoing, reader: Reader, now: datetime) -> Routed:
    start = message.not_before or now
    decision = reader.preferences.decide(
        message.category, start, person=reader.user_id, timed_by_user=message.timed_by_user
    )
    if message.channels:
        ways = tuple(_by(message, channel, reader, decision) for channel in message.channels)
        return Routed(message, message.channels, ways)
    tried: list[Route] = []
    for channel in decision.channels:
        tried.append(_by(message, channel, reader, decision))
        if tried[-1].status == "queued" or decision.suppressed is not None:
            break
    return Routed(message, decision.channels, tuple(tried))


def _by(message: Outgoing, channel: str, reader: Reader, decision: Decision) -> Route:
    address = reader.addresses.get(channel)
    ended: dict[str, Any] = {"status": "suppressed", "not_before": decision.not_before}
    if address is None:
        return Route(message, channel, "none", error=f"the person has no {channel} address", **ended)
    if decision.suppressed is not None:
        return Route(message, channel, address.address, error=decision.suppressed, **ended)
    if address.disabled is not None and message.category is not Category.CODE:  # a code was asked for just now
        return Route(message, channel, address.address, error=f"the address is disabled: {address.disabled}", **ended)
    return Route(
        message,
        channel,
        address.address,
        decision.not_before,
        reason=decision.reason,
        digest_key=decision.digest_key,
    )
