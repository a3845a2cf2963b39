"""The story of a message in sentences: what made it, when each step happened, and why it came late if it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from domain.messages import DeliveryStatus
from services.timeline import Moment, clause, delivering, span

LATE = timedelta(seconds=5)
SHOWN_GATHERED = 10
_SETTINGS = {
    "quiet hours": "you chose that with /quiet",
    "muted": "you chose that with /mute",
    "gathered": "you chose that with /digest",
    "more than": "nobody gets more at once, the rest follows",
    "its turn": "many messages went at that time",
    "waits for the first": "twenty people get an announcement before all others",
    "the broadcast is paused": "an admin let it go on later",
}
_TRIED = {
    "postponed": "A try came to nothing: {said}.{again}",
    "flooded": "The channel had too much to do: {said}.{again} That cost no try.",
    "uncertain": "No answer came: {said}. It may have arrived.",
    "not tried": "Its sender stopped before it called; another one took it over.",
    "moved": "The chat has another number now; it went there.",
    "replayed": "Put back into the queue: {said}.",
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
    message: MessageRow, delivery: DeliveryRow, zone: ZoneInfo | None, *, origin: str, gathered: Sequence[str] = ()
) -> MessageStory:
    """The story of this delivery on the wall of `zone`; `origin` says what made it, as the rest of a sentence."""
    moments = [Moment(message.created_at, "message", f"Written down as message {message.id}: {origin}.")]
    if message.not_before - message.created_at > LATE:
        moments.append(Moment(message.created_at, "timed", f"Its hour was set to {_clock(message.not_before, zone)}."))
    moments += [moment for entry in delivery.attempts_log for moment in _tried(entry)]
    if delivery.reason and delivery.status == DeliveryStatus.QUEUED:
        moments.append(Moment(delivery.updated_at, "waits", f"It waits: {because(delivery.reason)}."))
    moments += delivering(message, delivery, zone)[1:]
    if gathered:
        moments.append(Moment(delivery.sent_at or delivery.updated_at, "gathered", _holds(gathered)))
    ordered = sorted(moments, key=lambda moment: moment.at)
    verdict = f"It is {origin}. {_how(message, delivery)}".strip()
    return MessageStory(message.id, message.category, verdict, tuple(ordered), message.run_id)


def because(reason: str) -> str:
    """Why something waited, with the setting that made it wait."""
    said = clause(reason)
    setting = next((words for begin, words in _SETTINGS.items() if reason.startswith(begin)), None)
    return f"{said} ({setting})" if setting else said


def _tried(entry: Mapping[str, Any]) -> list[Moment]:
    happened, outcome = datetime.fromisoformat(entry["at"]), entry["outcome"]
    if outcome == "waited":
        return [Moment(happened, "waited", f"Until then it waited: {because(entry['said'])}.")]
    if outcome not in _TRIED:
        return []  # the end of the delivery says it
    wait = entry.get("wait_s")
    again = f" The next one came {span(timedelta(seconds=wait))} later at the earliest." if wait else ""
    return [Moment(happened, outcome, _TRIED[outcome].format(said=clause(entry.get("said")), again=again))]


def _how(message: MessageRow, delivery: DeliveryRow) -> str:
    """How it stands, and why it was late."""
    repeat = " It may have come twice." if delivery.possible_repeat else ""
    if delivery.status != DeliveryStatus.SENT or delivery.sent_at is None:
        state = {"queued": "It is on its way", "sending": "It is being sent", "merged": "It went in another message"}
        return f"{state.get(delivery.status, f'It ended as {delivery.status}')}.{repeat}"
    late = delivery.sent_at - max(message.created_at, message.not_before)
    if late <= LATE:
        return f"It came at once.{repeat}"
    return f"It came {span(late)} after it was ready: {_why_late(delivery)}.{repeat}"


def _why_late(delivery: DeliveryRow) -> str:
    """The reasons of a delay in their order, each once."""
    found: dict[str, None] = {}
    for entry in delivery.attempts_log:
        said = entry.get("said") or ""
        if entry["outcome"] == "waited":
            found[because(said)] = None
        elif entry["outcome"] in _TRIED and said:
            found[clause(said)] = None
    return "; then ".join(found) or "no sender was running"


def _holds(gathered: Sequence[str]) -> str:
    shown = "; ".join(gathered[:SHOWN_GATHERED])
    more = len(gathered) - SHOWN_GATHERED
    return f"It gathers {len(gathered)} message{'s' if len(gathered) != 1 else ''}: {shown}" + (
        f"; and {more} more." if more > 0 else "."
    )


def _clock(instant: datetime, zone: ZoneInfo | None) -> str:
    return f"{instant.astimezone(zone):%a %d %b %H:%M %Z}"
