"""The wizard: a job made step by step, in one message; or from one line, as far as it says what is wanted."""

import re

from telegram import Update

from bot import replies
from bot.commands import forms
from bot.commands.timing import LONGEST, TimeNotRead, take_apart
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import adding as said
from domain.cron import CronRefused
from domain.errors import InvalidInput, NotAllowed, UserError
from domain.locales import t
from domain.schedules import JobType
from services.adding import AddingService, Said
from services.agenda import AgendaService
from services.answering import FormsService
from services.fields import Field, fields_of
from services.forms import HOMES, KIND, PARAM, WHEN, FormEnded, FormMoved, kind_named
from services.instruments import names_in
from services.job_kinds import kind_of
from services.jobs import JobsService, timing_form
from services.telegram import Form

_QUOTED_NAME = re.compile(r"\s*[\"“”„«](.+?)[\"“”»]\s*(.*)$", re.DOTALL)
_REMINDER = re.compile(
    r"(?:to\s+)?remind(?:er)?\b[\s:]*(?:me\b)?\s*(?:to\b|of\b|about\b|that\b)?\s*"
    r"|erinner(?:e|ung)?\b[\s:]*(?:mich\b)?\s*(?:an\b|daran\b,?|zu\b)?\s*",
    re.IGNORECASE,
)
_LEAD = re.compile(r"(?:to|that|of|about|an|zu)\s+", re.IGNORECASE)
_COLUMN = re.compile(r"(?=.*[\d*])[\d*,/\-a-z#]+", re.IGNORECASE)
_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(\S.*)")
_ONLY_LEADS = frozenset(("every", "each", "on", "the", "at", "jeden", "jede", "jedes", "am", "um", "den"))


async def add(update: Update, context: BotContext) -> None:
    """Make a job: from one line, or asking for one thing after another."""
    await _begin(update, context, read_line(" ".join(context.arguments), context))


async def alert(update: Update, context: BotContext) -> None:
    """Make a price alert."""
    await _of_kind(update, context, JobType.ALERT)


async def screener(update: Update, context: BotContext) -> None:
    """Make a screener."""
    await _of_kind(update, context, JobType.SCREENER)


async def backup(update: Update, context: BotContext) -> None:
    """Make a backup job."""
    await _of_kind(update, context, JobType.BACKUP)


async def paper(update: Update, context: BotContext) -> None:
    """Make a paper trading bot."""
    await _of_kind(update, context, JobType.BOT)


async def open_line(update: Update, context: BotContext, text: str, kind: str | None = None) -> None:
    """The form of what a line says, whatever way it came."""
    await _begin(update, context, said_by(text, kind, context))


async def open_said(update: Update, context: BotContext, what: Said) -> None:
    """The form of what a button says."""
    await _begin(update, context, what)


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of the form: ``draft:version:choice``."""
    number, version, choice = forms.parts_of(what)
    if choice not in ("save", "run"):
        await forms.pressed(update, context, "wz", what)
        return
    try:
        await (_save if choice == "save" else _run)(update, context, number, version)
    except FormMoved as moved:
        await acknowledge(update, str(moved))
        await forms.show(update, context, moved.page)
    except FormEnded as ended:
        await acknowledge(update)
        await replies.send(update, replies.forms.expired("wz", ended.draft_id, version))


async def answered(update: Update, context: BotContext, form: Form, text: str) -> None:
    """A typed answer; a whole plan in place of one begins a form of its own."""
    if form.step in HOMES and (own := plan_of_its_own(text, context)) is not None:
        await _begin(update, context, own)
        return
    if form.step == KIND and not _names_a_kind(text, context):
        also = _steps(said_by(text, None, context))
        if also:
            await _fill(update, context, form, also)
            return
    await forms.typed(update, context, form, text)


async def _of_kind(update: Update, context: BotContext, kind: JobType) -> None:
    found = kind_of(kind)
    if found.unavailable is not None:
        await replies.send(update, Reply(t(found.unavailable)))
        return
    if not context.user.role.includes(found.role):
        raise NotAllowed
    await _begin(update, context, said_by(" ".join(context.arguments), kind, context))


async def _begin(update: Update, context: BotContext, what: Said) -> None:
    page = await context.run(
        AddingService.begin, context.user, context.speaker, what, forms.prices(context), now=context.now
    )
    await forms.show(update, context, page)


async def _fill(update: Update, context: BotContext, form: Form, answers: list[tuple[str, object]]) -> None:
    """Several answers at once, in place of the kind alone."""
    (_, kind), *also = answers
    try:
        page = await context.run(
            FormsService.typed, context.user, context.speaker, form.id, form.version, str(kind),
            forms.prices(context), now=context.now, also=also,
        )  # fmt: skip
    except FormMoved as moved:
        page = moved.page
    await forms.show(update, context, page)


async def _save(update: Update, context: BotContext, number: int, version: int) -> None:
    try:
        made = await context.run(
            AddingService.save, context.user, context.speaker, number, version, forms.prices(context), now=context.now
        )
    except (FormMoved, FormEnded):
        raise
    except InvalidInput as problem:
        await forms.refuse(update, context, number, problem)
        return
    await acknowledge(update, t("It was saved already") if made.again else t("Saved"))
    schedule, due = await context.run(AgendaService.card, made.schedule.id)
    await replies.replace(update, said.saved(schedule, due, again=made.again))


async def _run(update: Update, context: BotContext, number: int, version: int) -> None:
    """Run it once now, without saving it; the form stays."""
    proposal, page = await context.run(
        AddingService.tried, context.user, context.speaker, number, version, forms.prices(context), now=context.now
    )
    run_id = await context.run(
        JobsService.run_once, context.user, proposal.job_type, proposal.name, proposal.params, now=context.now
    )
    await acknowledge(update, t("It runs now"))
    await forms.show(update, context, page)
    await replies.send(update, replies.runs.begun(proposal.name, run_id))


# one line


def read_line(text: str, context: BotContext) -> Said:
    """What a line says of a job: its name in quotation marks, its kind, its parameters and its time, each optional."""
    name, rest = None, text.strip()
    if quoted := _QUOTED_NAME.match(rest):
        name, rest = quoted[1], quoted[2]
    first, _, behind = rest.partition(" ")
    kind = kind_named(first, context.user) if first else None
    read = said_by(behind if kind is not None else rest, kind.name if kind is not None else None, context)
    return Said(read.kind, read.params, read.timing, name, read.refused, read.line, read.half)


def said_by(text: str, kind: str | None, context: BotContext) -> Said:
    """What words say of a job: when, and what to do then."""
    if not text.strip():
        return Said(kind)
    try:
        asked = take_apart(_line_first(text), context.user.timezone, context.now)
    except TimeNotRead as problem:
        return _without_time(text, problem, kind)
    return _work(asked.rest, kind, Said(timing=asked.timing))


def _line_first(text: str) -> str:
    """A cron line that stands at the end, put where it is looked for."""
    words = text.split()
    line = words[-5:]
    if len(words) > 5 and all(_COLUMN.fullmatch(word) for word in line) and any("*" in word for word in line):
        return " ".join([*line, *words[:-5]])
    return text


def _without_time(text: str, problem: TimeNotRead, kind: str | None) -> Said:
    """No time was understood: there is none at all, or it lacks something, or it can't be right."""
    beside = "" if problem.rest.lower() in _ONLY_LEADS or _REMINDER.fullmatch(problem.rest) else problem.rest
    unknown = getattr(problem.problem, "unknown", "")
    if not isinstance(problem.problem, CronRefused) and unknown and not beside and len(text) <= LONGEST:
        alone = names_in(text.split())
        if kind is not None or _REMINDER.match(text) or len(alone) == 1:
            return _work(text, kind, Said())
    lacks = not unknown and not isinstance(problem.problem, CronRefused)
    half = problem.line.replace(beside, "").strip() if lacks else ""
    refused = Said(refused=problem.problem, line=problem.line, half=half)
    return _work(beside, kind, refused)


