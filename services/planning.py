"""What the scheduler does: plan what is due, ring what waits, rescue what stalled, and tell whom it concerns."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from db import erasing
from db.jobs import ScheduleRow
from db.planning import PlannedRows
from db.runs import Stalled
from db.unit_of_work import UnitOfWork
from domain import runs
from domain.calendars import Sessions
from domain.due_plan import DuePlan, PlannedDue, plan_due
from domain.ids import RunId, UserId
from domain.locales import format_when, mark, speaking, t, tn
from domain.messages import Button, Category, Outgoing
from domain.runs import Bell, Overlap, RunStatus, SkipReason, Trigger
from domain.schedules import CatchUp
from domain.timing import INSTANT, Due, SessionsUnknown, Timing
from domain.users import QUOTAS, Role
from notifications import outbox
from services import failures
from services.job_kinds import queue_of
from services.pausing import slot_of

PLAN_BATCH = 1000
RING_BATCH = 1000
RESCUE_BATCH = 200
DIGEST_USERS = 50
DIGEST_LINES = 12
UNPROVED_DAYS = 7
"""How long an address is kept that somebody sent and nobody proved."""
_NOT_SKIPPING = (Overlap.QUEUE_ONE, Overlap.IN_TURN)


@dataclass(frozen=True)
class Planned:
    """What one transaction of planning did: how many schedules it moved on, and whom to ring now."""

    schedules: int
    bells: list[Bell]


class PlanningService:
    """The scheduler's use cases; each method is one transaction, and any number of schedulers may call it."""

    def __init__(self, uow: UnitOfWork, sessions: Sessions = Sessions.NONE) -> None:
        self.uow = uow
        self.sessions = sessions

    def plan_due_runs(self, most: int = PLAN_BATCH, share: int = 0, shares: int = 1) -> Planned:
        """Plan what is due by the database's clock and move the cursors; ring the bells after this returned.

        Several threads may do so at once, each for its share of the people.
        """
        with self.uow as uow:
            due = uow.planning.due(most, share, shares)
            if not due:
                return Planned(0, [])
            batch = _Batch(uow, due, self.sessions)
            made = uow.planning.plan(batch.rows)
            uow.planning.move_cursors(batch.moved)
            uow.commit()
            return Planned(len(due), [Bell(RunId(run_id), 0, queue_of(kind)) for run_id, kind in made])

    def ring_waiting(self) -> list[Bell]:
        """Mark the runs that may start now as enqueued, and those rung in vain once more; ring after this returned."""
        with self.uow as uow:
            event = {"at": _stamp(uow.planning.database_now()), "what": "rung_again"}
            rung = uow.runs.ring(RING_BATCH, runs.RUNS_AT_ONCE_PER_USER, event)
            uow.commit()
            return [Bell(RunId(run_id), attempt, queue_of(kind)) for run_id, attempt, kind in rung]

    def ring_again_soon(self, bells: Iterable[Bell]) -> None:
        """The broker took none of these bells: ring them again in two seconds."""
        with self.uow as uow:
            uow.runs.ring_again_in(timedelta(seconds=2), [bell.run_id for bell in bells])
            uow.commit()

    def rescue_stalled(self, *, chance: random.Random) -> int:
        """Runs whose worker is gone or whose time is over: another attempt, or their end, and their owner hears."""
        with self.uow as uow:
            now = uow.planning.database_now()
            stalled = uow.runs.stalled(RESCUE_BATCH)
            for run in stalled:
                _rescue(uow, run, now, chance)
            if stalled:
                uow.jobs.wake("runs")
                uow.jobs.wake("cancel")  # a worker that still holds one of them learns of it at once
            uow.commit()
            return len(stalled)

    def tell_late(self) -> int:
        """Tell the owners of runs that have not started within their grace time, each person in one message."""
        with self.uow as uow:
            late = sorted(uow.planning.late(500), key=lambda row: (row.user_id, row.id))
            now = uow.planning.database_now()
            silent = _silent_systems(uow)
            for user_id, group in groupby(late, key=lambda row: row.user_id):
                with speaking(uow.preferences.locale_of(user_id)):
                    outbox.enqueue(uow, _late_message(user_id, list(group), silent, now), now)
            uow.commit()
            return len(late)

    def tell_missed(self) -> int:
        """One digest for each person after an outage: what was missed, what was caught up; some people at a time."""
        with self.uow as uow:
            missed = sorted(uow.planning.missed(DIGEST_USERS), key=lambda row: (row.user_id, row.id))
            now = uow.planning.database_now()
            for user_id, group in groupby(missed, key=lambda row: row.user_id):
                rows = list(group)
                if any(row.status == RunStatus.SKIPPED for row in rows):
                    owner = uow.users.get_by_id(user_id)
                    zone = ZoneInfo(owner.timezone) if owner is not None else ZoneInfo("UTC")
                    with speaking(uow.preferences.locale_of(user_id)):
                        outbox.enqueue(uow, _digest(user_id, rows, zone), now)
            uow.commit()
            return len({row.user_id for row in missed})

    def seconds_to_next(self) -> float | None:
        """Until there is something to do, by the database's clock; None when nothing is planned at all."""
        with self.uow as uow:
            return uow.planning.seconds_to_next()

    def read_sessions(self) -> Sessions:
        """The sessions of every exchange that are known."""
        with self.uow as uow:
            return uow.market.sessions()

    def revive(self) -> int:
        """Give a due time again to schedules that waited for sessions nobody knew yet."""
        with self.uow as uow:
            revived = 0
            for row in uow.jobs.without_cursor():
                row.next_run_at = _next_or_none(row, self.sessions)
                revived += row.next_run_at is not None
            uow.commit()
            return revived

    def housekeep(self, months_kept: int) -> None:
        """Make the coming partitions, drop those past their time, forget what nobody can repeat any more."""
        with self.uow as uow:
            uow.planning.make_partitions()
            uow.telegram.prune(timedelta(days=3))
            erasing.forget_unproved(uow.session, UNPROVED_DAYS)
            uow.inbox.prune(timedelta(days=2))  # Telegram brings nothing that is older than one
            uow.commit()
        with self.uow as uow:  # of its own: it waits for a lock on the whole table, for two seconds at most
            uow.planning.drop_partitions(months_kept)
            uow.commit()


