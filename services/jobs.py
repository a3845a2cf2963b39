"""Schedules and runs: what people ask for, what the scheduler plans, what workers do."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.jobs import RunRow, ScheduleRow
from db.unit_of_work import UnitOfWork
from domain import runs
from domain.cron import Cron
from domain.errors import GiveUp, InvalidInput, NotFound, RetryLater
from domain.ids import RunId, UserId
from domain.messages import Button, Category, Outgoing, Rows
from domain.runs import ClaimedRun, Outcome, Run, RunStatus, Trigger
from domain.schedules import (
    CATCH_UP_WINDOW,
    DEFAULT_CATCH_UP_WINDOW,
    UNDO_WINDOW,
    JobType,
    Proposal,
    Schedule,
    plan_due,
)
from domain.users import User
from notifications import outbox

PLAN_BATCH = 200
RING_BATCH = 200
DEFAULT_TIMEOUT = timedelta(minutes=2)
DEFAULT_RETRIES = 2


@dataclass(frozen=True)
class Bell:
    """What a worker is rung for: the run and the attempt it is about to be, nothing else."""

    run_id: RunId
    attempt: int
    job_type: JobType


@dataclass(frozen=True)
class HistoryEntry:
    """A run and how its message got there."""

    run: Run
    delivery_status: str | None
    sent_at: datetime | None


@dataclass(frozen=True)
class Saved:
    """A schedule that was saved; `again` when that had happened before."""

    schedule: Schedule
    again: bool


def as_form(proposal: Proposal) -> dict[str, Any]:
    """A proposal as a form keeps it, for `JobsService.save` to read back."""
    return {
        "name": proposal.name,
        "job_type": proposal.job_type,
        "params": dict(proposal.params),
        "cron": proposal.cron.text,
        "timezone": proposal.timezone,
    }


class JobsService:
    """Use cases around schedules and runs; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    # what people ask

    def save(self, user: User, telegram_user_id: int, draft_id: int, *, now: datetime) -> Saved:
        """Keep what was shown to the person, once, however often it is asked; a name that is taken gets a number."""
        with self.uow as uow:
            draft = uow.telegram.draft(draft_id, telegram_user_id)
            if draft is None or draft.expires_at <= now:
                raise NotFound("This form has expired, and nothing was saved. Make it again with /schedule.")
            if draft.consumed_at is not None:
                return _saved_before(uow, draft.data)
            proposal = _proposal(draft.data)
            proposal.check(user.quota, now)
            if uow.jobs.count_live() >= user.quota.schedules:
                most = user.quota.schedules
                raise InvalidInput(f"You have {most} schedules, the most you may have. Delete one with /delete first.")
            row = uow.jobs.create(
                user_id=user.id,
                name=_free_name(uow, proposal.name),
                job_type=proposal.job_type,
                target=proposal.params.get("symbol"),
                task_params=dict(proposal.params),
                cron=proposal.cron.text,
                timezone=proposal.timezone,
                enabled=True,
                next_run_at=proposal.cron.next_after(now, ZoneInfo(proposal.timezone)),
                catch_up_window_s=int(CATCH_UP_WINDOW.get(proposal.job_type, DEFAULT_CATCH_UP_WINDOW).total_seconds()),
                max_retries=DEFAULT_RETRIES,
                timeout_s=int(DEFAULT_TIMEOUT.total_seconds()),
            )
            draft.consumed_at, draft.data = now, {**draft.data, "schedule_id": row.id}
            uow.jobs.wake("runs")
            uow.commit()
            return Saved(row.view(), again=False)

    def get(self, schedule_id: int) -> Schedule:
        with self.uow as uow:
            return _found(uow, schedule_id).view()

    def page(self, *, after: int = 0, limit: int = 8) -> list[Schedule]:
        """Live schedules with a number above `after`."""
        with self.uow as uow:
            return [row.view() for row in uow.jobs.all_live(after=after, limit=limit)]

    def coming(self, limit: int = 10) -> list[Schedule]:
        """The schedules whose next run comes first."""
        with self.uow as uow:
            return [row.view() for row in uow.jobs.coming(limit)]

    def pause(self, schedule_id: int) -> Schedule:
        """Plan no further runs; those already planned still go."""
        with self.uow as uow:
            row = _found(uow, schedule_id)
            row.enabled, row.next_run_at = False, None
            uow.commit()
            return row.view()

    def resume(self, schedule_id: int, *, now: datetime) -> Schedule:
        """Plan again, from the next due time after `now`; what fell into the pause stays out."""
        with self.uow as uow:
            row = _found(uow, schedule_id)
            if not row.enabled:
                row.enabled, row.next_run_at = True, _next_after(row, now)
                uow.jobs.wake("runs")
            uow.commit()
            return row.view()

    def delete(self, schedule_id: int, *, now: datetime) -> Schedule:
        """Take a schedule away; `undelete` brings it back for ten minutes."""
        with self.uow as uow:
            row = _found(uow, schedule_id)
            row.deleted_at, row.next_run_at = now, None
            uow.commit()
            return row.view()

    def undelete(self, schedule_id: int, *, now: datetime) -> Schedule:
        """Bring a deleted schedule back, as it was."""
        with self.uow as uow:
            row = uow.jobs.get_by_id(schedule_id)
            if row is None:
                raise NotFound(_not_found(schedule_id))
            if row.deleted_at is not None:
                if row.deleted_at < now - UNDO_WINDOW:
                    raise NotFound("That was deleted more than ten minutes ago. Make it again with /schedule.")
                row.deleted_at, row.name = None, _free_name(uow, row.name)
                row.next_run_at = _next_after(row, now) if row.enabled else None
                uow.jobs.wake("runs")
            uow.commit()
            return row.view()

    def run_now(self, schedule_id: int, *, now: datetime) -> RunId:
        """Run a schedule's job once, now; its plan stays as it is."""
        with self.uow as uow:
            schedule = _found(uow, schedule_id)
            if uow.jobs.active_run(schedule.id) is not None:
                raise InvalidInput("It is being run already. /history shows how far it got.")
            row = uow.jobs.add_run(
                job_id=schedule.id,
                user_id=schedule.user_id,
                job_type=schedule.job_type,
                trigger=Trigger.MANUAL,
                scheduled_for=now,
                not_before=now,
                job_snapshot=schedule.snapshot(),
                priority=1,
            )
            uow.commit()
            return RunId(row.id)

    def run_once(self, user: User, job_type: JobType, name: str, params: Mapping[str, Any], *, now: datetime) -> RunId:
        """Run a job once, now, without a schedule."""
        with self.uow as uow:
            row = uow.jobs.add_run(
                job_id=None,
                user_id=user.id,
                job_type=job_type,
                trigger=Trigger.MANUAL,
                scheduled_for=now,
                not_before=now,
                priority=1,
                job_snapshot={
                    "name": name,
                    "target": params.get("symbol"),
                    "task_params": dict(params),
                    "cron": None,
                    "timezone": user.timezone,
                    "max_retries": DEFAULT_RETRIES,
                    "timeout_s": int(DEFAULT_TIMEOUT.total_seconds()),
                },
            )
            uow.commit()
            return RunId(row.id)

    def history(
        self, *, schedule_id: int | None = None, before: int | None = None, limit: int = 8
    ) -> list[HistoryEntry]:
        """A page of runs, newest first, each with the delivery of its message."""
        with self.uow as uow:
            if schedule_id is not None:
                _found(uow, schedule_id)
            rows = uow.jobs.history(schedule_id=schedule_id, before=before, limit=limit)
            sent = uow.messages.of_runs([row.id for row in rows])
            return [
                HistoryEntry(row.view(), delivery.status if delivery else None, delivery.sent_at if delivery else None)
                for row, delivery in ((row, sent.get(row.id)) for row in rows)
            ]

    # what the scheduler does

    def plan_due_runs(self) -> int:
        """Plan what is due by the database's clock: one run each, the missed ones recorded, the cursors moved."""
        with self.uow as uow:
            now = uow.jobs.database_now()
            due = uow.jobs.due(PLAN_BATCH)
            uow.jobs.plan([run for row in due for run in _plan(row, now)])
            uow.commit()
            return len(due)

    def ring_waiting(self) -> list[Bell]:
        """Mark the runs that may start as enqueued; ring their bells after this returned."""
        with self.uow as uow:
            rung = uow.jobs.ring(RING_BATCH, runs.RING_AGAIN, runs.RUNS_AT_ONCE_PER_USER)
            uow.commit()
            return [Bell(RunId(run_id), attempt, JobType(kind)) for run_id, attempt, kind in rung]

    def ring_again_soon(self, bells: Iterable[Bell]) -> None:
        """The broker took none of these bells: ring them again in two seconds."""
        with self.uow as uow:
            uow.jobs.ring_again_in(timedelta(seconds=2), [bell.run_id for bell in bells], runs.RING_AGAIN)
            uow.commit()

    def rescue_stalled(self, *, chance: random.Random) -> int:
        """Runs whose worker is gone, or whose time is over: another attempt, or their end when those are used up."""
        with self.uow as uow:
            now = uow.jobs.database_now()
            stalled = uow.jobs.stalled(PLAN_BATCH)
            for row in stalled:
                late = row.deadline_at is not None and row.deadline_at < now
                reason = "it took longer than its time limit" if late else "its worker stopped answering"
                _fail(uow, row, reason, now, chance=chance, status=RunStatus.TIMED_OUT if late else RunStatus.FAILED)
            uow.commit()
            return len(stalled)

    def seconds_to_next(self) -> float | None:
        with self.uow as uow:
            return uow.jobs.seconds_to_next()

    def housekeep(self) -> None:
        """Make the coming partitions, forget what nobody can repeat any more."""
        with self.uow as uow:
            uow.jobs.make_partitions()
            uow.telegram.prune(timedelta(days=3))
            uow.commit()

    # what a worker does

    def start_run(self, run_id: int, attempt: int, worker_id: str) -> ClaimedRun | None:
        """Claim a run for this worker; None when a bell was late or doubled and there is nothing to do."""
        with self.uow as uow:
            claimed = uow.jobs.claim(run_id, attempt, worker_id, runs.LEASE)
            uow.commit()
            return claimed

    def keep_alive(self, held: Mapping[int, int]) -> set[int]:
        """Renew the leases of these runs (by their tokens); those no longer ours are missing in the answer."""
        with self.uow as uow:
            kept = uow.jobs.heartbeat(held.items(), runs.LEASE)
            uow.commit()
            return kept

    def finish_run(self, claimed: ClaimedRun, outcome: Outcome, *, now: datetime) -> bool:
        """Store the result and queue its messages, in one commit; False when another attempt owns the run by now."""
        with self.uow as uow:
            row = uow.jobs.finish(
                claimed.id, claimed.token, RunStatus.SUCCEEDED, result=dict(outcome.result), error=None
            )
            if row is None:
                return False
            for number, message in enumerate(outcome.messages):
                outbox.enqueue(uow, _of_run(message, claimed, number), now)
            if claimed.schedule_id is not None:
                uow.jobs.record_outcome(claimed.schedule_id, failed=False)
            uow.commit()
            return True

    def fail_run(
        self, claimed: ClaimedRun, problem: Exception, *, reference: str, now: datetime, chance: random.Random
    ) -> bool:
        """Plan another attempt or record the end, and then tell the owner; False when the run is no longer ours."""
        with self.uow as uow:
            row = uow.jobs.run(claimed.id)
            if row is None or row.token != claimed.token:
                return False
            final = isinstance(problem, GiveUp)
            after = problem.after if isinstance(problem, RetryLater) else None
            known = isinstance(problem, GiveUp | RetryLater)
            reason = str(problem) if known else f"something broke on my side (reference {reference})"
            done = _fail(uow, row, reason, now, chance=chance, final=final, after=after)
            uow.commit()
            return done


