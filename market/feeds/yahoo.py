"""Yahoo Finance by way of yfinance, which is imported only when bars are asked for.

Fetching is thin; `normalise` turns what came into bars and is tested on frames made by hand. Prices are adjusted for
splits, not for dividends, as other charts show them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median_low
from typing import Any

from domain.locales import t
from market.bars import SHOWN, BadRow, Bar, Bars, Timeframe, price_fault
from market.errors import FeedUnavailable, NotEnoughBars, UnknownSymbol
from market.instruments import Instrument

TIMEOUT = timedelta(seconds=10)
AFTER_RATE_LIMIT = timedelta(minutes=5)
AFTER_FAILURE = timedelta(minutes=1)

_INTERVALS = {
    Timeframe.M1: ("1m", timedelta(days=7)),
    Timeframe.M5: ("5m", timedelta(days=59)),
    Timeframe.M15: ("15m", timedelta(days=59)),
    Timeframe.M30: ("30m", timedelta(days=59)),
    Timeframe.H1: ("1h", timedelta(days=729)),
    Timeframe.D1: ("1d", timedelta(days=365 * 60)),
    Timeframe.W1: ("1wk", timedelta(days=365 * 60)),
}
_PRICES = ("Open", "High", "Low", "Close")
_TICKER_MISSING = {"YFTickerMissingError", "YFTzMissingError", "YFPricesMissingError"}


@dataclass(frozen=True, slots=True)
class Raw:
    """What came from Yahoo: stamped rows as the provider's frame has them, and its words about the symbol."""

    rows: Sequence[tuple[datetime, Mapping[str, Any]]]
    about: Mapping[str, Any]


Fetch = Callable[[str, str, datetime, float], Raw]
"""symbol, interval, start, time limit in seconds"""


def fetch(symbol: str, interval: str, start: datetime, timeout: float) -> Raw:
    """Ask Yahoo; raises whatever yfinance and its HTTP client raise."""
    import yfinance  # here, since it costs half a second and 60 MB that only a worker should pay

    yfinance.config.debug.hide_exceptions = False  # else an outage looks like an empty answer
    ticker = yfinance.Ticker(symbol)
    frame = ticker.history(
        interval=interval, start=start, auto_adjust=False, actions=False, keepna=True, timeout=timeout
    )
    return raw_from_frame(frame, ticker.history_metadata)


def raw_from_frame(frame: Any, about: Mapping[str, Any]) -> Raw:
    """The provider's data frame as plain rows."""
    stamps = [stamp.to_pydatetime() for stamp in frame.index]
    return Raw(list(zip(stamps, frame.to_dict("records"), strict=True)), dict(about or {}))


class YahooFeed:
    """Yahoo's symbols; it knows them when asked, so there is no list to suggest from."""

    name = "yahoo"

    def __init__(self, bars_dir: Path | None = None, *, fetch: Fetch = fetch) -> None:  # noqa: ARG002 - every feed gets it
        """`bars_dir` is every feed's argument; nothing is stored for this one."""
        self._fetch = fetch

    def instruments(self) -> Sequence[Instrument]:
        """None: Yahoo has no list."""
        return ()

    def bars(self, symbol: str, timeframe: Timeframe | None, *, count: int, now: datetime) -> Bars:
        """The newest bars, asked for within a time limit; passing faults say when to come back."""
        frame = timeframe or Timeframe.D1
        if frame not in _INTERVALS:
            raise NotEnoughBars(
                t("Yahoo has no {bars}; choose one of {known}.", bars=frame.words, known=", ".join(_INTERVALS))
            )
        interval, furthest = _INTERVALS[frame]
        # sessions cover a quarter of an intraday week and five of seven days; holidays need some more
        span = frame.duration * count * (5 if frame.is_intraday else 1.5) + timedelta(days=10)
        raw = self._fetched(symbol, interval, now - min(span, furthest))
        return normalise(raw, symbol, frame, count=count, now=now)

    def _fetched(self, symbol: str, interval: str, start: datetime) -> Raw:
        try:
            return self._fetch(symbol, interval, start, TIMEOUT.total_seconds())
        except Exception as problem:
            # by name: the classes live in a library that is not imported here
            name = type(problem).__name__
            status = getattr(getattr(problem, "response", None), "status_code", None)
            if name == "YFRateLimitError" or status == 429:
                raise FeedUnavailable(t("Yahoo asks us to slow down."), after=AFTER_RATE_LIMIT) from problem
            if name in _TICKER_MISSING or status == 404:
                raise UnknownSymbol(symbol, self.name) from problem
            # yfinance raises whatever its parsing meets when Yahoo changes or stumbles: passing until shown otherwise
            raise FeedUnavailable(
                t("Yahoo didn't answer as it should ({what}).", what=name), after=AFTER_FAILURE
            ) from problem


