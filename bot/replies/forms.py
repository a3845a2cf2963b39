"""Forms as they are shown: one question at a time, the fields, the preview; and what became of them."""

from collections.abc import Sequence
from html import escape

from bot.replies.reply import Buttons, Reply, due_lines, in_pairs
from bot.replies.schedules import pointed
from domain.errors import InvalidInput
from domain.locales import t, tn
from domain.timing import Timing
from services.forms import ADD, FIELDS, KIND, NAME, PARAM, PREVIEW, WHEN, WHERE, Page, Value

LETTERS = {"ask_add": "wz", "ask_edit": "ed"}
LONGEST_HINT = 300
LONGEST_BUTTON = 40
_QUESTION_ROWS = 12


def page(shown: Page) -> Reply:
    """The form's message as it stands."""
    if shown.step == PREVIEW:
        return _preview(shown)
    if shown.step == FIELDS:
        return _fields(shown)
    return _question(shown)


def data(shown: Page, choice: str) -> str:
    """What a button of this page carries."""
    return f"{LETTERS[shown.form]}:{shown.id}:{shown.version}:{choice}"


# questions


def _question(shown: Page) -> Reply:
    lines = [_head(shown), *_problem(shown), f"<b>{escape(_asks(shown))}</b>", *_hints(shown)]
    if shown.current is not None:
        lines += ["", t("Now: {value}", value=f"<b>{escape(shown.current)}</b>")]
    answers = [(label[:LONGEST_BUTTON], data(shown, str(number))) for number, label in enumerate(shown.offers)]
    rows: list[Sequence[tuple[str, str]]] = [*_rows(answers)][:_QUESTION_ROWS]
    return Reply("\n".join(line for line in lines if line is not None), [*rows, _moves(shown)])


def _head(shown: Page) -> str:
    early = shown.step == KIND or shown.field is not None
    name = escape(shown.title if early and shown.number else shown.job_name or shown.title)
    if shown.form != ADD:
        return t("Job {number}: {name}", number=shown.schedule_id, name=name)
    head = t("New job") if not name else t("New job: {name}", name=name)
    return f"{head}  <i>{shown.number}/{shown.of}</i>" if shown.of else head


def _asks(shown: Page) -> str:
    """The question itself."""
    if shown.step == KIND and shown.timing is not None:
        return t("{when}: and what shall I do then?", when=_capital(shown.timing.words))
    if shown.step == WHEN:
        return t("When shall “{name}” come?", name=shown.job_name) if shown.job_name else t("When shall it come?")
    if shown.field is not None:
        return t("{title}?", title=shown.field.title)
    asks = {KIND: t("What shall I do?"), WHERE: t("Where shall it go?"), NAME: t("What shall it be called?")}
    return asks[shown.step]


def _hints(shown: Page) -> list[str]:
    """How to answer, with an example."""
    if shown.step == KIND:
        return [t("Tap one, or write: <code>remind me to check margins</code>")]
    if shown.step == WHEN:
        return [
            t(
                "Tap a time, or send one: in words, such as {words}, or as a cron line, such as {line}.",
                words=f"<code>{t('every weekday at 8:30')}</code>",
                line="<code>30 8 * * 1-5</code>",
            )
        ]
    if shown.step == WHERE:
        return [t("Tap one, or skip it to go by {command}. Example: {example}", command="/notify", example="e-mail")]
    if shown.step == NAME:
        return [t("Send a name. Example: {example}", example="<code>Morning gold</code>")]
    if shown.field is None:
        return []
    hint = [_capital(escape(shown.field.hint[:LONGEST_HINT])) + "."] if shown.field.hint else []
    examples = shown.field.examples or shown.offers[:1] or _invented(shown)
    return [*hint, t("Tap or type it. Example: {example}", example=f"<code>{escape(examples[0])}</code>")]


def _invented(shown: Page) -> tuple[str, ...]:
    """An example for a parameter whose author gave none."""
    if shown.field is None or shown.field.default not in (None, ""):
        return (str(shown.field.default),) if shown.field is not None else ("",)
    return ("10",) if shown.field.number else (t("a few words"),)


