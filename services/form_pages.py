"""A form as a page: its open question with what can be tapped, or its fields with what would be saved."""

from datetime import datetime
from typing import Any

from db.telegram import DraftRow
from db.unit_of_work import UnitOfWork
from domain.errors import OpenbellError, RetryLater, UserError
from domain.ids import DraftId
from domain.locales import t
from domain.timing import Due, SessionsUnknown, Timing
from domain.users import User
from services import forms, times
from services.agenda import SHOWN, next_runs
from services.fields import Field
from services.forms import ADD, FIELDS, HOMES, KIND, NAME, PARAM, WHEN, WHERE, Page, State, Value
from services.instruments import Instruments
from services.jobs import check, timing_form, timing_from
from services.ways import is_preferred, way_words, ways

MOST_OFFERED = 6
OFFERED_SYMBOLS = 6
LONGEST_LABEL = 48

Offers = list[list[Any]]


def shown(
    uow: UnitOfWork,
    row: DraftRow,
    user: User,
    prices: Instruments,
    now: datetime,
    *,
    refused: OpenbellError | None = None,
    line: str = "",
) -> Page:
    """The form as a page; what its buttons stand for is written down with it."""
    state = State.of(row)
    step = forms.step_of(row, state)
    proposal = state.proposal() if step in HOMES else None
    due: list[Due] = []
    problem = forms.problem_of(refused, line) if refused is not None else None
    whole, crowd, offers = proposal is not None, 0, _offers(uow, state, step, user, prices)
    if proposal is not None:
        try:
            sessions = uow.market.sessions_for(proposal.timing)
            check(user, proposal, now, sessions)
            times.check_coming(proposal.timing, now, sessions)
            due = next_runs(proposal.timing, now, SHOWN, sessions)
            crowd, offers = _crowd(uow, state, proposal.timing, now)
        except (UserError, RetryLater) as found:
            problem, whole = problem or forms.problem_of(found), False
    offers = _once([*_instead(refused), *offers])
    row.data = {**row.data, "offers": offers}
    where = way_words(uow, user, state.where)
    before = way_words(uow, user, state.before["where"]) if state.before is not None else where
    values = forms.values_of(state, where, before)
    asked = state.sequence()
    alone = state.one or step not in asked
    field = state.field_of(step) if step.startswith(PARAM) else None
    return Page(
        id=DraftId(row.id),
        form=row.kind,
        version=row.version,
        step=step,
        number=0 if alone else asked.index(step) + 1,
        of=0 if alone else len(asked) + (1 if state.kind else 2),
        title=forms.kind_title(state.job) if state.job is not None else "",
        job_name=(state.name or state.usual_name()) if state.job is not None else "",
        field=field,
        current=_current(state, step, field, where),
        offers=forms.labels(offers),
        values=values,
        proposal=proposal,
        due=tuple(due),
        where=where,
        as_preferred=is_preferred(state.where),
        clashes=crowd,
        may_skip=not alone and (step == WHERE or (field is not None and not field.required)),
        may_go_back=state.one or (step == FIELDS and row.kind == ADD) or step in asked[1:],
        may_save=whole and (row.kind == ADD or _changed(values)),
        problem=problem,
        schedule_id=state.schedule_id,
        timing=timing_from(state.timing) if state.timing is not None else None,
        chat_id=row.chat_id,
        message_id=row.message_id,
        previous_at=datetime.fromisoformat(state.previous_at) if state.previous_at else None,
    )


def _once(offers: Offers) -> Offers:
    """Each answer once, where it stands first."""
    seen: dict[str, list[Any]] = {}
    for label, value in offers:
        seen.setdefault(str(value), [label, value])
    return list(seen.values())


def _changed(values: tuple[Value, ...]) -> bool:
    return any(value.before is not None for value in values)


def _current(state: State, step: str, field: Field | None, where: str) -> str | None:
    """What the question was answered with before."""
    if step in HOMES or not state.answered(step):
        return None
    if field is not None:
        return field.shown(state.params[field.name])
    if step == WHEN and state.timing is not None:
        return timing_from(state.timing).words
    if step == KIND and state.job is not None:
        return forms.kind_title(state.job)
    return where if step == WHERE else state.name


def _offers(uow: UnitOfWork, state: State, step: str, user: User, prices: Instruments) -> Offers:
    """What can be tapped for a question."""
    if step == KIND:
        return [[forms.kind_title(kind)[:LONGEST_LABEL], kind.name] for kind in forms.offered_kinds(user)]
    if step.startswith(PARAM):
        return _of_field(state.field_of(step), prices)
    if step == WHEN:
        return [[t(label), line] for label, line in times.usual_times(state.kind)]
    if step == WHERE:
        return [[label, way] for label, way in ways(uow, user)]
    if step == NAME:
        return [[state.usual_name()[:LONGEST_LABEL], state.usual_name()]]
    return []


def _of_field(field: Field, prices: Instruments) -> Offers:
    if field.choices:
        return [[choice.label, choice.value] for choice in field.choices]
    if field.asks_for == "instrument":
        return [[symbol, symbol] for symbol, _name in prices.known()[:OFFERED_SYMBOLS]]
    usual = [] if field.default in (None, "") else [[field.shown(field.default), field.default]]
    examples = [[example, example] for example in field.examples if example != str(field.default)]
    return [*usual, *examples][:MOST_OFFERED]


def _instead(refused: OpenbellError | None) -> Offers:
    """What a refusal offers in its place."""
    if refused is None:
        return []
    if isinstance(refused, times.TooFrequent):
        return [[timing.words[:LONGEST_LABEL], timing_form(timing)] for timing in refused.instead]
    return [[each[:LONGEST_LABEL], each] for each in forms.suggested(refused)[:MOST_OFFERED]]


def _crowd(uow: UnitOfWork, state: State, timing: Timing, now: datetime) -> tuple[int, Offers]:
    """How many other jobs start with it, and, if they are many, the same time a little later."""
    sessions = uow.market.sessions()

    def count(of: Timing) -> int:
        first = times.first_of(of, now, sessions)
        return times.clashes(uow, first, but=state.schedule_id, sessions=sessions) if first is not None else 0

    try:
        crowd = count(timing)
    except SessionsUnknown:
        return 0, []
    if crowd < times.CROWDED:
        return 0, []
    return crowd, [[label, timing_form(each)] for label, each in times.later(timing, count)]
