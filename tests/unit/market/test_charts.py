"""Charts: right size, something on them, alike for like input, and no text that breaks them."""

import io
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from market.bars import Bars, Timeframe
from market.chart_dates import MOST_TICKS, date_ticks
from market.chart_style import PALETTES, Theme, plain
from market.charts import SIZE, as_of_words, draw
from market.feeds.csv import CsvFeed
from market.feeds.sim import SimFeed
from market.summary import summarise

NOW = datetime(2026, 11, 20, 16, 37, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
FILES = Path(__file__).parents[2] / "data" / "bars"


def sim(symbol: str, timeframe: Timeframe = Timeframe.D1, count: int = 90) -> Bars:
    return SimFeed().bars(symbol, timeframe, count=count, now=NOW)


def picture(bars: Bars, *, theme: Theme = "light", title: str = "Title", shown: int = 120) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = draw(bars, summarise(bars), theme=theme, zone=BERLIN, title=title, shown=shown)
    return Image.open(io.BytesIO(png)).convert("RGB")


def share_of(image: Image.Image, colour: str) -> float:
    wanted = tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
    counted = {found: times for times, found in image.getcolors(maxcolors=1 << 20) or []}
    return counted.get(wanted, 0) / (image.width * image.height)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chart_has_the_themes_paper_and_both_kinds_of_candles(theme: Theme) -> None:
    image, palette = picture(sim("GOLD"), theme=theme), PALETTES[theme]
    assert image.size == SIZE
    assert 0.7 < share_of(image, palette.paper) < 0.97
    assert share_of(image, palette.rise) > 0.001
    assert share_of(image, palette.fall) > 0.005
    assert share_of(image, palette.notice_paper) > 0.001, "simulated prices are labelled"


def test_real_prices_carry_no_notice() -> None:
    bars = CsvFeed(FILES).bars("ACME", None, count=50, now=NOW)
    assert share_of(picture(bars), PALETTES["light"].notice_paper) == 0


@pytest.mark.parametrize(
    ("symbol", "timeframe", "count"),
    [
        ("GOLD", Timeframe.D1, 1),
        ("GOLD", Timeframe.D1, 2),
        ("EURUSD", Timeframe.D1, 20),
        ("MOTEUSD", Timeframe.D1, 60),
        ("BTCUSD", Timeframe.D1, 600),
        ("ACORN", Timeframe.M15, 90),
        ("ACORN", Timeframe.M1, 30),
        ("GOLD", Timeframe.W1, 300),
    ],
)
def test_every_span_and_size_of_price_is_drawn_without_a_warning(symbol: str, timeframe: Timeframe, count: int) -> None:
    image = picture(sim(symbol, timeframe, count), shown=count)
    assert share_of(image, PALETTES["light"].paper) < 0.97


def test_flat_prices_without_volume_are_drawn() -> None:
    made = sim("GOLD", count=40)
    five = Decimal(5)
    flat = tuple(replace(bar, open=five, high=five, low=five, close=five, volume=None) for bar in made.bars)
    assert share_of(picture(replace(made, bars=flat)), PALETTES["light"].averages[0]) > 0.001


@pytest.mark.parametrize(
    "title",
    [
        "$\\frac{1}{2",
        "<b>&amp;</b>",
        "日本 🚀 \u202e\x00\x1b[31m",
        "x" * 5000,
        "",
        "\n\n",
        "a\u0301" * 40,
        "${",
        "مرحبا",
    ],
)
def test_a_title_is_drawn_as_written(title: str) -> None:
    assert picture(sim("GOLD", count=20), title=title).size == SIZE


def test_text_is_one_printable_line() -> None:
    assert plain("a\nb\tc\x00\u202ed", 44) == "a b cd"
    assert plain("x" * 60, 44) == "x" * 43 + "…"
    assert plain("日", 44) == "□"


def test_the_same_input_gives_the_same_bytes() -> None:
    bars = sim("ACORN", Timeframe.M15)
    first, second = (draw(bars, summarise(bars), theme="dark", zone=BERLIN, title="t") for _ in range(2))
    assert first == second
    assert b"matplotlib" not in first.lower()


def test_bars_before_those_shown_warm_up_the_averages() -> None:
    long, palette = sim("GOLD", count=330), PALETTES["light"]
    short = replace(long, bars=long.bars[-120:])
    assert share_of(picture(long), palette.averages[2]) > 0.0003
    assert share_of(picture(short), palette.averages[2]) == 0


def test_the_as_of_time_is_the_readers() -> None:
    open_day = sim("GOLD")
    assert as_of_words(open_day, summarise(open_day), BERLIN) == "As of Fri 20 Nov 2026, 17:37 CET · bar still open"
    closed = replace(open_day, bars=open_day.bars[:-1])
    assert as_of_words(closed, summarise(closed), BERLIN) == "Close of Thu 19 Nov 2026"


@pytest.mark.parametrize("timeframe", list(Timeframe))
@pytest.mark.parametrize("count", [1, 2, 3, 7, 30, 120, 365])
def test_dates_are_few_and_apart(timeframe: Timeframe, count: int) -> None:
    bars = sim("ACORN", timeframe, count)
    ticks = date_ticks(bars, BERLIN)
    places = [place for place, _ in ticks]
    assert 1 <= len(ticks) <= MOST_TICKS
    assert all(later - earlier >= 0.13 * max(count, 14) for earlier, later in zip(places, places[1:], strict=False))
    assert all(label.strip() for _, label in ticks)


def test_intraday_labels_are_in_the_readers_zone() -> None:
    bars = SimFeed().bars("ACORN", Timeframe.M5, count=60, now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    labels = [label for _, label in date_ticks(bars, ZoneInfo("Asia/Tokyo"))]
    assert labels[0] == "01:00\nSat 21"