class _Batch:
    """The rows and cursors of the schedules that are due at one instant, made in one pass."""

    def __init__(self, uow: UnitOfWork, due: Sequence[Any], sessions: Sessions) -> None:
        self.rows = PlannedRows()
        self.moved: list[tuple[int, datetime | None, datetime | None]] = []
        self._plans: dict[tuple[Any, ...], DuePlan] = {}
        self._now = uow.planning.database_now()
        self._busy = uow.planning.busy(list({row.user_id for row in due}))
        self._active = uow.planning.active([row.id for row in due if row.overlap != Overlap.ALLOW])
        for row in due:
            self._schedule(row, sessions)

    def _schedule(self, row: Any, sessions: Sessions) -> None:
        plan = self._plan(row, sessions)
        planned = row.last_planned_for
        for skipped in plan.skipped:
            self._skip(row, skipped.due, skipped.reason, skipped.text, skipped.covers_until)
        for run in plan.runs:
            if not row.owner_active:
                self._skip(row, run.due, SkipReason.OWNER_INACTIVE, "its owner is not active")
            elif (rule := self._rule(row, run)) is None:
                self._skip(row, run.due, SkipReason.OVERLAP, "the run before it was not over")
            else:
                self._run(row, run, rule)
                planned = run.due.at
        self.moved.append((row.id, plan.cursor, planned))

    def _plan(self, row: Any, sessions: Sessions) -> DuePlan:
        """Many schedules share a timing and a due time: one plan for all of them, where no quota or jitter differs."""
        last = row.last_planned_for
        shortest = QUOTAS[Role(row.role)].shortest_interval
        if row.jitter_s or (last is not None and row.next_run_at - last < shortest):
            return _plan(row, self._now, sessions, shortest, last)
        key = (
            row.cron, row.timezone, row.calendar, row.hours_only, row.starts_at, row.ends_at,
            row.next_run_at, row.catch_up, row.catch_up_window_s, shortest,
        )  # fmt: skip
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = _plan(row, self._now, sessions, shortest, None)
        return found

    def _rule(self, row: Any, run: PlannedDue) -> Overlap | None:
        """The rule the run goes by, or None when an earlier run leaves no room for it."""
        rule = Overlap(row.overlap)
        if rule is Overlap.ALLOW:
            return rule
        if run.catch_up and row.catch_up == CatchUp.ALL:
            return Overlap.IN_TURN
        active = self._active.get(row.id, [])
        if rule is Overlap.SKIP:
            return None if active else rule
        fresh_waiting = any(status != RunStatus.RUNNING and attempt == 0 for status, attempt in active)
        return None if fresh_waiting else rule

    def _run(self, row: Any, run: PlannedDue, rule: Overlap) -> None:
        room = self._busy.get(row.user_id, 0) < runs.RUNS_AT_ONCE_PER_USER
        its_turn = rule not in _NOT_SKIPPING or not self._active.get(row.id)
        at_once = room and its_turn and run.due.not_before <= self._now
        if at_once:
            self._busy[row.user_id] = self._busy.get(row.user_id, 0) + 1
        status = RunStatus.ENQUEUED if at_once else RunStatus.PLANNED
        if rule is not Overlap.ALLOW:
            self._active.setdefault(row.id, []).append((status, 0))
        self.rows.add(
            job_id=row.id,
            scheduled_for=run.due.at,
            not_before=run.due.not_before,
            local_slot=slot_of(run.due, row.timezone),
            status=status,
            trigger=Trigger.CATCH_UP if run.catch_up else Trigger.CRON,
            overlap=rule,
            notice="missed" if run.catch_up else None,
        )

    def _skip(self, row: Any, due: Due, reason: str, text: str | None, until: datetime | None = None) -> None:
        self.rows.add(
            job_id=row.id,
            scheduled_for=due.at,
            not_before=due.not_before,
            local_slot=slot_of(due, row.timezone),
            status=RunStatus.SKIPPED,
            trigger=Trigger.CRON,
            overlap=Overlap.ALLOW,
            skip_reason=reason,
            error=text,
            covers_until=until,
            notice="missed" if reason == SkipReason.WINDOW else None,
        )


