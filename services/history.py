"""What became of things: pages of runs, each by its key, and the whole story of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from db.messages import MessageRow
from db.runs import RunRow
from db.unit_of_work import UnitOfWork
from domain.broadcasts import parse_segment
from domain.errors import NotFound
from domain.ids import UserId
from domain.locales import mark, t
from domain.messages import Category, DeliveryStatus
from domain.runs import RUNS_AT_ONCE_PER_USER, Overlap, Run, RunStatus
from notifications.digests import headline
from services import timeline
from services.asked_runs import found, run_not_found
from services.message_timeline import MessageStory, tell_message
from services.timeline import Timeline

TROUBLE = (RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.UNKNOWN)
"""What went wrong: failed for good, past its time limit, or nobody knows."""
MOST_EXPORTED = 10_000
_KINDS = {
    Category.CODE: mark("a code that you asked for"),
    Category.ALERT: mark("an alert"),
    Category.FILL: mark("word of a trade"),
    Category.REPORT: mark("a report"),
    Category.FAILURE: mark("word of something that went wrong"),
    Category.HEALTH: mark("word of how a system is"),
    Category.REMINDER: mark("a reminder"),
    Category.BROADCAST: mark("an announcement"),
    Category.DIGEST: mark("a digest"),
}


@dataclass(frozen=True)
class HistoryEntry:
    """A run in a list, with what became of its newest message."""

    run: Run
    delivery_status: DeliveryStatus | None
    sent_at: datetime | None


class HistoryService:
    """Questions about runs; nothing here changes anything, and no question counts the table."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def recent(
        self,
        *,
        schedule_id: int | None = None,
        before: int | None = None,
        limit: int = 8,
        statuses: Sequence[RunStatus] = (),
        user_id: UserId | None = None,
        since: datetime | None = None,
    ) -> list[HistoryEntry]:
        """A page of runs, newest first, older than run `before`: all, one schedule's, of these states, due since."""
        with self.uow as uow:
            rows = uow.runs.history(
                schedule_id=schedule_id,
                before=before,
                limit=limit,
                user_id=user_id,
                statuses=statuses,
                since=since,
            )
            return _entries(uow, rows)

    def for_export(self, *, schedule_id: int | None = None, user_id: UserId | None = None) -> list[HistoryEntry]:
        """The newest runs for a file, as many as one holds: all of a person's, or one schedule's."""
        if schedule_id is not None:
            with self.uow as uow:
                found(uow, schedule_id)
        return self.recent(schedule_id=schedule_id, user_id=user_id, limit=MOST_EXPORTED)

    def failed(
        self,
        *,
        before: int | None = None,
        limit: int = 8,
        user_id: UserId | None = None,
        since: datetime | None = None,
    ) -> list[HistoryEntry]:
        """A page of the runs that went wrong, newest first, older than run `before`."""
        return self.recent(before=before, limit=limit, statuses=TROUBLE, user_id=user_id, since=since)

    def explain(self, run_id: int, zone: ZoneInfo | None, *, now: datetime) -> Timeline:
        """The whole story of a run in sentences, its times in `zone` (None: this machine's), with every reason."""
        with self.uow as uow:
            row = uow.runs.run(run_id)
            if row is None:
                raise NotFound(run_not_found(run_id))
            return _told_by(uow, row, zone, now)

    def explain_message(self, user_id: UserId, chat: str, number: int, zone: ZoneInfo | None) -> MessageStory:
        """The whole story of the message that stands in this chat of this person under Telegram's own number.

        The unit of work is the platform's, since an announcement's words belong to its admin; nothing but the person's
        own deliveries is looked at.
        """
        with self.uow as uow:
            delivery = uow.messages.delivered_as(user_id, "telegram", chat, str(number))
            message = uow.messages.get_by_id(delivery.message_id) if delivery is not None else None
            if delivery is None or message is None:
                raise NotFound(
                    t(
                        "That was my answer to something you had just sent, so there is no more to tell. "
                        "Reports, reminders, alerts and whatever else comes by itself have a story."
                    )
                )
            gathered = uow.messages.gathered([delivery.id]).get(delivery.id, [])
            held = [f"{each.created_at.astimezone(zone):%H:%M} {headline(each)}" for each in gathered]
            return tell_message(
                message, delivery, zone, origin=origin_of(uow, message), gathered=held, groups=groups_of(uow, [message])
            )


def groups_of(uow: UnitOfWork, messages: Sequence[MessageRow]) -> dict[int, str]:
    """The names of the linked groups and topics that these messages go to."""
    numbers = {message.destination_id for message in messages if message.destination_id is not None}
    return {each.id: each.name for each in uow.destinations.by_ids(numbers).values()} if numbers else {}


def _told_by(uow: UnitOfWork, row: RunRow, zone: ZoneInfo | None, now: datetime) -> Timeline:
    told = uow.runs.told(row.id)
    groups = groups_of(uow, [message for message, _ in told])
    return timeline.tell(row, told, zone, waits_for=_waits_for(uow, row, now), now=now, groups=groups)


def origin_of(uow: UnitOfWork, message: MessageRow) -> str:
    """What made a message, as the rest of a sentence that begins with “it is”."""
    kind = t(_KINDS[Category(message.category)])
    if message.run_id is not None and (run := uow.runs.run(message.run_id)) is not None:
        return t("{kind} of run {run}, {name}", kind=kind, run=run.id, name=run.job_snapshot["name"])
    if (message.supersede_key or "").startswith("broadcast:"):
        number = (message.supersede_key or "").split(":")[1]
        return t("the progress of broadcast {number}, which you sent", number=number)
    found = uow.broadcasts.get_by_id(message.broadcast_id) if message.broadcast_id is not None else None
    if found is not None:
        to = parse_segment(found.segment).words
        return t("{kind} to {segment} (broadcast {number})", kind=kind, segment=to, number=found.id)
    return kind


def _entries(uow: UnitOfWork, rows: Sequence[RunRow]) -> list[HistoryEntry]:
    deliveries = uow.messages.of_runs([row.id for row in rows])
    found = []
    for row in rows:
        delivery = deliveries.get(row.id)
        status = DeliveryStatus(delivery.status) if delivery is not None else None
        found.append(HistoryEntry(row.view(), status, delivery.sent_at if delivery is not None else None))
    return found


def _waits_for(uow: UnitOfWork, row: RunRow, now: datetime) -> str | None:
    """Why a run that could go has not been started, or None when nothing is in its way."""
    if row.status != RunStatus.PLANNED or row.not_before > now:
        return None
    if row.job_id is not None and row.overlap in (Overlap.QUEUE_ONE, Overlap.IN_TURN):
        other = uow.runs.active_run(row.job_id, besides=row.id)
        if other is not None and (other.status != RunStatus.PLANNED or other.scheduled_for < row.scheduled_for):
            return t("run {run} of the same job goes first", run=other.id)
    busy = uow.planning.busy([row.user_id]).get(row.user_id, 0) if row.user_id is not None else 0
    if busy >= RUNS_AT_ONCE_PER_USER:
        return t("{count} runs of the same person are going, and no more go at once", count=busy)
    return None
