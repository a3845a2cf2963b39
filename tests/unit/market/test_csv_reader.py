"""Exported files: every dialect is recognised, every row is taken or listed, nothing is silently mended."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from market.bars import Timeframe, decimals_of, price_fault
from market.errors import NotEnoughBars, UnknownSymbol
from market.feeds import csv
from market.feeds.csv import CsvFeed, ReadResult, read_bars, read_data, symbol_of
from market.feeds.csv_cells import Unreadable, stamp

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FILES = Path(__file__).parents[2] / "data" / "bars"
HEADER = "Date,Open,High,Low,Close,Volume"


def read(*rows: str, header: str = HEADER) -> ReadResult:
    return read_data("\n".join([header, *rows]).encode(), now=NOW, name="TEST.csv")


def reasons(result: ReadResult) -> dict[int, str]:
    return {row.line: row.reason for row in result.bad_rows}


def test_a_yahoo_export_gives_its_good_rows_and_names_every_bad_one() -> None:
    result = read_bars(FILES / "ACME.csv", now=NOW)
    assert (result.symbol, result.timeframe, result.dialect.name) == ("ACME", Timeframe.D1, "Yahoo")
    assert [bar.opened_at.day for bar in result.bars] == [1, 2, 7, 13, 16, 20]
    assert result.bars[0].close == Decimal("101.20"), "the traded close, not the adjusted one"
    assert result.bars[4].volume is None
    assert reasons(result) == {
        4: "open is missing",
        5: "high is below low",
        7: "the same date as line 6, which was kept",
        8: "the same date as line 2, which was kept",
        9: "close is outside high and low",
        10: "low is zero or negative",
        11: "has 4 columns where the header has 7",
        13: "open is not a usable number",
        14: "high is missing",
        16: "date is not readable",
        17: "date is in the future",
    }
    assert result.bad_rows[0].text == "2026-10-05,null,null,null,null,null,null"


def test_a_stooq_export_with_bracketed_names_keeps_to_one_ticker() -> None:
    result = read_bars(FILES / "boreal_us_60.csv", now=NOW)
    assert (result.symbol, result.timeframe, result.dialect.name) == ("BOREAL.US", Timeframe.H1, "Stooq")
    assert [bar.opened_at.hour for bar in result.bars] == [15, 16, 17]
    assert reasons(result) == {4: "belongs to another symbol than BOREAL.US"}


def test_a_plain_stooq_export_is_read() -> None:
    result = read_bars(FILES / "xauusd_d.csv", now=NOW)
    assert (result.symbol, result.timeframe, len(result.bars)) == ("XAUUSD", Timeframe.D1, 3)


def test_a_tradingview_export_in_unix_time_is_hourly() -> None:
    result = read_bars(FILES / "BINANCE_BTCUSDT, 60.csv", now=NOW)
    assert (result.symbol, result.timeframe, result.dialect.name) == ("BTCUSDT", Timeframe.H1, "TradingView")
    assert result.bars[0].opened_at == datetime(2025, 11, 20, 8, tzinfo=UTC)
    assert result.bars[0].volume == Decimal("812.25")


def test_a_tradingview_export_in_local_time_keeps_session_dates_across_a_clock_change() -> None:
    result = read_bars(FILES / "NASDAQ_ACME, 1D.csv", now=NOW)
    assert (result.symbol, result.timeframe) == ("ACME", Timeframe.D1)
    assert [bar.opened_at for bar in result.bars] == [
        datetime(2026, 10, 30, tzinfo=UTC),
        datetime(2026, 11, 2, tzinfo=UTC),
        datetime(2026, 11, 3, tzinfo=UTC),
    ]


def test_semicolons_decimal_commas_a_byte_order_mark_and_newest_first_are_understood() -> None:
    result = read_bars(FILES / "EURUSD-semicolon.csv", now=NOW, symbol="EURUSD")
    assert result.newest_first
    assert not result.bad_rows
    assert [bar.close for bar in result.bars] == [Decimal("1.0823"), Decimal("1.0845"), Decimal("1.0862")]
    assert result.bars[-1].volume == Decimal(12345)


def test_tabs_in_utf_16_are_read() -> None:
    result = read_bars(FILES / "utf16-tab.csv", now=NOW)
    assert [bar.close for bar in result.bars] == [Decimal("10.5"), Decimal("11.75")]


def test_quoted_thousands_are_read_when_the_point_proves_them() -> None:
    result = read(
        '2026-11-17,"1,234.50","1,240.00","1,230.25","1,238.00","1,000,000"', "2026-11-18,1238,1250,1230,1240,9"
    )
    assert result.bars[0].close == Decimal("1238.00")
    assert result.bars[0].volume == Decimal(1_000_000)


def test_a_comma_that_may_mean_two_things_is_refused() -> None:
    with pytest.raises(InvalidInput, match="may be a decimal or a thousands sign"):
        read("2026-11-17;1,234;1,240;1,230;1,238;", header=HEADER.replace(",", ";"))


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("1e400", "open is not a usable number"),
        ("1e99", "open is out of range"),
        ("0e99", "open is zero or negative"),
        ("9" * 5000, "open is too long for a number"),
        ("٣", "open is not a usable number"),
        ("inf", "open is not a usable number"),
        ("0x10", "open is not a usable number"),
        ("", "open is missing"),
        ("1_0", "open is not a usable number"),
    ],
)
def test_a_price_is_checked_as_text_before_it_is_converted(price: str, reason: str) -> None:
    result = read("2026-11-16,1,1,1,1,1", f"2026-11-17,{price},11,9,10,1", "2026-11-18,1,1,1,1,1")
    assert reasons(result) == {3: reason}


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("2026-02-30", "no such date or time"),
        ("11/10/2026", "date may be day/month or month/day; write it as 2026-11-20"),
        ("2026-11-17 25:00", "no such date or time"),
        ("2026-11-17T10:00+99:00", "no such date or time"),
        ("0001-01-01", "date is out of range"),
        ("99999999999", "date is not readable"),
        ("9999999999", "date is in the future"),
        ("", "date is missing"),
    ],
)
def test_a_date_that_cannot_be_read_says_why(date: str, reason: str) -> None:
    result = read("2026-11-12,1,1,1,1,1", f"{date},1,1,1,1,1", "2026-11-13,1,1,1,1,1")
    assert reasons(result) == {3: reason}


def test_one_wrong_date_costs_one_row() -> None:
    rows = [f"2026-10-{day:02},1,1,1,1,1" for day in range(1, 20)]
    rows[3] = "2026-10-28,1,1,1,1,1"
    assert reasons(read(*rows)) == {5: "date is out of order"}


def test_an_open_quote_costs_one_row() -> None:
    result = read('2026-11-12,"1,1,1,1,1', "2026-11-13,1,1,1,1,1", "2026-11-16,1,1,1,1,1")
    assert reasons(result) == {2: "quotes are not closed"}


def test_rows_above_the_header_are_listed() -> None:
    result = read_data(f"sep=,\n{HEADER}\n2026-11-17,1,1,1,1,1".encode(), now=NOW, name="X.csv")
    assert reasons(result) == {1: "stands above the column names"}


def test_a_file_without_the_columns_names_what_it_has_and_what_is_needed() -> None:
    with pytest.raises(
        InvalidInput, match=r"The first line has: Konto, Betrag\. I need date .*open, high, low and close"
    ):
        read_data(b"Konto;Betrag\n1;2", now=NOW, name="X.csv")


def test_two_columns_of_one_meaning_are_refused() -> None:
    with pytest.raises(InvalidInput, match="two columns for close"):
        read("2026-11-17,1,1,1,1,1", header="Date,Open,High,Low,Close,Close")


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(InvalidInput, match="206 columns"):
        read("x", header=HEADER + ",x" * 200)


def test_an_empty_file_and_a_bare_header_are_refused() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        read_data(b"\n\n", now=NOW, name="X.csv")
    with pytest.raises(InvalidInput, match="There is no row below"):
        read()


def test_a_file_beyond_the_limits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "MOST_ROWS", 2)
    with pytest.raises(InvalidInput, match="more than 2 rows"):
        read("2026-11-16,1,1,1,1,1", "2026-11-17,1,1,1,1,1", "2026-11-18,1,1,1,1,1")
    monkeypatch.setattr(csv, "MOST_BYTES", 10)
    with pytest.raises(InvalidInput, match="larger than"):
        read("2026-11-16,1,1,1,1,1")


@pytest.mark.parametrize(
    ("step", "timeframe"),
    [(60, "1m"), (300, "5m"), (900, "15m"), (1800, "30m"), (3600, "1h"), (14400, "4h"), (86400, "1d"), (604800, "1w")],
)
def test_the_spacing_tells_the_timeframe(step: int, timeframe: str) -> None:
    rows = [f"{1_700_000_000 + place * step},1,1,1,1" for place in range(5)]
    assert read(*rows, header="time,open,high,low,close").timeframe == timeframe


def test_an_illiquid_minute_file_is_told_by_its_common_step() -> None:
    rows = [f"{1_700_000_040 + offset},1,1,1,1" for offset in (0, 120, 240, 420, 540)]
    assert read(*rows, header="time,open,high,low,close").timeframe is Timeframe.M1


def test_an_unknown_spacing_is_refused() -> None:
    rows = [f"{1_700_000_000 + place * 7200},1,1,1,1" for place in range(5)]
    with pytest.raises(InvalidInput, match="2:00:00 apart"):
        read(*rows, header="time,open,high,low,close")


def test_the_bar_of_a_running_day_is_not_final() -> None:
    result = read("2026-11-19,1,1,1,1,1", "2026-11-20,1,1,1,1,1")
    assert [bar.is_final for bar in result.bars] == [True, False]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("gold.csv", "GOLD"),
        ("NASDAQ_AAPL, 1D.csv", "AAPL"),
        ("aapl_us_d.csv", "AAPL.US"),
        ("xauusd_d.csv", "XAUUSD"),
        ("BRK-B.csv", "BRK-B"),
        ("^GSPC.csv", "^GSPC"),
    ],
)
def test_the_file_name_suggests_the_symbol(name: str, symbol: str) -> None:
    assert symbol_of(name) == symbol


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(noise: bytes) -> None:
    for data in (noise, HEADER.encode() + b"\n" + noise, HEADER.encode("utf-16") + noise):
        with contextlib.suppress(InvalidInput):
            assert read_data(data, now=NOW, name="X.csv").bars


CELL = st.sampled_from(["1", "2", "3.5", "0", "-1", "", "nan", "1e400", '"', "1,5", "x"])
DATE = st.sampled_from([f"2026-11-{day:02}" for day in range(1, 29)] + ["", "soon", "1700000000"])
ROW = st.builds(lambda date, cells: ",".join([date, *cells]), DATE, st.lists(CELL, min_size=4, max_size=6))


@given(st.lists(ROW, max_size=25))
def test_every_row_is_either_taken_or_listed(rows: list[str]) -> None:
    lines = ["2026-10-01,1,2,1,1.5,1", "2026-10-02,1,2,1,1.5,1", *rows]
    try:
        result = read(*lines)
    except InvalidInput:
        return
    assert result.rows + len(result.bad_rows) == sum(1 for line in lines if line.strip())
    assert len({row.line for row in result.bad_rows}) == len(result.bad_rows)
    times = [bar.opened_at for bar in result.bars]
    assert times == sorted(set(times))
    assert not any(price_fault(bar.open, bar.high, bar.low, bar.close) for bar in result.bars)


def test_the_feed_gives_the_newest_bars_and_where_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_bytes((FILES / "ACME.csv").read_bytes())
    bars = CsvFeed(tmp_path).bars("ACME", None, count=3, now=NOW)
    assert [bar.opened_at.day for bar in bars.bars] == [13, 16, 20]
    assert (bars.source, bars.simulated, bars.decimals, len(bars.left_out)) == ("csv", False, 2, 11)
    assert bars.as_of == datetime(2026, 10, 21, tzinfo=UTC)


def test_the_feed_says_which_bars_a_file_has(tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_bytes((FILES / "ACME.csv").read_bytes())
    with pytest.raises(NotEnoughBars, match="has daily bars, not hourly bars"):
        CsvFeed(tmp_path).bars("ACME", Timeframe.H1, count=3, now=NOW)


def test_the_feed_offers_the_nearest_names(tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_text("x")
    (tmp_path / "not a symbol.csv").write_text("x")
    feed = CsvFeed(tmp_path)
    assert [instrument.symbol for instrument in feed.instruments()] == ["ACME"]
    with pytest.raises(UnknownSymbol, match="Did you mean ACME"):
        feed.bars("ACNE", None, count=3, now=NOW)


def test_a_file_spoilt_after_its_import_is_a_final_fault(tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_text("spoilt")
    with pytest.raises(NotEnoughBars, match="can't be used"):
        CsvFeed(tmp_path).bars("ACME", None, count=3, now=NOW)


def test_a_missing_folder_has_no_instruments(tmp_path: Path) -> None:
    assert CsvFeed(tmp_path / "none").instruments() == []


def test_digits_follow_what_most_prices_need() -> None:
    clean = [Decimal("101.25")] * 20
    assert decimals_of([*clean, Decimal("101.2500000000001")]) == 2
    assert decimals_of([Decimal("1.08325")]) == 5
    assert decimals_of([Decimal("187.44000244140625")]) == 3
    assert decimals_of([Decimal("0.00012")]) == 5
    assert decimals_of([Decimal(50000)]) == 2


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("19-Sep-03", "2003-09-19"),
        ("1-Jan-70", "1970-01-01"),
        ("19 September 2003", "2003-09-19"),
        ("Sep 19, 2003", "2003-09-19"),
    ],
)
def test_a_date_with_the_months_name_is_read(text: str, day: str) -> None:
    assert f"{stamp(text).at:%Y-%m-%d}" == day


@pytest.mark.parametrize("text", ["19-Foo-03", "31-Feb-03", "Sep 2003", "19-Sep-3"])
def test_a_date_that_only_looks_named_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        stamp(text)
