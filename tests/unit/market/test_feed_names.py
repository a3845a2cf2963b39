"""Feeds by name: cheap to import, plug-ins kept at arm's length, a person's text resolved."""

import importlib.metadata
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from market import feed
from market.errors import UnknownFeed, UnknownSymbol
from market.feed import Feed, broken_feeds, feed_names, open_feed, resolve
from market.feeds.csv import CsvFeed
from market.feeds.sim import SimFeed
from market.feeds.yahoo import Raw, YahooFeed
from market.instruments import nearest, parse_symbol

CHEAP = """
import sys
from pathlib import Path
import market.bars, market.errors, market.feed, market.importing, market.instruments, market.summary
for name in ("sim", "csv", "yahoo"):
    market.feed.open_feed(name, bars_dir=Path("/nonexistent")).instruments()
market.feed.resolve("gold", "sim", Path("/nonexistent"))
print(sorted({"numpy", "matplotlib", "pandas", "yfinance", "requests", "curl_cffi"} & set(sys.modules)))
"""


def test_asking_which_symbols_exist_imports_nothing_heavy() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", CHEAP], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_symbol_may_name_its_feed(tmp_path: Path) -> None:
    assert resolve(" sim:gold ", "yahoo", tmp_path) == ("sim", "GOLD")
    assert resolve("yahoo:^gspc", "sim", tmp_path) == ("yahoo", "^GSPC")


def test_an_imported_file_wins_over_the_default_feed(tmp_path: Path) -> None:
    assert resolve("gold", "sim", tmp_path) == ("sim", "GOLD")
    (tmp_path / "GOLD.csv").write_text("")
    assert resolve("gold", "sim", tmp_path) == ("csv", "GOLD")


def test_a_feed_without_a_list_is_asked_later(tmp_path: Path) -> None:
    assert resolve("ANYTHING", "yahoo", tmp_path) == ("yahoo", "ANYTHING")


def test_an_unknown_symbol_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbol, match="Did you mean GOLD") as refusal:
        resolve("GODL", "sim", tmp_path)
    assert refusal.value.nearest[0] == "GOLD"


def test_an_instrument_is_found_by_its_name() -> None:
    instruments = open_feed("sim", bars_dir=Path()).instruments()
    assert nearest("BITCOIN", instruments)[0] == "BTCUSD"
    assert nearest("NIMBUS", instruments)[0] == "NIMBUSO"
    assert nearest("QQQQQQQ", instruments) == []


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "x" * 21, "..", "-A", "<b>", "A\x00B", "sim:", "ＧＯＬＤ", "x" * 5000]
)
def test_what_cannot_be_a_symbol_is_a_clear_refusal(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be a symbol") as refusal:
        resolve(text, "sim", tmp_path)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 200


def test_a_symbol_is_written_in_capitals() -> None:
    assert parse_symbol(" brk-b ") == "BRK-B"


def test_an_unknown_feed_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"“nope”; there are csv, sim, yahoo"):
        resolve("nope:GOLD", "sim", tmp_path)
    with pytest.raises(UnknownFeed):
        open_feed("nope", bars_dir=tmp_path)


NOW = datetime(2026, 11, 20, 16, 37, tzinfo=UTC)
FILES = Path(__file__).parents[2] / "data" / "bars"
ROW = {"Open": 10.0, "High": 11.0, "Low": 9.0, "Close": 10.5, "Volume": 7.0}


def recorded(*_: object) -> Raw:
    return Raw([(NOW - timedelta(days=day), ROW) for day in range(9, -1, -1)], {"currency": "USD"})


@pytest.mark.parametrize(
    ("opened", "symbol"), [(SimFeed(), "GOLD"), (CsvFeed(FILES), "ACME"), (YahooFeed(fetch=recorded), "ACME")]
)
def test_every_feed_keeps_the_same_promises(opened: Feed, symbol: str) -> None:
    known = [instrument.symbol for instrument in opened.instruments()]
    assert not known or symbol in known
    bars = opened.bars(symbol, None, count=4, now=NOW)
    times = [bar.opened_at for bar in bars.bars]
    assert 1 <= len(times) <= 4
    assert times == sorted(set(times))
    assert all(moment.utcoffset() == timedelta(0) for moment in times)
    assert bars.as_of <= NOW
    assert bars.source == opened.name
    assert (bars.symbol, bars.timeframe) == (symbol, "1d")
    assert all(bar.is_final for bar in bars.bars[:-1])


def plug_in(name: str, value: str) -> importlib.metadata.EntryPoint:
    return importlib.metadata.EntryPoint(name, value, feed.PLUG_INS)


def test_a_plug_in_is_opened_and_a_broken_one_is_reported_and_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        plug_in("broken", "no.such.module:Feed"),
        plug_in("good", "market.feeds.sim:SimFeed"),
        plug_in("csv", "no.such.module:Usurper"),
    ]
    monkeypatch.setattr(feed, "entry_points", lambda group: found if group == feed.PLUG_INS else [])
    assert feed_names() == ("csv", "sim", "yahoo", "broken", "good")
    assert open_feed("good", bars_dir=tmp_path).name == "sim"
    assert open_feed("csv", bars_dir=tmp_path).name == "csv"
    broken = broken_feeds(tmp_path)
    assert list(broken) == ["broken"]
    assert "no.such.module" in broken["broken"]