def _plan(row: Any, now: datetime, sessions: Sessions, shortest: timedelta, last_planned: datetime | None) -> DuePlan:
    timing = Timing(
        row.cron,
        row.timezone,
        calendar=row.calendar,
        hours_only=row.hours_only,
        jitter_s=row.jitter_s,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        seed=row.id,
    )
    try:
        return plan_due(
            timing,
            row.next_run_at,
            now,
            sessions,
            catch_up=row.catch_up,
            window=timedelta(seconds=row.catch_up_window_s),
            shortest=shortest,
            last_planned=last_planned,
        )
    except SessionsUnknown:  # this due time was found while they were known; the next one waits for `revive`
        due = Due(row.next_run_at, row.next_run_at, None, None, None)
        return DuePlan((PlannedDue(due, catch_up=False),), (), None, more=False, last_planned=row.next_run_at)


def _next_or_none(row: ScheduleRow, sessions: Sessions) -> datetime | None:
    start = row.last_planned_for or row.created_at
    if row.paused_until is not None:
        start = max(start, row.paused_until - INSTANT)
    try:
        due = row.timing.next_after(start, sessions)
    except SessionsUnknown:
        return None
    return due.at if due is not None else None


def _rescue(uow: UnitOfWork, run: Stalled, now: datetime, chance: random.Random) -> None:
    reason = failures.TOO_LONG if run.late else failures.GONE
    event = {
        "at": _stamp(now),
        "what": "timed_out" if run.late else "lost",
        "attempt": run.attempt,
        "worker": run.worker_id,
        "started_at": _stamp(run.started_at),
        "reason": reason,
    }
    again = run.repeatable and run.attempt <= run.max_retries
    if again:
        step = runs.OVERRUN_RETRY if run.late else runs.RESCUE
        after = runs.back_off(run.attempt, chance) if run.late else timedelta(0)
        uow.runs.move(step, run.id, run.token, error=reason, event=event, after=after)
        return
    about: dict[str, Any] = {"run_id": run.id, "user_id": run.user_id, "job_id": run.job_id, "name": run.name}
    if run.late or run.repeatable:
        step = runs.OVERRUN if run.late else runs.BURY
        if uow.runs.move(step, run.id, run.token, error=reason, event=event):
            failures.failed(uow, **about, attempts=run.attempt, reason=reason)
    elif uow.runs.move(runs.LOSE, run.id, run.token, error=reason, event=event):
        failures.lost(uow, **about, reason=reason)


