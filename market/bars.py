"""Prices as data: a bar, a run of bars with its provenance, and a row that was left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.locales import mark, t

SHOWN = 200
"""A left-out row is quoted up to this many characters."""


class Timeframe(StrEnum):
    """How long one bar lasts."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"

    @property
    def duration(self) -> timedelta:
        """The time from one bar's opening to the next one's."""
        return _DURATIONS[self]

    @property
    def is_intraday(self) -> bool:
        """Whether a bar is shorter than a day, so that its clock time matters."""
        return self.duration < timedelta(days=1)

    @property
    def words(self) -> str:
        """The timeframe as people say it."""
        return t(_WORDS[self])


_DURATIONS = {
    Timeframe.M1: timedelta(minutes=1),
    Timeframe.M5: timedelta(minutes=5),
    Timeframe.M15: timedelta(minutes=15),
    Timeframe.M30: timedelta(minutes=30),
    Timeframe.H1: timedelta(hours=1),
    Timeframe.H4: timedelta(hours=4),
    Timeframe.D1: timedelta(days=1),
    Timeframe.W1: timedelta(days=7),
}
_WORDS = {
    Timeframe.M1: mark("1-minute bars"),
    Timeframe.M5: mark("5-minute bars"),
    Timeframe.M15: mark("15-minute bars"),
    Timeframe.M30: mark("30-minute bars"),
    Timeframe.H1: mark("hourly bars"),
    Timeframe.H4: mark("4-hour bars"),
    Timeframe.D1: mark("daily bars"),
    Timeframe.W1: mark("weekly bars"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. A daily or longer one is stamped with its session date at 00:00 UTC, whatever the exchange's zone."""

    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out: where it stands (0: not from a file), why, and what it said."""

    line: int
    reason: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason} ({self.text})" if self.line else f"{self.reason} ({self.text})"


@dataclass(frozen=True, slots=True)
class Bars:
    """A symbol's bars, oldest first, and where they come from; `as_of` is the instant up to which they tell."""

    symbol: str
    timeframe: Timeframe
    bars: tuple[Bar, ...]
    source: str
    simulated: bool
    as_of: datetime
    left_out: tuple[BadRow, ...] = ()
    currency: str | None = None
    name: str | None = None
    decimals: int = 2

    @property
    def last(self) -> Bar:
        """The newest bar."""
        return self.bars[-1]


def price_fault(open_: Decimal, high: Decimal, low: Decimal, close: Decimal) -> str | None:
    """Why these four cannot be one bar's prices, or None if they can."""
    for name, price in (("open", open_), ("high", high), ("low", low), ("close", close)):
        if price <= 0:
            return f"{name} is zero or negative"
    if high < low:
        return "high is below low"
    for name, price in (("open", open_), ("close", close)):
        if not low <= price <= high:
            return f"{name} is outside high and low"
    return None


def decimals_of(prices: Sequence[Decimal]) -> int:
    """How many digits behind the point nine in ten of these prices need: two or more, about six in all."""
    needed = sorted(_digits_behind(price) for price in prices)
    most = min(max(5 - prices[-1].adjusted(), 2), 8)
    return min(max(needed[len(needed) * 9 // 10], 2), most)


def _digits_behind(price: Decimal) -> int:
    exponent = price.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
