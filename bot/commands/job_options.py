"""A job's options: what it does in trouble, on which days it runs, how far its starts are spread."""

from typing import Any

from telegram import Update

from bot import replies
from bot.commands.jobs import ON_CARD
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import job_options as words
from domain.calendars import EXCHANGES
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.locales import t
from services.jobs import JobsService


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A job's options: ``number:page`` shows, ``number:option:value:nonce`` changes and shows."""
    number, option, value, *_ = (*what.split(":"), "", "")
    schedule_id = parse_number(number, "job", "/job 7")
    page = {"catch_up": "missed", "window": "missed", "overlap": "busy"}.get(option, "days" if value else option)
    if option not in ("missed", "busy", "days"):
        await _change(context, schedule_id, option, value)
    schedule = await context.run(JobsService.get, schedule_id)
    shown = {"missed": words.if_missed, "busy": words.if_busy, "days": words.days}
    await acknowledge(update, None if option == page else t("Changed"))
    await replies.replace(update, shown[page](schedule, f"{ON_CARD}{nonce(context)}"))


async def _change(context: BotContext, schedule_id: int, option: str, value: str) -> None:
    """Set one option; what no button offers is refused."""
    numbers = {"window": words.WINDOWS, "jitter": words.SPREADS}
    if option == "calendar" and (value == "none" or value in EXCHANGES):
        calendar = None if value == "none" else value
        await context.run(JobsService.set_calendar, schedule_id, calendar, now=context.now)
        return
    allowed: dict[str, dict[str, Any]] = {
        "catch_up": {"catch_up": value} if value in words.CATCH_UP else {},
        "overlap": {"overlap": value} if value in words.OVERLAP else {},
    }
    if option in numbers and value in {str(seconds) for seconds, _ in numbers[option]}:
        column = {"window": "catch_up_window_s", "jitter": "jitter_s"}[option]
        allowed[option] = {column: int(value)}
    changed = allowed.get(option)
    if not changed:
        raise InvalidInput(t("That button is from an older version. Send /jobs."))
    await context.run(JobsService.set_options, schedule_id, changed)
