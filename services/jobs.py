"""Schedules: what people ask for. Their runs are in `services.runs`, their planning in `services.planning`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from db.jobs import ScheduleRow
from db.planning import PlannedRows
from db.runs import RunRow
from db.unit_of_work import UnitOfWork
from domain.calendars import Sessions
from domain.errors import InvalidInput, NotFound
from domain.ids import RunId
from domain.runs import ACTIVE, Overlap, Run, RunStatus, SkipReason, Trigger
from domain.schedules import UNDO_WINDOW, Proposal, Schedule
from domain.timing import Due, Timing
from domain.users import User
from services.job_kinds import JobKind, check_params, kind_of, target_of
from services.pausing import plan_no_more, slot_of

OPTIONS = frozenset({"catch_up", "catch_up_window_s", "overlap", "jitter_s", "grace_s"})
"""The columns that `JobsService.set_options` may change: none of them moves a due time."""


@dataclass(frozen=True)
class Saved:
    """A schedule that was saved; `again` when that had happened before."""

    schedule: Schedule
    again: bool


def as_form(proposal: Proposal) -> dict[str, Any]:
    """A proposal as a form keeps it, for `JobsService.save` to read back."""
    work = {"name": proposal.name, "job_type": proposal.job_type, "params": dict(proposal.params)}
    return work | timing_form(proposal.timing)


def from_form(data: Mapping[str, Any]) -> Proposal:
    """The proposal that a form keeps."""
    return Proposal(data["name"], data["job_type"], data["params"], timing_from(data))


def timing_form(timing: Timing) -> dict[str, Any]:
    """A timing as a form keeps it, for `timing_from` to read back."""
    return {
        "cron": timing.expression,
        "timezone": timing.timezone,
        "calendar": timing.calendar,
        "hours_only": timing.hours_only,
        "jitter_s": timing.jitter_s,
        "starts_at": timing.starts_at.isoformat() if timing.starts_at else None,
        "ends_at": timing.ends_at.isoformat() if timing.ends_at else None,
    }


def timing_from(data: Mapping[str, Any]) -> Timing:
    """The timing that a form keeps."""
    starts, ends = data.get("starts_at"), data.get("ends_at")
    return Timing(
        data["cron"],
        data["timezone"],
        calendar=data.get("calendar"),
        hours_only=data.get("hours_only", False),
        jitter_s=data.get("jitter_s", 0),
        starts_at=datetime.fromisoformat(starts) if starts else None,
        ends_at=datetime.fromisoformat(ends) if ends else None,
    )


class JobsService:
    """Use cases around schedules; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def save(self, user: User, telegram_user_id: int, draft_id: int, *, now: datetime) -> Saved:
        """Keep what was shown to the person, once, however often it is asked; a name that is taken gets a number."""
        with self.uow as uow:
            draft = uow.telegram.draft(draft_id, telegram_user_id)
            if draft is None or draft.expires_at <= now:
                raise NotFound("This form has expired, and nothing was saved. Make it again with /schedule.")
            if draft.consumed_at is not None:
                return _saved_before(uow, draft.data)
            row = add(uow, user, from_form(draft.data), now)
            draft.consumed_at, draft.data = now, {**draft.data, "schedule_id": row.id}
            uow.commit()
            return Saved(row.view(), again=False)

    def create(self, user: User, proposal: Proposal, *, now: datetime, **options: Any) -> Schedule:
        """Keep a schedule; `options` are columns such as catch_up or overlap, with values already checked."""
        with self.uow as uow:
            row = add(uow, user, proposal, now, **options)
            uow.commit()
            return row.view()

    def get(self, schedule_id: int) -> Schedule:
        with self.uow as uow:
            return found(uow, schedule_id).view()

    def pause(self, schedule_id: int) -> Schedule:
        """Plan no further runs; those already planned still go."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            row.enabled = False
            plan_no_more(uow, row, "the job was paused before this could be planned")
            uow.commit()
            return row.view()

    def resume(self, schedule_id: int, *, now: datetime) -> Schedule:
        """Plan again, from the next due time after `now`; what fell into the pause stays out."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            if not row.enabled:
                row.enabled, row.paused_reason, row.failure_told_at, row.consecutive_failures = True, None, None, 0
                row.next_run_at = next_of(row.timing, now, uow.market.sessions_for(row.timing))
                uow.jobs.wake("runs")
            uow.commit()
            return row.view()

    def delete(self, schedule_id: int, *, now: datetime) -> Schedule:
        """Take a schedule away; `undelete` brings it back for ten minutes."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            plan_no_more(uow, row, "the job was deleted before this could be planned")
            row.deleted_at = now
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
                if row.enabled:
                    row.next_run_at = next_of(row.timing, now, uow.market.sessions_for(row.timing))
                uow.jobs.wake("runs")
            uow.commit()
            return row.view()

    def skip_next(self, schedule_id: int) -> tuple[Schedule, datetime]:
        """Leave out the next run: it gets its row, which says who wanted it; the cursor moves past it.

        Due times before it that a calendar leaves out get the rows that they would have got.
        """
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            if row.next_run_at is None:
                raise InvalidInput("Nothing is planned for that job, so there is nothing to skip. /resume starts it.")
            sessions, rows = uow.market.sessions_for(row.timing), PlannedRows()
            due: Due | None = row.timing.due_at(row.next_run_at, sessions)
            while due is not None and due.left_out is not None:
                rows.add(**_skipped(row, due, SkipReason.NO_SESSION))
                due = row.timing.next_after(due.at, sessions)
            if due is None:
                raise InvalidInput("No run of that job is to come, so there is nothing to skip.")
            rows.add(**_skipped(row, due, SkipReason.BY_OWNER))
            uow.planning.plan(rows)
            row.next_run_at = next_of(row.timing, due.at, sessions)
            uow.commit()
            return row.view(), due.at

    def set_options(self, schedule_id: int, options: Mapping[str, Any]) -> Schedule:
        """Change how a schedule meets what it missed or what is still going, or how far its starts are spread."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            for column, value in options.items():
                if column not in OPTIONS:
                    raise ValueError(f"{column} is no option")
                setattr(row, column, value)
            uow.commit()
            return row.view()

    def set_calendar(self, schedule_id: int, calendar: str | None, *, now: datetime) -> Schedule:
        """Keep a schedule to the days on which that exchange has a session, or to none; its cursor follows."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            if calendar is None and row.hours_only:
                raise InvalidInput("That job runs in an exchange's hours, so it needs the exchange.")
            if row.cron.startswith("@"):
                raise InvalidInput("That job goes by an exchange's sessions already.")
            row.calendar = calendar
            if row.enabled:
                row.next_run_at = next_of(row.timing, now, uow.market.sessions_for(row.timing))
            uow.jobs.wake("runs")
            uow.commit()
            return row.view()

    def run_now(self, schedule_id: int, *, now: datetime) -> RunId:
        """Run a schedule's job once, now; its plan stays as it is."""
        with self.uow as uow:
            schedule = found(uow, schedule_id, lock=True)
            if schedule.overlap != Overlap.ALLOW and uow.runs.active_run(schedule.id) is not None:
                raise InvalidInput("It is being run already. /history shows how far it got.")
            row = uow.runs.add_run(
                job_id=schedule.id,
                user_id=schedule.user_id,
                job_type=schedule.job_type,
                trigger=Trigger.MANUAL,
                scheduled_for=now,
                not_before=now,
                overlap=schedule.overlap,
                job_snapshot=schedule.snapshot(),
                priority=1,
            )
            uow.commit()
            return RunId(row.id)

    def run_once(self, user: User, job_type: str, name: str, params: Mapping[str, Any], *, now: datetime) -> RunId:
        """Run a job once, now, without a schedule."""
        kind = kind_of(job_type)
        checked = _checked(kind, user, params)
        with self.uow as uow:
            row = uow.runs.add_run(
                job_id=None,
                user_id=user.id,
                job_type=kind.name,
                trigger=Trigger.MANUAL,
                scheduled_for=now,
                not_before=now,
                priority=1,
                job_snapshot={
                    "name": name,
                    "target": target_of(kind, checked),
                    "task_params": checked,
                    "cron": None,
                    "timezone": user.timezone,
                    "max_retries": kind.retries,
                    "timeout_s": int(kind.timeout.total_seconds()),
                    "repeatable": kind.repeatable,
                },
            )
            uow.commit()
            return RunId(row.id)

    def retry(self, run_id: int, *, now: datetime) -> RunId:
        """Do once more what a run that is over had to do, as a new run with the same parameters."""
        with self.uow as uow:
            old = found_run(uow, run_id)
            if RunStatus(old.status) in ACTIVE:
                raise InvalidInput(f"Run {run_id} is not over yet. /why {run_id} tells how far it got.")
            schedule = uow.jobs.live(old.job_id, lock=True) if old.job_id is not None else None
            overlap = schedule.overlap if schedule is not None else Overlap.ALLOW
            if schedule is not None and overlap != Overlap.ALLOW and uow.runs.active_run(schedule.id) is not None:
                raise InvalidInput("That job is being run already. /history shows how far it got.")
            row = uow.runs.add_run(
                job_id=schedule.id if schedule is not None else None,
                user_id=old.user_id,
                job_type=old.job_type,
                trigger=Trigger.MANUAL,
                scheduled_for=now,
                not_before=now,
                overlap=overlap,
                job_snapshot=old.job_snapshot,
                retry_of=old.id,
                priority=1,
            )
            uow.commit()
            return RunId(row.id)

    def hurry(self, user: User, run_id: int) -> Run:
        """Let a waiting run of this person start before their others. For the platform: people may not move times."""
        with self.uow as uow:
            row = uow.runs.run(run_id)
            if row is None or row.user_id != user.id:
                raise NotFound(_run_not_found(run_id))
            if not uow.runs.hurry(run_id):
                raise InvalidInput(f"Run {run_id} does not wait any more ({_status_words(row.status)}).")
            uow.commit()
            return row.view()

    def leave(self, run_id: int, by: str, *, now: datetime) -> Run:
        """Note that somebody looked at a run whose outcome is unknown, and that nothing is to be done."""
        with self.uow as uow:
            row = found_run(uow, run_id)
            if row.status != RunStatus.UNKNOWN:
                raise InvalidInput(f"Run {run_id} is not in doubt ({_status_words(row.status)}).")
            if not any(event["what"] == "left" for event in row.events):
                uow.runs.remember(run_id, {"at": now.isoformat(timespec="milliseconds"), "what": "left", "by": by})
            uow.commit()
            return row.view()

    def kill(self, run_id: int, by: str, *, now: datetime) -> Run:
        """Cancel a run that is not over: a waiting one never starts, a running one is stopped, its result refused."""
        with self.uow as uow:
            row = found_run(uow, run_id)
            event = {"at": now.isoformat(timespec="milliseconds"), "what": "cancelled", "by": by, "was": row.status}
            if not uow.runs.cancel(run_id, error=f"cancelled by {by}", event=event):
                raise InvalidInput(f"Run {run_id} is over already ({row.status}), there is nothing to stop.")
            view = replace(row.view(), status=RunStatus.CANCELLED)
            uow.commit()
            return view


