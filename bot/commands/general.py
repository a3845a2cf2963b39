"""Help, plain text, buttons that stand for commands, and what comes late."""

import re
from datetime import timedelta
from html import escape

from telegram import ChatMember, Update

from bot import access, replies
from bot.commands import schedules
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from domain.errors import NotAllowed, NotFound, UserError
from domain.ids import parse_number
from market.errors import UnknownSymbol
from market.feed import resolve
from services.telegram import TelegramService
from services.users import UsersService

_ASKS_FOR_A_PLAN = re.compile(
    r"(?:please\s+)?(?:remind\s+me|every|each|on\s+the\s+(?:first|last))\b.*\s", re.IGNORECASE
)


async def help_(update: Update, context: BotContext) -> None:
    """What the person may do; one command in detail when it is named."""
    wanted = context.arguments[0].removeprefix("/").lower() if context.arguments else ""
    mine = context.commands
    named = [command for command in mine if command.name == wanted]
    if wanted and not named:
        raise NotFound(f"I don't know /{wanted[:32]}. /help lists what I understand.")
    if named:
        example = f"\nExample: <code>{escape(named[0].example)}</code>" if named[0].example else ""
        await replies.send(update, Reply(f"<b>/{named[0].name}</b>  {escape(named[0].help)}{example}"))
        return
    lines = "\n".join(f"/{command.name} – {escape(command.help)}" for command in mine)
    intro = (
        "I run your jobs on time and bring the results here."
        if context.known is not None
        else "Send /start: I'll ask for your e-mail address, and then run your jobs on time."
    )
    buttons = [[("Report now", "r:"), ("My jobs", "l:0")]] if context.known is not None else []
    await replies.send(update, Reply(f"<b>Openbell</b>\n{intro}\n\n{lines}", buttons))


async def plain_text(update: Update, context: BotContext, text: str) -> None:
    """Text that nobody asked for: a symbol gets a report button, a plan in words a preview, the rest the way on."""
    word = text.strip()
    if len(word) <= 24 and " " not in word:
        try:
            _, symbol = resolve(word, context.parts.market_feed, context.parts.bars_dir)
        except (UserError, UnknownSymbol):  # it was no symbol, and nobody said that it was
            symbol = ""
        if symbol:
            await replies.send(
                update, Reply(f"A report on <b>{escape(symbol)}</b>?", [[(f"Report on {symbol}", f"r:{symbol}:0")]])
            )
            return
    if _ASKS_FOR_A_PLAN.match(text):
        await schedules.request(update, context, text)
        return
    await replies.send(
        update,
        Reply("I understand commands. /report draws a report, /schedule plans one, /help lists the rest."),
    )


async def command_pressed(update: Update, context: BotContext, name: str) -> None:
    """A button that stands for a command without arguments; one that acts must be typed."""
    found = [command for command in context.commands if command.name == name]
    if not found:
        raise NotAllowed
    await acknowledge(update)
    await found[0].handle(update, context)


async def ask_if_still_wanted(update: Update, context: BotContext, text: str) -> None:
    """A command that changes something and was sent long ago is asked about, not carried out."""
    message = update.effective_message
    age = access.age_of(message, context) if message is not None else timedelta()
    draft_id = await context.run(
        TelegramService.begin, context.speaker, context.user.id, "stale", {"text": text}, now=context.now
    )
    await replies.send(update, replies.refusals.stale(age, draft_id, text))


async def stale_pressed(update: Update, context: BotContext, what: str) -> None:
    """The answer to "shall I?": ``draft:yes`` or ``draft:no``."""
    number, _, action = what.partition(":")
    form = await context.run(
        TelegramService.take, context.speaker, parse_number(number, "form", "/help"), now=context.now
    )
    if form is None:
        raise NotFound("That was answered already.")
    await acknowledge(update)
    if action != "yes":
        await replies.replace(update, Reply("Left. Nothing was changed."))
        return
    first, *arguments = str(form.data["text"]).split()
    name = first.removeprefix("/").partition("@")[0].lower()
    found = [command for command in context.commands if command.name == name]
    if not found:
        raise NotAllowed
    context.arguments = arguments
    await found[0].handle(update, context)


async def help_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed
