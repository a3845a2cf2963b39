"""Filling in the past: a job run for the due times of some days that are over, one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.planning import PlannedRows
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound
from domain.locales import t
from domain.runs import Overlap, RunStatus, Trigger
from domain.schedules import MOST_BACKFILLED, Schedule
from domain.timing import Timing
from services.jobs import found

APART = timedelta(microseconds=1)
"""Behind the due time, so that the row which says why that one was not run stays beside it."""


@dataclass(frozen=True)
class Backfill:
    """What filling in a range of days would run: `due` is to be run, the rest is not."""

    schedule: Schedule
    first: date
    last: date
    due: tuple[datetime, ...]
    done_before: int
    left_out: int

    def as_form(self) -> dict[str, Any]:
        """As a form keeps it, for `BackfillService.carry_out` to read back."""
        return {"schedule_id": self.schedule.id, "due": [due.isoformat() for due in self.due]}


class BackfillService:
    """Use cases of filling in; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def preview(self, schedule_id: int, first: date, last: date, *, now: datetime) -> Backfill:
        """What there is to fill in on these days of the job's own zone, both included; nothing is planned yet."""
        with self.uow as uow:
            row = found(uow, schedule_id)
            if not row.repeatable:
                raise InvalidInput(t("That job acts on the world and must not be done for days that are over."))
            schedule = row.view()
            start, end = _instants(schedule.timing, first, last, now)
            wanted, left_out = [], 0
            for due in schedule.timing.upcoming(start - APART, uow.market.sessions_for(schedule.timing)):
                if due.at > end:
                    break
                if due.left_out is not None:
                    left_out += 1
                    continue
                wanted.append(due.at)
                if len(wanted) > MOST_BACKFILLED:
                    raise InvalidInput(_too_many(first, due.at.astimezone(schedule.zone).date()))
            standing = uow.runs.taken_slots(schedule_id, start, end + APART)
        fresh = tuple(due for due in wanted if due + APART not in standing)
        if not fresh:
            raise InvalidInput(_nothing(first, last, done=len(wanted)))
        return Backfill(schedule, first, last, fresh, len(wanted) - len(fresh), left_out)

    def carry_out(self, telegram_user_id: int, draft_id: int, *, now: datetime) -> tuple[Schedule, int]:
        """Plan what was shown to the person, oldest first, one at a time; a second time there is nothing left to do."""
        with self.uow as uow:
            draft = uow.telegram.draft(draft_id, telegram_user_id)
            if draft is None or draft.consumed_at is not None or draft.expires_at <= now:
                raise NotFound(t("This question has ended, and nothing was planned. Ask again with /backfill."))
            planned = fill_in(uow, draft.data)
            draft.consumed_at = now
            uow.commit()
            return planned


def fill_in(uow: UnitOfWork, form: Mapping[str, Any]) -> tuple[Schedule, int]:
    """Plan the due times of a form; how many of them were new comes back with the schedule."""
    row = found(uow, form["schedule_id"], lock=True)
    wanted = [datetime.fromisoformat(due) + APART for due in form["due"]]
    standing = uow.runs.taken_slots(row.id, min(wanted), max(wanted))
    fresh = [at for at in wanted if at not in standing]
    rows, started = PlannedRows(), uow.planning.database_now()
    for at in fresh:
        rows.add(
            job_id=row.id,
            scheduled_for=at,
            not_before=started,
            status=RunStatus.PLANNED,
            trigger=Trigger.BACKFILL,
            overlap=Overlap.IN_TURN,
        )
    uow.planning.plan(rows)
    uow.jobs.wake("runs")
    return row.view(), len(fresh)


def _instants(timing: Timing, first: date, last: date, now: datetime) -> tuple[datetime, datetime]:
    """The first instant of the one day and the last of the other, in the schedule's zone, none of them to come."""
    if last < first:
        raise InvalidInput(
            t("{first} is after {last}. Name the earlier day first: /backfill 7 {last} {first}", first=first, last=last)
        )
    zone = ZoneInfo(timing.timezone)
    start = datetime.combine(first, time.min, zone).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC) - APART
    if start >= now:
        raise InvalidInput(
            t("{day} is still to come; the job runs then by itself. Name days that are over.", day=first)
        )
    return start, min(end, now)


def _too_many(first: date, reached: date) -> str:
    until = max(first, reached - timedelta(days=1))
    text = t("That is more than {most} runs, the most that are filled in at once.", most=MOST_BACKFILLED)
    return f"{text} {t('Try {first} to {last} first.', first=first, last=until)}" if until > first else text


def _nothing(first: date, last: date, *, done: int) -> str:
    days = str(first) if first == last else t("{first} to {last}", first=first, last=last)
    if done:
        return t("{days} has been filled in already ({count} runs). /history shows them.", days=days, count=done)
    return t("That job was not due on {days}, so there is nothing to fill in. /test shows when it is due.", days=days)