def check(user: User, proposal: Proposal, now: datetime, sessions: Sessions) -> dict[str, Any]:
    """The parameters to be kept; InvalidInput or NotAllowed when this person can't have that schedule."""
    checked = _checked(kind_of(proposal.job_type), user, proposal.params)
    proposal.check(user.quota, now, sessions)
    return checked


def _skipped(row: ScheduleRow, due: Due, reason: SkipReason) -> dict[str, Any]:
    return {
        "job_id": row.id,
        "scheduled_for": due.at,
        "not_before": due.not_before,
        "local_slot": slot_of(due, row.timezone),
        "status": RunStatus.SKIPPED,
        "trigger": Trigger.CRON,
        "overlap": Overlap.ALLOW,
        "skip_reason": reason,
        "error": due.left_out,
    }


def add(uow: UnitOfWork, user: User, proposal: Proposal, now: datetime, **options: Any) -> ScheduleRow:
    """A new schedule of `user`, checked against its kind's parameters, the quota and the calendar."""
    kind = kind_of(proposal.job_type)
    sessions = uow.market.sessions_for(proposal.timing)
    checked = check(user, proposal, now, sessions)
    if uow.jobs.count_live() >= user.quota.schedules:
        most = user.quota.schedules
        raise InvalidInput(f"You have {most} schedules, the most you may have. Delete one with /delete first.")
    timing = proposal.timing
    values: dict[str, Any] = {
        "user_id": user.id,
        "name": _free_name(uow, proposal.name),
        "job_type": kind.name,
        "target": target_of(kind, checked),
        "task_params": checked,
        "cron": timing.expression,
        "timezone": timing.timezone,
        "calendar": timing.calendar,
        "hours_only": timing.hours_only,
        "jitter_s": timing.jitter_s,
        "starts_at": timing.starts_at,
        "ends_at": timing.ends_at,
        "enabled": True,
        "next_run_at": next_of(timing, now, sessions),
        "catch_up": kind.catch_up,
        "catch_up_window_s": int(kind.catch_up_window.total_seconds()),
        "overlap": kind.overlap,
        "max_retries": kind.retries,
        "timeout_s": int(kind.timeout.total_seconds()),
        "repeatable": kind.repeatable,
    }
    row = uow.jobs.create(**(values | options))
    uow.jobs.wake("runs")
    return row


