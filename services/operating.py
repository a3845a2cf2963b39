"""Everybody's runs, for admins alone: what goes and waits, who works; stopping one, doing one again, its story."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from db import operating
from db.unit_of_work import UnitOfWork
from db.users import UserRow
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.ids import RunId, UserId
from domain.job_filters import JobFilter
from domain.locales import t
from domain.runs import Run, RunStatus
from domain.schedules import Schedule
from domain.timing import Due
from domain.users import Role, User
from services.agenda import Planned, card_of, planned
from services.asked_runs import AskedRuns, found_run
from services.history import TROUBLE, HistoryEntry, HistoryService
from services.jobs import found
from services.timeline import Timeline

MOST_AT_WORK = 60
RECENT = 5


@dataclass(frozen=True)
class Waiting:
    """A run that goes or waits, with whose it is."""

    id: RunId
    name: str
    owner: str | None
    """None: the platform's own."""
    status: RunStatus
    late: bool
    due_at: datetime
    started_at: datetime | None
    worker_id: str | None


@dataclass(frozen=True)
class Queue:
    """A page of what goes and waits, and how much of it there is in all."""

    runs: tuple[Waiting, ...]
    running: int
    waiting: int
    late: int

    def first(self, count: int) -> "Queue":
        """The same with its first runs only."""
        return replace(self, runs=self.runs[:count])


@dataclass(frozen=True)
class AtWork:
    """A run in a worker's hands."""

    id: RunId
    name: str
    owner: str | None
    for_s: float


@dataclass(frozen=True)
class Worker:
    """A worker that holds runs."""

    worker_id: str
    silent_s: float | None
    runs: tuple[AtWork, ...]


@dataclass(frozen=True)
class Workers:
    """Who works; `heard_s` is how long ago the workers reported, None when none ever did."""

    status: str
    heard_s: float | None
    at_work: tuple[Worker, ...]


@dataclass(frozen=True)
class JobOf:
    """Somebody's job, as an admin sees it."""

    owner: str
    schedule: Schedule
    due: Sequence[Due]
    recent: Sequence[HistoryEntry]


class OperatingService:
    """An admin's use cases; the unit of work is the platform's, so every method looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def queue(self, user: User, *, after: int = 0, limit: int = 8) -> Queue:
        """What goes and what waits of everybody, by number above `after`."""
        with self.uow as uow:
            _admit(uow, user)
            rows = operating.queue(uow.session, after, limit)
            return Queue(tuple(_waiting(row) for row in rows), *operating.counts(uow.session))

    def workers(self, user: User) -> Workers:
        """Which workers hold which runs, and when the workers last reported."""
        with self.uow as uow:
            _admit(uow, user)
            reports = [(row.status, age) for row, age in uow.health.current() if row.system == "worker"]
            status, heard = min(reports, key=lambda report: report[1], default=("UNKNOWN", None))
            at_work = tuple(_worker(row) for row in operating.workers(uow.session, MOST_AT_WORK))
            return Workers(status, heard, at_work)

    def kill(self, user: User, run_id: int, *, now: datetime) -> Run:
        """Stop a run, whoever's it is; its story names who did."""
        self._admit(user)
        return AskedRuns(self.uow).kill(run_id, user.email, now=now)

    def retry(self, user: User, run_id: int, *, now: datetime) -> RunId:
        """Do a run once more for whoever's it is, who gets the result; its story names who asked."""
        with self.uow as uow:
            _admit(uow, user)
            own = found_run(uow, run_id).user_id == user.id
        return AskedRuns(self.uow).retry(run_id, now=now, by=None if own else user.email)

    def story(self, user: User, run_id: int, zone: ZoneInfo, *, now: datetime) -> tuple[Timeline, str | None]:
        """The whole story of a run, and whose it is: None for the admin's own and the platform's."""
        with self.uow as uow:
            _admit(uow, user)
            owner = _email(uow, found_run(uow, run_id).user_id, user)
        return HistoryService(self.uow).explain(run_id, zone, now=now), owner

    def owner_of(self, user: User, run_id: int) -> str | None:
        """Whose run it is: None for the admin's own and the platform's."""
        with self.uow as uow:
            _admit(uow, user)
            return _email(uow, found_run(uow, run_id).user_id, user)

    def failed(
        self, user: User, *, since: datetime | None = None, before: int | None = None, limit: int = 8
    ) -> list[HistoryEntry]:
        """A page of what went wrong for anybody, newest first."""
        self._admit(user)
        return HistoryService(self.uow).recent(before=before, limit=limit, statuses=TROUBLE, since=since)

    def owner(self, user: User, named: str) -> tuple[UserId, str]:
        """The one person that a number, an address or a part of one names."""
        with self.uow as uow:
            _admit(uow, user)
            row = _person(uow, named)
            return UserId(row.id), row.email

    def jobs_of(self, user: User, owner: UserId, wanted: JobFilter, *, after: int = 0, limit: int = 8) -> list[Planned]:
        """A page of somebody's jobs."""
        with self.uow as uow:
            _admit(uow, user)
            return planned(uow, uow.jobs.listed(wanted, after=after, limit=limit, user_id=owner))

    def job(self, user: User, schedule_id: int) -> JobOf:
        """Somebody's job with what comes and what was run."""
        with self.uow as uow:
            _admit(uow, user)
            schedule, due = card_of(uow, found(uow, schedule_id))
            owner = uow.users.get_by_id(schedule.user_id)
        recent = HistoryService(self.uow).recent(schedule_id=schedule_id, limit=RECENT)
        return JobOf(owner.email if owner is not None else "", schedule, due, recent)

    def _admit(self, user: User) -> None:
        with self.uow as uow:
            _admit(uow, user)


def _admit(uow: UnitOfWork, user: User) -> None:
    """NotAllowed for whoever is no admin at this moment."""
    row = uow.users.get_by_id(user.id)
    if row is None or not row.is_active or row.role != Role.ADMIN:
        raise NotAllowed


def _email(uow: UnitOfWork, user_id: int | None, user: User) -> str | None:
    if user_id is None or user_id == user.id:
        return None
    row = uow.users.get_by_id(user_id)
    return row.email if row is not None else None


def _person(uow: UnitOfWork, named: str) -> UserRow:
    row = uow.users.get_by_id(int(named)) if named.isascii() and named.isdigit() and len(named) < 19 else None
    row = row or uow.users.by_email(named)
    if row is not None:
        return row
    near = uow.users.page(after=0, limit=2, words=named)
    if len(near) == 1:
        return near[0]
    if near:
        raise InvalidInput(t("More than one person is called like “{name}”. Name the whole address.", name=named))
    raise NotFound(t("I can't find “{name}”. /users lists everybody.", name=named))


def _waiting(row: Any) -> Waiting:
    return Waiting(
        RunId(row.id),
        row.name,
        row.owner,
        RunStatus(row.status),
        row.late,
        row.scheduled_for,
        row.started_at,
        row.worker_id,
    )


def _worker(row: Any) -> Worker:
    silent = float(row.silent_s) if row.silent_s is not None else None
    runs = tuple(AtWork(RunId(run["id"]), run["name"], run["owner"], float(run["for_s"])) for run in row.runs)
    return Worker(row.worker_id, silent, runs)
