"""The simulated market: the same everywhere, whole, and within reason for decades."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bars import Bar, Timeframe, price_fault
from market.errors import NotEnoughBars, UnknownSymbol
from market.feeds import random_path, sim
from market.feeds.sim import SimFeed

NOW = datetime(2026, 11, 20, 16, 37, 20, tzinfo=UTC)
FEED = SimFeed()
SYMBOLS = [instrument.symbol for instrument in FEED.instruments()]
GOLDEN = "470de3aabdadf858c3039c615641e62bc8729ea52ed36ac890bb645dce59d20f"


def digest(symbols: list[str], timeframe: Timeframe, count: int) -> str:
    seen = hashlib.sha256()
    for symbol in symbols:
        for bar in FEED.bars(symbol, timeframe, count=count, now=NOW).bars:
            seen.update(f"{symbol} {bar.opened_at.isoformat()} {bar.open} {bar.high} {bar.low} {bar.close}".encode())
            seen.update(f" {bar.volume} {bar.is_final}\n".encode())
    return seen.hexdigest()


def test_the_market_is_the_same_on_every_machine() -> None:
    daily, minutes = digest(SYMBOLS, Timeframe.D1, 60), digest(["GOLD", "ACORN", "BTCUSD"], Timeframe.M5, 300)
    assert hashlib.sha256((daily + minutes).encode()).hexdigest() == GOLDEN


def test_there_are_forty_instruments_each_with_prices() -> None:
    assert len(set(SYMBOLS)) == 40
    for instrument in FEED.instruments():
        bars = FEED.bars(instrument.symbol, None, count=300, now=NOW)
        assert len(bars.bars) == 300
        assert bars.simulated
        assert bars.source == "sim"
        assert not any(price_fault(bar.open, bar.high, bar.low, bar.close) for bar in bars.bars)
        assert all(-bar.close.as_tuple().exponent == instrument.decimals for bar in bars.bars)  # type: ignore[operator]


def test_prices_neither_vanish_nor_explode_in_fifty_years() -> None:
    for symbol in ("MOTEUSD", "EURCHF"):
        late = datetime(2055, 1, 1, tzinfo=UTC)
        closes = [bar.close for bar in FEED.bars(symbol, Timeframe.W1, count=2600, now=late).bars]
        middle = sorted(closes)[len(closes) // 2]
        assert middle / 40 < min(closes)
        assert max(closes) < middle * 40


def merged(bars: list[Bar]) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    volume = sum((bar.volume or Decimal(0) for bar in bars), Decimal(0))
    return bars[0].open, max(bar.high for bar in bars), min(bar.low for bar in bars), bars[-1].close, volume


@pytest.mark.parametrize("symbol", ["GOLD", "ACORN", "BTCUSD", "MOTEUSD"])
@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M15, Timeframe.H1, Timeframe.H4])
def test_the_parts_of_a_day_add_up_to_it(symbol: str, timeframe: Timeframe) -> None:
    day = FEED.bars(symbol, Timeframe.D1, count=2, now=NOW).bars[0]
    parts = FEED.bars(symbol, timeframe, count=2 * timedelta(days=1) // timeframe.duration, now=NOW).bars
    inside = [bar for bar in parts if bar.opened_at.date() == day.opened_at.date()]
    assert merged(inside) == (day.open, day.high, day.low, day.close, day.volume)


@given(st.sampled_from(SYMBOLS), st.sampled_from(list(Timeframe)), st.integers(0, 60 * 24 * 400))
def test_a_final_bar_never_changes(symbol: str, timeframe: Timeframe, minutes: int) -> None:
    now = NOW - timedelta(minutes=minutes)
    then = {bar.opened_at: bar for bar in FEED.bars(symbol, timeframe, count=8, now=now).bars if bar.is_final}
    after = FEED.bars(symbol, timeframe, count=20, now=now + 2 * timeframe.duration).bars
    later = {bar.opened_at: bar for bar in after}
    assert then.keys() & later.keys()
    assert all(later[at] == bar for at, bar in then.items() if at in later)


@given(st.sampled_from(SYMBOLS), st.sampled_from(list(Timeframe)), st.integers(0, 60 * 24 * 400))
def test_nothing_is_told_before_its_time(symbol: str, timeframe: Timeframe, minutes: int) -> None:
    now = NOW - timedelta(minutes=minutes)
    bars = FEED.bars(symbol, timeframe, count=5, now=now)
    assert bars.as_of <= now
    assert all(bar.opened_at < now for bar in bars.bars)
    assert all(bar.is_final for bar in bars.bars[:-1])


def test_an_unfinished_day_holds_the_minutes_so_far() -> None:
    day = FEED.bars("GOLD", Timeframe.D1, count=1, now=NOW).last
    minutes = FEED.bars("GOLD", Timeframe.M1, count=2000, now=NOW).bars
    today = [bar for bar in minutes if bar.opened_at.date() == NOW.date()]
    assert not day.is_final
    assert len(today) == 16 * 60 + 37
    assert (day.open, day.close) == (today[0].open, today[-1].close)


def test_shares_rest_at_the_weekend_and_crypto_does_not() -> None:
    assert {bar.opened_at.weekday() for bar in FEED.bars("ACORN", None, count=30, now=NOW).bars} == set(range(5))
    assert {bar.opened_at.weekday() for bar in FEED.bars("BTCUSD", None, count=30, now=NOW).bars} == set(range(7))


def test_on_a_sunday_the_last_bar_is_fridays_and_final() -> None:
    bars = FEED.bars("ACORN", None, count=1, now=datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert bars.last.opened_at == datetime(2026, 11, 20, tzinfo=UTC)
    assert bars.last.is_final
    assert bars.as_of == datetime(2026, 11, 20, 21, tzinfo=UTC)


def test_an_unknown_symbol_offers_the_nearest() -> None:
    with pytest.raises(UnknownSymbol, match="Did you mean EURUSD"):
        FEED.bars("EURUSB", None, count=1, now=NOW)


def test_before_the_first_day_there_is_nothing() -> None:
    with pytest.raises(NotEnoughBars, match="1990"):
        FEED.bars("GOLD", None, count=1, now=datetime(1980, 1, 1, tzinfo=UTC))


def test_a_year_of_daily_bars_is_cheap() -> None:
    spent = []
    for _ in range(3):
        sim._day.cache_clear()
        random_path._block.cache_clear()
        began = time.process_time()
        FEED.bars("GOLD", Timeframe.D1, count=250, now=NOW)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.15, "usually 0.02 s; a slow machine gets room"
