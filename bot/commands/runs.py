"""Runs: what was run, what failed, why one is as it is; doing one again, stopping one."""

import re
from datetime import timedelta

from telegram import InputFile, Message, Update

from bot import replies
from bot.commands import operating
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies.history_file import file_name, history_csv
from bot.replies.reply import PAGE
from domain.errors import InvalidInput, NotFound
from domain.ids import parse_number, pressed_number
from domain.locales import t
from domain.users import Role
from services.history import HistoryService
from services.jobs import JobsService
from services.operating import OperatingService
from services.timeline import Timeline

LONGEST_BACK_H = 366 * 24
_BACK = re.compile(r"(\d{1,4})\s*([hdt])", re.IGNORECASE)
_EVERYBODY = ("all", "everybody", "alle")


async def history(update: Update, context: BotContext) -> None:
    """What was run, newest first, of all jobs or of one."""
    number = one_number(context, "job", "/history 7") if context.arguments else 0
    await replies.send(update, await _history(context, number, None))


async def history_pressed(update: Update, context: BotContext, what: str) -> None:
    """A page of the history: ``job:before``, where 0 means all jobs and the newest; ``job:csv`` is all as a file."""
    number, _, before = what.partition(":")
    job, newest = pressed_number(number), pressed_number(before)
    if job is not None and before == "csv":
        await _history_file(update, context, job)
        return
    if job is None or newest is None:
        raise InvalidInput(t("That button is damaged. Send /history."))
    reply = await _history(context, job, newest or None)
    await acknowledge(update)
    await (replies.replace if newest else replies.send)(update, reply)


async def failed(update: Update, context: BotContext) -> None:
    """What went wrong, newest first; ``24h`` says how far back, and an admin may say ``all``."""
    words = [word for word in context.arguments if word.lower() not in _EVERYBODY]
    everybody = len(words) < len(context.arguments) and context.user.role is Role.ADMIN
    since = _read_hours(" ".join(words)) if words else 0
    await replies.send(update, await _failed(context, None, since, everybody=everybody))


async def failed_pressed(update: Update, context: BotContext, what: str) -> None:
    """An older page of what went wrong: ``before:hours:all``."""
    before, since, everybody, *_ = (*what.split(":"), "", "")
    reply = await _failed(
        context,
        pressed_number(before),
        min(pressed_number(since) or 0, LONGEST_BACK_H),
        everybody=everybody == "all" and context.user.role is Role.ADMIN,
    )
    await acknowledge(update)
    await replies.replace(update, reply)


async def logs(update: Update, context: BotContext) -> None:
    """The steps of a run, line by line, of the newest one when none is named; what no message holds is a file."""
    await _say_logs(update, context, await _named_or_newest(context, "/logs 12"))


async def logs_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button that asks for a run's steps."""
    number = parse_number(what, "run", "/logs 12")
    await acknowledge(update)
    await _say_logs(update, context, number)


async def why(update: Update, context: BotContext) -> None:
    """The whole story of a run, of the newest one when none is named; as a reply, that of the message it answers."""
    answered = update.effective_message.reply_to_message if update.effective_message is not None else None
    if answered is not None and not context.arguments:
        await replies.send(update, await _of_message(context, answered))
        return
    await replies.send(update, await _story(context, await _named_or_newest(context, "/why 12")))


async def why_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button that tells a run's story: ``run``, or ``run:…`` to tell it anew in the same place."""
    number, again, _ = what.partition(":")
    reply = await _story(context, parse_number(number, "run", "/why 12"))
    await acknowledge(update)
    await (replies.replace if again else replies.send)(update, reply)


async def retry(update: Update, context: BotContext) -> None:
    """Do once more what a run that is over had to do."""
    await replies.send(update, await _retry(context, one_number(context, "run", "/retry 12")))


async def kill(update: Update, context: BotContext) -> None:
    """Stop a run that is going or waits."""
    await replies.send(update, await _kill(context, one_number(context, "run", "/kill 12")))


