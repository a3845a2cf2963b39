"""Runs: what was run, what failed, why one is as it is; doing one again, stopping one."""

from telegram import Message, Update

from bot import replies
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies.reply import PAGE
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.ids import parse_number
from services.history import HistoryService
from services.jobs import JobsService


async def history(update: Update, context: BotContext) -> None:
    """What was run, newest first, of all jobs or of one."""
    number = one_number(context, "job", "/history 7") if context.arguments else 0
    await replies.send(update, await _history(context, number, None))


async def history_pressed(update: Update, context: BotContext, what: str) -> None:
    """A page of the history: ``job:before``, where 0 means all jobs and the newest."""
    number, _, before = what.partition(":")
    if not (number.isdigit() and before.isdigit()):
        raise InvalidInput("That button is damaged. Send /history.")
    reply = await _history(context, int(number), int(before) or None)
    await acknowledge(update)
    await (replies.replace if int(before) else replies.send)(update, reply)


async def failed(update: Update, context: BotContext) -> None:
    """What went wrong, newest first."""
    await replies.send(update, await _failed(context, None))


async def failed_pressed(update: Update, context: BotContext, before: str) -> None:
    """An older page of what went wrong."""
    reply = await _failed(context, int(before) if before.isdigit() else None)
    await acknowledge(update)
    await replies.replace(update, reply)


async def why(update: Update, context: BotContext) -> None:
    """The whole story of a run, of the newest one when none is named; as a reply, that of the message it answers."""
    answered = update.effective_message.reply_to_message if update.effective_message is not None else None
    if answered is not None and not context.arguments:
        await replies.send(update, await _of_message(context, answered))
        return
    await replies.send(update, await _story(context, await _named_or_newest(context)))


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
            raise InvalidInput("That button is from an older version. Send /history.")
    await acknowledge(update)
    await replies.send(update, reply)


def one_number(context: BotContext, what: str, example: str) -> int:
    """The one number that was written behind a command; InvalidInput says what is missing or too much."""
    lists = {"job": "/jobs lists them", "run": "/history lists them"}[what]
    if not context.arguments:
        raise InvalidInput(f"Which {what}? Send its number: {example}. {lists}.")
    number = parse_number(context.arguments[0], what, example)
    if len(context.arguments) > 1:
        raise InvalidInput(f"One {what} at a time, please: {example}")
    return number


async def _retry(context: BotContext, run_id: int) -> Reply:
    new = await context.run(JobsService.retry, run_id, now=context.now)
    return replies.runs.again(run_id, new)


async def _kill(context: BotContext, run_id: int) -> Reply:
    return replies.runs.killed(await context.run(JobsService.kill, run_id, context.user.email, now=context.now))


async def _story(context: BotContext, run_id: int) -> Reply:
    told = await context.run(HistoryService.explain, run_id, context.user.zone, now=context.now)
    return replies.runs.story(told, context.user.zone, nonce(context))


async def _of_message(context: BotContext, message: Message) -> Reply:
    if message.from_user is None or message.from_user.id != context.bot.id:
        raise InvalidInput("You wrote that yourself. Reply to a message of mine with /why, or name a run: /why 12")
    told = await context.run_as_platform(
        HistoryService.explain_message, context.user.id, str(message.chat.id), message.message_id, context.user.zone
    )
    return replies.runs.message_story(told, context.user.zone)


async def _named_or_newest(context: BotContext) -> int:
    if context.arguments:
        return one_number(context, "run", "/why 12")
    newest = await context.run(HistoryService.recent, user_id=context.user.id, limit=1)
    if not newest:
        raise NotFound("Nothing was run yet, so there is nothing to explain. /report makes a run.")
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


async def _failed(context: BotContext, before: int | None) -> Reply:
    page = await context.run(HistoryService.failed, before=before, limit=PAGE + 1, user_id=context.user.id)
    return replies.runs.failed(page[:PAGE], context.user, more=len(page) > PAGE)


async def logs(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def logs_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed
