"""Forms answered: one question after another, in any order, by buttons and by typed words, one answer at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from db.telegram import DraftRow
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound, RetryLater, UserError
from domain.ids import pressed_number
from domain.locales import t
from domain.users import User, clean_name
from services import forms, times
from services.fields import checked_value
from services.form_pages import shown
from services.forms import (
    ADD,
    FIELDS,
    HOMES,
    KIND,
    NAME,
    PARAM,
    PREVIEW,
    WHEN,
    WHERE,
    FormEnded,
    FormMoved,
    Page,
    State,
)
from services.instruments import Instruments
from services.jobs import timing_form, timing_from
from services.ways import AS_PREFERRED, read_way


class FormsService:
    """Use cases of an open form; each method is one transaction, under the lock of the form."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def page(self, user: User, telegram_user_id: int, draft_id: int, prices: Instruments, *, now: datetime) -> Page:
        """The form as it stands."""
        with self.uow as uow:
            row = forms.opened(uow, telegram_user_id, draft_id, now)
            page = shown(uow, row, user, prices, now)
            uow.commit()
            return page

    def press(
        self,
        user: User,
        telegram_user_id: int,
        draft_id: int,
        version: int,
        choice: str,
        prices: Instruments,
        *,
        now: datetime,
    ) -> Page:
        """A button of the form: an answer by its number, ``back``, ``skip``, ``time``, ``more`` or ``=STEP``.

        FormMoved, with the form as it is now, when the button is of an earlier version: of two answers one counts.
        """
        with self.uow as uow:
            row = forms.opened(uow, telegram_user_id, draft_id, now)
            if row.version != version:
                raise FormMoved(shown(uow, row, user, prices, now))
            page = _pressed(uow, row, user, choice, prices, now)
            uow.commit()
            return page

    def typed(
        self,
        user: User,
        telegram_user_id: int,
        draft_id: int,
        version: int,
        text: str,
        prices: Instruments,
        *,
        now: datetime,
        also: Sequence[tuple[str, Any]] = (),
    ) -> Page:
        """A typed answer to the question that was open in that version; what is wrong with it is on the page.

        `also`: what the same words answer beyond it, each with its step.
        """
        with self.uow as uow:
            row = forms.opened(uow, telegram_user_id, draft_id, now)
            if row.version != version:
                raise FormMoved(shown(uow, row, user, prices, now))
            state = State.of(row)
            page = _answered(uow, row, state, forms.step_of(row, state), text, user, prices, now, also)
            uow.commit()
            return page

    def placed(self, telegram_user_id: int, draft_id: int, chat_id: int, message_id: int) -> None:
        """The message that shows the form from now on."""
        with self.uow as uow:
            row = uow.telegram.draft(draft_id, telegram_user_id)
            if row is not None:
                row.chat_id, row.message_id = chat_id, message_id
                uow.commit()

    def cancel(self, user: User, telegram_user_id: int, draft_id: int, prices: Instruments, *, now: datetime) -> Page:
        """Throw an open form away; the page is what was thrown away, and `restore` brings it back."""
        with self.uow as uow:
            row = forms.opened(uow, telegram_user_id, draft_id, now)
            page = shown(uow, row, user, prices, now)
            row.consumed_at, row.version = now, row.version + 1
            uow.commit()
            return replace(page, version=row.version)

    def restore(self, user: User, telegram_user_id: int, draft_id: int, prices: Instruments, *, now: datetime) -> Page:
        """A form that was thrown away, open again where it stood."""
        with self.uow as uow:
            row = _own(uow, telegram_user_id, draft_id)
            state = State.of(row)
            if state.saved or row.expires_at <= now:
                raise FormEnded(row.id)
            uow.telegram.end_asking(telegram_user_id, now)
            uow.session.refresh(row)
            row.consumed_at = None
            forms.keep(row, state, forms.step_of(row, state), now)
            page = shown(uow, row, user, prices, now)
            uow.commit()
            return page

    def reopen(self, user: User, telegram_user_id: int, draft_id: int, prices: Instruments, *, now: datetime) -> Page:
        """A fresh form with everything that an old one of this person had."""
        with self.uow as uow:
            old = _own(uow, telegram_user_id, draft_id)
            state = State.of(old)
            if old.kind != ADD:
                raise InvalidInput(t("Open the job again with /edit, and nothing was changed so far."))
            state = replace(state, one=False, saved=False, schedule_id=None, shown_at=None, offers=[])
            row = forms.create(uow, user, telegram_user_id, ADD, state, now)
            page = shown(uow, row, user, prices, now)
            uow.commit()
            return page


def _own(uow: UnitOfWork, telegram_user_id: int, draft_id: int) -> DraftRow:
    row = uow.telegram.draft(draft_id, telegram_user_id)
    if row is None or row.kind not in (forms.ADD, forms.EDIT):
        raise NotFound(t("This form has expired, and it changed nothing. Make a new one with /add."))
    return row


# answers


