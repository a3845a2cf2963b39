"""The story of a run in sentences: what happened, when, and why. It reads rows and asks nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from db.runs import RunRow
from domain.locales import mark, t, tn
from domain.messages import DeliveryStatus
from domain.runs import Run, RunStatus, SkipReason, Trigger
from domain.timing import Timing
from services.telling import NO_GROUPS, Groups, Moment, at, clause, delivering, span, to_group

__all__ = ["SKIPPED", "Moment", "Timeline", "at", "clause", "delivering", "skipped_because", "span", "tell"]

Told = Sequence[tuple[MessageRow, DeliveryRow]]

SKIPPED: Mapping[str, str] = {
    SkipReason.OVERLAP: mark("the run before it was not over, and this job does not run beside itself"),
    SkipReason.WINDOW: mark("it was missed while nothing ran here, and the job does not catch up on it"),
    SkipReason.PAUSED: mark("the job was paused"),
    SkipReason.QUOTA: mark("it came closer to the run before it than your plan allows"),
    SkipReason.NO_SESSION: mark("the exchange had no session"),
    SkipReason.OWNER_INACTIVE: mark("its owner was not active"),
    SkipReason.BY_OWNER: mark("you asked me to leave it out"),
}


@dataclass(frozen=True)
class Timeline:
    """The story of a run: `verdict` says how it stands, the moments how it came to it, oldest first."""

    run: Run
    verdict: str
    moments: tuple[Moment, ...]


def tell(
    row: RunRow,
    told: Told,
    zone: ZoneInfo | None,
    *,
    waits_for: str | None,
    now: datetime,
    groups: Groups = NO_GROUPS,
) -> Timeline:
    """The story of this run and its messages, on the wall of `zone` (None: this machine's).

    `waits_for` is what is in its way, for one that has not started; `groups` are the names of linked groups.
    """
    moments = [
        *_planning(row, zone),
        *_ringing(row),
        *_attempts(row, zone),
        *_ending(row),
        *(moment for message, delivery in told for moment in delivering(message, delivery, zone, groups)),
    ]
    ordered = sorted(moments, key=lambda moment: moment.at)  # sorted() keeps the order of what happened at one instant
    return Timeline(row.view(), _verdict(row, _Heard(told, groups), zone, waits_for, now), tuple(ordered))


def skipped_because(run: Run) -> str:
    """Why a due time was not run, as the end of a sentence."""
    known = SKIPPED.get(run.skip_reason or "")
    reason = t(known) if known is not None else run.skip_reason or t("no reason was kept")
    if not run.error or run.error in (known or reason):
        return reason
    said = clause(run.error)
    return said if run.skip_reason == SkipReason.NO_SESSION else f"{reason} ({said})"


# how it began


def _planning(row: RunRow, zone: ZoneInfo | None) -> list[Moment]:
    moments = [Moment(row.created_at, "planned", _planned(row, at(row.scheduled_for, zone)))]
    if row.attempt == 0 and row.not_before - row.scheduled_for > timedelta(seconds=1):
        wait = span(row.not_before - row.scheduled_for)
        spread = t("Its start is spread: {wait} after its due time.", wait=wait)
        moments.append(Moment(row.created_at, "held_back", spread))
    return moments


def _planned(row: RunRow, due: str) -> str:
    match Trigger(row.trigger):
        case Trigger.CRON if row.status == RunStatus.SKIPPED:
            return t("Written down: it was due at {due}, by {plan}.", due=due, plan=_plan(row))
        case Trigger.CRON:
            return t("Planned: it was due at {due}, by {plan}.", due=due, plan=_plan(row))
        case Trigger.CATCH_UP:
            return t(
                "Planned to catch up: it had been due at {due} by {plan}, {late} earlier, while nothing ran here.",
                due=due,
                plan=_plan(row),
                late=span(row.created_at - row.scheduled_for),
            )
        case Trigger.BACKFILL:
            return t("Planned to fill in the past: it stands for {due}, by {plan}.", due=due, plan=_plan(row))
        case Trigger.API:
            return t("Planned: a program asked for it.")
        case Trigger.MANUAL:
            return _asked(row)


def _asked(row: RunRow) -> str:
    """Who wanted it: its owner, or an admin, who is named."""
    by = next((event["by"] for event in row.events if event["what"] == "asked"), None)
    if row.retry_of is not None and by is not None:
        return t("Planned: {by} asked to do run {run} once more.", by=by, run=row.retry_of)
    if row.retry_of is not None:
        return t("Planned: you asked to do run {run} once more.", run=row.retry_of)
    return t("Planned: you asked for it.")


def _plan(row: RunRow) -> str:
    """The plan that a run came by."""
    snapshot = row.job_snapshot
    words = ""
    if snapshot.get("cron"):
        window = (snapshot.get("starts_at"), snapshot.get("ends_at"))
        starts, ends = (datetime.fromisoformat(at) if at else None for at in window)
        words = Timing(
            snapshot["cron"],
            snapshot["timezone"],
            calendar=snapshot.get("calendar"),
            starts_at=starts,
            ends_at=ends,
        ).words
    if row.job_id is None:
        return t("a job that is gone ({words})", words=words) if words else t("a job that is gone")
    if words:
        return t("job {number} ({words})", number=row.job_id, words=words)
    return t("job {number}", number=row.job_id)


def _ringing(row: RunRow) -> list[Moment]:
    again = sum(event["what"] == "rung_again" for event in row.events)
    if row.enqueued_at is None:
        return []
    text = t("A worker was called.")
    if again:
        text = tn(
            "A worker was called again: nobody had answered ({n} time).",
            "A worker was called again: nobody had answered ({n} times).",
            again,
        )
    return [Moment(row.enqueued_at, "enqueued", text)]


# what was tried

_ENDED = {
    "failed": mark("Attempt {attempt} failed: {reason}."),
    "timed_out": mark("Attempt {attempt} was stopped: {reason}."),
    "lost": mark("Attempt {attempt} was lost: {reason}."),
    "handed_back": mark("Attempt {attempt} was handed back: {reason}."),
}


def _attempts(row: RunRow, zone: ZoneInfo | None) -> list[Moment]:
    moments = []
    for event in row.events:
        happened = datetime.fromisoformat(event["at"])
        started = event.get("started_at")
        if started and event["attempt"] != row.attempt:
            began = _attempt_started(event["attempt"], event.get("worker") or t("a worker"))
            moments.append(Moment(datetime.fromisoformat(started), "started", began))
        if event["what"] in _ENDED and not (row.finished_at is not None and event["attempt"] == row.attempt):
            text = t(_ENDED[event["what"]], attempt=event["attempt"], reason=clause(event["reason"]))
            moments.append(Moment(happened, event["what"], f"{text} {_what_then(row, event, zone)}".rstrip()))
    if row.started_at is not None and row.attempt:
        moments.append(Moment(row.started_at, "started", _start(row)))
    return moments


def _attempt_started(attempt: int, worker: str | None) -> str:
    if worker:
        return t("Attempt {attempt} started on {worker}.", attempt=attempt, worker=worker)
    return t("Attempt {attempt} started.", attempt=attempt)


def _start(row: RunRow) -> str:
    if row.attempt > 1 or row.started_at is None:
        return _attempt_started(row.attempt, row.worker_id)
    late, worker = span(row.started_at - row.scheduled_for), row.worker_id
    by_plan = row.trigger in (Trigger.CRON, Trigger.CATCH_UP)
    if by_plan and worker:
        return t("It started on {worker}, {late} after its due time.", worker=worker, late=late)
    if by_plan:
        return t("It started, {late} after its due time.", late=late)
    return t("It started on {worker}.", worker=worker) if worker else t("It started.")


def _what_then(row: RunRow, event: Mapping[str, Any], zone: ZoneInfo | None) -> str:
    """What followed an attempt that came to nothing."""
    if event["attempt"] < row.attempt:
        return t("It was planned again.")
    if row.status == RunStatus.PLANNED:
        return t("It is tried again from {when}.", when=at(row.not_before, zone))
    return ""


# how it ended


def _ending(row: RunRow) -> list[Moment]:
    if row.finished_at is None:
        return []
    return [Moment(row.finished_at, row.status, _end(row))]


def _end(row: RunRow) -> str:
    run = row.view()
    match RunStatus(row.status):
        case RunStatus.SUCCEEDED if run.took is not None:
            return t("It succeeded after {took}.", took=span(run.took))
        case RunStatus.SUCCEEDED:
            return t("It succeeded.")
        case RunStatus.SKIPPED:
            text = t("It was not run: {reason}.", reason=skipped_because(run))
            if row.covers_until is None:
                return text
            more = t("This row also stands for the missed due times after it, which were too many for a row each.")
            return f"{text} {more}"
        case RunStatus.CANCELLED:
            return f"{_cancelled(row)} {_was(row)}"
        case RunStatus.UNKNOWN:
            return t(
                "Nobody knows what became of it: {reason}. It must not be done twice, so it was not repeated.",
                reason=clause(row.error),
            )
        case RunStatus.TIMED_OUT:
            return t("It ended: {reason}, {tries}.", reason=clause(row.error), tries=_tries(row))
        case _:
            return t("It failed for good: {reason}, {tries}.", reason=clause(row.error), tries=_tries(row))


def _cancelled(row: RunRow) -> str:
    by = next((event.get("by") for event in row.events if event["what"] == "cancelled"), None)
    if by:
        return t("It was cancelled by {by}.", by=by)
    return t("It was {ended}.", ended=clause(row.error)) if row.error else t("It was cancelled.")


def _was(row: RunRow) -> str:
    was = next((event.get("was") for event in row.events if event["what"] == "cancelled"), None)
    if was == RunStatus.RUNNING:
        return t("It was running: its worker was told to stop, and a result that came later would be refused.")
    return t("It had not started, so nothing was done.")


def _tries(row: RunRow) -> str:
    allowed = int(row.job_snapshot["max_retries"]) + 1
    if row.attempt >= allowed > 1:
        return t("and all {count} attempts are used up", count=allowed)
    if allowed > 1:
        return t("at attempt {attempt}; trying again would not have helped", attempt=row.attempt)
    return t("and it is not retried")


# how it stands


def _verdict(row: RunRow, told: "_Heard", zone: ZoneInfo | None, waits_for: str | None, now: datetime) -> str:
    match RunStatus(row.status):
        case RunStatus.PLANNED if row.not_before > now and row.attempt:
            return t("It waits for its next attempt: {when}.", when=at(row.not_before, zone))
        case RunStatus.PLANNED if row.not_before > now:
            return t("It waits for its time: {when}.", when=at(row.not_before, zone))
        case RunStatus.PLANNED:
            return t("It waits: {reason}.", reason=waits_for) if waits_for else t("It is to be started at once.")
        case RunStatus.ENQUEUED:
            waited = span(now - (row.enqueued_at or row.created_at))
            return t("A worker was called {waited} ago and has not taken it yet.", waited=waited)
        case RunStatus.RUNNING:
            return _running(row, zone, now)
        case RunStatus.SUCCEEDED if row.attempt > 1:
            return f"{t('It succeeded at attempt {attempt}.', attempt=row.attempt)} {_heard(told)}"
        case RunStatus.SUCCEEDED:
            return f"{t('It succeeded.')} {_heard(told)}"
        case RunStatus.SKIPPED:
            return t("It was not run: {reason}.", reason=skipped_because(row.view()))
        case RunStatus.CANCELLED:
            return _cancelled(row)
        case RunStatus.UNKNOWN:
            return _in_doubt(row)
        case _:
            return f"{t('It failed: {reason}.', reason=clause(row.error))} {_heard(told)}"


def _in_doubt(row: RunRow) -> str:
    text = t("Nobody knows what became of it: {reason}.", reason=clause(row.error))
    left = next((event for event in row.events if event["what"] == "left"), None)
    return f"{text} {t('It was looked at and left by {by}.', by=left['by'])}" if left else text


def _running(row: RunRow, zone: ZoneInfo | None, now: datetime) -> str:
    text = f"{_where(row, now)}."
    if row.heartbeat_at is not None:
        heard = span(now - row.heartbeat_at)
        text = t("{running}; its worker was last heard of {heard} ago.", running=_where(row, now), heard=heard)
    if row.deadline_at is None:
        return text
    return f"{text} {t('Its time is up at {when}.', when=at(row.deadline_at, zone))}"


def _where(row: RunRow, now: datetime) -> str:
    """That it is running: where, at which attempt, for how long."""
    known = [t("It is running on {worker}", worker=row.worker_id) if row.worker_id else t("It is running")]
    if row.attempt > 1:
        known.append(t("attempt {attempt}", attempt=row.attempt))
    if row.started_at is not None:
        known.append(t("for {length}", length=span(now - row.started_at)))
    return ", ".join(known)


@dataclass(frozen=True)
class _Heard:
    """A run's messages, and the names of the groups that they may have gone to."""

    told: Told
    groups: Groups


def _heard(heard: _Heard) -> str:
    told = heard.told
    if any(to_group(message, delivery) for message, delivery in told):
        return _heard_in_group(heard)
    if not told:
        return t("It had nothing to say to you.")
    states = [DeliveryStatus(delivery.status) for _, delivery in told]
    if all(state is DeliveryStatus.SENT for state in states):
        if len(states) == 1:
            return t("You were told.")
        return t("All {count} messages were delivered.", count=len(states))
    if any(state in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING) for state in states):
        return t("Its message is on its way.")
    if all(state in (DeliveryStatus.SENT, DeliveryStatus.MERGED) for state in states):
        return t("You were told, together with other things.")
    return t("Its message did not reach you for sure; below is why.")


def _heard_in_group(heard: _Heard) -> str:
    there = [(message, delivery) for message, delivery in heard.told if to_group(message, delivery)]
    own = [delivery.status for message, delivery in heard.told if not to_group(message, delivery)]
    name = heard.groups.get(there[0][0].destination_id or 0, t("which is not linked any more"))
    if any(delivery.status in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING) for _, delivery in heard.told):
        return t("Its message is on its way.")
    all_own = all(status == DeliveryStatus.SENT for status in own)
    if all(delivery.status == DeliveryStatus.SENT for _, delivery in there) and all_own:
        if own:
            return t("You were told, and so was the group “{name}”.", name=name)
        return t("It was told in the group “{name}”.", name=name)
    if own and all_own:
        return t("The group “{name}” could not be told, so you were.", name=name)
    return t("Its message did not arrive for sure; below is why.")
