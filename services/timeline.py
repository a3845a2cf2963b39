"""The story of a run in sentences: what happened, when, and why. It reads rows and asks nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from db.runs import RunRow
from domain.messages import DeliveryStatus
from domain.runs import Run, RunStatus, SkipReason, Trigger
from domain.timing import Timing

LONGEST_REASON = 500
Told = Sequence[tuple[MessageRow, DeliveryRow]]

SKIPPED: Mapping[str, str] = {
    SkipReason.OVERLAP: "the run before it was not over, and this job does not run beside itself",
    SkipReason.WINDOW: "it was missed while nothing ran here, and the job does not catch up on it",
    SkipReason.PAUSED: "the job was paused",
    SkipReason.QUOTA: "it came closer to the run before it than your plan allows",
    SkipReason.NO_SESSION: "the exchange had no session",
    SkipReason.OWNER_INACTIVE: "its owner was not active",
    SkipReason.BY_OWNER: "you asked me to leave it out",
}
_ABOUT: Mapping[str | None, str] = {
    "run_failed": "word that it failed",
    "run_lost": "the question what became of it",
    "runs_late": "word that it had not started in time",
    "schedule_paused": "word that the job was paused",
}


@dataclass(frozen=True)
class Moment:
    """One thing that happened: `what` names it for machines, `text` says it."""

    at: datetime
    what: str
    text: str


@dataclass(frozen=True)
class Timeline:
    """The story of a run: `verdict` says how it stands, the moments how it came to it, oldest first."""

    run: Run
    verdict: str
    moments: tuple[Moment, ...]


def tell(row: RunRow, told: Told, zone: ZoneInfo | None, *, waits_for: str | None, now: datetime) -> Timeline:
    """The story of this run and its messages, on the wall of `zone` (None: this machine's).

    `waits_for` is what is in its way, for one that has not started.
    """
    moments = [
        *_planning(row, zone),
        *_ringing(row),
        *_attempts(row, zone),
        *_ending(row),
        *(moment for message, delivery in told for moment in delivering(message, delivery, zone)),
    ]
    ordered = sorted(moments, key=lambda moment: moment.at)  # sorted() keeps the order of what happened at one instant
    return Timeline(row.view(), _verdict(row, told, zone, waits_for, now), tuple(ordered))


def skipped_because(run: Run) -> str:
    """Why a due time was not run, as the end of a sentence."""
    reason = SKIPPED.get(run.skip_reason or "", run.skip_reason or "no reason was kept")
    if run.error and run.error not in reason:
        reason = run.error if run.skip_reason == SkipReason.NO_SESSION else f"{reason} ({run.error})"
    return reason


def span(length: timedelta) -> str:
    """A duration as a person says it: ``40 ms``, ``1.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 days``."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 0.9995:
        return f"{max(round(seconds * 1000), 1)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, below, below_name in ((86400, "day", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            count, rest = divmod(whole, size)
            plural = "s" if name == "day" and count != 1 else ""
            rest //= below
            return f"{count} {name}{plural}" + (f" {rest} {below_name}" if rest else "")
    return f"{whole} s"


def at(instant: datetime, zone: ZoneInfo | None) -> str:
    """An instant on that zone's wall, with its abbreviation: ``Mon 23 Nov 08:30:00 CET``."""
    if instant.year == MAXYEAR:  # what is held until somebody lets it go
        return "the moment it is let go"
    return f"{instant.astimezone(zone):%a %d %b %H:%M:%S %Z}"


# how it began


def _planning(row: RunRow, zone: ZoneInfo | None) -> list[Moment]:
    due = at(row.scheduled_for, zone)
    by = f"job {row.job_id}" if row.job_id is not None else "a job that is gone"
    words = _words(row)
    plan = f"{by} ({words})" if words else by
    match Trigger(row.trigger):
        case Trigger.CRON if row.status == RunStatus.SKIPPED:
            text = f"Written down: it was due at {due}, by {plan}."
        case Trigger.CRON:
            text = f"Planned: it was due at {due}, by {plan}."
        case Trigger.CATCH_UP:
            late = span(row.created_at - row.scheduled_for)
            text = f"Planned to catch up: it had been due at {due} by {plan}, {late} earlier, while nothing ran here."
        case Trigger.BACKFILL:
            text = f"Planned to fill in the past: it stands for {due}, by {plan}."
        case Trigger.API:
            text = "Planned: a program asked for it."
        case Trigger.MANUAL if row.retry_of is not None:
            text = f"Planned: you asked to do run {row.retry_of} once more."
        case Trigger.MANUAL:
            text = "Planned: you asked for it."
    moments = [Moment(row.created_at, "planned", text)]
    if row.attempt == 0 and row.not_before - row.scheduled_for > timedelta(seconds=1):
        wait = span(row.not_before - row.scheduled_for)
        moments.append(Moment(row.created_at, "held_back", f"Its start is spread: {wait} after its due time."))
    return moments


def _words(row: RunRow) -> str:
    snapshot = row.job_snapshot
    if not snapshot.get("cron"):
        return ""
    return Timing(snapshot["cron"], snapshot["timezone"], calendar=snapshot.get("calendar")).words


def _ringing(row: RunRow) -> list[Moment]:
    again = sum(event["what"] == "rung_again" for event in row.events)
    if row.enqueued_at is None:
        return []
    if again:
        text = f"A worker was called again: nobody had answered ({again} time{'s' if again != 1 else ''})."
    else:
        text = "A worker was called."
    return [Moment(row.enqueued_at, "enqueued", text)]


# what was tried

_ENDED = {
    "failed": "Attempt {attempt} failed: {reason}.",
    "timed_out": "Attempt {attempt} was stopped: {reason}.",
    "lost": "Attempt {attempt} was lost: {reason}.",
    "handed_back": "Attempt {attempt} was handed back: {reason}.",
}


def _attempts(row: RunRow, zone: ZoneInfo | None) -> list[Moment]:
    moments = []
    for event in row.events:
        happened = datetime.fromisoformat(event["at"])
        started = event.get("started_at")
        if started and event["attempt"] != row.attempt:
            began = f"Attempt {event['attempt']} started on {event.get('worker') or 'a worker'}."
            moments.append(Moment(datetime.fromisoformat(started), "started", began))
        if event["what"] in _ENDED and not (row.finished_at is not None and event["attempt"] == row.attempt):
            text = _ENDED[event["what"]].format(attempt=event["attempt"], reason=clause(event["reason"]))
            moments.append(Moment(happened, event["what"], text + _what_then(row, event, zone)))
    if row.started_at is not None and row.attempt:
        moments.append(Moment(row.started_at, "started", _start(row)))
    return moments


def _start(row: RunRow) -> str:
    where = f" on {row.worker_id}" if row.worker_id else ""
    if row.attempt > 1 or row.started_at is None:
        return f"Attempt {row.attempt} started{where}."
    late = row.started_at - row.scheduled_for
    by_plan = row.trigger in (Trigger.CRON, Trigger.CATCH_UP)
    return f"It started{where}" + (f", {span(late)} after its due time." if by_plan else ".")


def _what_then(row: RunRow, event: Mapping[str, Any], zone: ZoneInfo | None) -> str:
    """What followed an attempt that came to nothing."""
    if event["attempt"] < row.attempt:
        return " It was planned again."
    if row.status == RunStatus.PLANNED:
        return f" It is tried again from {at(row.not_before, zone)}."
    return ""


# how it ended


def _ending(row: RunRow) -> list[Moment]:
    if row.finished_at is None:
        return []
    return [Moment(row.finished_at, row.status, _end(row))]


def _end(row: RunRow) -> str:
    run = row.view()
    match RunStatus(row.status):
        case RunStatus.SUCCEEDED:
            return f"It succeeded{f' after {span(run.took)}' if run.took is not None else ''}."
        case RunStatus.SKIPPED:
            covers = ""
            if row.covers_until is not None:
                covers = " This row also stands for the missed due times after it, which were too many for a row each."
            return f"It was not run: {skipped_because(run)}.{covers}"
        case RunStatus.CANCELLED:
            return f"It was {clause(row.error or 'cancelled')}. {_was(row)}"
        case RunStatus.UNKNOWN:
            why = clause(row.error)
            return f"Nobody knows what became of it: {why}. It must not be done twice, so it was not repeated."
        case RunStatus.TIMED_OUT:
            return f"It ended: {clause(row.error)}, {_tries(row)}."
        case _:
            return f"It failed for good: {clause(row.error)}, {_tries(row)}."


def _was(row: RunRow) -> str:
    was = next((event.get("was") for event in row.events if event["what"] == "cancelled"), None)
    if was == RunStatus.RUNNING:
        return "It was running: its worker was told to stop, and a result that came later would be refused."
    return "It had not started, so nothing was done."


def _tries(row: RunRow) -> str:
    allowed = int(row.job_snapshot["max_retries"]) + 1
    if row.attempt >= allowed > 1:
        return f"and all {allowed} attempts are used up"
    return f"at attempt {row.attempt}; trying again would not have helped" if allowed > 1 else "and it is not retried"


# who heard of it


def delivering(message: MessageRow, delivery: DeliveryRow, zone: ZoneInfo | None) -> list[Moment]:
    """How a message was queued, and what became of its delivery so far."""
    about = _ABOUT.get(message.template, "its message") if message.template else "its message"
    way = {"telegram": "the chat", "email": "mail"}.get(delivery.channel, delivery.channel)
    moments = [Moment(message.created_at, "message", f"Queued: {about} (message {message.id}), by {way}.")]
    tries = f" at try {delivery.attempts}" if delivery.attempts > 1 else ""
    reason = f": {clause(delivery.error)}" if delivery.error else ""
    repeat = " It may have come twice, and says so." if delivery.possible_repeat else ""
    match DeliveryStatus(delivery.status):
        case DeliveryStatus.SENT:
            number = f" (number {delivery.provider_message_id} there)" if delivery.provider_message_id else ""
            text = f"Delivered by {way}{tries}{number}.{repeat}"
        case DeliveryStatus.QUEUED if delivery.attempts or delivery.error:
            text = f"Not delivered yet{reason}. Next try from {at(delivery.not_before, zone)}."
        case DeliveryStatus.QUEUED:
            return moments
        case DeliveryStatus.SENDING:
            text = f"Being delivered by {way}."
        case DeliveryStatus.UNCERTAIN:
            text = f"Perhaps delivered{reason or ': no answer came'}. It is not sent again.{repeat}"
        case DeliveryStatus.SUPPRESSED:
            text = f"Not delivered{reason}."
        case DeliveryStatus.EXPIRED:
            text = f"Not delivered: it became too old{reason}."
        case DeliveryStatus.DEAD:
            text = f"Not delivered: all {delivery.attempts} tries are used up{reason}."
        case DeliveryStatus.MERGED:
            text = f"Not sent by itself: it went into another message{reason}."
        case DeliveryStatus.CANCELLED:
            text = f"Not sent: it was cancelled{reason}."
        case DeliveryStatus.BOUNCED:
            text = f"Delivered by {way} and sent back{reason}."
        case DeliveryStatus.FAILED:
            text = f"Not delivered{reason or ': refused'}."
    happened = delivery.sent_at or delivery.called_at or delivery.updated_at
    return [*moments, Moment(max(happened, message.created_at), f"delivery_{delivery.status}", text)]


# how it stands


def _verdict(row: RunRow, told: Told, zone: ZoneInfo | None, waits_for: str | None, now: datetime) -> str:
    match RunStatus(row.status):
        case RunStatus.PLANNED if row.not_before > now:
            what = "its next attempt" if row.attempt else "its time"
            return f"It waits for {what}: {at(row.not_before, zone)}."
        case RunStatus.PLANNED:
            return f"It waits: {waits_for}." if waits_for else "It is to be started at once."
        case RunStatus.ENQUEUED:
            waited = span(now - (row.enqueued_at or row.created_at))
            return f"A worker was called {waited} ago and has not taken it yet."
        case RunStatus.RUNNING:
            return _running(row, zone, now)
        case RunStatus.SUCCEEDED:
            tries = f" at attempt {row.attempt}" if row.attempt > 1 else ""
            return f"It succeeded{tries}. {_heard(told)}".strip()
        case RunStatus.SKIPPED:
            return f"It was not run: {skipped_because(row.view())}."
        case RunStatus.CANCELLED:
            return f"It was {clause(row.error or 'cancelled')}."
        case RunStatus.UNKNOWN:
            left = next((event for event in row.events if event["what"] == "left"), None)
            then = f" It was looked at and left by {left['by']}." if left else ""
            return f"Nobody knows what became of it: {clause(row.error)}.{then}"
        case _:
            return f"It failed: {clause(row.error)}. {_heard(told)}".strip()


def _running(row: RunRow, zone: ZoneInfo | None, now: datetime) -> str:
    tries = f", attempt {row.attempt}" if row.attempt > 1 else ""
    text = f"It is running{f' on {row.worker_id}' if row.worker_id else ''}{tries}"
    if row.started_at is not None:
        text += f", for {span(now - row.started_at)}"
    if row.heartbeat_at is not None:
        text += f"; its worker was last heard of {span(now - row.heartbeat_at)} ago"
    return text + (f". Its time is up at {at(row.deadline_at, zone)}." if row.deadline_at is not None else ".")


def _heard(told: Told) -> str:
    if not told:
        return "It had nothing to say to you."
    states = [DeliveryStatus(delivery.status) for _, delivery in told]
    if all(state is DeliveryStatus.SENT for state in states):
        return "You were told." if len(states) == 1 else f"All {len(states)} messages were delivered."
    if any(state in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING) for state in states):
        return "Its message is on its way."
    if all(state in (DeliveryStatus.SENT, DeliveryStatus.MERGED) for state in states):
        return "You were told, together with other things."
    return "Its message did not reach you for sure; below is why."


def clause(text: str | None) -> str:
    """A reason as a part of a sentence."""
    said = (text or "no reason was kept").strip().rstrip(".")
    return said if len(said) <= LONGEST_REASON else f"{said[:LONGEST_REASON]}…"
