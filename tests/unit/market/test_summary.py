"""The report's figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from market.bars import Bar, Bars, Timeframe
from market.formats import change, compact, percent, price
from market.summary import summarise

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def bars(closes: list[int], *, timeframe: Timeframe = Timeframe.D1, volume: int | None = 100) -> Bars:
    made = tuple(
        Bar(
            BEGIN + place * timeframe.duration,
            Decimal(close),
            Decimal(close + 1),
            Decimal(close - 1),
            Decimal(close),
            None if volume is None else Decimal(volume),
        )
        for place, close in enumerate(closes)
    )
    as_of = made[-1].opened_at + timeframe.duration
    return Bars("TEST", timeframe, made, source="csv", simulated=False, as_of=as_of)


def figures(*values: Decimal | None) -> tuple[object, ...]:
    return values


def test_a_single_bar_has_a_price_and_nothing_to_compare_with() -> None:
    summary = summarise(bars([50]))
    assert figures(summary.last, summary.high, summary.low) == (50, 51, 49)
    assert (summary.base, summary.change, summary.change_percent, summary.rsi, summary.volume_ratio) == (None,) * 5
    assert summary.averages == ()
    assert not summary.range.whole_year


def test_the_change_names_its_base() -> None:
    summary = summarise(bars([80, 100]))
    assert figures(summary.change, summary.change_percent, summary.base) == (20, 25, 80)
    assert summary.base_at == BEGIN


def test_averages_appear_one_by_one_and_tell_where_the_price_stands() -> None:
    assert [each.period for each in summarise(bars([10] * 49)).averages] == [20]
    assert [each.period for each in summarise(bars([10] * 50)).averages] == [20, 50]
    summary = summarise(bars([10] * 199 + [30]))
    twenty = summary.average(20)
    assert twenty is not None
    assert (twenty.value, twenty.price_is) == (Decimal(11), "above")
    assert twenty.distance.quantize(Decimal("0.01")) == Decimal("172.73")
    assert summary.average(200) is not None
    at = summarise(bars([10] * 20)).average(20)
    assert at is not None
    assert at.price_is == "at"


def test_the_year_range_forgets_what_is_older() -> None:
    summary = summarise(bars([1000] * 10 + [50] * 360 + [60]))
    assert summary.range.whole_year
    assert figures(summary.range.high, summary.range.low) == (1001, 49)
    summary = summarise(bars([1000] * 10 + [50] * 370))
    assert figures(summary.range.high, summary.range.low) == (51, 49)


def test_rsi_waits_for_its_warm_up() -> None:
    assert summarise(bars([10] * 153)).rsi is None
    assert summarise(bars([10] * 154)).rsi == 50


def test_volume_is_compared_with_the_twenty_bars_before() -> None:
    made = bars([10] * 21)
    last = replace(made.last, volume=Decimal(250))
    assert summarise(replace(made, bars=(*made.bars[:-1], last))).volume_ratio == Decimal("2.5")
    assert summarise(bars([10] * 21, volume=None)).volume_average is None
    assert summarise(bars([10] * 21, volume=0)).volume_ratio is None


def test_within_a_day_the_base_is_the_close_of_the_day_before() -> None:
    summary = summarise(bars([10] * 23 + [20, 30, 25, 24], timeframe=Timeframe.H1))
    assert figures(summary.base, summary.change) == (20, 4)
    assert summary.base_at == BEGIN + timedelta(hours=23)
    assert figures(summary.high, summary.low) == (31, 23)
    assert summarise(bars([10, 20], timeframe=Timeframe.H1)).base is None


def test_numbers_are_written_for_people() -> None:
    assert price(Decimal("98000.5"), 2) == "98,000.50"
    assert price(Decimal("0.00012"), 8) == "0.00012000"
    assert change(Decimal("-12.3"), 2) == "−12.30"
    assert change(Decimal("1234"), 0) == "+1,234"
    assert percent(Decimal("0.004")) == "0.00%"
    assert percent(Decimal("-0.004")) == "0.00%"
    assert percent(Decimal("1.5")) == "+1.50%"
    assert [compact(Decimal(value)) for value in (0, 950, 1500, 2_340_000, 7 * 10**11)] == [
        "0",
        "950",
        "1.5K",
        "2.3M",
        "700B",
    ]
