"""Schedules: what people ask for. Single runs are in `services.asked_runs`, planning is in `services.planning`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from db.jobs import ScheduleRow
from db.planning import PlannedRows
from db.unit_of_work import UnitOfWork
from domain.calendars import Sessions
from domain.errors import InvalidInput, NotFound
from domain.locales import t
from domain.runs import Overlap, RunStatus, SkipReason, Trigger
from domain.schedules import UNDO_WINDOW, Proposal, Schedule
from domain.tags import changed_tags
from domain.timing import Due, Timing
from domain.users import User, clean_name
from services import pausing
from services.asked_runs import AskedRuns, checked, found, job_not_found
from services.job_kinds import kind_of, target_of
from services.pausing import cursor_of, next_of, plan_no_more, slot_of

__all__ = [
    "JobsService",
    "add",
    "check",
    "found",
    "next_of",
    "timing_form",
    "timing_from",
]

OPTIONS = frozenset({"catch_up", "catch_up_window_s", "overlap", "jitter_s", "grace_s"})
"""The columns that `JobsService.set_options` may change: none of them moves a due time."""


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


_COPIED = ("max_retries", "timeout_s", "priority", "tags", "deliver_to", "destination_id")
MOST_SKIPPED = 30
"""As many runs as may be left out at once; more is a pause."""


class JobsService(AskedRuns):
    """Use cases around schedules, and around the runs that people ask for; each method is one transaction."""

    def create(self, user: User, proposal: Proposal, *, now: datetime, **options: Any) -> Schedule:
        """Keep a schedule; `options` are columns such as catch_up or overlap, with values already checked."""
        with self.uow as uow:
            row = add(uow, user, proposal, now, **options)
            uow.commit()
            return row.view()

    def get(self, schedule_id: int) -> Schedule:
        with self.uow as uow:
            return found(uow, schedule_id).view()

    def pause(self, schedule_id: int, until: datetime | None = None) -> Schedule:
        """Plan no further runs, or none before `until`; those already planned still go."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            pausing.pause(uow, row, until, uow.planning.database_now())
            uow.jobs.wake("runs")
            uow.commit()
            return row.view()

    def resume(self, schedule_id: int, *, now: datetime) -> Schedule:
        """Plan again, from the next due time after `now`; what fell into the pause stays out."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            if pausing.resume(uow, row, now):
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
                raise NotFound(job_not_found(schedule_id))
            if row.deleted_at is not None:
                if row.deleted_at < now - UNDO_WINDOW:
                    raise NotFound(t("That was deleted more than ten minutes ago. Make it again with /schedule."))
                row.deleted_at, row.name = None, _free_name(uow, row.name)
                row.next_run_at = cursor_of(uow, row, now)
                uow.jobs.wake("runs")
            uow.commit()
            return row.view()

    def skip_next(self, schedule_id: int) -> tuple[Schedule, datetime]:
        """Leave out the next run: it gets its row, which says who wanted it; the cursor moves past it."""
        schedule, (left_out,) = self.skip(schedule_id, 1)
        return schedule, left_out

    def skip(self, schedule_id: int, count: int) -> tuple[Schedule, list[datetime]]:
        """Leave out the next `count` runs, as many as there are; those left out come back in their order.

        Due times before them that a calendar leaves out get the rows that they would have got.
        """
        if not 0 < count <= MOST_SKIPPED:
            raise InvalidInput(
                t("I leave out between 1 and {most} runs at once. For more, pause the job: /pause 7", most=MOST_SKIPPED)
            )
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            if row.next_run_at is None:
                raise InvalidInput(
                    t("Nothing is planned for that job, so there is nothing to skip. /resume starts it.")
                )
            left_out = _leave_out(uow, row, count)
            uow.commit()
            return row.view(), left_out

    def rename(self, schedule_id: int, name: str) -> Schedule:
        """Give it another name; one that another of its owner's jobs has is refused."""
        wanted = clean_name(name, t("name"))
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            other = uow.jobs.named(wanted, row.user_id)
            if other is not None and other.id != row.id:
                raise InvalidInput(
                    t("Job {number} has that name already, and nothing was changed. Choose another.", number=other.id)
                )
            row.name = wanted
            uow.commit()
            return row.view()

    def tag(self, schedule_id: int, words: Sequence[str]) -> Schedule:
        """Put these tags on it, and take away those that begin with a minus; without any it stays as it is."""
        with self.uow as uow:
            row = found(uow, schedule_id, lock=True)
            row.tags = list(changed_tags(tuple(row.tags or ()), words))
            uow.commit()
            return row.view()

    def copy(self, user: User, schedule_id: int, *, now: datetime) -> Schedule:
        """A second job like this one, paused, so that nothing comes twice before one of them was changed."""
        with self.uow as uow:
            row = found(uow, schedule_id)
            same = {column: getattr(row, column) for column in (*OPTIONS, *_COPIED)}
            proposal = Proposal(row.name, row.job_type, row.task_params, row.timing)
            new = add(uow, user, proposal, now, **(same | {"enabled": False, "next_run_at": None}))
            uow.commit()
            return new.view()

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
                raise InvalidInput(t("That job runs in an exchange's hours, so it needs the exchange."))
            if row.cron.startswith("@"):
                raise InvalidInput(t("That job goes by an exchange's sessions already."))
            plan_no_more(uow, row, "the job's days were changed before this could be planned")
            row.calendar = calendar
            row.next_run_at = cursor_of(uow, row, now)
            uow.jobs.wake("runs")
            uow.commit()
            return row.view()


def check(user: User, proposal: Proposal, now: datetime, sessions: Sessions) -> dict[str, Any]:
    """The parameters to be kept; InvalidInput or NotAllowed when this person can't have that schedule."""
    parameters = checked(kind_of(proposal.job_type), user, proposal.params)
    proposal.check(user.quota, now, sessions)
    return parameters


def _leave_out(uow: UnitOfWork, row: ScheduleRow, count: int) -> list[datetime]:
    """Write down the next `count` runs of a locked schedule as left out, and move its cursor past them."""
    sessions, rows = uow.market.sessions_for(row.timing), PlannedRows()
    due: Due | None = row.timing.due_at(row.next_run_at, sessions) if row.next_run_at is not None else None
    left_out: list[datetime] = []
    while due is not None and len(left_out) < count:
        if due.left_out is None:
            left_out.append(due.at)
        reason = SkipReason.NO_SESSION if due.left_out is not None else SkipReason.BY_OWNER
        rows.add(**_skipped(row, due, reason))
        due = row.timing.next_after(due.at, sessions)
    if not left_out:
        raise InvalidInput(t("No run of that job is to come, so there is nothing to skip."))
    uow.planning.plan(rows)
    row.next_run_at = due.at if due is not None else None
    return left_out


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
    parameters = check(user, proposal, now, sessions)
    if uow.jobs.count_live() >= user.quota.schedules:
        most = user.quota.schedules
        raise InvalidInput(
            t("You have {most} schedules, the most you may have. Delete one with /delete first.", most=most)
        )
    timing = proposal.timing
    values: dict[str, Any] = {
        "user_id": user.id,
        "name": _free_name(uow, proposal.name),
        "job_type": kind.name,
        "target": target_of(kind, parameters),
        "task_params": parameters,
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


def _free_name(uow: UnitOfWork, name: str) -> str:
    wanted, number = name, 2
    while uow.jobs.name_taken(wanted):
        wanted, number = f"{name} {number}", number + 1
    return wanted