def next_of(timing: Timing, instant: datetime, sessions: Sessions) -> datetime | None:
    """The due time after `instant`, which a cursor is moved to."""
    due = timing.next_after(instant, sessions)
    return due.at if due is not None else None


def found(uow: UnitOfWork, schedule_id: int, *, lock: bool = False) -> ScheduleRow:
    """A live schedule of whoever the unit of work is for; NotFound says the same for another's as for none."""
    row = uow.jobs.live(schedule_id, lock=lock)
    if row is None:
        raise NotFound(_not_found(schedule_id))
    return row


def found_run(uow: UnitOfWork, run_id: int) -> RunRow:
    """A run of whoever the unit of work is for; NotFound says the same for another's as for none."""
    row = uow.runs.run(run_id)
    if row is None:
        raise NotFound(_run_not_found(run_id))
    return row


def _run_not_found(run_id: int) -> str:
    return f"I can't find run {run_id} among yours. /history lists them."


def _status_words(status: str) -> str:
    return status.replace("_", " ")


def _checked(kind: JobKind, user: User, params: Mapping[str, Any]) -> dict[str, Any]:
    checked = check_params(kind, params)
    kind.authorise(user.role, checked)
    return checked


def _saved_before(uow: UnitOfWork, data: Mapping[str, Any]) -> Saved:
    row = uow.jobs.live(data["schedule_id"]) if "schedule_id" in data else None
    if row is None:
        raise NotFound("This form was closed, and nothing was saved. Make it again with /schedule.")
    return Saved(row.view(), again=True)


def _not_found(schedule_id: int) -> str:
    return f"I can't find job {schedule_id} among yours. /jobs lists them."


def _free_name(uow: UnitOfWork, name: str) -> str:
    wanted, number = name, 2
    while uow.jobs.name_taken(wanted):
        wanted, number = f"{name} {number}", number + 1
    return wanted
