"""Jobs: listing, showing, running, pausing, resuming, skipping, deleting, their options; what comes next."""

import re
from datetime import timedelta
from typing import Any

from telegram import Update

from bot import replies
from bot.commands.runs import one_number
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies.jobs import CATCH_UP, OVERLAP, SPREADS, WINDOWS
from bot.replies.reply import PAGE
from domain.calendars import EXCHANGES
from domain.errors import InvalidInput, NotAllowed
from domain.ids import parse_number
from services.agenda import AgendaService
from services.history import HistoryService
from services.jobs import JobsService

RECENT = 5
ON_CARD = "c"
"""What the nonce of a card's own buttons begins with."""
LONGEST_AHEAD_H = 14 * 24
_AHEAD = re.compile(r"(\d{1,4})\s*(h|hours?|d|days?|w|weeks?)", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 168}


async def jobs(update: Update, context: BotContext) -> None:
    """A page of the person's jobs."""
    await replies.send(update, await _page(context, 0))


async def jobs_pressed(update: Update, context: BotContext, after: str) -> None:
    """Turn a page of the jobs."""
    reply = await _page(context, int(after) if after.isdigit() else 0)
    await acknowledge(update)
    await replies.replace(update, reply)


async def job(update: Update, context: BotContext) -> None:
    """One job's card."""
    await replies.send(update, await _card(context, one_number(context, "job", "/job 7")))


async def run(update: Update, context: BotContext) -> None:
    """Run a job once, now."""
    await replies.send(update, await _run(context, one_number(context, "job", "/run 7")))


async def pause(update: Update, context: BotContext) -> None:
    """Plan no further runs of a job."""
    schedule = await context.run(JobsService.pause, one_number(context, "job", "/pause 7"))
    await replies.send(update, replies.jobs.paused(schedule))


async def resume(update: Update, context: BotContext) -> None:
    """Plan a job again."""
    schedule = await context.run(JobsService.resume, one_number(context, "job", "/resume 7"), now=context.now)
    _, due = await context.run(AgendaService.card, schedule.id)
    await replies.send(update, replies.jobs.resumed(schedule, due))


async def skip(update: Update, context: BotContext) -> None:
    """Leave out a job's next run."""
    await replies.send(update, await _skip(context, one_number(context, "job", "/skip 7")))


async def delete(update: Update, context: BotContext) -> None:
    """Delete a job, with ten minutes to undo it."""
    schedule = await context.run(JobsService.delete, one_number(context, "job", "/delete 7"), now=context.now)
    await replies.send(update, replies.jobs.deleted(schedule))


async def next_runs(update: Update, context: BotContext) -> None:
    """What comes next: of all jobs within some hours, or of one job."""
    said = " ".join(context.arguments)
    if re.fullmatch(r"#?\d+", said):
        schedule, due = await context.run(AgendaService.card, one_number(context, "job", "/next 7"))
        await replies.send(update, replies.jobs.next_of(schedule, due))
        return
    await replies.send(update, await _agenda(context, read_hours(said)))


async def next_pressed(update: Update, context: BotContext, hours: str) -> None:
    """Another length of what comes next."""
    reply = await _agenda(context, read_hours(f"{hours}h"))
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
            f"“{said[:40]}” is no time ahead that I know. Send /next 24h, /next 3d (14d at most), or /next 7 for job 7."
        )
    return hours


