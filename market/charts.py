"""Charts as pictures: made to be read on a phone, inside a chat, light or dark."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from domain.locales import format_calendar, mark, t, tn
from market import formats
from market.bars import Bar, Bars, Timeframe
from market.chart_dates import FEWEST_SLOTS, date_ticks
from market.chart_style import DASHES, PALETTES, Palette, Theme, font, plain
from market.indicators import sma
from market.summary import AVERAGES, Summary

SIZE = (1080, 1350)
MOST_CANDLES = 130
_DPI = 150
_LEFT, _EDGE = 0.035, 0.965
_SMALL, _TEXT, _NAME, _LAST = 12.5, 13.5, 25, 31
_ORIGINS = {"csv": mark("imported file"), "yahoo": mark("Yahoo Finance")}


def draw(bars: Bars, summary: Summary, *, theme: Theme, zone: ZoneInfo, title: str, shown: int = 120) -> bytes:
    """A PNG of 1080 × 1350 of the newest `shown` bars; those before them only warm up the averages.

    It has price, averages, volume, the last price, as-of time and source, and is alike for like input.
    """
    palette = PALETTES[theme]
    figure = Figure(figsize=(SIZE[0] / _DPI, SIZE[1] / _DPI), dpi=_DPI, facecolor=palette.paper)
    FigureCanvasAgg(figure)
    everything, bars = bars, replace(bars, bars=bars.bars[-shown:])
    has_volume = any(bar.volume for bar in bars.bars)
    right = _right(bars)
    bottom = 0.305 if has_volume else 0.135
    price = figure.add_axes((_LEFT, bottom, right - _LEFT, 0.775 - bottom))
    _draw_price(price, bars, [bar.close for bar in everything.bars], palette)
    axes = [price]
    if has_volume:
        volume = figure.add_axes((_LEFT, 0.135, right - _LEFT, 0.135))
        _draw_volume(volume, bars, palette)
        axes.append(volume)
    _draw_dates(axes, bars, zone, palette)
    _write_head(figure, bars, summary, title, palette)
    _write_foot(figure, bars, summary, zone, palette)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _draw_price(axes: Axes, bars: Bars, closes: list[Decimal], palette: Palette) -> None:
    _prepare(axes, bars, palette)
    if len(bars.bars) <= MOST_CANDLES:
        _draw_candles(axes, bars.bars, palette)
        low, high = min(bar.low for bar in bars.bars), max(bar.high for bar in bars.bars)
    else:
        path = [float(bar.close) for bar in bars.bars]
        axes.plot(range(len(path)), path, color=palette.ink, linewidth=1.9, solid_joinstyle="round", zorder=4)
        low, high = min(bar.close for bar in bars.bars), max(bar.close for bar in bars.bars)
    drawn = _draw_averages(axes, closes, len(bars.bars), palette)
    low, high = min([low, *drawn]), max([high, *drawn])
    room = (high - low) * Decimal("0.06") or abs(high) * Decimal("0.02")
    axes.set_ylim(float(low - room), float(high + room))
    _price_ticks(axes, bars, palette)
    _tag_last(axes, bars, palette)


def _prepare(axes: Axes, bars: Bars, palette: Palette) -> None:
    axes.set_facecolor(palette.paper)
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=palette.grid, linewidth=1.1)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, pad=7, labelleft=False, labelright=True, labelcolor=palette.muted)
    room = 0.8 + len(bars.bars) * 0.012 + max(0, FEWEST_SLOTS - len(bars.bars)) / 2  # a few bars are not drawn as walls
    axes.set_xlim(-room, len(bars.bars) - 1 + room)


def _draw_candles(axes: Axes, bars: Sequence[Bar], palette: Palette) -> None:
    """Rising bars hollow, falling ones filled, a doji a dash: told apart without colour too."""
    half = 0.36
    wicks, bodies, edges, fills = [], [], [], []
    for place, bar in enumerate(bars):
        opened, high, low, close = (float(price) for price in (bar.open, bar.high, bar.low, bar.close))
        colour = palette.rise if close >= opened else palette.fall
        top, foot = max(opened, close), min(opened, close)
        wicks += [((place, low), (place, foot)), ((place, top), (place, high))]
        bodies.append([(place - half, foot), (place + half, foot), (place + half, top), (place - half, top)])
        edges.append(colour)
        fills.append(palette.paper if close >= opened else colour)
    width = 2.2 if len(bars) <= 40 else 1.6 if len(bars) <= 80 else 1.2
    doubled = [colour for colour in edges for _ in range(2)]
    axes.add_collection(LineCollection(wicks, colors=doubled, linewidths=width, zorder=3))
    axes.add_collection(PolyCollection(bodies, edgecolors=edges, facecolors=fills, linewidths=width, zorder=4))


def _draw_averages(axes: Axes, closes: list[Decimal], count: int, palette: Palette) -> list[Decimal]:
    """Draw the averages that have at least two points over the last `count` bars; return every value drawn."""
    drawn: list[Decimal] = []
    shown = [period for period in AVERAGES if len(closes) > period]
    for period in shown:
        at = AVERAGES.index(period)
        points = [(place, mean) for place, mean in enumerate(sma(closes, period)[-count:]) if mean is not None]
        axes.plot(
            [place for place, _ in points],
            [float(mean) for _, mean in points],
            color=palette.averages[at],
            linestyle=DASHES[at],
            linewidth=2.1,
            zorder=5,
            label=t("{period}-bar average", period=period),
        )
        drawn += [mean for _, mean in points]
    if shown:
        legend = axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=len(shown),
            frameon=False,
            prop=font(_SMALL),
            labelcolor=palette.muted,
            handlelength=2.0,
            columnspacing=1.3,
            borderpad=0.1,
        )
        legend.set_zorder(9)
    return drawn


def _price_ticks(axes: Axes, bars: Bars, palette: Palette) -> None:
    """Round prices on the right, with no more digits than their steps need, and none under the last price's tag."""
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10]))
    ticks = [tick for tick in axes.get_yticks() if low < tick < high]
    digits = _digits(ticks, bars.decimals)
    last, clear = float(bars.last.close), (high - low) * 0.052
    labels = ["" if abs(tick - last) < clear else formats.price(Decimal(repr(float(tick))), digits) for tick in ticks]
    axes.set_yticks(ticks, labels, fontproperties=font(_SMALL), color=palette.muted, parse_math=False)


