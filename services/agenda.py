"""What comes: the due times of all schedules within some hours, of one, and of one that is not saved yet."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from db.jobs import ScheduleRow
from db.unit_of_work import UnitOfWork
from domain.calendars import Sessions
from domain.destinations import Place
from domain.ids import UserId
from domain.job_filters import EVERYTHING, JobFilter
from domain.schedules import Proposal, Schedule
from domain.timing import Due, SessionsUnknown, Timing
from domain.users import User
from services.jobs import check, found

Planned = tuple[Schedule, Due | None]
"""A schedule with its next run."""

SHOWN = 3
MOST_COMING = 1000
MOST_DUE = 2000
MOST_LEFT_OUT = 10
"""How many due times are looked at for each run that is to be shown."""


@dataclass(frozen=True)
class Agenda:
    """What is due within some hours, in order; `more` when that was too much to list."""

    due: tuple[tuple[Schedule, Due], ...]
    more: bool


class AgendaService:
    """Questions about due times; nothing here changes anything."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def preview(self, user: User, proposal: Proposal, *, now: datetime) -> list[Due]:
        """The next three runs of what would be saved, with what is left out between them, once all was checked."""
        with self.uow as uow:
            sessions = uow.market.sessions_for(proposal.timing)
            check(user, proposal, now, sessions)
            return next_runs(proposal.timing, now, SHOWN, sessions)

    def due_times(self, timing: Timing, count: int, *, now: datetime) -> list[Due]:
        """The next runs that a timing stands for, with what is left out between them."""
        with self.uow as uow:
            return next_runs(timing, now, count, uow.market.sessions_for(timing))

    def card(self, schedule_id: int) -> tuple[Schedule, list[Due]]:
        """A schedule, and its next three runs from where its cursor stands."""
        with self.uow as uow:
            return card_of(uow, found(uow, schedule_id))

    def page(
        self, wanted: JobFilter = EVERYTHING, *, user_id: UserId | None = None, after: int = 0, limit: int = 8
    ) -> list[Planned]:
        """Live schedules with a number above `after`, each with its next run, which a calendar does not leave out."""
        with self.uow as uow:
            return planned(uow, uow.jobs.listed(wanted, after=after, limit=limit, user_id=user_id))

    def agenda(self, now: datetime, until: datetime, *, user_id: UserId | None = None, limit: int = MOST_DUE) -> Agenda:
        """What is due in (now, until], by instant, with what a calendar leaves out; at most `limit` due times."""
        with self.uow as uow:
            rows = uow.jobs.coming(MOST_COMING, until, user_id=user_id)
            return _merged(uow, rows, now, until, limit)

    def page_of_place(self, place: Place, wanted: JobFilter, *, after: int = 0, limit: int = 8) -> list[Planned]:
        """The schedules whose results that group or topic is told, whoever's they are.

        The unit of work is the platform's: what is told in a place, everybody there may know of, and nothing else.
        """
        with self.uow as uow:
            told_here = [row.id for row in uow.destinations.at(place)]
            return planned(uow, uow.jobs.listed(wanted, after=after, limit=limit, destination_ids=told_here))

    def agenda_of_place(self, place: Place, now: datetime, until: datetime) -> Agenda:
        """What is due in (now, until] and will be told in that group or topic; for the platform, as `page_of_place`."""
        with self.uow as uow:
            told_here = [row.id for row in uow.destinations.at(place)]
            rows = uow.jobs.coming(MOST_COMING, until, destination_ids=told_here)
            return _merged(uow, rows, now, until, MOST_DUE)

    def place_of(self, schedule: Schedule) -> str | None:
        """The name of the group or topic that its results go to."""
        if schedule.destination_id is None:
            return None
        with self.uow as uow:
            row = uow.destinations.get_by_id(schedule.destination_id)
            return row.view().name if row is not None else None


def card_of(uow: UnitOfWork, row: ScheduleRow) -> tuple[Schedule, list[Due]]:
    """A schedule, and its next three runs from where its cursor stands."""
    schedule = row.view()
    return schedule, _from_cursor(schedule, SHOWN, uow.market.sessions_for(schedule.timing))


def planned(uow: UnitOfWork, rows: Sequence[ScheduleRow]) -> list[Planned]:
    """These schedules, each with its next run."""
    schedules = [row.view() for row in rows]
    sessions = _sessions(uow, schedules)
    return [(schedule, first_run(_from_cursor(schedule, 1, sessions))) for schedule in schedules]


def _merged(uow: UnitOfWork, rows: Sequence[ScheduleRow], now: datetime, until: datetime, limit: int) -> Agenda:
    schedules = [row.view() for row in rows]
    sessions = _sessions(uow, schedules)
    merged = heapq.merge(*(_coming(schedule, now, until, sessions) for schedule in schedules), key=_by_instant)
    found = list(islice(merged, limit + 1))
    return Agenda(tuple(found[:limit]), more=len(found) > limit)


def first_run(due: Sequence[Due]) -> Due | None:
    """The first of them that is not left out."""
    return next((each for each in due if each.left_out is None), None)


def _sessions(uow: UnitOfWork, schedules: Sequence[Schedule]) -> Sessions:
    return uow.market.sessions() if any(schedule.timing.exchange for schedule in schedules) else Sessions.NONE


def _from_cursor(schedule: Schedule, count: int, sessions: Sessions) -> list[Due]:
    if schedule.next_run_at is None:
        return []
    try:
        return next_runs(schedule.timing, schedule.next_run_at - timedelta(microseconds=1), count, sessions)
    except SessionsUnknown:
        return []


def next_runs(timing: Timing, instant: datetime, count: int, sessions: Sessions) -> list[Due]:
    """The next `count` runs after `instant`, with the due times that are left out before and between them."""
    due: list[Due] = []
    for each in islice(timing.upcoming(instant, sessions), count * MOST_LEFT_OUT):
        due.append(each)
        count -= each.left_out is None
        if not count:
            break
    return due


def _by_instant(item: tuple[Schedule, Due]) -> tuple[datetime, int]:
    return item[1].at, item[0].id


def _coming(schedule: Schedule, now: datetime, until: datetime, sessions: Sessions) -> Iterator[tuple[Schedule, Due]]:
    """A schedule's due times from its cursor on; where the sessions end that are known, it ends."""
    if schedule.next_run_at is None:
        return
    start = max(now, schedule.next_run_at - timedelta(microseconds=1))
    try:
        for due in schedule.timing.upcoming(start, sessions):
            if due.at > until:
                return
            yield schedule, due
    except SessionsUnknown:
        return
