"""Runs that people ask for: once now, once more, sooner; and runs that they stop or leave."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from db.jobs import ScheduleRow
from db.runs import RunRow
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound
from domain.ids import RunId
from domain.locales import mark, t
from domain.runs import ACTIVE, Overlap, Run, RunStatus, Trigger
from domain.users import User
from services.job_kinds import JobKind, check_params, kind_of, target_of


class AskedRuns:
    """Use cases around single runs; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def run_now(self, schedule_id: int, *, now: datetime) -> RunId:
        """Run a schedule's job once, now; its plan stays as it is."""
        with self.uow as uow:
            schedule = found(uow, schedule_id, lock=True)
            if schedule.overlap != Overlap.ALLOW and uow.runs.active_run(schedule.id) is not None:
                raise InvalidInput(t("It is being run already. /history shows how far it got."))
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
        parameters = checked(kind, user, params)
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
                    "target": target_of(kind, parameters),
                    "task_params": parameters,
                    "cron": None,
                    "timezone": user.timezone,
                    "max_retries": kind.retries,
                    "timeout_s": int(kind.timeout.total_seconds()),
                    "repeatable": kind.repeatable,
                },
            )
            uow.commit()
            return RunId(row.id)

    def retry(self, run_id: int, *, now: datetime, by: str | None = None) -> RunId:
        """Do once more what a run that is over had to do, as a new run with the same parameters.

        `by` is the admin who wants that of another's run, and stands in its story.
        """
        asked = {"at": now.isoformat(timespec="milliseconds"), "what": "asked", "by": by}
        with self.uow as uow:
            old = found_run(uow, run_id)
            if RunStatus(old.status) in ACTIVE:
                raise InvalidInput(t("Run {run} is not over yet. /why {run} tells how far it got.", run=run_id))
            schedule = uow.jobs.live(old.job_id, lock=True) if old.job_id is not None else None
            overlap = schedule.overlap if schedule is not None else Overlap.ALLOW
            if schedule is not None and overlap != Overlap.ALLOW and uow.runs.active_run(schedule.id) is not None:
                raise InvalidInput(t("That job is being run already. /history shows how far it got."))
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
                events=[asked] if by is not None else [],
            )
            uow.commit()
            return RunId(row.id)

    def hurry(self, user: User, run_id: int) -> Run:
        """Let a waiting run of this person start before their others. For the platform: people may not move times."""
        with self.uow as uow:
            row = uow.runs.run(run_id)
            if row is None or row.user_id != user.id:
                raise NotFound(run_not_found(run_id))
            if not uow.runs.hurry(run_id):
                raise InvalidInput(
                    t("Run {run} does not wait any more ({state}).", run=run_id, state=status_words(row.status))
                )
            uow.commit()
            return row.view()

    def leave(self, run_id: int, by: str, *, now: datetime) -> Run:
        """Note that somebody looked at a run whose outcome is unknown, and that nothing is to be done."""
        with self.uow as uow:
            row = found_run(uow, run_id)
            if row.status != RunStatus.UNKNOWN:
                raise InvalidInput(
                    t("Run {run} is not in doubt ({state}).", run=run_id, state=status_words(row.status))
                )
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
                state = status_words(row.status)
                raise InvalidInput(
                    t("Run {run} is over already ({state}), there is nothing to stop.", run=run_id, state=state)
                )
            view = replace(row.view(), status=RunStatus.CANCELLED)
            uow.commit()
            return view


def found(uow: UnitOfWork, schedule_id: int, *, lock: bool = False) -> ScheduleRow:
    """A live schedule of whoever the unit of work is for; NotFound says the same for another's as for none."""
    row = uow.jobs.live(schedule_id, lock=lock)
    if row is None:
        raise NotFound(job_not_found(schedule_id))
    return row


def found_run(uow: UnitOfWork, run_id: int) -> RunRow:
    """A run of whoever the unit of work is for; NotFound says the same for another's as for none."""
    row = uow.runs.run(run_id)
    if row is None:
        raise NotFound(run_not_found(run_id))
    return row


def checked(kind: JobKind, user: User, params: Mapping[str, Any]) -> dict[str, Any]:
    parameters = check_params(kind, params)
    kind.authorise(user.role, parameters)
    return parameters


def job_not_found(schedule_id: int) -> str:
    return t("I can't find job {number} among yours. /jobs lists them.", number=schedule_id)


def run_not_found(run_id: int) -> str:
    return t("I can't find run {number} among yours. /history lists them.", number=run_id)


_STATES = {
    RunStatus.PLANNED: mark("planned"),
    RunStatus.ENQUEUED: mark("enqueued"),
    RunStatus.RUNNING: mark("running"),
    RunStatus.SUCCEEDED: mark("succeeded"),
    RunStatus.FAILED: mark("failed"),
    RunStatus.TIMED_OUT: mark("timed out"),
    RunStatus.UNKNOWN: mark("unknown"),
    RunStatus.CANCELLED: mark("cancelled"),
    RunStatus.SKIPPED: mark("skipped"),
}


def status_words(status: str) -> str:
    """The state of a run, in words."""
    return t(_STATES[RunStatus(status)])