def _digits(ticks: Sequence[float], most: int) -> int:
    """The fewest digits that keep the ticks apart from what they say."""
    for digits in range(most):
        if all(abs(round(tick, digits) - tick) < 1e-9 * max(1.0, abs(tick)) * 10**-digits for tick in ticks):
            return digits
    return most


def _tag_last(axes: Axes, bars: Bars, palette: Palette) -> None:
    last = float(bars.last.close)
    axes.axhline(last, color=palette.muted, linewidth=1.2, linestyle=(0, (2, 3)), zorder=2)
    axes.annotate(
        formats.price(bars.last.close, bars.decimals),
        (1, last),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        verticalalignment="center",
        fontproperties=font(_SMALL, "bold"),
        color=palette.paper,
        bbox={"boxstyle": "round,pad=0.28,rounding_size=0.2", "facecolor": palette.ink, "edgecolor": "none"},
        annotation_clip=False,
        parse_math=False,
        zorder=10,
    )


def _right(bars: Bars) -> float:
    """Where the panes end, so that the longest price fits beside them."""
    longest = max(len(formats.price(price, bars.decimals)) for bar in bars.bars for price in (bar.high, bar.close))
    return _EDGE - 0.022 - 0.0163 * min(max(longest, 6), 20)


def _draw_volume(axes: Axes, bars: Bars, palette: Palette) -> None:
    _prepare(axes, bars, palette)
    heights = [float(bar.volume or 0) for bar in bars.bars]
    rises = [bar.close >= bar.open for bar in bars.bars]
    colours = [palette.rise if rise else palette.fall for rise in rises]
    fills = [palette.paper if rise else palette.fall for rise in rises]
    dense = len(heights) > MOST_CANDLES
    axes.bar(
        range(len(heights)),
        heights,
        width=1.0 if dense else 0.72,
        color=palette.muted if dense else fills,
        edgecolor="none" if dense else colours,
        linewidth=0 if dense else 1.1,
        zorder=3,
    )
    top = max(heights)
    axes.set_ylim(0, top * 1.12)
    axes.set_yticks(
        [0, top / 2, top],
        ["", formats.compact(Decimal(top / 2)), formats.compact(Decimal(top))],
        fontproperties=font(_SMALL),
        color=palette.muted,
        parse_math=False,
    )
    axes.set_title(t("Volume"), loc="left", fontproperties=font(_SMALL), color=palette.muted, pad=5)


