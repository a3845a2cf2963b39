"""The time zone of a person, and of their jobs."""

from datetime import datetime

from telegram import Update

from bot import replies
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies.people import SHOWN_JOBS
from domain.errors import NotFound
from domain.ids import parse_number
from domain.locales import t
from domain.schedules import UNDO_WINDOW
from services.telegram import Form, TelegramService
from services.users import UsersService
from services.zones import ZonesService

QUESTION, MOVED = "zone_jobs", "zone_moved"


async def timezone(update: Update, context: BotContext) -> None:
    """Show the picker, or take the zone that was named."""
    if context.arguments:
        await zone_named(update, context, " ".join(context.arguments))
    else:
        await replies.send(update, replies.people.ask_zone(context.now, context.user))


async def zone_named(update: Update, context: BotContext, text: str) -> None:
    """Take a zone or city that was typed."""
    before = context.user.timezone
    await replies.send(update, await _set_zone(context, text))
    await _ask_for_jobs(update, context, before)


async def zone_asked(update: Update, context: BotContext, _form: Form, text: str) -> None:
    """The zone or city that was asked for."""
    await zone_named(update, context, text)


async def zone_pressed(update: Update, context: BotContext, zone: str) -> None:
    """A button of the picker."""
    if zone == "?":
        await context.run(TelegramService.begin, context.speaker, context.user.id, "ask_zone", {}, now=context.now)
        await acknowledge(update)
        await replies.send(update, replies.people.ask_zone_text())
        return
    before = context.user.timezone
    reply = await _set_zone(context, zone)
    await acknowledge(update)
    await replies.replace(update, reply)
    await _ask_for_jobs(update, context, before)


async def _set_zone(context: BotContext, text: str) -> Reply:
    first = not context.user.timezone_chosen
    user = await context.run(UsersService.set_timezone, context.user, text, now=context.now)
    await context.run(TelegramService.end, context.speaker, "ask_zone", now=context.now)
    context.speaks(user)
    return replies.people.zone_set(user, context.now, first=first)


async def _ask_for_jobs(update: Update, context: BotContext, before: str) -> None:
    """Jobs that were saved in the zone before keep going by its clock until the person says otherwise."""
    after = context.user.timezone
    jobs = await context.run(ZonesService.saved_in, before) if after != before else []
    if not jobs:
        return
    asked = {"from": before, "to": after, "jobs": [job.id for job in jobs]}
    await context.run(TelegramService.end, context.speaker, QUESTION, now=context.now)
    form = await context.run(TelegramService.begin, context.speaker, context.user.id, QUESTION, asked, now=context.now)
    await replies.send(update, replies.people.zone_jobs(jobs, before, after, form, context.now))


async def jobs_pressed(update: Update, context: BotContext, what: str) -> None:
    """An answer to what shall stay the same: ``form:wall``, ``same``, ``each:after``, ``one:job:after``, ``undo``."""
    number, action, *rest = f"{what}::".split(":")
    form_id = parse_number(number, "form", "/timezone")
    match action:
        case "each" | "one":
            await _one_by_one(update, context, form_id, action, rest)
            return
        case "undo":
            reply = await _undo(context, form_id)
        case "wall":
            reply = await _move_all(context, form_id)
        case _:
            form = await _taken(context, form_id)
            reply = replies.people.zone_jobs_kept(form.data["from"]) if action == "same" else Reply(t("✓ Done."))
    await acknowledge(update)
    await replies.replace(update, reply)


async def _move_all(context: BotContext, form_id: int) -> Reply:
    form = await _taken(context, form_id)
    source, target = form.data["from"], form.data["to"]
    moved = await context.run(ZonesService.move, form.data["jobs"], source, target, now=context.now)
    done = {"from": source, "to": target, "jobs": moved, "at": context.now.isoformat()}
    undo = await context.run(TelegramService.begin, context.speaker, context.user.id, MOVED, done, now=context.now)
    return replies.people.zone_jobs_moved(len(moved), target, undo)


async def _undo(context: BotContext, form_id: int) -> Reply:
    form = await _taken(context, form_id)
    if form.kind != MOVED or context.now > datetime.fromisoformat(form.data["at"]) + UNDO_WINDOW:
        raise NotFound(t("That was more than ten minutes ago. /edit changes a job's time."))
    source = form.data["from"]
    back = await context.run(ZonesService.move, form.data["jobs"], form.data["to"], source, now=context.now)
    return replies.people.zone_jobs_undone(len(back), source)


async def _one_by_one(update: Update, context: BotContext, form_id: int, action: str, rest: list[str]) -> None:
    form = await context.run(TelegramService.form, context.speaker, form_id, now=context.now)
    if form is None or form.kind != QUESTION:
        raise _over()
    source, target, known = form.data["from"], form.data["to"], form.data["jobs"]
    if action == "one":
        job = parse_number(rest.pop(0), "job", "/jobs")
        await _turn(context, job if job in known else 0, source, target)
    after = parse_number(rest[0], "page", "/timezone") if rest[0] not in ("", "0") else 0
    jobs = [
        *await context.run(ZonesService.saved_in, source, among=known),
        *await context.run(ZonesService.saved_in, target, among=known),
    ]
    page = sorted((job for job in jobs if job.id > after), key=lambda job: job.id)
    if not page:
        raise _over()
    await acknowledge(update)
    shown = page[:SHOWN_JOBS]
    reply = replies.people.zone_jobs_each(
        shown, source, target, form_id, after, nonce(context), more=len(page) > len(shown)
    )
    await replies.replace(update, reply)


async def _turn(context: BotContext, job: int, source: str, target: str) -> None:
    """Let one job go by the other clock."""
    if not await context.run(ZonesService.move, [job], source, target, now=context.now):
        await context.run(ZonesService.move, [job], target, source, now=context.now)


async def _taken(context: BotContext, form_id: int) -> Form:
    form = await context.run(TelegramService.take, context.speaker, form_id, now=context.now)
    if form is None or form.kind not in (QUESTION, MOVED):
        raise _over()
    return form


def _over() -> NotFound:
    return NotFound(t("That was answered already, or too long ago. /edit changes a job's time."))
