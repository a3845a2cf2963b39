"""Schedules outside of the database: what a file says of one, and what taking a file in would change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from db.jobs import ScheduleRow
from db.unit_of_work import UnitOfWork
from domain.calendars import exchange_named
from domain.errors import InvalidInput, NotFound, OpenbellError, UserError
from domain.schedules import CatchUp, Proposal, Schedule
from domain.timing import Timing, parse_timing
from domain.users import User, clean_name
from domain.zones import parse_zone
from services.job_kinds import kind_of, target_of
from services.jobs import add, check
from services.pausing import cursor_of

PAGE = 200


class Entry(BaseModel):
    """A schedule as a file says it; what is left out is as its kind has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    name: str
    type: str
    when: str
    timezone: str
    calendar: str | None = None
    hours_only: bool = False
    jitter_s: int = Field(default=0, ge=0, le=3600)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    enabled: bool = True
    catch_up: CatchUp | None = None
    catch_up_window_s: int | None = Field(default=None, ge=60, le=31 * 86_400)
    overlap: str | None = Field(default=None, pattern="^(skip|queue_one|allow)$")
    grace_s: int | None = Field(default=None, ge=10, le=86_400)
    params: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, schedule: Schedule, owner: str) -> "Entry":
        timing = schedule.timing
        return cls(
            owner=owner,
            name=schedule.name,
            type=schedule.job_type,
            when=timing.expression,
            timezone=timing.timezone,
            calendar=timing.calendar,
            hours_only=timing.hours_only,
            jitter_s=timing.jitter_s,
            starts_at=timing.starts_at,
            ends_at=timing.ends_at,
            enabled=schedule.enabled,
            catch_up=schedule.catch_up,
            catch_up_window_s=schedule.catch_up_window_s,
            overlap=schedule.overlap,
            grace_s=schedule.grace_s,
            params=dict(schedule.params),
        )

    def timing(self, now: datetime) -> Timing:
        """When it is due; InvalidInput says what is wrong with it."""
        read = parse_timing(self.when, timezone=parse_zone(self.timezone).key, now=now)
        calendar = exchange_named(self.calendar).code if self.calendar else read.calendar
        if self.hours_only and calendar is None:
            raise InvalidInput("hours_only needs a calendar: the exchange in whose hours it runs.")
        return Timing(
            read.expression,
            read.timezone,
            calendar=calendar,
            hours_only=self.hours_only or read.hours_only,
            jitter_s=self.jitter_s,
            starts_at=_utc(self.starts_at),
            ends_at=_utc(self.ends_at),
        )


@dataclass(frozen=True)
class Change:
    """What taking an entry in does: ``add``, ``change`` (these columns) or ``keep``."""

    entry: Entry
    what: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Owned:
    """A schedule and its owner's address."""

    schedule: Schedule
    owner: str