async def run_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of a run: ``number:action`` and perhaps a nonce."""
    number, _, rest = what.partition(":")
    run_id, action = parse_number(number, "run", "/why 12"), rest.partition(":")[0]
    match action:
        case "retry":
            reply = await _retry(context, run_id)
        case "now":
            run = await context.run_as_platform(JobsService.hurry, context.user, run_id)
            reply = replies.runs.hurried(run)
        case "skip" | "kill":
            reply = await _kill(context, run_id)
        case "leave":
            run = await context.run(JobsService.leave, run_id, context.user.email, now=context.now)
            reply = replies.runs.left(run)
        case _:
            raise InvalidInput(t("That button is from an older version. Send /history."))
    await acknowledge(update)
    await replies.send(update, reply)


def one_number(context: BotContext, what: str, example: str) -> int:
    """The one number that was written behind a command; InvalidInput says what is missing or too much."""
    if not context.arguments and what == "job":
        raise InvalidInput(t("Which job? Send its number: {example}. /jobs lists them.", example=example))
    if not context.arguments:
        raise InvalidInput(t("Which run? Send its number: {example}. /history lists them.", example=example))
    number = parse_number(context.arguments[0], what, example)
    if len(context.arguments) > 1 and what == "job":
        raise InvalidInput(t("One job at a time, please: {example}", example=example))
    if len(context.arguments) > 1:
        raise InvalidInput(t("One run at a time, please: {example}", example=example))
    return number


async def _retry(context: BotContext, run_id: int) -> Reply:
    if context.user.role is Role.ADMIN:
        return await operating.retry(context, run_id)
    new = await context.run(JobsService.retry, run_id, now=context.now)
    return replies.runs.again(run_id, new)


async def _kill(context: BotContext, run_id: int) -> Reply:
    if context.user.role is Role.ADMIN:
        return await operating.kill(context, run_id)
    return replies.runs.killed(await context.run(JobsService.kill, run_id, context.user.email, now=context.now))


async def _told(context: BotContext, run_id: int) -> tuple[Timeline, str | None]:
    """A run's story, and, for an admin, whose it is."""
    zone = context.user.zone
    if context.user.role is Role.ADMIN:
        return await context.run_as_platform(OperatingService.story, context.user, run_id, zone, now=context.now)
    return await context.run(HistoryService.explain, run_id, zone, now=context.now), None


async def _story(context: BotContext, run_id: int) -> Reply:
    told, owner = await _told(context, run_id)
    return replies.runs.story(told, context.user.zone, nonce(context), owner)


async def _say_logs(update: Update, context: BotContext, run_id: int) -> None:
    told, _ = await _told(context, run_id)
    reply, whole = replies.runs.logs(told, context.user.zone)
    await replies.send(update, reply)
    if whole is not None:
        await _send_file(update, whole.encode(), f"run-{run_id}.txt")


async def _history_file(update: Update, context: BotContext, schedule_id: int) -> None:
    found = await context.run(HistoryService.for_export, schedule_id=schedule_id or None, user_id=context.user.id)
    file = history_csv(found, context.user.zone)
    await acknowledge(update)
    await _send_file(update, file, file_name(schedule_id, context.now, context.user.zone))


async def _send_file(update: Update, content: bytes, name: str) -> None:
    if update.effective_message is not None:
        await update.effective_message.reply_document(InputFile(content, filename=name))


async def _of_message(context: BotContext, message: Message) -> Reply:
    if message.from_user is None or message.from_user.id != context.bot.id:
        raise InvalidInput(t("You wrote that yourself. Reply to a message of mine with /why, or name a run: /why 12"))
    told = await context.run_as_platform(
        HistoryService.explain_message, context.user.id, str(message.chat.id), message.message_id, context.user.zone
    )
    return replies.runs.message_story(told, context.user.zone)


async def _named_or_newest(context: BotContext, example: str) -> int:
    if context.arguments:
        return one_number(context, "run", example)
    newest = await context.run(HistoryService.recent, user_id=context.user.id, limit=1)
    if not newest:
        raise NotFound(t("Nothing was run yet, so there is nothing to explain. /report makes a run."))
    return newest[0].run.id


async def _history(context: BotContext, schedule_id: int, before: int | None) -> Reply:
    page = await context.run(
        HistoryService.recent,
        schedule_id=schedule_id or None,
        before=before,
        limit=PAGE + 1,
        user_id=context.user.id,
    )
    return replies.runs.history(page[:PAGE], context.user, schedule_id=schedule_id, more=len(page) > PAGE)


async def _failed(context: BotContext, before: int | None, since: int, *, everybody: bool) -> Reply:
    begin = context.now - timedelta(hours=since) if since else None
    if everybody:
        page = await context.run_as_platform(
            OperatingService.failed, context.user, since=begin, before=before, limit=PAGE + 1
        )
    else:
        page = await context.run(
            HistoryService.failed, before=before, limit=PAGE + 1, user_id=context.user.id, since=begin
        )
    more = len(page) > PAGE
    return replies.runs.failed(page[:PAGE], context.user, more=more, since=since, everybody=everybody)


def _read_hours(said: str) -> int:
    """How many hours back ``24h`` or ``3d`` are."""
    read = _BACK.fullmatch(said.removeprefix("since ").strip())
    hours = int(read[1]) * (24 if read[2].lower() in ("d", "t") else 1) if read else 0
    if not 0 < hours <= LONGEST_BACK_H:
        raise InvalidInput(t("“{said}” is no length that I know. Send /failed 24h or /failed 7d.", said=said[:40]))
    return hours
