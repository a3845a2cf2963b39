"""Forms of a job: what was answered so far, which question is open, and what is shown of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from db.telegram import DraftRow
from db.unit_of_work import UnitOfWork
from domain.cron import CronRefused
from domain.errors import InvalidInput, NotFound, OpenbellError, UserError
from domain.ids import DraftId
from domain.locales import t
from domain.schedules import Proposal
from domain.timing import Due, Timing
from domain.users import User, clean_name
from services.fields import Field, asked_of, fields_of
from services.job_kinds import JobKind, kind_of, kinds, target_of
from services.jobs import timing_from
from services.telegram import FORM_LIVES

ADD, EDIT = "ask_add", "ask_edit"
KIND, WHEN, WHERE, NAME, PREVIEW, FIELDS = "kind", "when", "where", "name", "preview", "fields"
PARAM = "p."
"""What the steps of parameters begin with; the parameter's name follows."""
HOMES = (PREVIEW, FIELDS)
LONGEST_NAME = 80
_LONGEST_STEP = 32


class FormEnded(NotFound):
    """This form has expired, and it changed nothing."""

    def __init__(self, draft_id: int) -> None:
        super().__init__(t("This form has expired, and it changed nothing."))
        self.draft_id = draft_id


class FormMoved(UserError):
    """That button was from an earlier question; the form as it is now is in `page`."""

    def __init__(self, page: "Page") -> None:
        super().__init__(t("That was an earlier question. Here is the present one."))
        self.page = page


@dataclass
class State:
    """What a form keeps in its draft."""

    kind: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    timing: dict[str, Any] | None = None
    where: dict[str, Any] | None = None
    """`deliver_to` and `destination_id`; None until that was asked."""
    name: str | None = None
    given: list[str] = field(default_factory=list)
    """The steps that were answered before the form was opened, and so are not among its questions."""
    one: bool = False
    """Whether a single field is being changed, after which the form is back where it was."""
    half: str = ""
    """A time that lacked something, such as “every Monday”."""
    offers: list[list[Any]] = field(default_factory=list)
    """What the buttons of the open question stand for: a label and a value each."""
    schedule_id: int | None = None
    before: dict[str, Any] | None = None
    """Of an edited job: its fields as they were when the form was opened."""
    saved: bool = False
    shown_at: str | None = None
    previous_at: str | None = None

    @classmethod
    def of(cls, row: DraftRow) -> "State":
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in row.data.items() if key in known})

    @property
    def job(self) -> JobKind | None:
        return kind_of(self.kind) if self.kind is not None else None

    @property
    def home(self) -> str:
        return PREVIEW if self.before is None else FIELDS

    def sequence(self) -> list[str]:
        """The questions of this form in their order, those left out that were answered beforehand."""
        asked = [PARAM + each.name for each in asked_of(self.job)] if self.job is not None else []
        return [step for step in (KIND, *asked, WHEN, WHERE) if step not in self.given]

    def answered(self, step: str) -> bool:
        if step.startswith(PARAM):
            return step.removeprefix(PARAM) in self.params
        return {KIND: self.kind, WHEN: self.timing, WHERE: self.where, NAME: self.name}[step] is not None

    def following(self) -> str:
        """The first question that is open, or where the form ends."""
        if self.one or self.before is not None:
            return self.home
        return next((step for step in self.sequence() if not self.answered(step)), self.home)

    def field_of(self, step: str) -> Field:
        """The parameter that a step asks for."""
        if self.job is not None:
            for each in fields_of(self.job):
                if PARAM + each.name == step:
                    return each
        raise InvalidInput(t("That button is from an older version. Send /add."))

    def proposal(self) -> Proposal | None:
        """The job as it would be saved; None while something is missing."""
        if self.kind is None or self.timing is None:
            return None
        return Proposal(self.name or self.usual_name(), self.kind, self.full_params(), timing_from(self.timing))

    def full_params(self) -> dict[str, Any]:
        """The parameters that were answered; one that was left as it is, is left out."""
        return {name: value for name, value in self.params.items() if value is not None}

    def usual_name(self) -> str:
        """What a job like this is called when nobody gave it a name."""
        job = self.job
        if job is None:
            return ""
        target = target_of(job, self.params) or ""
        if job.target is not None and not target:
            return kind_title(job)
        name = t(job.naming, target=target) if job.naming else f"{kind_title(job)} {target}"
        return clean_name(name.strip()[:LONGEST_NAME] or job.name, "name", LONGEST_NAME)


@dataclass(frozen=True)
class Problem:
    """Why an answer was not taken; `column` points into `line`, if it was a cron line."""

    text: str
    line: str = ""
    column: int | None = None


@dataclass(frozen=True)
class Value:
    """One field of the form, as people read it; `before` when it is being changed."""

    step: str
    title: str
    shown: str
    before: str | None = None


@dataclass(frozen=True)
class Page:
    """A form as it is shown: one question, the card of its fields, or the preview."""

    id: DraftId
    form: str
    version: int
    step: str
    number: int
    of: int
    """The question's place among those of the form; 0 when it stands alone."""
    title: str
    """What kind of job it is."""
    job_name: str
    field: Field | None
    current: str | None
    offers: tuple[str, ...]
    """The labels of the buttons that answer the question."""
    values: tuple[Value, ...]
    proposal: Proposal | None
    due: tuple[Due, ...]
    where: str
    as_preferred: bool
    """Whether the person's settings say where the results go."""
    clashes: int
    """How many jobs of this person start in the minute of the first run."""
    may_skip: bool
    may_go_back: bool
    may_save: bool
    problem: Problem | None
    schedule_id: int | None
    timing: Timing | None
    chat_id: int | None
    message_id: int | None
    previous_at: datetime | None
    """When it was shown the time before; None when it is new."""


