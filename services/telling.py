"""What every story is told with: moments, instants, lengths, reasons, and what became of a message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from domain.destinations import is_group
from domain.locales import DEFAULT, current, format_day, format_number, mark, t, tn, zone_letters
from domain.messages import DeliveryStatus

LONGEST_REASON = 500
_REASONS = frozenset(
    {
        mark("it took longer than its time limit"),
        mark("its worker stopped answering"),
        mark("its worker was stopped"),
        mark("its owner is not active"),
        mark("the run before it was not over"),
        mark("the job was paused before this could be planned"),
        mark("the job was deleted before this could be planned"),
        mark("the job's days were changed before this could be planned"),
        mark("its sender stopped"),
        mark("its person is gone"),
        mark("it was too old to be of use"),
        mark("a newer code was asked for"),
        mark("no answer came in time"),
        mark("its turn comes later: the channel is busy"),
        mark("its further parts come later: the chat is busy"),
        mark("every connection was busy"),
        mark("the connection broke before the whole file was sent"),
        mark("there is nothing in it to send"),
        mark("the broadcast is paused"),
        mark("the broadcast was cancelled"),
    }
)
"""Reasons that are kept in English, and said in the language of whoever reads."""
_FAILED_OFTEN = re.compile(r"it failed (\d{1,9}) times in a row")
_NO_ADDRESS = re.compile(r"the person has no ([\w.]+) address")
_DISABLED = re.compile(r"the address is disabled: (.+)", re.DOTALL)
_ABOUT: Mapping[str | None, str] = {
    "run_failed": mark("word that it failed"),
    "run_lost": mark("the question what became of it"),
    "runs_late": mark("word that it had not started in time"),
    "schedule_paused": mark("word that the job was paused"),
}
_WAYS = {"telegram": mark("the chat"), "email": mark("mail")}


Groups = Mapping[int, str]
"""The names of linked groups and topics, by their numbers."""
NO_GROUPS: Groups = MappingProxyType({})


@dataclass(frozen=True)
class Moment:
    """One thing that happened: `what` names it for machines, `text` says it."""

    at: datetime
    what: str
    text: str


def span(length: timedelta) -> str:
    """A duration as a person says it: ``40 ms``, ``1.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 days``."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 0.9995:
        return t("{n} ms", n=max(round(seconds * 1000), 1))
    if seconds < 9.95:
        return t("{n} s", n=_tenths(seconds))
    whole = round(seconds)
    if whole < 60:
        return t("{n} s", n=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _with(t("{n} min", n=minutes), t("{n} s", n=rest) if rest else "")
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return _with(t("{n} h", n=hours), t("{n} min", n=rest) if rest else "")
    days, rest = divmod(hours, 24)
    return _with(tn("{n} day", "{n} days", days), t("{n} h", n=rest) if rest else "")


def _tenths(seconds: float) -> str:
    return f"{seconds:.1f}" if current() == DEFAULT else format_number(round(seconds, 1), "0.0")


def _with(first: str, rest: str) -> str:
    return f"{first} {rest}".rstrip()


def at(instant: datetime, zone: ZoneInfo | None) -> str:
    """An instant on that zone's wall, with its abbreviation: ``Mon 23 Nov 08:30:00 CET``."""
    if instant.year == MAXYEAR:  # what is held until somebody lets it go
        return t("the moment it is let go")
    there = instant.astimezone(zone)
    return f"{format_day(there)} {there:%H:%M:%S} {zone_letters(there)}"


def clause(text: str | None) -> str:
    """A reason as a part of a sentence."""
    said = (text or "").strip().rstrip(".")
    if not said:
        return t("no reason was kept")
    if said in _REASONS:
        return t(said)
    if (failures := _FAILED_OFTEN.fullmatch(said)) is not None:
        return tn("it failed {n} time in a row", "it failed {n} times in a row", int(failures[1]))
    if (nowhere := _NO_ADDRESS.fullmatch(said)) is not None:
        return t("the person has no {channel} address", channel=nowhere[1])
    if (disabled := _DISABLED.fullmatch(said)) is not None:
        return t("the address is disabled: {reason}", reason=clause(disabled[1]))
    return said if len(said) <= LONGEST_REASON else f"{said[:LONGEST_REASON]}…"


def way_of(channel: str) -> str:
    """How a channel is called in a story."""
    return t(_WAYS[channel]) if channel in _WAYS else channel


def way_taken(message: MessageRow, delivery: DeliveryRow, groups: Groups) -> str:
    """How a delivery goes, with the group's name where it goes to one."""
    if not to_group(message, delivery):
        return way_of(delivery.channel)
    name = groups.get(message.destination_id or 0)
    if name is None:
        return t("Telegram, into a group that is not linked any more")
    return t("Telegram, into the group “{name}”", name=name)


def to_group(message: MessageRow, delivery: DeliveryRow) -> bool:
    """Whether a delivery goes to a linked group or topic, and not to its person."""
    return message.destination_id is not None and is_group(delivery.address)


def delivering(
    message: MessageRow, delivery: DeliveryRow, zone: ZoneInfo | None, groups: Groups = NO_GROUPS
) -> list[Moment]:
    """How a message was queued, and what became of its delivery so far; `groups` are names of linked ones."""
    about = t(_ABOUT[message.template]) if message.template in _ABOUT else t("its message")
    way = way_taken(message, delivery, groups)
    queued = t("Queued: {about} (message {number}), by {way}.", about=about, number=message.id, way=way)
    moments = [Moment(message.created_at, "message", queued)]
    if delivery.status == DeliveryStatus.QUEUED and not (delivery.attempts or delivery.error):
        return moments
    text = _became(delivery, way, zone)
    if delivery.possible_repeat and delivery.status in (DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN):
        text = f"{text} {t('It may have come twice, and says so.')}"
    happened = delivery.sent_at or delivery.called_at or delivery.updated_at
    return [*moments, Moment(max(happened, message.created_at), f"delivery_{delivery.status}", text)]


def _became(delivery: DeliveryRow, way: str, zone: ZoneInfo | None) -> str:
    """What became of a delivery; `reason` begins with a colon or is empty."""
    reason = f": {clause(delivery.error)}" if delivery.error else ""
    match DeliveryStatus(delivery.status):
        case DeliveryStatus.SENT:
            return _sent(delivery, way)
        case DeliveryStatus.QUEUED:
            then = at(delivery.not_before, zone)
            return t("Not delivered yet{reason}. Next try from {when}.", reason=reason, when=then)
        case DeliveryStatus.SENDING:
            return t("Being delivered by {way}.", way=way)
        case DeliveryStatus.UNCERTAIN if not reason:
            return t("Perhaps delivered: no answer came. It is not sent again.")
        case DeliveryStatus.UNCERTAIN:
            return t("Perhaps delivered{reason}. It is not sent again.", reason=reason)
        case DeliveryStatus.EXPIRED:
            return t("Not delivered: it became too old{reason}.", reason=reason)
        case DeliveryStatus.DEAD:
            return t("Not delivered: all {count} tries are used up{reason}.", count=delivery.attempts, reason=reason)
        case DeliveryStatus.MERGED:
            return t("Not sent by itself: it went into another message{reason}.", reason=reason)
        case DeliveryStatus.CANCELLED:
            return t("Not sent: it was cancelled{reason}.", reason=reason)
        case DeliveryStatus.BOUNCED:
            return t("Delivered by {way} and sent back{reason}.", way=way, reason=reason)
        case DeliveryStatus.FAILED if not reason:
            return t("Not delivered: refused.")
        case _:
            return t("Not delivered{reason}.", reason=reason)


def _sent(delivery: DeliveryRow, way: str) -> str:
    number, tries = delivery.provider_message_id, delivery.attempts
    if tries > 1 and number:
        return t("Delivered by {way} at try {tries} (number {number} there).", way=way, tries=tries, number=number)
    if tries > 1:
        return t("Delivered by {way} at try {tries}.", way=way, tries=tries)
    if number:
        return t("Delivered by {way} (number {number} there).", way=way, number=number)
    return t("Delivered by {way}.", way=way)
