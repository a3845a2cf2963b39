"""Reports now: one instrument, drawn at once."""

from telegram import Update
from telegram.constants import ChatAction

from bot import replies
from bot.context import BotContext
from bot.errors import acknowledge
from domain.errors import InvalidInput
from domain.schedules import JobType
from market.feed import open_feed, resolve
from services.jobs import JobsService

INSTRUMENTS_PER_PAGE = 10
THEMES = ("light", "dark")
_SMALL_WORDS = frozenset(
    ("a", "an", "the", "on", "of", "for", "me", "my", "please", "send", "draw", "show", "chart", "report", "with", "to")
)


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
    await acknowledge(update, f"Drawing {symbol}")
    await _draw(update, context, symbol, theme)


async def instruments_pressed(update: Update, context: BotContext, after: str) -> None:
    """Turn a page of the instruments."""
    await acknowledge(update)
    await replies.replace(update, _instruments(context, int(after) if after.isdigit() else 0))


def what(words: list[str], context: BotContext) -> tuple[str, str]:
    """The instrument (as a job keeps it) and the theme that these words name."""
    theme = next((word.lower() for word in words if word.lower() in THEMES), "light")
    names = names_in(words)
    if len(names) > 1:
        raise InvalidInput(
            f"I read “{' '.join(names)[:60]}” as more than one instrument; one at a time, please. "
            "Example: /report GOLD dark. For a reminder, begin it with “remind me to”."
        )
    feed, bars_dir = context.parts.market_feed, context.parts.bars_dir
    if names:
        source, symbol = resolve(names[0], feed, bars_dir)
        return (f"{source}:{symbol}" if ":" in names[0] else symbol), theme
    known = open_feed(feed, bars_dir=bars_dir).instruments()
    if not known:
        raise InvalidInput("Name an instrument. Example: /report AAPL")
    return known[0].symbol, theme


def names_in(words: list[str]) -> list[str]:
    """The words that name something; small words do not, unless one in capitals stands alone."""
    names = [word.strip(",.;") for word in words if word.lower() not in THEMES]
    return [word for word in names if word.lower() not in _SMALL_WORDS] or [word for word in names if word.isupper()]


def params(symbol: str, theme: str) -> dict[str, str]:
    """A report's parameters, as a job keeps them."""
    return {"symbol": symbol} if theme == "light" else {"symbol": symbol, "theme": theme}


def known_instruments(context: BotContext) -> list[tuple[str, str]]:
    """The instruments there are, with their names: the imported ones first."""
    parts = context.parts
    return [
        (instrument.symbol, instrument.name)
        for feed in dict.fromkeys(("csv", parts.market_feed))
        for instrument in open_feed(feed, bars_dir=parts.bars_dir).instruments()
    ]


async def _draw(update: Update, context: BotContext, symbol: str, theme: str) -> None:
    await context.run(
        JobsService.run_once, context.user, JobType.REPORT, f"{symbol} report", params(symbol, theme), now=context.now
    )
    await replies.send(update, replies.reports.drawing(symbol))
    if update.effective_chat is not None:
        await update.effective_chat.send_action(ChatAction.UPLOAD_PHOTO)


def _instruments(context: BotContext, after: int) -> replies.Reply:
    known = known_instruments(context)
    if not known:
        return replies.Reply("Name an instrument. Example: <b>/report AAPL</b>")
    start = min(after, len(known) - 1)
    return replies.reports.instruments(known[start : start + INSTRUMENTS_PER_PAGE], start, len(known))
