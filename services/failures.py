"""What follows when a run ends badly: its owner hears once of a row of failures; a schedule that never works stops."""

from datetime import datetime
from typing import Any

from db.jobs import ScheduleRow
from db.unit_of_work import UnitOfWork
from domain import runs
from domain.ids import RunId, UserId
from domain.locales import mark, speaking, t
from domain.messages import Button, Category, Outgoing, Rows
from notifications import outbox
from services.pausing import plan_no_more

TOO_LONG = mark("it took longer than its time limit")
GONE = mark("its worker stopped answering")
STOPPED = mark("its worker was stopped")
"""Reasons are kept in English where the platform writes them, and said in the language of whoever reads."""


def failed(
    uow: UnitOfWork, *, run_id: int, user_id: int | None, job_id: int | None, name: str, attempts: int, reason: str
) -> None:
    """Count a run that failed for good, and tell its owner: the first of a row, once a day after it, and its end.

    Ten failures in a row pause the schedule; nobody is told of the platform's own runs, the log has them.
    """
    if user_id is None:
        return
    with speaking(uow.preferences.locale_of(user_id)):
        params = {"name": name, "reason": reason, "attempts": attempts, "run_id": run_id}
        _failed(uow, run_id, user_id, job_id, params)


def _failed(uow: UnitOfWork, run_id: int, user_id: int, job_id: int | None, params: dict[str, Any]) -> None:
    schedule = uow.jobs.live(job_id, lock=True) if job_id is not None else None
    if schedule is None:
        _tell(uow, "run_failed", run_id, user_id, params | {"failures": 0}, _again(run_id))
        return
    now = uow.planning.database_now()
    schedule.consecutive_failures += 1
    schedule.last_run_at = now
    params |= {"failures": schedule.consecutive_failures}
    if schedule.enabled and schedule.consecutive_failures >= runs.PAUSE_AFTER_FAILURES:
        schedule.enabled = False
        schedule.paused_reason = t("it failed {count} times in a row", count=schedule.consecutive_failures)
        plan_no_more(uow, schedule, t("the job had paused itself: {reason}", reason=schedule.paused_reason))
        _tell(uow, "schedule_paused", run_id, user_id, params, _of_paused(schedule, run_id))
    elif _untold(schedule, now):
        schedule.failure_told_at = now
        _tell(uow, "run_failed", run_id, user_id, params, _of_failed(schedule, run_id))


def lost(uow: UnitOfWork, *, run_id: int, user_id: int | None, job_id: int | None, name: str, reason: str) -> None:
    """Ask the owner what became of a run that may not be repeated and whose outcome nobody knows."""
    if user_id is None:
        return
    with speaking(uow.preferences.locale_of(user_id)):
        again = (Button(t("Not done: run it"), data=f"x:{run_id}:retry"),)
        ask = (Button(t("Why?"), data=f"w:{run_id}"), Button(t("Leave it"), data=f"x:{run_id}:leave"))
    buttons = (again, ask)
    _tell(uow, "run_lost", run_id, user_id, {"name": name, "reason": reason, "run_id": run_id}, buttons)
    schedule = uow.jobs.live(job_id, lock=True) if job_id is not None else None
    if schedule is not None:
        schedule.consecutive_failures += 1


def _untold(schedule: ScheduleRow, now: datetime) -> bool:
    told = schedule.failure_told_at
    return told is None or now - told > runs.TELL_AGAIN_AFTER


def _again(run_id: int) -> Rows:
    return ((Button(t("Run again"), data=f"x:{run_id}:retry"), Button(t("Why?"), data=f"w:{run_id}")),)


def _of_failed(schedule: ScheduleRow, run_id: int) -> Rows:
    number = schedule.id
    return (
        *_again(run_id),
        (
            Button(t("Skip the next"), data=f"j:{number}:skip:{run_id}"),
            Button(t("Pause"), data=f"j:{number}:pause:{run_id}"),
            Button(t("Show job"), data=f"j:{number}:show:0"),
        ),
    )


def _of_paused(schedule: ScheduleRow, run_id: int) -> Rows:
    number = schedule.id
    return (*_again(run_id), (Button(t("Resume"), data=f"j:{number}:resume:{run_id}"),
                              Button(t("Show job"), data=f"j:{number}:show:0")))  # fmt: skip


def _tell(
    uow: UnitOfWork, template: str, run_id: int, user_id: int, params: dict[str, Any], buttons: Rows
) -> None:  # the text is rendered by the channel, which escapes what came from people
    message = Outgoing(
        Category.FAILURE,
        UserId(user_id),
        text="",
        template=template,
        params=params,
        buttons=buttons,
        run_id=RunId(run_id),
        dedupe_key=f"run:{run_id}:{template}",
    )
    outbox.enqueue(uow, message, uow.planning.database_now())
