"""What runs and what waits, of everybody, for admins: looked at, stopped, done once more."""

from telegram import Update

from bot import replies
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import operating as words
from bot.replies.reply import PAGE
from domain.errors import InvalidInput
from domain.ids import parse_number, pressed_number
from domain.locales import t
from services.operating import OperatingService


async def queue(update: Update, context: BotContext) -> None:
    """What runs and what waits, of everybody."""
    await replies.send(update, await _queue(context, 0))


async def workers(update: Update, context: BotContext) -> None:
    """Who works, and on what."""
    await replies.send(update, await _workers(context))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of these: ``number:show:what`` looks, ``number:kill:nonce`` and ``number:retry:nonce`` act on a run."""
    number, _, after = what.partition(":")
    action, *rest = after.split(":")
    if action == "show" and (shown := pressed_number(number)) is not None:
        reply, below = await _look(context, shown, rest)
    else:
        reply, below = await _act(context, parse_number(number, "run", "/queue"), action), True
    await acknowledge(update)
    await (replies.send if below else replies.replace)(update, reply)


async def story(context: BotContext, run_id: int) -> Reply:
    """The story of anybody's run."""
    told, owner = await context.run_as_platform(
        OperatingService.story, context.user, run_id, context.user.zone, now=context.now
    )
    return replies.runs.story(told, context.user.zone, nonce(context), owner)


async def kill(context: BotContext, run_id: int) -> Reply:
    """Stop anybody's run."""
    owner = await _owner(context, run_id)
    run = await context.run_as_platform(OperatingService.kill, context.user, run_id, now=context.now)
    return replies.runs.killed(run, owner)


async def retry(context: BotContext, run_id: int) -> Reply:
    """Do anybody's run once more, for them."""
    owner = await _owner(context, run_id)
    new = await context.run_as_platform(OperatingService.retry, context.user, run_id, now=context.now)
    return replies.runs.again(run_id, new, owner)


async def _look(context: BotContext, number: int, rest: list[str]) -> tuple[Reply, bool]:
    """What is looked at, and whether it stands below the list or in its place."""
    match rest:
        case ["queue", *_]:
            return await _queue(context, number), False
        case ["workers", *_]:
            return await _workers(context), False
        case ["job", after, *_]:
            found = await context.run_as_platform(OperatingService.job, context.user, number)
            return words.job(found, context.now, str(pressed_number(after) or 0)), False
        case ["run", *again]:
            return await story(context, number), not again
    raise InvalidInput(t("That button is from an older version. Send /queue."))


async def _act(context: BotContext, run_id: int, action: str) -> Reply:
    if action not in ("kill", "retry"):
        raise InvalidInput(t("That button is from an older version. Send /queue."))
    return await (kill if action == "kill" else retry)(context, run_id)


async def _owner(context: BotContext, run_id: int) -> str | None:
    return await context.run_as_platform(OperatingService.owner_of, context.user, run_id)


async def _queue(context: BotContext, after: int) -> Reply:
    found = await context.run_as_platform(OperatingService.queue, context.user, after=after, limit=PAGE + 1)
    more = len(found.runs) > PAGE
    return words.queue(found.first(PAGE), context.user.zone, context.now, after=after, more=more)


async def _workers(context: BotContext) -> Reply:
    return words.workers(await context.run_as_platform(OperatingService.workers, context.user))