def _draw_dates(axes: list[Axes], bars: Bars, zone: ZoneInfo, palette: Palette) -> None:
    """Dates below the lowest pane, grid lines in all; the axis counts bars, so that closed days leave no holes."""
    ticks = date_ticks(bars, zone)
    places, labels = [place for place, _ in ticks], [label for _, label in ticks]
    for pane in axes:
        lowest = pane is axes[-1]
        pane.set_xticks(
            places,
            labels if lowest else [""] * len(labels),
            fontproperties=font(_SMALL),
            color=palette.muted,
            parse_math=False,
        )


def _write_head(figure: Figure, bars: Bars, summary: Summary, title: str, palette: Palette) -> None:
    name = plain(title, 44) or plain(bars.symbol, 20)
    size = min(_NAME, _NAME * 27 / max(27, len(name)))
    _write(figure, _LEFT, 0.966, name, palette.ink, size, bold=True)
    about = [bars.timeframe.words, *([plain(bars.currency, 8)] if bars.currency else [])]
    _write(figure, _LEFT, 0.928, " · ".join(about), palette.muted, _TEXT)
    _write(figure, _LEFT, 0.872, formats.price(summary.last, bars.decimals), palette.ink, _LAST, bold=True)
    if summary.change is not None and summary.change_percent is not None:
        _write_change(figure, bars, summary, summary.change, summary.change_percent, palette)
    if bars.simulated:
        figure.text(
            _EDGE - 0.009,
            0.925,
            t("SIMULATED PRICES"),
            horizontalalignment="right",
            verticalalignment="center",
            fontproperties=font(_SMALL, "bold"),
            color=palette.notice,
            bbox={"boxstyle": "round,pad=0.4", "facecolor": palette.notice_paper, "edgecolor": "none"},
        )


def _write_change(
    figure: Figure, bars: Bars, summary: Summary, change: Decimal, percent: Decimal, palette: Palette
) -> None:
    colour = palette.rise if change > 0 else palette.fall if change < 0 else palette.muted
    arrow = "▲" if change > 0 else "▼" if change < 0 else "■"
    words = f"{arrow} {formats.change(change, bars.decimals)}  {formats.percent(percent)}"
    _write(figure, _EDGE, 0.882, words, colour, 17, bold=True, right=True)
    if summary.base is not None and summary.base_at is not None:
        price, day = formats.price(summary.base, bars.decimals), _short_day(summary.base_at)
        if bars.timeframe is Timeframe.W1:
            base = t("from {price}, week of {day}", price=price, day=day)
        else:
            base = t("from {price}, close of {day}", price=price, day=day)
        _write(figure, _EDGE, 0.849, base, palette.muted, _SMALL, right=True)


def _write_foot(figure: Figure, bars: Bars, summary: Summary, zone: ZoneInfo, palette: Palette) -> None:
    _write(figure, _LEFT, 0.052, as_of_words(bars, summary, zone), palette.ink, _TEXT)
    origin = t("simulated market, not real prices") if bars.simulated else plain(_origin(bars), 30)
    said = [t("Source: {origin}", origin=origin)]
    if bars.left_out:
        said.append(tn("{n} bad row left out", "{n} bad rows left out", len(bars.left_out)))
    _write(figure, _LEFT, 0.022, " · ".join(said), palette.muted, _SMALL)


def _origin(bars: Bars) -> str:
    return t(_ORIGINS[bars.source]) if bars.source in _ORIGINS else bars.source


def as_of_words(bars: Bars, summary: Summary, zone: ZoneInfo) -> str:
    """Up to when the prices tell: a finished day's date, else the instant in the reader's zone."""
    if summary.is_final and not bars.timeframe.is_intraday:
        return t("Close of {day}", day=_day(summary.last_at))
    local = summary.as_of.astimezone(zone)
    said = t("As of {day}, {time}", day=_day(local), time=f"{local:%H:%M %Z}")
    return said if summary.is_final else f"{said} · {t('bar still open')}"


def _day(moment: datetime) -> str:
    return format_calendar(moment, "%a {d} %b %Y", "ccc d. MMM yyyy")


def _short_day(moment: datetime) -> str:
    return format_calendar(moment, "%a {d} %b", "ccc d. MMM")


def _write(
    figure: Figure, x: float, y: float, text: str, colour: str, size: float, *, bold: bool = False, right: bool = False
) -> None:
    figure.text(
        x,
        y,
        text,
        color=colour,
        horizontalalignment="right" if right else "left",
        verticalalignment="center",
        fontproperties=font(size, "bold" if bold else "normal"),
        parse_math=False,
    )
