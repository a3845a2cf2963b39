"""Help, plain text, buttons that stand for commands, and what comes late."""

import difflib
import re
from datetime import timedelta
from html import escape

from telegram import Update

from bot import access, replies
from bot.commands import schedules
from bot.context import BotContext, Command
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import help as words
from domain.errors import NotAllowed, NotFound, UserError
from domain.ids import parse_number
from domain.locales import t
from market.errors import UnknownSymbol
from market.feed import resolve
from services.telegram import TelegramService

_ASKS_FOR_A_PLAN = re.compile(
    r"(?:please\s+)?(?:remind\s+me|every|each|daily|weekly|tomorrow|on\s+the\s+(?:first|last))\b.*\s"
    r"|(?:bitte\s+)?(?:erinner[en]?\s+mich|jede[nrsm]?|alle|täglich|werktags|morgen|übermorgen|"
    r"am\s+(?:ersten|letzten))\b.*\s",
    re.IGNORECASE,
)


async def help_(update: Update, context: BotContext) -> None:
    """What the person may do; one command or one group when it is named."""
    wanted = context.arguments[0].removeprefix("/").lower() if context.arguments else ""
    await replies.send(update, _help(context, wanted))


async def help_pressed(update: Update, context: BotContext, what: str) -> None:
    """A group of the help, one command, or all of it again."""
    reply = _help(context, what)
    await acknowledge(update)
    await replies.replace(update, reply)


def _help(context: BotContext, wanted: str) -> Reply:
    mine = context.commands
    if not wanted:
        return words.overview(mine, verified=context.known is not None)
    if (found := _called(context, wanted)) is not None:
        return words.command(found)
    if any(each.group == wanted for each in mine):
        return words.group(mine, wanted)
    return words.unknown(wanted, nearest(context, wanted))


def nearest(context: BotContext, word: str) -> list[str]:
    """The names of at most three commands that this person may use and perhaps meant."""
    names = {name: each.name for each in context.commands for name in (each.name, *each.aliases)}
    near = difflib.get_close_matches(word, names, n=6, cutoff=0.5)
    return list(dict.fromkeys(names[name] for name in near))[:3]


def _called(context: BotContext, name: str) -> Command | None:
    """The command of that name or alias, among those that the person may use."""
    return next((each for each in context.commands if name in (each.name, *each.aliases)), None)


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
                update,
                Reply(
                    t("A report on <b>{symbol}</b>?", symbol=escape(symbol)),
                    [[(t("Report on {symbol}", symbol=symbol), f"r:{symbol}:0")]],
                ),
            )
            return
    if _ASKS_FOR_A_PLAN.match(text):
        await schedules.request(update, context, text)
        return
    await replies.send(
        update,
        Reply(t("I understand commands. /report draws a report, /schedule plans one, /help lists the rest.")),
    )


async def command_pressed(update: Update, context: BotContext, name: str) -> None:
    """A button that stands for a command without arguments; one that acts must be typed."""
    found = _called(context, name)
    if found is None:
        raise NotAllowed
    await acknowledge(update)
    await found.handle(update, context)


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
        raise NotFound(t("That was answered already."))
    await acknowledge(update)
    if action != "yes":
        await replies.replace(update, Reply(t("Left. Nothing was changed.")))
        return
    first, *arguments = str(form.data["text"]).split()
    name = first.removeprefix("/").partition("@")[0].lower()
    found = _called(context, name)
    if found is None:
        raise NotAllowed
    context.arguments = arguments
    await found.handle(update, context)
