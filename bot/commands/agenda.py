"""What comes next: of all jobs within some hours, of one job, or of those that are told in a group."""

import re
from datetime import timedelta

from telegram import Update

from bot import replies
from bot.commands.jobs import place_of
from bot.commands.runs import one_number
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import agenda as words
from domain.errors import InvalidInput
from domain.locales import t
from services.agenda import AgendaService

LONGEST_AHEAD_H = 14 * 24
_AHEAD = re.compile(r"(\d{1,4})\s*(h|hours?|stunden?|d|days?|t|tage?|w|weeks?|wochen?)", re.IGNORECASE)
_HOURS = {"h": 1, "s": 1, "d": 24, "t": 24, "w": 168}


async def next_runs(update: Update, context: BotContext) -> None:
    """What comes next: of all jobs within some hours, or of one job."""
    said = " ".join(context.arguments)
    if re.fullmatch(r"#?\d+", said) and place_of(update) is None:
        schedule, due = await context.run(AgendaService.card, one_number(context, "job", "/next 7"))
        await replies.send(update, words.next_of(schedule, due, context.now))
        return
    await replies.send(update, await _agenda(update, context, read_hours(said)))


async def next_pressed(update: Update, context: BotContext, hours: str) -> None:
    """Another length of what comes next."""
    reply = await _agenda(update, context, read_hours(f"{hours}h"))
    await acknowledge(update)
    await replies.replace(update, reply)


def read_hours(said: str) -> int:
    """How many hours ``24h``, ``3d`` or ``1 week`` are; nothing said is a day."""
    if not said:
        return 24
    read = _AHEAD.fullmatch(said.strip())
    hours = int(read[1]) * _HOURS[read[2][0].lower()] if read else 0
    if not 0 < hours <= LONGEST_AHEAD_H:
        raise InvalidInput(
            t(
                "“{said}” is no time ahead that I know. Send /next 24h, /next 3d (14d at most), or /next 7 for job 7.",
                said=said[:40],
            )
        )
    return hours


async def _agenda(update: Update, context: BotContext, hours: int) -> Reply:
    place, until = place_of(update), context.now + timedelta(hours=hours)
    if place is None:
        found = await context.run(AgendaService.agenda, context.now, until)
    else:
        found = await context.run_as_platform(AgendaService.agenda_of_place, place, context.now, until)
    return words.agenda(found, hours, context.user.zone, in_group=place is not None)
