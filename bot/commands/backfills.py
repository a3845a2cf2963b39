"""Filling in the past: asked for by days, shown with its count, done when confirmed."""

import re
from datetime import date, timedelta

from telegram import Update

from bot import replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.locales import t
from services.backfill import BackfillService
from services.telegram import TelegramService

EXAMPLE = "/backfill 7 2026-11-02 2026-11-06"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


async def backfill(update: Update, context: BotContext) -> None:
    """Show what a job would run for days that are over."""
    given = [word for word in context.arguments if word.lower() not in ("from", "to", "until", "-", "von", "bis")]
    if not 2 <= len(given) <= 3:
        raise InvalidInput(
            t("Say which job and which days, the first and the last: {example}. One day is enough.", example=EXAMPLE)
        )
    schedule_id = parse_number(given[0], "job", EXAMPLE)
    today = context.now.astimezone(context.user.zone).date()
    first, last = read_day(given[1], today), read_day(given[-1], today)
    found = await context.run(BackfillService.preview, schedule_id, first, last, now=context.now)
    draft_id = await context.run(
        TelegramService.begin, context.speaker, context.user.id, "backfill", found.as_form(), now=context.now
    )
    await replies.send(update, replies.runs.backfill(found, draft_id, found.schedule.zone))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """The answer to "run all?": ``draft:yes`` or ``draft:no``."""
    number, _, action = what.partition(":")
    draft_id = parse_number(number, "form", EXAMPLE)
    if action != "yes":
        await context.run(TelegramService.take, context.speaker, draft_id, now=context.now)
        await acknowledge(update)
        await replies.replace(update, Reply(t("Left. Nothing was planned.")))
        return
    schedule, count = await context.run(BackfillService.carry_out, context.speaker, draft_id, now=context.now)
    await acknowledge(update)
    await replies.replace(update, replies.runs.filled_in(schedule, count))


def read_day(text: str, today: date) -> date:
    """A day as a person writes it beyond doubt: 2026-11-02, today or yesterday."""
    word = text.strip(" ,.").lower()
    if word in ("today", "heute"):
        return today
    if word in ("yesterday", "gestern"):
        return today - timedelta(days=1)
    try:
        if _ISO.fullmatch(word):
            return date.fromisoformat(word)
    except ValueError as problem:
        raise InvalidInput(
            t("{day} is not in the calendar. Example: {example}", day=text[:30], example=EXAMPLE)
        ) from problem
    raise InvalidInput(
        t(
            "“{day}” could be more than one day. Write it as year-month-day: {example}",
            day=text[:30],
            example=today.isoformat(),
        )
    )