def read_entries(given: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The entries of a file; InvalidInput names every one that can't be right, and nothing was taken in."""
    entries, refused = [], []
    for number, each in enumerate(given, start=1):
        try:
            entries.append(Entry.model_validate(dict(each)))
        except ValidationError as problem:
            first = problem.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            refused.append(f"{_label(number, each.get('name'))}: {where}: {first['msg'].lower()}")
    seen: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(entries, start=1):
        key = (entry.owner.lower(), entry.name.lower())
        if key in seen:
            refused.append(f"{_label(number, entry.name)}: entry {seen[key]} has the same owner and name")
        seen.setdefault(key, number)
    if refused:
        raise InvalidInput("Nothing was taken in.\n" + "\n".join(refused))
    return entries


class ScheduleFilesService:
    """Use cases around files of schedules. Reading is for the platform, storing for the owner of the schedules."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def owner(self, email: str) -> User:
        """The active, verified person of that address; NotFound when there is none."""
        with self.uow as uow:
            row = uow.users.by_email(email)
            if row is None or not row.is_active or row.verified_at is None:
                raise NotFound(f"Nobody who is verified here has the address {email}.")
            return row.view()

    def page(self, *, owner: User | None = None, after: int = 0, limit: int = PAGE) -> list[Owned]:
        """Live schedules with a number above `after`, of one person or of all."""
        with self.uow as uow:
            rows = uow.jobs.all_live(after=after, limit=limit, user_id=owner.id if owner is not None else None)
            return [Owned(row.view(), _address(uow, row.user_id)) for row in rows]

    def one(self, schedule_id: int) -> Owned:
        """A live schedule of whomever."""
        with self.uow as uow:
            row = uow.jobs.live(schedule_id)
            if row is None:
                raise NotFound(f"There is no schedule {schedule_id}. openbell schedules list shows them.")
            return Owned(row.view(), _address(uow, row.user_id))

    def everything(self, owner: User | None = None) -> Iterator[Entry]:
        """Every live schedule as a file says it, page by page."""
        after = 0
        while page := self.page(owner=owner, after=after):
            yield from (Entry.of(each.schedule, each.owner) for each in page)
            after = page[-1].schedule.id

    def compare(self, user: User, entries: Sequence[Entry], *, now: datetime) -> list[Change]:
        """What storing these entries of one person would change; InvalidInput names all that can't be stored."""
        changes, refused = [], []
        with self.uow as uow:
            for entry in entries:
                try:
                    changes.append(_compare(uow, user, entry, now))
                except OpenbellError as problem:
                    refused.append(f"{entry.name} ({entry.owner}): {problem}")
            added = sum(change.what == "add" for change in changes)
            if uow.jobs.count_live() + added > user.quota.schedules:
                refused.append(f"{user.email} may have {user.quota.schedules} schedules, and this would be more.")
        if refused:
            raise InvalidInput("\n".join(refused))
        return changes

    def store(self, user: User, entries: Sequence[Entry], *, now: datetime) -> list[Change]:
        """Add and change what `compare` says, in one transaction; what is as it should be stays untouched."""
        with self.uow as uow:
            changes = [_compare(uow, user, entry, now) for entry in entries]
            for change in changes:
                if change.what == "add":
                    _add(uow, user, change.entry, now)
                elif change.what == "change":
                    _change(uow, user, change.entry, now)
            uow.jobs.wake("runs")
            uow.commit()
            return changes


def words_of(entry: Entry) -> str:
    """When an exported schedule is due, in words."""
    return Timing(entry.when, entry.timezone, calendar=entry.calendar, hours_only=entry.hours_only).words


def _label(number: int, name: object) -> str:
    return f"entry {number}" + (f" ({str(name)[:60]})" if name else "")


def _address(uow: UnitOfWork, user_id: int) -> str:
    row = uow.users.get_by_id(user_id)
    return row.email if row is not None else ""


def _columns(uow: UnitOfWork, user: User, entry: Entry, now: datetime) -> dict[str, Any]:
    """The columns that an entry stands for, all of it checked."""
    kind = kind_of(entry.type)
    timing = entry.timing(now)
    proposal = Proposal(clean_name(entry.name, "name"), kind.name, entry.params, timing)
    params = check(user, proposal, now, uow.market.sessions_for(timing))
    window = entry.catch_up_window_s
    return {
        "name": proposal.name,
        "job_type": kind.name,
        "target": target_of(kind, params),
        "task_params": params,
        "cron": timing.expression,
        "timezone": timing.timezone,
        "calendar": timing.calendar,
        "hours_only": timing.hours_only,
        "jitter_s": timing.jitter_s,
        "starts_at": timing.starts_at,
        "ends_at": timing.ends_at,
        "enabled": entry.enabled,
        "catch_up": str(entry.catch_up or kind.catch_up),
        "catch_up_window_s": window if window is not None else int(kind.catch_up_window.total_seconds()),
        "overlap": entry.overlap or str(kind.overlap),
        "grace_s": entry.grace_s if entry.grace_s is not None else 120,
    }


def _utc(instant: datetime | None) -> datetime | None:
    if instant is not None and instant.tzinfo is None:
        raise InvalidInput(f"{instant} has no offset from UTC. Write it as {instant.isoformat()}Z, or with +01:00.")
    return instant.astimezone(UTC) if instant is not None else None


def _compare(uow: UnitOfWork, user: User, entry: Entry, now: datetime) -> Change:
    wanted = _columns(uow, user, entry, now)
    row = uow.jobs.named(wanted["name"], user.id)
    if row is None:
        return Change(entry, "add")
    if row.job_type != wanted["job_type"]:
        raise UserError(f"it is a {row.job_type} job already and can't become a {wanted['job_type']}; delete it first")
    different = tuple(column for column, value in wanted.items() if _held(row, column) != value)
    return Change(entry, "change" if different else "keep", different)


def _held(row: ScheduleRow, column: str) -> Any:
    value = getattr(row, column)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _add(uow: UnitOfWork, user: User, entry: Entry, now: datetime) -> None:
    columns = _columns(uow, user, entry, now)
    proposal = Proposal(columns["name"], entry.type, entry.params, entry.timing(now))
    options = {name: columns[name] for name in ("catch_up", "catch_up_window_s", "overlap", "grace_s")}
    row = add(uow, user, proposal, now, **options)
    if not entry.enabled:
        row.enabled, row.next_run_at = False, None


def _change(uow: UnitOfWork, user: User, entry: Entry, now: datetime) -> None:
    columns = _columns(uow, user, entry, now)
    standing = uow.jobs.named(columns["name"], user.id)
    row = uow.jobs.live(standing.id, lock=True) if standing is not None else None
    if row is None:
        raise InvalidInput(f"“{entry.name}” was deleted meanwhile. Take the file in again.")
    was_due_by = row.timing
    resumed = entry.enabled and not row.enabled
    for column, value in columns.items():
        setattr(row, column, value)
    if not row.enabled:
        row.next_run_at = row.paused_until = None
    elif resumed or row.timing != was_due_by:
        row.paused_reason, row.consecutive_failures = None, 0
        row.next_run_at = cursor_of(uow, row, now)