def _pressed(uow: UnitOfWork, row: DraftRow, user: User, choice: str, prices: Instruments, now: datetime) -> Page:
    state = State.of(row)
    step = forms.step_of(row, state)
    offered = pressed_number(choice)
    if offered is not None and offered < len(state.offers):
        return _answered(uow, row, state, step, state.offers[offered][1], user, prices, now)
    match choice:
        case "back":
            step, state.one = _before(state, step), False
        case "skip":
            _skip(state, step)
            step, state.one = state.following(), False
        case "time" if step in HOMES:
            step, state.one = WHEN, True
        case "more" if step == PREVIEW:
            step = FIELDS
        case _ if choice.startswith("=") and step == FIELDS:
            step, state.one = _chosen(state, choice.removeprefix("=")), True
        case _:
            raise InvalidInput(t("That button is from an older version. Send /add."))
    state.half = ""
    forms.keep(row, state, step, now)
    return shown(uow, row, user, prices, now)


def _answered(
    uow: UnitOfWork,
    row: DraftRow,
    state: State,
    step: str,
    given: Any,
    user: User,
    prices: Instruments,
    now: datetime,
    also: Sequence[tuple[str, Any]] = (),
) -> Page:
    """Take an answer, or keep the question open and say what was wrong."""
    open_step, said = step, given
    try:
        for open_step, said in ((step, given), *also):
            take(uow, state, open_step, said, user, prices, now)
    except (UserError, RetryLater) as problem:
        forms.keep(row, state, open_step, now)
        line = said if isinstance(said, str) else ""
        return shown(uow, row, user, prices, now, refused=problem, line=line)
    state.half = ""
    step, state.one = state.following(), False
    forms.keep(row, state, step, now)
    return shown(uow, row, user, prices, now)


def take(uow: UnitOfWork, state: State, step: str, given: Any, user: User, prices: Instruments, now: datetime) -> None:
    """Write an answer into the state; an UserError says what is wrong with it."""
    if step == KIND:
        _take_kind(state, str(given), user)
    elif step.startswith(PARAM):
        _take_param(state, step, given, user, prices)
    elif step == WHERE:
        state.where = given if isinstance(given, dict) else read_way(uow, user, str(given))
    elif step == NAME:
        _take_name(uow, state, str(given), user)
    else:
        _take_time(uow, state, given, user, now)


def _take_kind(state: State, text: str, user: User) -> None:
    kind = forms.kind_named(text, user)
    if kind is None:
        raise InvalidInput(t("I don't know what kind of job that is. Tap one of these."))
    if kind.name != state.kind:
        state.kind, state.params = kind.name, {}


def _take_param(state: State, step: str, given: Any, user: User, prices: Instruments) -> None:
    field, job = state.field_of(step), state.job
    if job is None:
        raise InvalidInput(t("That button is from an older version. Send /add."))
    value = field.read(given) if isinstance(given, str) else given
    if field.asks_for == "instrument" and isinstance(value, str):
        value = prices.symbol(value.split())
    others = {name: each for name, each in state.full_params().items() if name != field.name}
    value = checked_value(job, field, value, others)
    job.authorise(user.role, {**others, field.name: value})
    state.params[field.name] = value


def _take_time(uow: UnitOfWork, state: State, given: Any, user: User, now: datetime) -> None:
    if isinstance(given, dict):
        timing = timing_from(given)
    else:
        try:
            timing = times.read_time(given, state.half, user.timezone, now)
        except UserError as problem:
            lacks = forms.suggested(problem) and not getattr(problem, "unknown", "")
            state.half = given[:200] if lacks and not state.half else state.half
            raise
    if state.before is not None:
        timing = replace(timing, jitter_s=state.before["timing"]["jitter_s"])
    times.check_frequency(user, timing, now, uow.market.sessions_for(timing))
    state.timing = timing_form(timing)


def _take_name(uow: UnitOfWork, state: State, text: str, user: User) -> None:
    name = clean_name(text, "name", forms.LONGEST_NAME)
    taken = uow.jobs.named(name, user.id)
    if taken is not None and taken.id != state.schedule_id and state.before is not None:
        raise InvalidInput(t("Your job {number} is called that already. Choose another name.", number=taken.id))
    state.name = name


def _skip(state: State, step: str) -> None:
    """Leave a question as it is: what the job's kind or the person's settings say."""
    if step.startswith(PARAM) and not state.field_of(step).required:
        state.params.setdefault(step.removeprefix(PARAM), None)
    elif step == WHERE:
        state.where = dict(AS_PREFERRED)
    elif step == NAME:
        state.name = None if state.before is None else state.name
    else:
        raise InvalidInput(t("That one is needed. Tap or type an answer, or cancel."))


def _before(state: State, step: str) -> str:
    """The question before this one, or where a single change began."""
    if state.one or step == FIELDS or state.before is not None:
        return FIELDS if state.before is not None else PREVIEW
    asked = state.sequence()
    place = asked.index(step) if step in asked else len(asked)
    if place == 0:
        raise InvalidInput(t("This is the first question."))
    return asked[place - 1]


def _chosen(state: State, key: str) -> str:
    """The field that a button of the card names."""
    for step in (NAME, WHEN, WHERE, *(value.step for value in forms.values_of(state, "", ""))):
        if forms.step_key(state, step) == key:
            return step
    raise InvalidInput(t("That button is from an older version. Send /add."))
