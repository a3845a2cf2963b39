"""The market report: one instrument, a chart picture and a short text."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any, get_args

from domain.errors import GiveUp
from domain.messages import Attachment, Button, Category, Outgoing, Rows
from domain.runs import Outcome
from market.bars import Bars
from market.chart_style import Theme
from market.charts import as_of_words, draw
from market.summary import Summary, summarise
from workers.context import JobContext

BARS = 250
LISTED = 3


def perform(context: JobContext, params: Mapping[str, Any]) -> Outcome:
    """Read the bars, draw them, and say what they show; nothing is sent or stored here."""
    theme = params.get("theme", "light")
    if theme not in get_args(Theme):
        raise GiveUp(f"The job's theme is “{theme}”; it can be {' or '.join(get_args(Theme))}. Make the job again.")
    feed, symbol = context.feed_of(str(params.get("symbol", "")))
    bars = feed.bars(symbol, None, count=BARS, now=context.now)
    summary = summarise(bars)
    title = symbol if bars.name is None else f"{symbol} · {bars.name}"
    picture = draw(bars, summary, theme=theme, zone=context.zone, title=title)
    message = Outgoing(
        Category.REPORT,
        context.user_id,
        text=write(bars, summary, context),
        buttons=_buttons(context, str(params["symbol"])),
        attachments=(Attachment(f"{symbol}.png", "image/png", picture),),
    )
    result = {
        "symbol": symbol,
        "feed": feed.name,
        "bars": len(bars.bars),
        "left_out": len(bars.left_out),
        "last": str(summary.last),
        "as_of": summary.as_of.isoformat(),
        "simulated": bars.simulated,
    }
    return Outcome(result, (message,))


def write(bars: Bars, summary: Summary, context: JobContext) -> str:
    """The caption, in Telegram HTML: the price, its change, where it stands, and how old it is."""
    currency = f" {bars.currency}" if bars.currency else ""
    lines = [f"<b>{escape(bars.symbol)}</b>  {_price(summary.last, bars)}{currency}"]
    if summary.change is not None and summary.change_percent is not None and summary.base_at is not None:
        arrow = "▲" if summary.change > 0 else "▼" if summary.change < 0 else "＝"
        lines.append(
            f"{arrow} {_price(summary.change, bars, signed=True)} ({summary.change_percent:+.2f} %) "
            f"since the close of {_when(summary.base_at, bars, context)}"
        )
    lines.append(f"This bar {_price(summary.low, bars)} – {_price(summary.high, bars)}")
    span = "52 weeks" if summary.range.whole_year else f"Since {summary.range.since:%d %b %Y}"
    lines.append(f"{span} {_price(summary.range.low, bars)} – {_price(summary.range.high, bars)}")
    lines.extend(_standing(bars, summary))
    lines.append("")
    kind = "simulated prices" if bars.simulated else f"source {escape(bars.source)}"
    lines.append(f"<i>{escape(as_of_words(bars, summary, context.zone))} · {bars.timeframe.words} · {kind}</i>")
    lines.extend(_left_out(bars))
    return "\n".join(lines)


def _standing(bars: Bars, summary: Summary) -> list[str]:
    lines = [
        f"{average.distance:+.1f} % {average.price_is} its {average.period}-bar average {_price(average.value, bars)}"
        for average in summary.averages
    ]
    if summary.rsi is not None:
        lines.append(f"RSI 14 at {summary.rsi:.0f}")
    if summary.volume_ratio is not None:
        lines.append(f"Volume {summary.volume_ratio:.1f} × its 20-bar average")
    return lines


def _left_out(bars: Bars) -> list[str]:
    if not bars.left_out:
        return []
    rows = "row was" if len(bars.left_out) == 1 else "rows were"
    lines = [f"⚠ {len(bars.left_out)} {rows} left out:"]
    lines += [f"· {escape(_row(row.line, row.reason))}" for row in bars.left_out[:LISTED]]
    if len(bars.left_out) > LISTED:
        lines.append(f"· and {len(bars.left_out) - LISTED} more")
    return lines


def _row(line: int, reason: str) -> str:
    return f"line {line}: {reason}" if line else reason


def _price(value: Decimal, bars: Bars, *, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''},.{bars.decimals}f}"


def _when(moment: datetime, bars: Bars, context: JobContext) -> str:
    if bars.timeframe.is_intraday:
        return f"{moment.astimezone(context.zone):%a %d %b %H:%M}"
    return f"{moment:%a %d %b}"  # a daily bar is stamped with its session date


def _buttons(context: JobContext, symbol: str) -> Rows:
    if context.schedule_id is not None:
        number = context.schedule_id
        return (
            (
                Button("Run again", data=f"j:{number}:run:{context.run_id}"),
                Button("Show job", data=f"j:{number}:show:0"),
            ),
        )
    return (
        (Button("Every weekday 08:30", data=f"p:{symbol}:30 8 * * 1-5"),),
        (Button("Every day 08:30", data=f"p:{symbol}:30 8 * * *"), Button("Every hour", data=f"p:{symbol}:0 * * * *")),
        (Button("Another instrument", data="r:list"), Button("Refresh", data=f"r:{symbol}:{context.run_id}")),
    )