def _proposal(data: Mapping[str, Any]) -> Proposal:
    return Proposal(data["name"], JobType(data["job_type"]), data["params"], Cron(data["cron"]), data["timezone"])


def _saved_before(uow: UnitOfWork, data: Mapping[str, Any]) -> Saved:
    row = uow.jobs.live(data["schedule_id"]) if "schedule_id" in data else None
    if row is None:
        raise NotFound("This form was closed, and nothing was saved. Make it again with /schedule.")
    return Saved(row.view(), again=True)


def _plan(row: ScheduleRow, now: datetime) -> list[dict[str, Any]]:
    if row.next_run_at is None:  # a due schedule has a cursor
        return []
    window = timedelta(seconds=row.catch_up_window_s)
    plan = plan_due(Cron(row.cron), ZoneInfo(row.timezone), row.next_run_at, now, window)
    row.next_run_at = plan.next_run_at
    common = {
        "job_id": row.id,
        "user_id": row.user_id,
        "job_type": row.job_type,
        "job_snapshot": row.snapshot(),
        "priority": row.priority,
    }
    missed = [
        common
        | {
            "scheduled_for": due,
            "not_before": due,
            "status": RunStatus.SKIPPED,
            "trigger": Trigger.CRON,
            "skip_reason": "window",
            "finished_at": now,
        }
        for due in plan.missed
    ]
    if plan.run is None:
        return missed
    late = now - plan.run > timedelta(minutes=1)
    run = {
        "scheduled_for": plan.run,
        "not_before": plan.run,
        "status": RunStatus.PLANNED,
        "trigger": Trigger.CATCH_UP if late else Trigger.CRON,
        "skip_reason": None,
        "finished_at": None,
    }
    return [*missed, common | run]


