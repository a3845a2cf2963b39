"""From words or a cron line to a schedule: proposing, asking for what is missing, previewing, saving."""

import re
from collections.abc import Mapping
from typing import Any

from telegram import Update

from bot import replies
from bot.commands import reports
from bot.commands.timing import LONGEST, Request, TimeNotRead, suggestions_of, take_apart
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Buttons, Reply
from bot.replies.schedules import OFTEN, SEVERAL
from domain.errors import InvalidInput, NotFound, OpenbellError, RetryLater
from domain.ids import parse_number
from domain.schedules import JobType, Proposal
from domain.timing import Timing, parse_timing
from domain.users import clean_name
from services.agenda import AgendaService
from services.jobs import JobsService, as_form, timing_form, timing_from
from services.telegram import Form, TelegramService

OFFERED_SYMBOLS = 6
LONGEST_DATA, LONGEST_LABEL = 64, 48
LONGEST_NAME = 60
_REMINDER = re.compile(r"(?:to\s+)?remind(?:er)?\b[\s:]*(?:me\b)?\s*(?:to\b|of\b|about\b|that\b)?\s*", re.IGNORECASE)


async def schedule(update: Update, context: BotContext) -> None:
    """Propose a schedule from a time and what to do then, in words or as a cron line."""
    if not context.arguments:
        await replies.send(update, replies.schedules.usage())
        return
    await request(update, context, " ".join(context.arguments))


async def remind(update: Update, context: BotContext) -> None:
    """Propose a reminder: what of, and when."""
    said = re.sub(r"^me\s+", "", " ".join(context.arguments), flags=re.IGNORECASE)
    if not said:
        await replies.send(update, replies.schedules.remind_usage())
        return
    try:
        asked = take_apart(said, context.user.timezone, context.now)
    except TimeNotRead as problem:
        if problem.rest or len(said) > LONGEST:
            await _not_read(update, context, TimeNotRead(problem.problem, "", f"remind me {problem.rest}"))
        else:
            await _ask_when(update, context, _reminder(said))
        return
    if not asked.rest:
        await replies.send(update, replies.schedules.remind_usage())
        return
    await _propose(update, context, asked.timing, _reminder(asked.rest))


async def test(update: Update, context: BotContext) -> None:
    """What a line means in words, and when it is due next."""
    if not context.arguments:
        await replies.send(update, replies.schedules.test_usage())
        return
    await replies.send(update, await _tested(context, " ".join(context.arguments)))


async def test_pressed(update: Update, context: BotContext, line: str) -> None:
    """A button that shows what its line means."""
    reply = await _tested(context, line)
    await acknowledge(update)
    await replies.send(update, reply)


async def request(update: Update, context: BotContext, text: str) -> None:
    """Make a proposal of what was written, or ask for what is missing or was not understood."""
    try:
        asked = take_apart(text, context.user.timezone, context.now)
    except TimeNotRead as problem:
        await _not_read(update, context, problem)
        return
    if not _REMINDER.match(asked.rest) and not reports.names_in(asked.rest.split()):
        await _ask_what(update, context, asked)
        return
    await _propose(update, context, asked.timing, _work(asked.rest, context))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button under a report: ``SYMBOL:cron line``."""
    named, _, line = what.rpartition(":")
    work = _work(named, context)
    await acknowledge(update)
    await _propose(update, context, _read(context, line), work)


async def form_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button under a preview: ``draft:save``, ``run``, ``time`` or ``cancel``."""
    number, _, action = what.partition(":")
    draft_id, speaker = parse_number(number, "form", "/schedule"), context.speaker
    if action == "save":
        saved = await context.run(JobsService.save, context.user, speaker, draft_id, now=context.now)
        await acknowledge(update, "Saved" if not saved.again else "It was saved already")
        schedule, due = await context.run(AgendaService.card, saved.schedule.id)
        await replies.replace(update, replies.schedules.saved(schedule, due, again=saved.again))
        return
    form = await _form(context, draft_id)
    work = _kept_work(form)
    if action == "run":
        await acknowledge(update, "It runs now")
        await _run_once(update, context, work)
    elif action == "time":
        await acknowledge(update)
        await _ask_when(update, context, work)
    else:
        await context.run(TelegramService.end, speaker, "proposal", now=context.now)
        await acknowledge(update)
        await replies.replace(update, Reply("Left. Nothing was saved."))


async def when_pressed(update: Update, context: BotContext, what: str) -> None:
    """One of the usual times: ``draft:number``."""
    number, _, choice = what.partition(":")
    form = await _form(context, parse_number(number, "form", "/schedule"))
    if not (choice.isdigit() and int(choice) < len(OFTEN)):
        raise InvalidInput("That button is from an older version. Send /schedule.")
    await acknowledge(update)
    await _propose(update, context, _read(context, OFTEN[int(choice)][1]), _kept_work(form))
    await context.run(TelegramService.end, context.speaker, "ask_time", now=context.now)


async def what_pressed(update: Update, context: BotContext, what: str) -> None:
    """What to do at the time that was given: ``draft:SYMBOL``."""
    number, _, symbol = what.partition(":")
    form = await _form(context, parse_number(number, "form", "/schedule"))
    work = _work(symbol, context)
    await acknowledge(update)
    await _propose(update, context, timing_from(form), work)
    await context.run(TelegramService.end, context.speaker, "ask_what", now=context.now)


