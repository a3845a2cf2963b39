"""Jobs: listing, showing, running, pausing, resuming, deleting; what comes and what was."""

from telegram import Update

from bot import replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import PAGE, Reply
from domain.errors import InvalidInput
from domain.ids import parse_number
from services.jobs import JobsService

RECENT = 5


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
    await replies.send(update, await _card(context, _number(context, "/job 7")))


async def run(update: Update, context: BotContext) -> None:
    """Run a job once, now."""
    await replies.send(update, await _run(context, _number(context, "/run 7")))


async def pause(update: Update, context: BotContext) -> None:
    """Plan no further runs of a job."""
    await replies.send(update, replies.paused(await context.run(JobsService.pause, _number(context, "/pause 7"))))


async def resume(update: Update, context: BotContext) -> None:
    """Plan a job again."""
    schedule = await context.run(JobsService.resume, _number(context, "/resume 7"), now=context.now)
    await replies.send(update, replies.resumed(schedule, context.now))


async def delete(update: Update, context: BotContext) -> None:
    """Delete a job, with ten minutes to undo it."""
    schedule = await context.run(JobsService.delete, _number(context, "/delete 7"), now=context.now)
    await replies.send(update, replies.deleted(schedule))


async def next_runs(update: Update, context: BotContext) -> None:
    """What comes next, of all jobs or of one."""
    if context.arguments:
        schedule = await context.run(JobsService.get, _number(context, "/next 7"))
        await replies.send(update, replies.next_of(schedule, context.now))
        return
    coming = await context.run(JobsService.coming)
    await replies.send(update, replies.agenda(coming, context.now, context.user.zone))


async def history(update: Update, context: BotContext) -> None:
    """What was run, newest first."""
    number = _number(context, "/history 7") if context.arguments else 0
    await replies.send(update, await _history(context, number, None))


async def history_pressed(update: Update, context: BotContext, what: str) -> None:
    """A page of the history: ``job:before``, where 0 means all jobs and the newest."""
    number, _, before = what.partition(":")
    if not (number.isdigit() and before.isdigit()):
        raise InvalidInput("That button is damaged. Send /history.")
    reply = await _history(context, int(number), int(before) or None)
    await acknowledge(update)
    if int(before):
        await replies.replace(update, reply)
    else:
        await replies.send(update, reply)


async def job_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of a job: ``number:action:nonce``."""
    number, _, rest = what.partition(":")
    schedule_id, action = parse_number(number, "job", "/job 7"), rest.partition(":")[0]
    match action:
        case "show":
            reply = await _card(context, schedule_id)
        case "run":
            reply = await _run(context, schedule_id)
            await acknowledge(update, "It runs now")
            await replies.send(update, reply)
            return
        case "pause":
            await context.run(JobsService.pause, schedule_id)
            reply = await _card(context, schedule_id)
        case "resume":
            await context.run(JobsService.resume, schedule_id, now=context.now)
            reply = await _card(context, schedule_id)
        case "delete":
            reply = replies.deleted(await context.run(JobsService.delete, schedule_id, now=context.now))
        case "undo":
            restored = await context.run(JobsService.undelete, schedule_id, now=context.now)
            reply = replies.restored(restored, context.now)
        case _:
            raise InvalidInput("That button is from an older version. Send /jobs.")
    await acknowledge(update)
    await replies.replace(update, reply)


async def _page(context: BotContext, after: int) -> Reply:
    page = await context.run(JobsService.page, after=after, limit=PAGE + 1)
    return replies.jobs(page[:PAGE], context.now, after=after, more=len(page) > PAGE)


async def _card(context: BotContext, schedule_id: int) -> Reply:
    schedule = await context.run(JobsService.get, schedule_id)
    recent = await context.run(JobsService.history, schedule_id=schedule_id, limit=RECENT)
    # the nonce makes each card's buttons its own: pressed twice they act once, on a fresh card they act again
    return replies.job(schedule, recent, context.now, format(int(context.now.timestamp() * 1000), "x"))


async def _run(context: BotContext, schedule_id: int) -> Reply:
    schedule = await context.run(JobsService.get, schedule_id)
    run_id = await context.run(JobsService.run_now, schedule_id, now=context.now)
    return replies.run_begun(schedule.name, run_id)


async def _history(context: BotContext, schedule_id: int, before: int | None) -> Reply:
    page = await context.run(JobsService.history, schedule_id=schedule_id or None, before=before, limit=PAGE + 1)
    return replies.history(page[:PAGE], context.user, schedule_id=schedule_id, more=len(page) > PAGE)


def _number(context: BotContext, example: str) -> int:
    if not context.arguments:
        raise InvalidInput(f"Which job? Send its number: {example}. /jobs lists them.")
    number = parse_number(context.arguments[0], "job", example)
    if len(context.arguments) > 1:
        raise InvalidInput(f"One job at a time, please: {example}")
    return number