def _fail(
    uow: UnitOfWork,
    row: RunRow,
    reason: str,
    now: datetime,
    *,
    chance: random.Random,
    status: RunStatus = RunStatus.FAILED,
    final: bool = False,
    after: timedelta | None = None,
) -> bool:
    retries = row.job_snapshot["max_retries"]
    if not final and row.attempt <= retries:
        start = now + (after or runs.back_off(row.attempt, chance))
        again = uow.jobs.finish(row.id, row.token, RunStatus.PLANNED, not_before=start, error=reason)
        uow.jobs.wake("runs")
        return again is not None
    if uow.jobs.finish(row.id, row.token, status, error=reason) is None:
        return False
    if row.job_id is not None:
        uow.jobs.record_outcome(row.job_id, failed=True)
    outbox.enqueue(uow, _failure_message(row, reason), now)
    return True


def _failure_message(row: RunRow, reason: str) -> Outgoing:
    # the text is rendered by the channel, which escapes what came from people
    buttons: Rows = ()
    if row.job_id is not None:
        buttons = (
            (
                Button("Run again", data=f"j:{row.job_id}:run:{row.id}"),
                Button("Show it", data=f"j:{row.job_id}:show:0"),
            ),
        )
    return Outgoing(
        Category.FAILURE,
        UserId(row.user_id),
        text="",
        template="run_failed",
        params={"name": row.job_snapshot["name"], "reason": reason, "attempts": row.attempt, "run_id": row.id},
        buttons=buttons,
        run_id=RunId(row.id),
        dedupe_key=f"run:{row.id}:failed",
    )


def _of_run(message: Outgoing, claimed: ClaimedRun, number: int) -> Outgoing:
    return Outgoing(**(vars(message) | {"run_id": claimed.id, "dedupe_key": f"run:{claimed.id}:{number}"}))


def _found(uow: UnitOfWork, schedule_id: int) -> ScheduleRow:
    row = uow.jobs.live(schedule_id)
    if row is None:
        raise NotFound(_not_found(schedule_id))
    return row


def _not_found(schedule_id: int) -> str:
    return f"I can't find job {schedule_id} among yours. /jobs lists them."


def _next_after(row: ScheduleRow, now: datetime) -> datetime | None:
    return Cron(row.cron).next_after(now, ZoneInfo(row.timezone))


def _free_name(uow: UnitOfWork, name: str) -> str:
    wanted, number = name, 2
    while uow.jobs.name_taken(wanted):
        wanted, number = f"{name} {number}", number + 1
    return wanted