async def job_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of a job: ``number:action:nonce``; one of a card changes the card, another's message stays as it is."""
    number, action, nonce_given, *_ = (*what.split(":"), "", "")
    schedule_id, on_card = parse_number(number, "job", "/job 7"), nonce_given.startswith(ON_CARD)
    if action in ("run", "skip"):
        reply = await (_run if action == "run" else _skip)(context, schedule_id)
        await acknowledge(update)
        await replies.send(update, reply)
        return
    match action:
        case "show":
            reply = await _card(context, schedule_id)
        case "pause":
            paused = await context.run(JobsService.pause, schedule_id)
            reply = await _card(context, schedule_id) if on_card else replies.jobs.paused(paused)
        case "resume":
            await context.run(JobsService.resume, schedule_id, now=context.now)
            schedule, due = await context.run(AgendaService.card, schedule_id)
            reply = await _card(context, schedule_id) if on_card else replies.jobs.resumed(schedule, due)
        case "delete":
            reply = replies.jobs.deleted(await context.run(JobsService.delete, schedule_id, now=context.now))
        case "undo":
            await context.run(JobsService.undelete, schedule_id, now=context.now)
            reply = replies.jobs.restored(*await context.run(AgendaService.card, schedule_id))
        case _:
            raise InvalidInput("That button is from an older version. Send /jobs.")
    await acknowledge(update)
    await (replies.replace if on_card or action == "undo" else replies.send)(update, reply)


async def options_pressed(update: Update, context: BotContext, what: str) -> None:
    """A job's options: ``number:page`` shows, ``number:option:value:nonce`` changes and shows."""
    number, option, value, *_ = (*what.split(":"), "", "")
    schedule_id = parse_number(number, "job", "/job 7")
    page = {"catch_up": "missed", "window": "missed", "overlap": "busy"}.get(option, "days" if value else option)
    if option not in ("missed", "busy", "days"):
        await _change(context, schedule_id, option, value)
    schedule = await context.run(JobsService.get, schedule_id)
    shown = {"missed": replies.jobs.if_missed, "busy": replies.jobs.if_busy, "days": replies.jobs.days}
    await acknowledge(update, None if option == page else "Changed")
    await replies.replace(update, shown[page](schedule, f"{ON_CARD}{nonce(context)}"))


async def _change(context: BotContext, schedule_id: int, option: str, value: str) -> None:
    """Set one option; what no button offers is refused."""
    numbers = {"window": WINDOWS, "jitter": SPREADS}
    if option == "calendar" and (value == "none" or value in EXCHANGES):
        calendar = None if value == "none" else value
        await context.run(JobsService.set_calendar, schedule_id, calendar, now=context.now)
        return
    allowed: dict[str, dict[str, Any]] = {
        "catch_up": {"catch_up": value} if value in CATCH_UP else {},
        "overlap": {"overlap": value} if value in OVERLAP else {},
    }
    if option in numbers and value in {str(seconds) for seconds, _ in numbers[option]}:
        column = {"window": "catch_up_window_s", "jitter": "jitter_s"}[option]
        allowed[option] = {column: int(value)}
    changed = allowed.get(option)
    if not changed:
        raise InvalidInput("That button is from an older version. Send /jobs.")
    await context.run(JobsService.set_options, schedule_id, changed)


async def _page(context: BotContext, after: int) -> Reply:
    page = await context.run(AgendaService.page, after=after, limit=PAGE + 1)
    return replies.jobs.jobs(page[:PAGE], after=after, more=len(page) > PAGE)


async def _card(context: BotContext, schedule_id: int) -> Reply:
    schedule, due = await context.run(AgendaService.card, schedule_id)
    recent = await context.run(HistoryService.recent, schedule_id=schedule_id, limit=RECENT)
    return replies.jobs.card(schedule, due, recent, f"{ON_CARD}{nonce(context)}")


async def _run(context: BotContext, schedule_id: int) -> Reply:
    schedule = await context.run(JobsService.get, schedule_id)
    run_id = await context.run(JobsService.run_now, schedule_id, now=context.now)
    return replies.runs.begun(schedule.name, run_id)


async def _skip(context: BotContext, schedule_id: int) -> Reply:
    schedule, left_out = await context.run(JobsService.skip_next, schedule_id)
    _, due = await context.run(AgendaService.card, schedule_id)
    return replies.jobs.skipped(schedule, left_out, due)


async def _agenda(context: BotContext, hours: int) -> Reply:
    until = context.now + timedelta(hours=hours)
    coming = await context.run(AgendaService.agenda, context.now, until)
    return replies.jobs.agenda(coming, hours, context.user.zone)


async def rename(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def tag(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def copy(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def all_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed
