"""The figures of a report: exact, each absent where the bars do not reach far enough."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal

from market.bars import Bar, Bars
from market.indicators import rsi, sma

AVERAGES = (20, 50, 200)
RSI_PERIOD = 14
RSI_WARM_UP = 11 * RSI_PERIOD
"""Recursive indicators depend on where they begin; before this many bars they differ from other charts."""

_EXACT = Context(prec=28)
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Average:
    """A moving average now, and how far the price stands from it in percent."""

    period: int
    value: Decimal
    distance: Decimal

    @property
    def price_is(self) -> str:
        """Where the price stands: above, below or at the average."""
        return "above" if self.distance > 0 else "below" if self.distance < 0 else "at"


@dataclass(frozen=True, slots=True)
class Range:
    """The highest and lowest price since an instant, and whether that is a whole year."""

    high: Decimal
    low: Decimal
    since: datetime
    whole_year: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What can be said about the newest bar.

    `change` is against `base`, the close of the bar before, or within a day of the day before; `high` and `low` are
    those of the bar, or within a day of its day so far.
    """

    last: Decimal
    last_at: datetime
    is_final: bool
    as_of: datetime
    high: Decimal
    low: Decimal
    base: Decimal | None
    base_at: datetime | None
    change: Decimal | None
    change_percent: Decimal | None
    averages: tuple[Average, ...]
    range: Range
    rsi: Decimal | None
    volume: Decimal | None
    volume_average: Decimal | None
    volume_ratio: Decimal | None

    def average(self, period: int) -> Average | None:
        """The average of that period, if there are enough bars."""
        return next((each for each in self.averages if each.period == period), None)


def summarise(bars: Bars) -> Summary:
    """The report's figures for these bars."""
    last, closes = bars.last, [bar.close for bar in bars.bars]
    before, latest = _base(bars), _latest(bars)
    average_volume = _average_volume(bars.bars)
    return Summary(
        last=last.close,
        last_at=last.opened_at,
        is_final=last.is_final,
        as_of=bars.as_of,
        high=max(bar.high for bar in latest),
        low=min(bar.low for bar in latest),
        base=before.close if before else None,
        base_at=before.opened_at if before else None,
        change=last.close - before.close if before else None,
        change_percent=_percent(last.close, before.close) if before else None,
        averages=tuple(_average(closes, period) for period in AVERAGES if len(closes) >= period),
        range=_range(bars.bars),
        rsi=rsi(closes, RSI_PERIOD)[-1] if len(closes) >= RSI_WARM_UP else None,
        volume=last.volume,
        volume_average=average_volume,
        volume_ratio=_EXACT.divide(last.volume, average_volume) if last.volume is not None and average_volume else None,
    )


def _latest(bars: Bars) -> tuple[Bar, ...]:
    """The newest bar, or all of its UTC day if bars are shorter."""
    if not bars.timeframe.is_intraday:
        return bars.bars[-1:]
    return tuple(bar for bar in bars.bars if bar.opened_at.date() == bars.last.opened_at.date())


def _base(bars: Bars) -> Bar | None:
    """The bar before those."""
    earlier = bars.bars[: -len(_latest(bars))]
    return earlier[-1] if earlier else None


def _percent(value: Decimal, base: Decimal) -> Decimal:
    return _EXACT.divide(100 * (value - base), base)


def _average(closes: list[Decimal], period: int) -> Average:
    mean = sma(closes[-period:], period)[-1]
    if mean is None:
        raise ValueError(f"{len(closes)} closes have no average of {period}")
    return Average(period, mean, _percent(closes[-1], mean))


def _average_volume(bars: tuple[Bar, ...]) -> Decimal | None:
    """The mean volume of the twenty bars before the newest, if all tell theirs."""
    volumes = [bar.volume for bar in bars[-21:-1] if bar.volume is not None]
    return _EXACT.divide(sum(volumes, Decimal(0)), 20) if len(volumes) == 20 else None


def _range(bars: tuple[Bar, ...]) -> Range:
    begin = bars[-1].opened_at - _YEAR
    recent = [bar for bar in bars if bar.opened_at >= begin]
    # a weekend or a holiday may hide the year's first days
    whole = bars[0].opened_at <= begin + timedelta(days=4)
    return Range(max(b.high for b in recent), min(b.low for b in recent), recent[0].opened_at, whole)
