"""Making a job: a form begun from as much as was said, tried once, and saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.errors import OpenbellError, RetryLater, UserError
from domain.schedules import Proposal, Schedule
from domain.timing import Timing
from domain.users import User
from services import forms, times
from services.answering import take
from services.form_pages import shown
from services.forms import ADD, KIND, NAME, PARAM, WHEN, WHERE, FormEnded, FormMoved, Page, State
from services.instruments import Instruments
from services.jobs import add, timing_form
from services.ways import AS_PREFERRED, check_way


@dataclass(frozen=True)
class Said:
    """What a command said of a job: whatever is missing is asked for."""

    kind: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    """By the parameter's name, as it was typed."""
    timing: Timing | None = None
    name: str | None = None
    refused: OpenbellError | None = None
    """Why the time that was typed was not understood; `line` is what was typed."""
    line: str = ""
    half: str = ""


@dataclass(frozen=True)
class Made:
    """A job that was saved; `again` when that had happened before."""

    schedule: Schedule
    again: bool


class AddingService:
    """Use cases of the form of a new job; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def begin(self, user: User, telegram_user_id: int, said: Said, prices: Instruments, *, now: datetime) -> Page:
        """Open the form with what was said; the page asks the first question, and says what was not understood."""
        with self.uow as uow:
            state = State(half=said.half)
            step, refused, line = _take_all(uow, user, state, said, prices, now)
            row = forms.create(uow, user, telegram_user_id, ADD, state, now, step)
            page = shown(uow, row, user, prices, now, refused=refused, line=line)
            uow.commit()
            return page

    def save(
        self, user: User, telegram_user_id: int, draft_id: int, version: int, prices: Instruments, *, now: datetime
    ) -> Made:
        """Keep the job as it was shown, once, however often it is asked; a name that is taken gets a number."""
        with self.uow as uow:
            draft = uow.telegram.draft(draft_id, telegram_user_id)
            if draft is not None and draft.kind == ADD and State.of(draft).saved:
                return Made(_saved_before(uow, State.of(draft), draft_id), again=True)
            row = forms.opened(uow, telegram_user_id, draft_id, now)
            state = State.of(row)
            proposal = state.proposal()
            if row.version != version or proposal is None or row.kind != ADD:
                raise FormMoved(shown(uow, row, user, prices, now))
            times.check_coming(proposal.timing, now, uow.market.sessions_for(proposal.timing))
            made = add(uow, user, proposal, now, **check_way(uow, user, state.where))
            uow.session.flush()
            state.saved, state.schedule_id = True, made.id
            forms.keep(row, state, forms.PREVIEW, now)
            row.consumed_at = now
            uow.commit()
            return Made(made.view(), again=False)

    def tried(
        self, user: User, telegram_user_id: int, draft_id: int, version: int, prices: Instruments, *, now: datetime
    ) -> tuple[Proposal, Page]:
        """The job as it was shown, for one run now; the form stays, and its old buttons are old."""
        with self.uow as uow:
            row = forms.opened(uow, telegram_user_id, draft_id, now)
            state = State.of(row)
            proposal = state.proposal()
            if row.version != version or proposal is None:
                raise FormMoved(shown(uow, row, user, prices, now))
            forms.keep(row, state, forms.step_of(row, state), now)
            page = shown(uow, row, user, prices, now)
            uow.commit()
            return proposal, page


def _take_all(
    uow: UnitOfWork, user: User, state: State, said: Said, prices: Instruments, now: datetime
) -> tuple[str | None, OpenbellError | None, str]:
    """Write down what was said, as far as it can be right; the question to begin with, if one answer cannot be."""
    steps: list[tuple[str, Any]] = [(KIND, said.kind)] if said.kind is not None else []
    steps += [(PARAM + name, text) for name, text in said.params.items()]
    steps += [(WHEN, timing_form(said.timing))] if said.timing is not None else []
    steps += [(NAME, said.name)] if said.name is not None else []
    open_at: tuple[str | None, OpenbellError | None, str] = (None, None, "")
    for step, given in steps:
        try:
            take(uow, state, step, given, user, prices, now)
        except (UserError, RetryLater) as problem:
            if step == KIND:
                raise
            open_at = open_at if open_at[0] else (step, problem, given if isinstance(given, str) else "")
        else:
            state.given.append(step)
    if said.params or said.timing is not None or said.refused is not None:
        state.where = dict(AS_PREFERRED)
        state.given.append(WHERE)
    return (WHEN, said.refused, said.line) if said.refused is not None else open_at


def _saved_before(uow: UnitOfWork, state: State, draft_id: int) -> Schedule:
    row = uow.jobs.live(state.schedule_id) if state.schedule_id is not None else None
    if row is None:
        raise FormEnded(draft_id)
    return row.view()
