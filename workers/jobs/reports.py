"""The market report: one instrument, a chart picture and a short text."""

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.locales import format_date, format_day, format_number, t, tn
from domain.locales import mark as _
from domain.messages import Attachment, Button, Category, Outgoing, Rows
from domain.runs import Outcome
from domain.schedules import JobType
from market import formats
from market.bars import Bars, Timeframe
from services.job_kinds import JobKind
from workers.context import JobContext

if TYPE_CHECKING:
    from market.summary import Summary

BARS = 320
LISTED = 3


class Params(BaseModel):
    """What a report is about, and how it looks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str = Field(
        title=_("Instrument"),
        description=_("the symbol to report on, as in GOLD or csv:GOLD"),
        min_length=1,
        max_length=60,
        json_schema_extra={"asks_for": "instrument"},
    )
    theme: Literal["light", "dark"] = Field(
        "light",
        title=_("Theme"),
        description=_("the chart's colours"),
        json_schema_extra={"labels": {"light": _("light"), "dark": _("dark")}},
    )


def perform(context: JobContext, params: Params) -> Outcome:
    """Read the bars, draw them, and say what they show; nothing is sent or stored here."""
    from market.charts import draw  # numpy and matplotlib, which only a worker should pay for
    from market.summary import summarise

    feed, symbol = context.feed_of(params.symbol)
    bars = feed.bars(symbol, None, count=BARS, now=context.now)
    context.check()
    summary = summarise(bars)
    title = symbol if bars.name is None else f"{symbol} · {bars.name}"
    picture = draw(bars, summary, theme=params.theme, zone=context.zone, title=title)
    message = Outgoing(
        Category.REPORT,
        context.owner,
        text=write(bars, summary, context),
        buttons=_buttons(context, params.symbol),
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


def write(bars: Bars, summary: "Summary", context: JobContext) -> str:
    """The caption, in Telegram HTML: the price, its change, where it stands, and how old it is."""
    from market.charts import as_of_words

    currency = f" {bars.currency}" if bars.currency else ""
    digits = bars.decimals
    lines = [f"<b>{escape(bars.symbol)}</b>  {formats.price(summary.last, digits)}{currency}"]
    if summary.change is not None and summary.change_percent is not None and summary.base_at is not None:
        arrow = "▲" if summary.change > 0 else "▼" if summary.change < 0 else "＝"
        moved = f"{formats.change(summary.change, digits)} ({formats.percent(summary.change_percent)})"
        lines.append(f"{arrow} {t('{moved} since the close of {day}', moved=moved, day=format_day(summary.base_at))}")
    span = t("Week") if bars.timeframe is Timeframe.W1 else t("Day")
    lines.append(f"{span} {formats.price(summary.low, digits)} – {formats.price(summary.high, digits)}")
    year = t("52 weeks") if summary.range.whole_year else t("Since {day}", day=format_date(summary.range.since))
    lines.append(f"{year} {formats.price(summary.range.low, digits)} – {formats.price(summary.range.high, digits)}")
    lines.extend(_standing(bars, summary))
    kind = t("simulated prices") if bars.simulated else t("source {name}", name=escape(bars.source))
    as_of = escape(as_of_words(bars, summary, context.zone))
    lines += ["", f"<i>{as_of} · {bars.timeframe.words} · {kind}</i>"]
    lines.extend(_left_out(bars))
    return "\n".join(lines)


def _standing(bars: Bars, summary: "Summary") -> list[str]:
    lines = [
        t(
            "{period}-bar average {price} ({distance})",
            period=average.period,
            price=formats.price(average.value, bars.decimals),
            distance=formats.percent(average.distance),
        )
        for average in summary.averages
    ]
    if summary.rsi is not None:
        lines.append(t("RSI 14 at {value}", value=f"{summary.rsi:.0f}"))
    if summary.volume_ratio is not None:
        lines.append(t("Volume {ratio} × its 20-bar average", ratio=format_number(summary.volume_ratio, "0.0")))
    return lines


def _left_out(bars: Bars) -> list[str]:
    if not bars.left_out:
        return []
    lines = [tn("⚠ {n} row was left out:", "⚠ {n} rows were left out:", len(bars.left_out))]
    lines += [f"· {escape(_row(row.line, row.reason))}" for row in bars.left_out[:LISTED]]
    if len(bars.left_out) > LISTED:
        lines.append(f"· {t('and {count} more', count=len(bars.left_out) - LISTED)}")
    return lines


def _row(line: int, reason: str) -> str:
    return t("line {line}: {reason}", line=line, reason=reason) if line else reason


def _buttons(context: JobContext, symbol: str) -> Rows:
    if context.schedule_id is not None:
        number = context.schedule_id
        return (
            (
                Button(t("Run again"), data=f"j:{number}:run:{context.run_id}"),
                Button(t("Show job"), data=f"j:{number}:show:0"),
            ),
        )
    return (
        (Button(t("Every weekday 08:30"), data=f"p:{symbol}:30 8 * * 1-5"),),
        (
            Button(t("Every day 08:30"), data=f"p:{symbol}:30 8 * * *"),
            Button(t("Every hour"), data=f"p:{symbol}:0 * * * *"),
        ),
        (Button(t("Another instrument"), data="r:list"), Button(t("Refresh"), data=f"r:{symbol}:{context.run_id}")),
    )


KIND = JobKind(
    name=JobType.REPORT,
    summary=_("a chart and a short text about one instrument"),
    params=Params,
    perform=perform,
    timeout=timedelta(minutes=2),
    queue="reports",
    target="symbol",
    title=_("Report"),
    naming=_("{target} report"),
)
