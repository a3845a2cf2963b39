"""Jobs: listing, showing, running, pausing, resuming, skipping, naming, tagging, copying, deleting."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from telegram import Update

from bot import access, replies
from bot.commands.runs import one_number
from bot.commands.timing import read_instant
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies.reply import PAGE
from domain.destinations import Place
from domain.errors import InvalidInput
from domain.ids import parse_number, pressed_number
from domain.job_filters import JobFilter, parse_filter
from domain.locales import t
from domain.users import Role
from services.agenda import AgendaService
from services.history import HistoryService
from services.jobs import JobsService
from services.operating import OperatingService
from services.pauses import PausesService

_QUOTED = re.compile(r"""["“„'](.+)["”“']""", re.DOTALL)
RECENT = 5
ON_CARD = "c"
"""What the nonce of a card's own buttons begins with."""
MOST_IN_GROUP = 20
MORNING = time(8)
_ALL = ("all", "everything", "alle", "alles")
_FOR = re.compile(r"^(?:for|für)\s+", re.IGNORECASE)


async def jobs(update: Update, context: BotContext) -> None:
    """A page of the person's jobs, narrowed by what was said; in a group, of those that are told there."""
    await replies.send(update, await _page(update, context, parse_filter(" ".join(context.arguments)), 0))


async def jobs_pressed(update: Update, context: BotContext, what: str) -> None:
    """Another page of the jobs, or the same anew: ``after:filter``."""
    after, _, words = what.partition(":")
    number = pressed_number(after) or 0
    reply = await _page(update, context, parse_filter(words), number, refreshed=True)
    await acknowledge(update)
    await replies.replace(update, reply)


async def job(update: Update, context: BotContext) -> None:
    """One job's card."""
    if not context.arguments:
        await replies.send(update, await _which(context, "show", "/job 7"))
        return
    await replies.send(update, await _card(context, one_number(context, "job", "/job 7")))


async def run(update: Update, context: BotContext) -> None:
    """Run a job once, now."""
    if not context.arguments:
        await replies.send(update, await _which(context, "run", "/run 7"))
        return
    await replies.send(update, await _run(context, one_number(context, "job", "/run 7")))


async def pause(update: Update, context: BotContext) -> None:
    """Plan no further runs of a job or of all of them, at all or before a time."""
    if not context.arguments:
        await replies.send(update, await _which(context, "pause", "/pause 7 until Monday 8:00"))
        return
    first, *said = context.arguments
    until = _read_until(context, said)
    if first.lower() in _ALL:
        await replies.send(update, await _pause_all(context, until))
        return
    await replies.send(update, await _pause(context, parse_number(first, "job", "/pause 7"), until))


async def resume(update: Update, context: BotContext) -> None:
    """Plan a job again, or all that are paused."""
    if not context.arguments:
        await replies.send(update, await _which(context, "resume", "/resume 7"))
        return
    if context.arguments[0].lower() in _ALL:
        await replies.send(update, await _resume_all(context))
        return
    await replies.send(update, await _resume(context, one_number(context, "job", "/resume 7")))


async def all_pressed(update: Update, context: BotContext, what: str) -> None:
    """Everything at once: ``pause`` or ``resume``, or ``number:undo`` to take that back."""
    match what.split(":"):
        case ["pause", *_]:
            reply = await _pause_all(context, None)
        case ["resume", *_]:
            reply = await _resume_all(context)
        case [number, "undo", *_]:
            undo = parse_number(number, "form", "/pause all")
            done = await context.run(PausesService.undo, context.speaker, undo, now=context.now)
            reply = replies.jobs.all_put_back(done)
        case _:
            raise InvalidInput(t("That button is from an older version. Send /jobs."))
    await acknowledge(update)
    await replies.replace(update, reply)


async def skip(update: Update, context: BotContext) -> None:
    """Leave out a job's next run, or several."""
    if not context.arguments:
        await replies.send(update, await _which(context, "skip", "/skip 7 2"))
        return
    schedule_id = parse_number(context.arguments[0], "job", "/skip 7 2")
    if len(context.arguments) > 2:
        raise InvalidInput(t("Say one job and how many of its next runs: /skip 7 2"))
    count = parse_number(context.arguments[1], "count", "/skip 7 2") if len(context.arguments) == 2 else 1
    await replies.send(update, await _skip(context, schedule_id, count))


async def rename(update: Update, context: BotContext) -> None:
    """Give a job another name."""
    if len(context.arguments) < 2:
        raise InvalidInput(t("Say which job, and how it is called from now on: /rename 7 Morning gold"))
    number, *name = context.arguments
    schedule_id = parse_number(number, "job", "/rename 7 Morning gold")
    schedule = await context.run(JobsService.rename, schedule_id, _unquoted(" ".join(name)))
    await replies.send(update, replies.jobs.renamed(schedule))


def _unquoted(name: str) -> str:
    """A name without the quotes around all of it; a single one belongs to the name."""
    quoted = _QUOTED.fullmatch(name)
    return quoted[1] if quoted is not None else name


async def tag(update: Update, context: BotContext) -> None:
    """Put tags on a job, take some away, or show them."""
    if not context.arguments:
        raise InvalidInput(t("Say which job, and its tags: /tag 7 #gold #daily. With -#gold you take one away."))
    number, *words = context.arguments
    schedule = await context.run(JobsService.tag, parse_number(number, "job", "/tag 7 #gold"), words)
    await replies.send(update, replies.jobs.tagged(schedule))


async def copy(update: Update, context: BotContext) -> None:
    """Make a second job like one, paused."""
    if not context.arguments:
        await replies.send(update, await _which(context, "copy", "/copy 7"))
        return
    await replies.send(update, await _copy(context, one_number(context, "job", "/copy 7")))


async def delete(update: Update, context: BotContext) -> None:
    """Delete a job, with ten minutes to undo it."""
    if not context.arguments:
        await replies.send(update, await _which(context, "delete", "/delete 7"))
        return
    schedule = await context.run(JobsService.delete, one_number(context, "job", "/delete 7"), now=context.now)
    await replies.send(update, replies.jobs.deleted(schedule))


async def job_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of a job: ``number:action:nonce``; one of a card changes the card, another's message stays as it is."""
    number, action, nonce_given, *_ = (*what.split(":"), "", "")
    schedule_id, on_card = parse_number(number, "job", "/job 7"), nonce_given.startswith(ON_CARD)
    reply = await _pressed(context, schedule_id, action)
    if on_card and action in ("pause", "resume"):
        reply = await _card(context, schedule_id)
    below = action in ("run", "skip", "copy") or not (on_card or action == "undo")
    await acknowledge(update)
    await (replies.send if below else replies.replace)(update, reply)


async def _pressed(context: BotContext, schedule_id: int, action: str) -> Reply:
    match action:
        case "show":
            return await _card(context, schedule_id)
        case "run":
            return await _run(context, schedule_id)
        case "skip":
            return await _skip(context, schedule_id, 1)
        case "copy":
            return await _copy(context, schedule_id)
        case "pause":
            return await _pause(context, schedule_id, None)
        case "until-tomorrow" | "until-monday":
            return await _pause(context, schedule_id, _morning(context, action.partition("-")[2]))
        case "resume":
            return await _resume(context, schedule_id)
        case "delete":
            return replies.jobs.deleted(await context.run(JobsService.delete, schedule_id, now=context.now))
        case "undo":
            await context.run(JobsService.undelete, schedule_id, now=context.now)
            return replies.jobs.restored(*await context.run(AgendaService.card, schedule_id), context.now)
    raise InvalidInput(t("That button is from an older version. Send /jobs."))


def place_of(update: Update) -> Place | None:
    """The group or topic that was written in; None in a private chat."""
    message = update.effective_message
    if message is None or not access.is_group(update.effective_chat):
        return None
    return Place.of(message.chat.id, access.topic_of(message))


async def _page(
    update: Update, context: BotContext, wanted: JobFilter, after: int, *, refreshed: bool = False
) -> Reply:
    place, owner = place_of(update), ""
    if wanted.owner and (place is not None or context.user.role is not Role.ADMIN):
        wanted = replace(wanted, owner="", text=f"@{wanted.owner} {wanted.text}".strip())
    if place is not None:
        limit = MOST_IN_GROUP
        page = await context.run_as_platform(AgendaService.page_of_place, place, wanted, after=after, limit=limit + 1)
    elif wanted.owner:
        limit = PAGE
        owner_id, owner = await context.run_as_platform(OperatingService.owner, context.user, wanted.owner)
        wanted = replace(wanted, owner=str(owner_id))
        page = await context.run_as_platform(
            OperatingService.jobs_of, context.user, owner_id, wanted, after=after, limit=limit + 1
        )
    else:
        limit = PAGE
        page = await context.run(AgendaService.page, wanted, after=after, limit=limit + 1)
    return replies.jobs.jobs(
        page[:limit],
        after=after,
        more=len(page) > limit,
        wanted=wanted,
        owner=owner,
        now=context.now,
        refreshed_in=context.user.zone if refreshed else None,
        in_group=place is not None,
    )


async def _which(context: BotContext, action: str, example: str) -> Reply:
    """The question which job is meant, with the first ones as buttons."""
    page = await context.run(AgendaService.page, limit=PAGE)
    return replies.jobs.which(page, action, example)


async def _card(context: BotContext, schedule_id: int) -> Reply:
    schedule, due = await context.run(AgendaService.card, schedule_id)
    recent = await context.run(HistoryService.recent, schedule_id=schedule_id, limit=RECENT)
    place = await context.run(AgendaService.place_of, schedule) if schedule.destination_id is not None else None
    return replies.jobs.card(schedule, due, recent, f"{ON_CARD}{nonce(context)}", now=context.now, place=place)


async def _run(context: BotContext, schedule_id: int) -> Reply:
    schedule = await context.run(JobsService.get, schedule_id)
    run_id = await context.run(JobsService.run_now, schedule_id, now=context.now)
    return replies.runs.begun(schedule.name, run_id)


async def _pause(context: BotContext, schedule_id: int, until: datetime | None) -> Reply:
    schedule = await context.run(JobsService.pause, schedule_id, until)
    _, due = await context.run(AgendaService.card, schedule_id)
    return replies.jobs.paused(schedule, due)


async def _resume(context: BotContext, schedule_id: int) -> Reply:
    await context.run(JobsService.resume, schedule_id, now=context.now)
    return replies.jobs.resumed(*await context.run(AgendaService.card, schedule_id))


async def _pause_all(context: BotContext, until: datetime | None) -> Reply:
    done = await context.run(PausesService.pause_all, context.user, context.speaker, until, now=context.now)
    return replies.jobs.all_paused(done, context.user.zone)


async def _resume_all(context: BotContext) -> Reply:
    done = await context.run(PausesService.resume_all, context.user, context.speaker, now=context.now)
    return replies.jobs.all_resumed(done)


async def _skip(context: BotContext, schedule_id: int, count: int) -> Reply:
    schedule, left_out = await context.run(JobsService.skip, schedule_id, count)
    _, due = await context.run(AgendaService.card, schedule_id)
    return replies.jobs.skipped(schedule, left_out, due)


async def _copy(context: BotContext, schedule_id: int) -> Reply:
    schedule = await context.run(JobsService.copy, context.user, schedule_id, now=context.now)
    return replies.jobs.copied(schedule, schedule_id)


def _read_until(context: BotContext, said: Sequence[str]) -> datetime | None:
    """The end of a pause, in the person's own zone; None when none was said."""
    words = _FOR.sub("", " ".join(said))
    return read_instant(words, context.user.timezone, context.now) if words else None


def _morning(context: BotContext, day: str) -> datetime:
    """Eight o'clock tomorrow, or on the next Monday, on the person's clock."""
    today = context.now.astimezone(context.user.zone).date()
    ahead = 7 - today.weekday() if day == "monday" else 1
    return datetime.combine(today + timedelta(days=ahead), MORNING, context.user.zone).astimezone(UTC)
