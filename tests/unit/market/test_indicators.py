"""Averages and RSI against TA-Lib's recorded values."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.indicators import ema, rsi, sma

FILES = Path(__file__).parents[2] / "data" / "bars"


def rows(name: str) -> list[dict[str, str]]:
    with (FILES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


CLOSES = [Decimal(row["close"]) for row in rows("reference.csv")]
COMPUTED = {"sma20": sma(CLOSES, 20), "sma200": sma(CLOSES, 200), "ema9": ema(CLOSES, 9), "rsi14": rsi(CLOSES, 14)}


@pytest.mark.parametrize("name", COMPUTED)
def test_an_indicator_agrees_with_ta_lib(name: str) -> None:
    compared = 0
    for row in rows("reference_indicators.csv"):
        value = COMPUTED[name][int(row["bar"])]
        if row[name]:
            assert value is not None
            assert abs(value - Decimal(row[name])) < Decimal("0.00000002")
            compared += 1
        else:
            assert value is None
    assert compared > 10


PRICES = st.lists(st.decimals(min_value=1, max_value=10_000, places=2), max_size=60)


@given(PRICES, st.integers(1, 20), st.integers(0, 60))
def test_no_indicator_looks_ahead(prices: list[Decimal], period: int, cut: int) -> None:
    for indicator in (sma, ema, rsi):
        whole = indicator(prices, period)
        assert len(whole) == len(prices)
        assert indicator(prices[:cut], period) == whole[:cut]


def test_rsi_knows_its_extremes() -> None:
    rising = [Decimal(value) for value in range(1, 30)]
    assert rsi(rising)[-1] == 100
    assert rsi(rising[::-1])[-1] == 0
    assert rsi([Decimal(5)] * 30)[-1] == 50