def _work(words: str, kind: str | None, when: Said) -> Said:
    """The kind and the parameters that words beside a time stand for."""
    words = words.strip(" ,;:")
    params: dict[str, str] = {}
    if kind is None and (reminder := _REMINDER.match(words)) and reminder[0].strip():
        kind, words = JobType.NOTIFICATION.value, words[reminder.end() :]
    elif kind is None and names_in(words.split()):
        kind = JobType.REPORT.value
    if kind == JobType.NOTIFICATION:
        words = _LEAD.sub("", words, count=1) if _LEAD.match(words) else words
    if kind is not None and words:
        params = _params(words.strip(" ,;:"), fields_of(kind_of(kind)))
    return Said(kind, params, when.timing, None, when.refused, when.line, when.half)


def _params(words: str, fields: list[Field]) -> dict[str, str]:
    """Words as parameters: ``name=value``, one of a parameter's own choices, or in the order of the parameters."""
    found: dict[str, str] = {}
    left: list[str] = []
    by_name = {field.name.casefold(): field for field in fields}
    typed = [field for field in fields if not field.choices]
    texts = [field for field in typed if field.required and not field.number and not field.asks_for]
    for word in words.split():
        named = _NAMED.fullmatch(word)
        choice = None if texts else _choice(word, fields, found)
        if named and named[1].casefold() in by_name:
            found[by_name[named[1].casefold()].name] = named[2]
        elif choice is not None:
            found[choice] = word.strip(",.;")
        else:
            left.append(word)
    open_fields = [field for field in typed if field.name not in found]
    while left and open_fields:
        field = open_fields.pop(0)
        takes_all = not open_fields or (not field.number and not field.asks_for and field.required)
        taken, left = (left, []) if takes_all else (left[:1], left[1:])
        found[field.name] = " ".join(taken)
    if left:
        raise InvalidInput(t("I don't know what “{words}” is for. Say it as name=value.", words=" ".join(left)[:60]))
    return found


def _choice(word: str, fields: list[Field], found: dict[str, str]) -> str | None:
    said_word = word.strip(",.;").casefold()
    for field in fields:
        if field.name not in found and any(
            said_word in (str(choice.value).casefold(), choice.label.casefold()) for choice in field.choices
        ):
            return field.name
    return None


def _steps(what: Said) -> list[tuple[str, object]]:
    """What words answer, each with its step; nothing when they name no kind of job."""
    if what.kind is None:
        return []
    steps: list[tuple[str, object]] = [(KIND, what.kind)]
    steps += [(PARAM + name, text) for name, text in what.params.items()]
    return steps + ([(WHEN, timing_form(what.timing))] if what.timing is not None else [])


def _names_a_kind(text: str, context: BotContext) -> bool:
    try:
        return kind_named(text, context.user) is not None
    except UserError:  # it is one, which this person can't have: the form says so
        return True


def plan_of_its_own(text: str, context: BotContext) -> Said | None:
    """A time and what to do then, while a form is ready to be saved; None for a time alone, or for no plan."""
    try:
        asked = take_apart(text, context.user.timezone, context.now)
    except TimeNotRead:
        return None
    return said_by(text, None, context) if asked.rest else None