def _rows(answers: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    """Long answers one a row, short ones beside each other."""
    if any(len(label) > 20 for label, _data in answers):
        return [[each] for each in answers]
    if len(answers) > 4 and all(len(label) <= 9 for label, _data in answers):
        return [answers[n : n + 3] for n in range(0, len(answers), 3)]
    return in_pairs(answers)


def _moves(shown: Page) -> list[tuple[str, str]]:
    back = [(t("‹ Back"), data(shown, "back"))] if shown.may_go_back else []
    skip = [(t("Skip"), data(shown, "skip"))] if shown.may_skip else []
    return [*back, *skip, (t("Cancel"), data(shown, "cancel"))]


def _problem(shown: Page) -> list[str]:
    if shown.problem is None:
        return [""]
    return ["", f"⚠ {pointed(shown.problem.line, shown.problem.column)}{escape(shown.problem.text[:1200])}", ""]


# the preview and the fields


def _preview(shown: Page) -> Reply:
    """What would be saved, with its next runs; nothing is saved yet."""
    proposal = shown.proposal
    if proposal is None:
        raise InvalidInput(t("This form has expired, and it changed nothing. Make a new one with /add."))
    lines = [
        t("New job: {name}", name=f"<b>{escape(proposal.name)}</b>"),
        *_times(shown, proposal.timing),
        "",
        *(f"{escape(value.title)}: {escape(value.shown)}" for value in _worth_saying(shown)),
        _goes(shown),
        *_problem(shown),
        t("Nothing is saved yet."),
    ]
    save = [(t("Save"), data(shown, "save")), (t("Run once now"), data(shown, "run"))] if shown.may_save else []
    rows: Buttons = [
        *_shifts(shown),
        save,
        [(t("Change time"), data(shown, "time")), (t("Change more…"), data(shown, "more"))],
        [(t("Cancel"), data(shown, "cancel"))],
    ]
    return Reply("\n".join(lines), rows)


def _goes(shown: Page) -> str:
    if shown.as_preferred:
        return t("It comes as you set in /notify.")
    return t("It comes to: {where}.", where=escape(shown.where))


def _times(shown: Page, timing: Timing) -> list[str]:
    """When it comes: in words, as a line, and the next three runs with what is special about them."""
    runs = sum(each.left_out is None for each in shown.due)
    head = t("Next three runs") if runs == 3 else t("The only run") if runs == 1 else t("Next runs")
    lines = [
        f"{escape(timing.words)} · {escape(timing.timezone)}",
        f"<code>{escape(timing.expression)}</code>",
    ]
    if shown.due:
        lines += ["", f"{head}:", *due_lines(shown.due, timing.zone)]
    if shown.clashes:
        crowd = tn("{n} of your jobs starts in that minute too.", "{n} of your jobs start in that minute too.",
                   shown.clashes)  # fmt: skip
        later = t("A little later it would wait for none of them:") if shown.offers else ""
        lines += ["", f"⚠ {crowd} {later}".rstrip()]
    return lines


def _worth_saying(shown: Page) -> list[Value]:
    """The parameters; the name, the time and the way are said already."""
    return [value for value in shown.values if value.step.startswith(PARAM)]


def _shifts(shown: Page) -> Buttons:
    return [[(label[:LONGEST_BUTTON], data(shown, str(number))) for number, label in enumerate(shown.offers)]]


def _fields(shown: Page) -> Reply:
    """Every field as a button; what would be changed, beside what it was."""
    changed = any(value.before is not None for value in shown.values)
    lines = [_head(shown), *_problem(shown), *(_line(value) for value in shown.values)]
    if shown.proposal is not None and any(value.step == WHEN and value.before is not None for value in shown.values):
        lines += ["", *_times(shown, shown.proposal.timing)]
    if shown.form == ADD or changed:
        lines += ["", t("Nothing is saved yet.")]
    else:
        lines += ["", t("What shall I change?")]
    buttons = [(_button(value), data(shown, f"={_key(shown, value)}")) for value in shown.values]
    end = t("Cancel") if changed or shown.form == ADD else t("Close")
    last = [(end, data(shown, "cancel"))]
    if shown.form == ADD:
        last = [(t("‹ Back"), data(shown, "back")), *last]
    save = [(t("Save"), data(shown, "save"))] if shown.may_save and shown.form != ADD else []
    return Reply("\n".join(lines), [*_shifts(shown), *in_pairs(buttons), [*save, *last]])


def _line(value: Value) -> str:
    if value.before is None:
        return f"{escape(value.title)}: {escape(value.shown)}"
    return f"{escape(value.title)}: <s>{escape(value.before)}</s> → <b>{escape(value.shown)}</b>"


def _button(value: Value) -> str:
    return f"{value.title[:LONGEST_BUTTON]}…"


def _key(shown: Page, value: Value) -> str:
    """A field's place, as the service reads it back: names of parameters may be long."""
    params = [each.step for each in shown.values if each.step.startswith(PARAM)]
    return f"{PARAM}{params.index(value.step)}" if value.step in params else value.step


# what became of a form


def cancelled(shown: Page) -> Reply:
    """What was thrown away, and the way to have it back."""
    name = escape(shown.job_name)
    if shown.form != ADD:
        changed = [value for value in shown.values if value.before is not None]
        if not changed:
            return Reply(t("Closed. Job {number} stays as it is.", number=shown.schedule_id))
        lost = ", ".join(escape(f"{value.title}: {value.shown}") for value in changed)
        said = t("Left. Job {number} stays as it is; thrown away: {lost}.", number=shown.schedule_id, lost=lost)
    elif not name:
        return Reply(t("Left. Nothing was saved."), [[(t("Undo"), data(shown, "undo"))]])
    else:
        time = f", {escape(shown.timing.words)}" if shown.timing is not None else ""
        said = t("Left. Nothing was saved. Thrown away: {what}.", what=f"<b>{name}</b>{time}")
    return Reply(said, [[(t("Undo"), data(shown, "undo"))]])


def expired(letter: str, draft_id: int, version: int) -> Reply:
    """A button of a form that has ended: it opens a fresh one with the same answers."""
    return Reply(
        t("This form has expired, and it changed nothing now."),
        [[(t("Open it afresh"), f"{letter}:{draft_id}:{version}:again")]],
    )


def goes_on_below() -> Reply:
    """What is left where the form stood before."""
    return Reply(t("This form goes on below."))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
