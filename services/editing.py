"""Changing a saved job: a form of its fields, saved as one change, which can be taken back for ten minutes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from db.jobs import ScheduleRow
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound
from domain.locales import t
from domain.schedules import UNDO_WINDOW, Proposal, Schedule
from domain.users import User
from services import forms, times
from services.answering import take
from services.form_pages import shown
from services.forms import EDIT, FIELDS, FormMoved, Page, State
from services.instruments import Instruments
from services.job_kinds import kind_of, target_of
from services.jobs import check, found, timing_form, timing_from
from services.pausing import cursor_of, plan_no_more
from services.ways import check_way

RETIMED = "the job's time was changed before this could be planned"


@dataclass(frozen=True)
class Changed:
    """A job after a change, and the form that can take it back."""

    schedule: Schedule
    draft_id: int
    version: int


class EditingService:
    """Use cases of the form of a saved job; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def begin(
        self, user: User, telegram_user_id: int, schedule_id: int, prices: Instruments, time: str = "", *, now: datetime
    ) -> Page:
        """Open the form of a job of this person; a time that was typed with the command is put in at once."""
        with self.uow as uow:
            schedule = found(uow, schedule_id)
            before = snapshot(schedule)
            state = State(kind=schedule.job_type, schedule_id=schedule.id, before=before, **before)
            refused = None
            if time:
                try:
                    take(uow, state, FIELDS, time, user, prices, now)
                except InvalidInput as problem:
                    refused = problem
            row = forms.create(uow, user, telegram_user_id, EDIT, state, now)
            page = shown(uow, row, user, prices, now, refused=refused, line=time)
            uow.commit()
            return page

    def job_of(self, telegram_user_id: int, draft_id: int) -> int:
        """The job that an old form of this person was about."""
        with self.uow as uow:
            row = uow.telegram.draft(draft_id, telegram_user_id)
            number = State.of(row).schedule_id if row is not None and row.kind == EDIT else None
            if number is None:
                raise NotFound(t("There is no such form. /edit 7 changes job 7."))
            return number

    def save(
        self, user: User, telegram_user_id: int, draft_id: int, version: int, prices: Instruments, *, now: datetime
    ) -> Changed:
        """Keep the changes; InvalidInput when one of the fields was changed elsewhere since the form was opened."""
        with self.uow as uow:
            row = forms.opened(uow, telegram_user_id, draft_id, now)
            state = State.of(row)
            if row.version != version or row.kind != EDIT or state.before is None or state.schedule_id is None:
                raise FormMoved(shown(uow, row, user, prices, now))
            schedule = found(uow, state.schedule_id, lock=True)
            wanted, current = _fields(state), snapshot(schedule)
            changed = {key for key in wanted if wanted[key] != state.before[key]}
            if any(current[key] != state.before[key] for key in changed):
                raise InvalidInput(_elsewhere(state.schedule_id))
            _change(uow, user, schedule, {key: wanted[key] for key in changed}, now)
            uow.session.flush()
            state.saved = True
            forms.keep(row, state, FIELDS, now)
            row.data = {**asdict(state), "after": snapshot(schedule)}
            row.consumed_at = now
            uow.commit()
            return Changed(schedule.view(), row.id, row.version)

    def undo(self, user: User, telegram_user_id: int, draft_id: int, *, now: datetime) -> Schedule:
        """Put the fields back as they were, within ten minutes, if nothing else has changed them since."""
        with self.uow as uow:
            row = uow.telegram.draft(draft_id, telegram_user_id)
            state = State.of(row) if row is not None and row.kind == EDIT else None
            if row is None or state is None or state.before is None or state.schedule_id is None or not state.saved:
                raise NotFound(t("There is no such change to take back."))
            if row.consumed_at is None or row.consumed_at < now - UNDO_WINDOW:
                raise NotFound(
                    t(
                        "That was changed more than ten minutes ago. /edit {number} changes it.",
                        number=state.schedule_id,
                    )
                )
            schedule = found(uow, state.schedule_id, lock=True)
            current, after, before = snapshot(schedule), row.data["after"], state.before
            changed = {key for key in before if before[key] != after[key]}
            if any(current[key] != after[key] for key in changed):
                raise InvalidInput(_elsewhere(state.schedule_id))
            _change(uow, user, schedule, {key: before[key] for key in changed}, now)
            state.saved = False
            row.data = asdict(state)
            uow.commit()
            return schedule.view()


def snapshot(row: ScheduleRow) -> dict[str, Any]:
    """The fields of a job that a form can change, as it keeps them."""
    return {
        "name": row.name,
        "params": dict(row.task_params),
        "timing": timing_form(row.timing),
        "where": {"deliver_to": list(row.deliver_to) if row.deliver_to else None, "destination_id": row.destination_id},
    }


def _fields(state: State) -> dict[str, Any]:
    return {"name": state.name, "params": state.full_params(), "timing": state.timing, "where": state.where}


def _change(uow: UnitOfWork, user: User, row: ScheduleRow, fields: Mapping[str, Any], now: datetime) -> None:
    """Write these fields into a locked schedule, checked as a new one would be; its cursor follows a new time."""
    wanted = snapshot(row) | dict(fields)
    timing = timing_from(wanted["timing"])
    proposal = Proposal(wanted["name"], row.job_type, wanted["params"], timing)
    params = check(user, proposal, now, uow.market.sessions_for(timing))
    row.name = wanted["name"]
    row.task_params, row.target = params, target_of(kind_of(row.job_type), params)
    way = check_way(uow, user, wanted["where"]) if "where" in fields else wanted["where"]
    row.deliver_to, row.destination_id = way["deliver_to"], way["destination_id"]
    if "timing" not in fields:
        return
    times.check_coming(timing, now, uow.market.sessions_for(timing))
    plan_no_more(uow, row, RETIMED)
    row.cron, row.timezone, row.calendar, row.hours_only = (
        timing.expression,
        timing.timezone,
        timing.calendar,
        timing.hours_only,
    )
    row.jitter_s, row.starts_at, row.ends_at = timing.jitter_s, timing.starts_at, timing.ends_at
    row.next_run_at = cursor_of(uow, row, now)
    uow.jobs.wake("runs")


def _elsewhere(number: int) -> str:
    return t(
        "Job {number} was changed elsewhere meanwhile, and nothing was changed now. /edit {number} shows it as it is.",
        number=number,
    )
