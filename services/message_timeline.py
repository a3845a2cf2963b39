"""The story of a message in sentences: what made it, when each step happened, and why it came late if it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from domain.locales import format_when, mark, t, tn
from domain.messages import DeliveryStatus
from services.telling import NO_GROUPS, Groups, Moment, clause, delivering, span

LATE = timedelta(seconds=5)
SHOWN_GATHERED = 10
_SETTINGS = {
    "quiet hours": mark("you chose that with /quiet"),
    "muted": mark("you chose that with /mute"),
    "gathered": mark("you chose that with /digest"),
    "more than": mark("nobody gets more at once, the rest follows"),
    "its turn": mark("many messages went at that time"),
    "waits for the first": mark("twenty people get an announcement before all others"),
    "the broadcast is paused": mark("an admin let it go on later"),
}
_TRIED = {
    "postponed": mark("A try came to nothing: {said}."),
    "flooded": mark("The channel had too much to do: {said}."),
    "uncertain": mark("No answer came: {said}. It may have arrived."),
    "not tried": mark("Its sender stopped before it called; another one took it over."),
    "moved": mark("The chat has another number now; it went there."),
    "replayed": mark("Put back into the queue: {said}."),
}
_STATES = {
    "queued": mark("It is on its way."),
    "sending": mark("It is being sent."),
    "merged": mark("It went in another message."),
}
_ENDED = {
    "uncertain": mark("It ended as uncertain."),
    "failed": mark("It ended as failed."),
    "dead": mark("It ended as dead."),
    "expired": mark("It ended as expired."),
    "suppressed": mark("It ended as suppressed."),
    "cancelled": mark("It ended as cancelled."),
    "bounced": mark("It ended as bounced."),
    "sent": mark("It ended as sent."),
}


@dataclass(frozen=True)
class MessageStory:
    """A message's story: `verdict` says how it stands, the moments how it came to it, oldest first."""

    message_id: int
    category: str
    verdict: str
    moments: tuple[Moment, ...]
    run_id: int | None


def tell_message(
    message: MessageRow,
    delivery: DeliveryRow,
    zone: ZoneInfo | None,
    *,
    origin: str,
    gathered: Sequence[str] = (),
    groups: Groups = NO_GROUPS,
) -> MessageStory:
    """The story of this delivery on the wall of `zone`; `origin` says what made it, as the rest of a sentence."""
    moments = [
        Moment(
            message.created_at,
            "message",
            t("Written down as message {number}: {origin}.", number=message.id, origin=origin),
        )
    ]
    if message.not_before - message.created_at > LATE:
        hour = t("Its hour was set to {when}.", when=_clock(message.not_before, zone))
        moments.append(Moment(message.created_at, "timed", hour))
    moments += [moment for entry in delivery.attempts_log for moment in _tried(entry)]
    if delivery.reason and delivery.status == DeliveryStatus.QUEUED:
        moments.append(Moment(delivery.updated_at, "waits", t("It waits: {reason}.", reason=because(delivery.reason))))
    moments += delivering(message, delivery, zone, groups)[1:]
    if gathered:
        moments.append(Moment(delivery.sent_at or delivery.updated_at, "gathered", _holds(gathered)))
    ordered = sorted(moments, key=lambda moment: moment.at)
    verdict = f"{t('It is {origin}.', origin=origin)} {_how(message, delivery)}"
    return MessageStory(message.id, message.category, verdict, tuple(ordered), message.run_id)


def because(reason: str) -> str:
    """Why something waited, with the setting that made it wait."""
    said = clause(reason)
    setting = next((words for begin, words in _SETTINGS.items() if reason.startswith(begin)), None)
    return f"{said} ({t(setting)})" if setting else said


def _tried(entry: Mapping[str, Any]) -> list[Moment]:
    happened, outcome = datetime.fromisoformat(entry["at"]), entry["outcome"]
    if outcome == "waited":
        return [Moment(happened, "waited", t("Until then it waited: {reason}.", reason=because(entry["said"])))]
    if outcome not in _TRIED:
        return []  # the end of the delivery says it
    sentences = [t(_TRIED[outcome], said=clause(entry.get("said")))]
    if entry.get("wait_s") and outcome in ("postponed", "flooded"):
        wait = span(timedelta(seconds=entry["wait_s"]))
        sentences.append(t("The next one came {wait} later at the earliest.", wait=wait))
    if outcome == "flooded":
        sentences.append(t("That cost no try."))
    return [Moment(happened, outcome, " ".join(sentences))]


def _how(message: MessageRow, delivery: DeliveryRow) -> str:
    """How it stands, and why it was late."""
    text = _came(message, delivery)
    return f"{text} {t('It may have come twice.')}" if delivery.possible_repeat else text


def _came(message: MessageRow, delivery: DeliveryRow) -> str:
    if delivery.status != DeliveryStatus.SENT or delivery.sent_at is None:
        return t((_STATES | _ENDED)[delivery.status])
    late = delivery.sent_at - max(message.created_at, message.not_before)
    if late <= LATE:
        return t("It came at once.")
    return t("It came {late} after it was ready: {why}.", late=span(late), why=_why_late(delivery))


def _why_late(delivery: DeliveryRow) -> str:
    """The reasons of a delay in their order, each once."""
    found: dict[str, None] = {}
    for entry in delivery.attempts_log:
        said = entry.get("said") or ""
        if entry["outcome"] == "waited":
            found[because(said)] = None
        elif entry["outcome"] in _TRIED and said:
            found[clause(said)] = None
    return t("; then ").join(found) or t("no sender was running")


def _holds(gathered: Sequence[str]) -> str:
    shown = "; ".join(gathered[:SHOWN_GATHERED])
    more = len(gathered) - SHOWN_GATHERED
    if more > 0:
        shown = tn("{shown}; and {n} more", "{shown}; and {n} more", more, shown=shown)
    return tn("It gathers {n} message: {shown}.", "It gathers {n} messages: {shown}.", len(gathered), shown=shown)


def _clock(instant: datetime, zone: ZoneInfo | None) -> str:
    return format_when(instant, zone) if zone is not None else f"{instant.astimezone():%a %d %b %H:%M %Z}"
