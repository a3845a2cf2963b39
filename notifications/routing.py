"""Where a message goes and when, for each of those it is for, in the transaction that queues it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from db.preferences import Reader
from db.unit_of_work import UnitOfWork
from domain.destinations import Destination
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
    wanted = {message.destination_id for message in outgoing if message.destination_id is not None}
    groups = uow.destinations.by_ids(wanted) if wanted else {}
    return [_route(message, readers[message.user_id], groups.get(message.destination_id or 0), now)
            for message in outgoing]  # fmt: skip


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


def _route(message: Outgoing, reader: Reader, group: Destination | None, now: datetime) -> Routed:
    """A group gets it at once, whatever its owner chose for themselves; the owner does where the group can't."""
    start = message.not_before or now
    to_group = _to_group(message, reader, group, start) if message.destination_id is not None else ()
    own = _own(message, reader, start)
    if to_group and to_group[0].status == "queued" and not message.channels:
        return Routed(message, own.channels, to_group)
    return replace(own, routes=(*to_group, *own.routes))


def _to_group(message: Outgoing, reader: Reader, group: Destination | None, start: datetime) -> tuple[Route, ...]:
    if group is None or group.user_id != reader.user_id:  # unlinked meanwhile
        return ()
    if not group.usable:
        why = f"the group is disabled: {group.reason or 'nothing can be sent there'}"
        return (Route(message, "telegram", group.address, start, status="suppressed", error=why),)
    return (Route(message, "telegram", group.address, start),)


def _own(message: Outgoing, reader: Reader, start: datetime) -> Routed:
    """The ways to the person."""
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