async def corrected_pressed(update: Update, context: BotContext, number: str) -> None:
    """The suggestion of a refusal was taken."""
    form = await _form(context, parse_number(number, "form", "/schedule"))
    await acknowledge(update)
    await request(update, context, str(form["text"]))


async def time_named(update: Update, context: BotContext, form: Form, text: str) -> None:
    """A time that was asked for."""
    try:
        timing = _read(context, text)
    except InvalidInput as problem:
        await replies.send(update, replies.schedules.refused(problem, text, ()))
        return
    await _propose(update, context, timing, _kept_work(form.data))
    await context.run(TelegramService.end, context.speaker, "ask_time", now=context.now)


async def work_named(update: Update, context: BotContext, form: Form, text: str) -> None:
    """What to do, at the time that was given before."""
    await _propose(update, context, timing_from(form.data), _work(text, context))
    await context.run(TelegramService.end, context.speaker, "ask_what", now=context.now)


# what there is to do


Work = Mapping[str, Any]
"""A job without its time: `name`, `job_type` and `params`."""


def _work(text: str, context: BotContext) -> Work:
    """The job that these words ask for: a reminder, or else a report on an instrument."""
    reminder = _REMINDER.match(text)
    if reminder:
        return _reminder(text[reminder.end() :])
    symbol, theme = reports.what(text.split(), context)
    return {"name": f"{symbol} report", "job_type": JobType.REPORT, "params": reports.params(symbol, theme)}


def _reminder(text: str) -> Work:
    said = re.sub(r"^(?:to|that|of|about)\s+", "", text.strip(), flags=re.IGNORECASE).strip(" ,.;:")
    if not said:
        raise InvalidInput("What shall I remind you of? Example: /remind check margins every day at 9")
    name = clean_name(said[:LONGEST_NAME], "reminder")
    return {"name": name, "job_type": JobType.NOTIFICATION, "params": {"text": said}}


def _kept_work(form: Mapping[str, Any]) -> Work:
    return {key: form[key] for key in ("name", "job_type", "params")}


async def _run_once(update: Update, context: BotContext, work: Work) -> None:
    run_id = await context.run(
        JobsService.run_once, context.user, work["job_type"], work["name"], work["params"], now=context.now
    )
    await replies.send(update, replies.runs.begun(work["name"], run_id))


# asking and showing


def _read(context: BotContext, line: str) -> Timing:
    """A time, read in the zone of whoever speaks."""
    return parse_timing(line, timezone=context.user.timezone, now=context.now)


async def _propose(update: Update, context: BotContext, timing: Timing, work: Work) -> None:
    proposal = Proposal(work["name"], work["job_type"], work["params"], timing)
    due = await context.run(AgendaService.preview, context.user, proposal, now=context.now)
    draft_id = await context.run(
        TelegramService.begin, context.speaker, context.user.id, "proposal", as_form(proposal), now=context.now
    )
    await replies.send(update, replies.schedules.preview(proposal, due, draft_id))


async def _ask_when(update: Update, context: BotContext, work: Work) -> None:
    draft_id = await context.run(
        TelegramService.begin, context.speaker, context.user.id, "ask_time", dict(work), now=context.now
    )
    await replies.send(update, replies.schedules.ask_when(work["name"], draft_id))


async def _ask_what(update: Update, context: BotContext, asked: Request) -> None:
    draft_id = await context.run(
        TelegramService.begin, context.speaker, context.user.id, "ask_what", timing_form(asked.timing), now=context.now
    )
    symbols = [symbol for symbol, _ in reports.known_instruments(context)[:OFFERED_SYMBOLS]]
    await replies.send(update, replies.schedules.ask_what(asked.timing, draft_id, symbols))


async def _not_read(update: Update, context: BotContext, problem: TimeNotRead) -> None:
    """Say what was not understood; each suggestion is a button that goes on with it."""
    buttons = []
    for suggestion in suggestions_of(problem.problem):
        text = {"text": f'"{suggestion}" {problem.rest}'.strip()}
        draft_id = await context.run(
            TelegramService.begin, context.speaker, context.user.id, "corrected", text, now=context.now
        )
        buttons.append([(suggestion[:LONGEST_LABEL], f"g:{draft_id}")])
    await replies.send(update, replies.schedules.refused(problem.problem, problem.line, buttons))


async def _tested(context: BotContext, line: str) -> Reply:
    try:
        timing = _read(context, line)
        due = await context.run(AgendaService.due_times, timing, SEVERAL, now=context.now)
    except (InvalidInput, RetryLater) as problem:
        return replies.schedules.refused(problem, line, _take(problem))
    return replies.schedules.tested(timing, due, typed=line)


def _take(problem: OpenbellError) -> Buttons:
    found = [(suggestion[:LONGEST_LABEL], f"t:{suggestion}") for suggestion in suggestions_of(problem)]
    return [[button] for button in found if len(button[1].encode()) <= LONGEST_DATA]


async def _form(context: BotContext, draft_id: int) -> Mapping[str, Any]:
    form = await context.run(TelegramService.form, context.speaker, draft_id, now=context.now)
    if form is None:
        raise NotFound("This form has ended. Make a new one with /schedule.")
    return form.data