def normalise(raw: Raw, symbol: str, timeframe: Timeframe, *, count: int, now: datetime) -> Bars:
    """Yahoo's answer as bars, oldest first; rows without usable prices are listed and left out."""
    if not raw.rows:
        raise UnknownSymbol(symbol, YahooFeed.name)
    good: dict[datetime, Bar] = {}
    left_out: list[BadRow] = []
    for stamp, row in raw.rows:
        bar = _bar(stamp, row, timeframe, now)
        fault = bar if isinstance(bar, str) else "repeats an earlier time" if bar.opened_at in good else None
        if fault or isinstance(bar, str):
            left_out.append(_left_out(stamp, row, fault or ""))
        else:
            good[bar.opened_at] = bar
    in_order = [good[opened_at] for opened_at in sorted(good)]
    bars = list(_without_jumps(in_order, left_out))[-count:]
    if not bars:
        raise NotEnoughBars(t("Yahoo sent no usable prices for {symbol}.", symbol=symbol))
    return Bars(
        symbol=symbol,
        timeframe=timeframe,
        bars=tuple(bars),
        source=YahooFeed.name,
        simulated=False,
        as_of=min(now, bars[-1].opened_at + timeframe.duration),
        left_out=tuple(left_out),
        currency=_text(raw.about.get("currency")),
        name=_text(raw.about.get("longName")) or _text(raw.about.get("shortName")),
        decimals=_decimals(raw.about.get("priceHint"), bars[-1].close),
    )


def _bar(stamp: datetime, row: Mapping[str, Any], timeframe: Timeframe, now: datetime) -> Bar | str:
    """The row's bar, or why there is none."""
    prices = [_number(row.get(name)) for name in _PRICES]
    missing = [name.lower() for name, price in zip(_PRICES, prices, strict=True) if price is None]
    if missing:
        return f"{missing[0]} is missing"
    opened, high, low, close = (price for price in prices if price is not None)
    fault = price_fault(opened, high, low, close)
    if fault:
        return fault
    opened_at = _opened_at(stamp, timeframe)
    is_final = opened_at + timeframe.duration <= now
    return Bar(opened_at, opened, high, low, close, _number(row.get("Volume")), is_final)


def _opened_at(stamp: datetime, timeframe: Timeframe) -> datetime:
    """The instant, or for days and weeks the session's date as the exchange's zone has it."""
    if timeframe.is_intraday:
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).astimezone(UTC)
    return datetime.combine(stamp.date(), time(), UTC)


def _number(value: Any) -> Decimal | None:
    """Eight digits of it: Yahoo's prices are 32-bit floats, and the rest is noise."""
    try:
        known = float(value)
    except (TypeError, ValueError):
        return None
    return Decimal(f"{known:.8g}") if math.isfinite(known) else None


def _without_jumps(bars: list[Bar], left_out: list[BadRow]) -> Iterable[Bar]:
    """The bars that are not a hundred times off their neighbours: pence sent as pounds, or the reverse."""
    for place, bar in enumerate(bars):
        first = max(0, min(place - 2, len(bars) - 5))
        usual = median_low([other.close for other in bars[first : first + 5]]) if len(bars) > 2 else bar.close
        ratio = max(bar.close / usual, usual / bar.close)
        if 50 < ratio < 200:
            left_out.append(_left_out(bar.opened_at, {"Close": bar.close}, "about 100 times off its neighbours"))
        else:
            yield bar


def _left_out(stamp: datetime, row: Mapping[str, Any], reason: str) -> BadRow:
    told = ", ".join(f"{name} {value}" for name, value in row.items())
    return BadRow(0, reason, f"{stamp.isoformat(sep=' ', timespec='minutes')}: {told}"[:SHOWN])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _decimals(hint: Any, close: Decimal) -> int:
    """Yahoo's hint, and more where it would hide a small price."""
    told = hint if isinstance(hint, int) and 0 <= hint <= 8 else 2
    return max(told, min(8, 3 - close.adjusted())) if close < 1 else told
