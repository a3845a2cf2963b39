"""Reports now: one instrument, drawn at once."""

from telegram import Update
from telegram.constants import ChatAction

from bot import replies
from bot.commands.forms import prices
from bot.context import BotContext
from bot.errors import acknowledge
from domain.errors import InvalidInput
from domain.ids import pressed_number
from domain.locales import t
from domain.schedules import JobType
from services.instruments import names_in
from services.jobs import JobsService

INSTRUMENTS_PER_PAGE = 10
THEMES = ("light", "dark")


async def report(update: Update, context: BotContext) -> None:
    """Send a market report now."""
    symbol, theme = what(context.arguments, context)
    await _draw(update, context, symbol, theme)


async def report_pressed(update: Update, context: BotContext, pressed: str) -> None:
    """Buttons that ask for a report: ``SYMBOL:nonce``, ``list``, or nothing for the first instrument."""
    if pressed == "list":
        await acknowledge(update)
        await replies.send(update, _instruments(context, 0))
        return
    named = pressed.rpartition(":")[0] if ":" in pressed else pressed
    symbol, theme = what([named] if named else [], context)
    await acknowledge(update, t("Drawing {symbol}", symbol=symbol))
    await _draw(update, context, symbol, theme)


async def instruments_pressed(update: Update, context: BotContext, after: str) -> None:
    """Turn a page of the instruments."""
    await acknowledge(update)
    await replies.replace(update, _instruments(context, pressed_number(after) or 0))


def what(words: list[str], context: BotContext) -> tuple[str, str]:
    """The instrument (as a job keeps it) and the theme that these words name."""
    theme = next((word.lower() for word in words if word.lower() in THEMES), "light")
    named = [word for word in words if word.lower() not in THEMES]
    if names_in(named):
        return prices(context).symbol(named), theme
    known = prices(context).known()
    if not known:
        raise InvalidInput(t("Name an instrument. Example: /report AAPL"))
    return known[0][0], theme


def params(symbol: str, theme: str) -> dict[str, str]:
    """A report's parameters, as a job keeps them."""
    return {"symbol": symbol} if theme == "light" else {"symbol": symbol, "theme": theme}


async def _draw(update: Update, context: BotContext, symbol: str, theme: str) -> None:
    await context.run(
        JobsService.run_once,
        context.user,
        JobType.REPORT,
        t("{target} report", target=symbol),
        params(symbol, theme),
        now=context.now,
    )
    await replies.send(update, replies.reports.drawing(symbol))
    if update.effective_chat is not None:
        await update.effective_chat.send_action(ChatAction.UPLOAD_PHOTO)


def _instruments(context: BotContext, after: int) -> replies.Reply:
    known = prices(context).known()
    if not known:
        return replies.Reply(t("Name an instrument. Example: {example}", example="<b>/report AAPL</b>"))
    start = min(after, len(known) - 1)
    return replies.reports.instruments(known[start : start + INSTRUMENTS_PER_PAGE], start, len(known))
