"""The time zone of a person, and of their jobs."""

from telegram import Update

from bot import replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from domain.errors import NotAllowed
from services.telegram import Form, TelegramService
from services.users import UsersService


async def timezone(update: Update, context: BotContext) -> None:
    """Show the picker, or take the zone that was named."""
    if context.arguments:
        await zone_named(update, context, " ".join(context.arguments))
    else:
        await replies.send(update, replies.people.ask_zone(context.now, context.user))


async def zone_named(update: Update, context: BotContext, text: str) -> None:
    """Take a zone or city that was typed."""
    await replies.send(update, await _set_zone(context, text))


async def zone_asked(update: Update, context: BotContext, form: Form, text: str) -> None:
    """The zone or city that was asked for."""
    await zone_named(update, context, text)


async def zone_pressed(update: Update, context: BotContext, zone: str) -> None:
    """A button of the picker."""
    if zone == "?":
        await context.run(TelegramService.begin, context.speaker, context.user.id, "ask_zone", {}, now=context.now)
        await acknowledge(update)
        await replies.send(update, replies.people.ask_zone_text())
        return
    reply = await _set_zone(context, zone)
    await acknowledge(update)
    await replies.replace(update, reply)


async def _set_zone(context: BotContext, text: str) -> Reply:
    first = not context.user.timezone_chosen
    user = await context.run(UsersService.set_timezone, context.user, text, now=context.now)
    await context.run(TelegramService.end, context.speaker, "ask_zone", now=context.now)
    context.speaks(user)
    return replies.people.zone_set(user, context.now, first=first)


async def jobs_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed
