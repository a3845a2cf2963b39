"""From words or a cron line to a schedule: what was said leads into the form of a new job; a line is tried out."""

import re

from telegram import Update

from bot import replies
from bot.commands import adding
from bot.commands.timing import suggestions_of
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Buttons, Reply
from bot.replies.schedules import SEVERAL
from domain.errors import InvalidInput, OpenbellError, RetryLater
from domain.schedules import JobType
from domain.timing import Timing, parse_timing
from services.adding import Said
from services.agenda import AgendaService

LONGEST_DATA, LONGEST_LABEL = 64, 48


async def schedule(update: Update, context: BotContext) -> None:
    """Make a job from a time and what to do then, in words or as a cron line; what is missing is asked for."""
    await adding.open_line(update, context, " ".join(context.arguments))


async def remind(update: Update, context: BotContext) -> None:
    """Make a reminder: what of, and when."""
    said = re.sub(r"^me\s+", "", " ".join(context.arguments), flags=re.IGNORECASE)
    await adding.open_line(update, context, said, JobType.NOTIFICATION.value)


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
    """The form of what was written, whatever is missing."""
    await adding.open_line(update, context, text)


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button under a report: ``SYMBOL:cron line``."""
    symbol, _, line = what.rpartition(":")
    timing = _read(context, line)
    await acknowledge(update)
    await adding.open_said(update, context, Said(JobType.REPORT.value, {"symbol": symbol}, timing))


def _read(context: BotContext, line: str) -> Timing:
    """A time, read in the zone of whoever speaks."""
    return parse_timing(line, timezone=context.user.timezone, now=context.now)


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