def _silent_systems(uow: UnitOfWork) -> list[str]:
    """Which of the parts that a start needs have said nothing for a while, or say that they are down."""
    return [
        row.system
        for row, age in uow.health.current()
        if row.system in ("worker", "valkey") and (row.status == "DOWN" or age > 45)
    ]


_CAUSES = {"worker": mark("no worker answers"), "valkey": mark("the queue (Valkey) does not answer")}


def _busy(running: int) -> str:
    return tn(
        "{n} of your other runs is still going, no more go at once",
        "{n} of your other runs are still going, no more go at once",
        running,
    )


def _late_message(user_id: int, late: Sequence[Any], silent: Sequence[str], now: datetime) -> Outgoing:
    first = late[0]
    busy = first.running >= runs.RUNS_AT_ONCE_PER_USER
    cause = ", ".join(t(_CAUSES[system]) for system in silent) or (
        _busy(first.running) if busy else t("the workers are busy")
    )
    zone = ZoneInfo(first.timezone)
    params: dict[str, Any] = {"cause": cause, "count": len(late), "more": max(len(late) - DIGEST_LINES, 0)}
    params["runs"] = [
        {"id": row.id, "name": row.name, "due": f"{row.scheduled_for.astimezone(zone):%H:%M}"}
        for row in late[:DIGEST_LINES]
    ]
    params["minutes"] = max(round((now - first.scheduled_for).total_seconds() / 60), 1)
    skip = [Button(t("Skip it"), data=f"x:{first.id}:skip"), Button(t("Why?"), data=f"w:{first.id}")]
    pause = [Button(t("Pause job"), data=f"j:{first.job_id}:pause:{first.id}")] if first.job_id else []
    now_button = (Button(t("Run now"), data=f"x:{first.id}:now"),)
    return Outgoing(
        Category.FAILURE,
        UserId(user_id),
        text="",
        template="runs_late",
        params=params,
        buttons=(now_button, (*skip, *pause)) if len(late) == 1 else ((Button(t("History"), data="h:0:0"),),),
        run_id=RunId(first.id) if len(late) == 1 else None,
        dedupe_key=f"late:{first.id}",
    )


def _digest(user_id: int, missed: Sequence[Any], zone: ZoneInfo) -> Outgoing:
    skipped = [row for row in missed if row.status == RunStatus.SKIPPED]
    caught = [row for row in missed if row.status != RunStatus.SKIPPED]
    last = max(row.covers_until or row.scheduled_for for row in missed)
    lines = _by_schedule(skipped)
    params = {
        "since": format_when(min(row.scheduled_for for row in missed), zone),
        "until": format_when(last, zone),
        "skipped": len(skipped),
        "and_more": any(row.covers_until for row in skipped),
        "caught": len(caught),
        "jobs": lines[:DIGEST_LINES],
        "more": max(len(lines) - DIGEST_LINES, 0),
    }
    return Outgoing(
        Category.FAILURE,
        UserId(user_id),
        text="",
        template="runs_missed",
        params=params,
        buttons=((Button(t("History"), data="h:0:0"), Button(t("My jobs"), data="l:0")),),
        dedupe_key=f"missed:{missed[0].id}:{user_id}",
    )


def _by_schedule(skipped: Sequence[Any]) -> list[Mapping[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in skipped:
        line = found.setdefault(row.job_id, {"id": row.job_id, "name": row.name, "count": 0, "more": False})
        line["count"] += 1
        line["more"] = line["more"] or row.covers_until is not None
    return list(found.values())


def _stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds")
