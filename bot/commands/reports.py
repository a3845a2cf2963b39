"""Reports now, and the way from a report to a schedule."""

import re
from zoneinfo import ZoneInfo

from telegram import Update
from telegram.constants import ChatAction

from bot import replies
from bot.context import BotContext
from bot.errors import acknowledge
from domain.cron import parse_cron
from domain.errors import InvalidInput, NotFound
from domain.ids import parse_number
from domain.schedules import JobType, Proposal
from market.feed import open_feed, resolve
from services.jobs import JobsService, as_form
from services.telegram import TelegramService

INSTRUMENTS_PER_PAGE = 10
THEMES = ("light", "dark")
_COLUMN = re.compile(
    r"(?:[\d*/,\-#?@]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)[a-z]*|[lhrw])+",
    re.IGNORECASE,
)


async def report(update: Update, context: BotContext) -> None:
    """Send a market report now."""
    symbol, theme = _what(context.arguments, context)
    await _draw(update, context, symbol, theme)


async def report_pressed(update: Update, context: BotContext, what: str) -> None:
    """Buttons that ask for a report: ``SYMBOL:nonce``, ``list``, or nothing for the first instrument."""
    if what == "list":
        await acknowledge(update)
        await replies.send(update, _instruments(context, 0))
        return
    named = what.rpartition(":")[0] if ":" in what else what
    symbol, theme = _what([named] if named else [], context)
    await acknowledge(update, f"Drawing {symbol}")
    await _draw(update, context, symbol, theme)


async def instruments_pressed(update: Update, context: BotContext, after: str) -> None:
    """Turn a page of the instruments."""
    await acknowledge(update)
    await replies.replace(update, _instruments(context, int(after) if after.isdigit() else 0))


async def schedule(update: Update, context: BotContext) -> None:
    """Propose a schedule from a cron line and a symbol."""
    if not context.arguments:
        await replies.send(update, replies.schedule_usage())
        return
    cron, rest = split_cron(context.arguments)
    symbol, theme = _what(rest, context)
    await _propose(update, context, symbol, cron, theme)


async def schedule_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button under a report: ``SYMBOL:cron line``."""
    named, _, cron = what.rpartition(":")
    symbol, theme = _what([named], context)
    await acknowledge(update)
    await _propose(update, context, symbol, cron, theme)


async def time_named(update: Update, context: BotContext, symbol: str, theme: str, text: str) -> None:
    """A cron line that was asked for."""
    await _propose(update, context, symbol, text, theme)
    await context.run(TelegramService.end, context.speaker, "ask_time", now=context.now)


async def form_pressed(update: Update, context: BotContext, what: str) -> None:
    """A button under a preview: ``draft:save``, ``run``, ``time`` or ``cancel``."""
    number, _, action = what.partition(":")
    draft_id, speaker = parse_number(number, "form", "/schedule"), context.speaker
    if action == "save":
        saved = await context.run(JobsService.save, context.user, speaker, draft_id, now=context.now)
        await acknowledge(update, "Saved" if not saved.again else "It was saved already")
        await replies.replace(update, replies.saved(saved.schedule, context.now, again=saved.again))
        return
    form = await context.run(TelegramService.form, speaker, draft_id, now=context.now)
    if form is None:
        raise NotFound("This form has ended. Make a new one with /schedule.")
    symbol, theme = form.data["params"]["symbol"], form.data["params"].get("theme", "light")
    if action == "run":
        await acknowledge(update, f"Drawing {symbol}")
        await _draw(update, context, symbol, theme)
    elif action == "time":
        data = {"symbol": symbol, "theme": theme}
        await context.run(TelegramService.begin, speaker, context.user.id, "ask_time", data, now=context.now)
        await acknowledge(update)
        await replies.send(update, replies.ask_time(symbol))
    else:
        await context.run(TelegramService.end, speaker, "proposal", now=context.now)
        await acknowledge(update)
        await replies.replace(update, replies.Reply("Left. Nothing was saved."))


def split_cron(words: list[str]) -> tuple[str, list[str]]:
    """The cron line at the start of what was typed, in quotes or not, and the words behind it."""
    text = " ".join(words)
    if quoted := re.match(r"\s*[\"'“”„«`](.*?)[\"'“”»`]\s*(.*)$", text):
        return quoted[1], quoted[2].split()
    if words[0].startswith("@"):
        return words[0], words[1:]
    columns = 0
    while columns < len(words) and _COLUMN.fullmatch(words[columns]):
        columns += 1
    return (" ".join(words[:columns]), words[columns:]) if columns else (text, [])


async def _draw(update: Update, context: BotContext, symbol: str, theme: str) -> None:
    await context.run(
        JobsService.run_once, context.user, JobType.REPORT, f"{symbol} report", _params(symbol, theme), now=context.now
    )
    await replies.send(update, replies.drawing(symbol))
    if update.effective_chat is not None:
        await update.effective_chat.send_action(ChatAction.UPLOAD_PHOTO)


async def _propose(update: Update, context: BotContext, symbol: str, line: str, theme: str) -> None:
    user = context.user
    proposal = Proposal(
        name=f"{symbol} report",
        job_type=JobType.REPORT,
        params=_params(symbol, theme),
        cron=parse_cron(line, context.now),
        timezone=user.timezone,
    )
    proposal.check(user.quota, context.now)
    if proposal.cron.next_after(context.now, ZoneInfo(user.timezone)) is None:
        raise InvalidInput("That never comes within five years.")
    draft_id = await context.run(
        TelegramService.begin, context.speaker, user.id, "proposal", as_form(proposal), now=context.now
    )
    await replies.send(update, replies.preview(proposal, draft_id, context.now))


def _params(symbol: str, theme: str) -> dict[str, str]:
    return {"symbol": symbol} if theme == "light" else {"symbol": symbol, "theme": theme}


def _what(words: list[str], context: BotContext) -> tuple[str, str]:
    """The instrument (as a job keeps it) and the theme that these words name."""
    kept = [word for word in words if word.lower() != "report"]
    theme = next((word.lower() for word in kept if word.lower() in THEMES), "light")
    names = [word for word in kept if word.lower() not in THEMES]
    if len(names) > 1:
        raise InvalidInput("One instrument at a time, please. Example: /report GOLD dark")
    feed, bars_dir = context.parts.market_feed, context.parts.bars_dir
    if names:
        source, symbol = resolve(names[0], feed, bars_dir)
        return (f"{source}:{symbol}" if ":" in names[0] else symbol), theme
    known = open_feed(feed, bars_dir=bars_dir).instruments()
    if not known:
        raise InvalidInput("Name an instrument. Example: /report AAPL")
    return known[0].symbol, theme


def _instruments(context: BotContext, after: int) -> replies.Reply:
    parts = context.parts
    known = [
        (instrument.symbol, instrument.name)
        for feed in dict.fromkeys(("csv", parts.market_feed))
        for instrument in open_feed(feed, bars_dir=parts.bars_dir).instruments()
    ]
    if not known:
        return replies.Reply("Name an instrument. Example: <b>/report AAPL</b>")
    start = min(after, len(known) - 1)
    return replies.instruments(known[start : start + INSTRUMENTS_PER_PAGE], start, len(known))