def problem_of(problem: OpenbellError, line: str = "") -> Problem:
    """A refusal, as a form shows it."""
    return Problem(str(problem), line, problem.column if isinstance(problem, CronRefused) else None)


def suggested(problem: OpenbellError) -> list[str]:
    """What a refusal says may have been meant."""
    several = getattr(problem, "suggestions", None) or getattr(problem, "nearest", None) or ()
    one = getattr(problem, "suggestion", None)
    return [str(each) for each in several] or ([str(one)] if one else [])


def offered_kinds(user: User) -> list[JobKind]:
    """The kinds of job that this person may have, ours in their usual order first."""
    return [kind for kind in kinds().values() if kind.available and user.role.includes(kind.role)]


def kind_title(kind: JobKind) -> str:
    """What a person calls a kind of job."""
    return t(kind.title) if kind.title else t(kind.summary)[:1].upper() + t(kind.summary)[1:]


def kind_named(text: str, user: User) -> JobKind | None:
    """The kind of job that a word names; None for any other word. One that can't be had says why."""
    said = text.strip().casefold()
    for kind in kinds().values():
        if said in (kind.name.casefold(), kind_title(kind).casefold(), kind.title.casefold()) and said:
            kind.authorise(user.role, {})
            if kind.unavailable is not None:
                raise InvalidInput(t(kind.unavailable))
            return kind
    return None


def create(
    uow: UnitOfWork,
    user: User,
    telegram_user_id: int,
    form: str,
    state: State,
    now: datetime,
    step: str | None = None,
) -> DraftRow:
    """A new form, at its first open question or at `step`; the others that wait for typed text end."""
    uow.telegram.end_asking(telegram_user_id, now)
    state.previous_at, state.shown_at = None, now.isoformat()
    row = uow.telegram.create(
        telegram_user_id=telegram_user_id,
        user_id=user.id,
        kind=form,
        step=step_key(state, step or state.following()),
        version=1,
        data=asdict(state),
        expires_at=now + FORM_LIVES,
    )
    uow.session.flush()
    return row


def opened(uow: UnitOfWork, telegram_user_id: int, draft_id: int, now: datetime) -> DraftRow:
    """A form of this person that still holds, locked; FormEnded, also for another's."""
    row = uow.telegram.draft(draft_id, telegram_user_id)
    if row is None or row.kind not in (ADD, EDIT):
        raise NotFound(t("This form has expired, and it changed nothing. Make a new one with /add."))
    if row.consumed_at is not None or row.expires_at <= now:
        raise FormEnded(row.id)
    return row


def keep(row: DraftRow, state: State, step: str, now: datetime) -> None:
    """Write down where the form stands; buttons of what was shown before are old from here on."""
    state.previous_at, state.shown_at = state.shown_at, now.isoformat()
    row.data, row.step, row.version = asdict(state), step_key(state, step), row.version + 1


def step_key(state: State, step: str) -> str:
    """A step as the draft keeps it: a parameter by its place, since names may be long."""
    if not step.startswith(PARAM) or state.job is None:
        return step
    names = [PARAM + each.name for each in fields_of(state.job)]
    return f"{PARAM}{names.index(step)}" if step in names else step[:_LONGEST_STEP]


def step_of(row: DraftRow, state: State) -> str:
    """The step that a draft keeps."""
    place = row.step.removeprefix(PARAM)
    if row.step.startswith(PARAM) and place.isdigit() and state.job is not None:
        found = fields_of(state.job)
        return PARAM + found[int(place)].name if int(place) < len(found) else state.following()
    return row.step


def values_of(state: State, where: str, before_where: str) -> tuple[Value, ...]:
    """Every field of the form with its value, and what it was before."""
    job, before = state.job, state.before
    if job is None:
        return ()
    found = [Value(NAME, t("Name"), state.name or state.usual_name(), _was(before, "name", state.name))]
    for each in fields_of(job):
        shown = each.shown(state.params.get(each.name, each.default))
        old = each.shown(before["params"].get(each.name, each.default)) if before is not None else None
        found.append(Value(PARAM + each.name, each.title, shown, old if old != shown else None))
    if state.timing is not None:
        words = _words(state.timing)
        old = _words(before["timing"]) if before is not None else None
        found.append(Value(WHEN, t("When"), words, old if old != words else None))
    found.append(Value(WHERE, t("To"), where, before_where if before is not None and before_where != where else None))
    return tuple(found)


def _was(before: Mapping[str, Any] | None, key: str, now: Any) -> str | None:
    return str(before[key]) if before is not None and before[key] != now else None


def _words(timing: Mapping[str, Any]) -> str:
    read = timing_from(timing)
    return f"{read.words} · {read.timezone}"


def labels(offers: Sequence[Sequence[Any]]) -> tuple[str, ...]:
    return tuple(str(each[0]) for each in offers)
