"""Yahoo's answers, made by hand in the shapes it really sends; nothing here reaches the network."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from market.bars import Timeframe
from market.errors import FeedUnavailable, NotEnoughBars, UnknownSymbol
from market.feeds.yahoo import AFTER_RATE_LIMIT, Raw, YahooFeed, normalise, raw_from_frame

NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
NAN = float("nan")
ABOUT = {"currency": "USD", "longName": "Acme Inc.", "priceHint": 2}


def frame(zone: str, rows: list[tuple[str, float, float, float, float, float]]) -> Any:
    index = pd.DatetimeIndex([pd.Timestamp(row[0], tz=zone) for row in rows], name="Date")
    columns = ["Open", "High", "Low", "Close", "Volume"]
    return pd.DataFrame([row[1:] for row in rows], index=index, columns=columns)


def bars(
    zone: str, rows: list[tuple[str, float, float, float, float, float]], timeframe: Timeframe = Timeframe.D1
) -> Any:
    return normalise(raw_from_frame(frame(zone, rows), ABOUT), "ACME", timeframe, count=50, now=NOW)


def test_prices_lose_the_noise_of_32_bit_floats() -> None:
    made = bars("America/New_York", [("2026-11-19", 187.4400024414, 188.0, 186.5, 187.9900054931, 1_200_300)])
    assert (made.last.open, made.last.close, made.last.volume) == (
        Decimal("187.44000"),
        Decimal("187.99001"),
        1_200_300,
    )
    assert (made.currency, made.name, made.decimals, made.simulated) == ("USD", "Acme Inc.", 2, False)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Europe/London", "UTC"])
def test_a_day_keeps_its_session_date_in_every_zone(zone: str) -> None:
    made = bars(zone, [("2026-11-18", 10, 11, 9, 10, 5), ("2026-11-19", 10, 11, 9, 10, 5)])
    assert [bar.opened_at for bar in made.bars] == [datetime(2026, 11, day, tzinfo=UTC) for day in (18, 19)]


def test_hours_become_utc_instants() -> None:
    rows: list[tuple[str, float, float, float, float, float]] = [("2026-11-20 09:30", 10, 11, 9, 10, 5)]
    assert bars("America/New_York", rows, Timeframe.H1).last.opened_at == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def test_a_last_row_without_prices_is_left_out_and_named() -> None:
    made = bars("UTC", [("2026-11-18", 10, 11, 9, 10, 5), ("2026-11-19", NAN, NAN, NAN, NAN, 700)])
    assert made.last.opened_at.day == 18
    assert [row.reason for row in made.left_out] == ["open is missing"]
    assert "2026-11-19" in made.left_out[0].text


def test_impossible_and_repeated_rows_are_left_out() -> None:
    made = bars(
        "UTC",
        [
            ("2026-11-17", 10, 9, 11, 10, 5),
            ("2026-11-18", 10, 11, 9, 10, 5),
            ("2026-11-18 15:00", 10, 11, 9, 10.5, 6),
        ],
    )
    assert [row.reason for row in made.left_out] == ["high is below low", "repeats an earlier time"]
    assert [bar.close for bar in made.bars] == [Decimal("10.000000")]


def test_a_price_in_pence_among_pounds_is_left_out() -> None:
    rows: list[tuple[str, float, float, float, float, float]] = [
        (f"2026-11-{day}", 5, 5.2, 4.9, 5.1, 9) for day in (10, 11, 12, 13)
    ]
    rows[2] = ("2026-11-12", 500, 520, 490, 510, 9)
    made = bars("Europe/London", rows)
    assert [bar.opened_at.day for bar in made.bars] == [10, 11, 13]
    assert made.left_out[0].reason == "about 100 times off its neighbours"


def test_a_days_bar_is_final_only_when_the_day_is_over() -> None:
    made = bars("UTC", [("2026-11-19", 10, 11, 9, 10, 5), ("2026-11-20", 10, 11, 9, 10, 5)])
    assert [bar.is_final for bar in made.bars] == [True, False]
    assert made.as_of == NOW


def test_a_small_price_is_shown_with_enough_digits() -> None:
    assert bars("UTC", [("2026-11-19", 0.00012, 0.00013, 0.00011, 0.000125, 5)]).decimals == 7


def test_an_empty_answer_means_an_unknown_symbol() -> None:
    with pytest.raises(UnknownSymbol):
        normalise(raw_from_frame(frame("UTC", []), {}), "NOPE", Timeframe.D1, count=5, now=NOW)


def test_an_answer_without_one_good_row_is_final() -> None:
    with pytest.raises(NotEnoughBars):
        bars("UTC", [("2026-11-19", NAN, NAN, NAN, NAN, NAN)])


def test_the_feed_asks_for_enough_time_and_gives_the_newest() -> None:
    asked: list[tuple[str, str, datetime, float]] = []

    def fetch(*question: Any) -> Raw:
        asked.append(question)
        rows = [(f"2026-11-{day:02}", 10.0, 11.0, 9.0, 10.0, 5.0) for day in range(1, 20)]
        return raw_from_frame(frame("UTC", rows), ABOUT)

    made = YahooFeed(fetch=fetch).bars("ACME", None, count=4, now=NOW)
    assert [bar.opened_at.day for bar in made.bars] == [16, 17, 18, 19]
    assert asked == [("ACME", "1d", NOW - timedelta(days=16), 10.0)]
    YahooFeed(fetch=fetch).bars("ACME", Timeframe.M1, count=5000, now=NOW)
    assert asked[1][2] == NOW - timedelta(days=7)


def test_a_timeframe_that_yahoo_lacks_is_refused() -> None:
    with pytest.raises(NotEnoughBars, match="Yahoo has no 4-hour bars"):
        YahooFeed().bars("ACME", Timeframe.H4, count=5, now=NOW)


def failing(problem: Exception) -> Callable[..., Raw]:
    def fetch(*_: Any) -> Raw:
        raise problem

    return fetch


class HttpFailure(OSError):
    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.response = type("Response", (), {"status_code": status})()


def test_yfinances_own_errors_are_told_apart() -> None:
    from yfinance.exceptions import YFPricesMissingError, YFRateLimitError, YFTzMissingError

    with pytest.raises(FeedUnavailable) as slow:
        YahooFeed(fetch=failing(YFRateLimitError())).bars("ACME", None, count=5, now=NOW)
    assert slow.value.after == AFTER_RATE_LIMIT
    for missing in (YFTzMissingError("NOPE"), YFPricesMissingError("NOPE", ""), HttpFailure(404)):
        with pytest.raises(UnknownSymbol):
            YahooFeed(fetch=failing(missing)).bars("NOPE", None, count=5, now=NOW)


@pytest.mark.parametrize("problem", [TimeoutError("timed out"), ConnectionError(), HttpFailure(503), KeyError("chart")])
def test_an_outage_is_a_passing_fault(problem: Exception) -> None:
    with pytest.raises(FeedUnavailable) as outage:
        YahooFeed(fetch=failing(problem)).bars("ACME", None, count=5, now=NOW)
    assert outage.value.__cause__ is problem
    assert timedelta(0) < outage.value.after < AFTER_RATE_LIMIT
