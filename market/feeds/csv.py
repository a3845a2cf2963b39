"""Exported price files: what can be trusted becomes bars, the rest is listed with line and reason."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from math import gcd
from pathlib import Path
from statistics import median_low

from domain.errors import InvalidInput
from domain.locales import t
from market.bars import SHOWN, BadRow, Bar, Bars, Timeframe, decimals_of, price_fault
from market.errors import FeedUnavailable, NotEnoughBars, UnknownSymbol
from market.feeds.csv_cells import MISSING, DecimalSign, Stamp, Unreadable, decimal_sign, number, stamp
from market.feeds.csv_dialect import Dialect, Role, decode, find_header
from market.instruments import Instrument, nearest, parse_symbol

MOST_BYTES = 50_000_000
MOST_ROWS = 2_000_000
_PRICES: tuple[Role, ...] = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a file held. `rows` counts all good rows; `bars` are those that were asked for, oldest first."""

    symbol: str
    timeframe: Timeframe
    bars: tuple[Bar, ...]
    bad_rows: tuple[BadRow, ...]
    dialect: Dialect
    rows: int
    first_at: datetime
    newest_first: bool


@dataclass(frozen=True, slots=True)
class _Row:
    index: int
    stamp: Stamp


class CsvFeed:
    """The files of one folder, one symbol each, as `openbell import-bars` puts them there."""

    name = "csv"

    def __init__(self, bars_dir: Path) -> None:
        self._bars_dir = bars_dir

    def instruments(self) -> Sequence[Instrument]:
        """One per file, by name; the files are not opened."""
        return [Instrument(symbol, symbol, "file", None, 2, "as imported") for symbol in sorted(self._files())]

    def bars(self, symbol: str, timeframe: Timeframe | None, *, count: int, now: datetime) -> Bars:
        """The file's newest bars, and every row of it that was left out."""
        path = self._files().get(symbol)
        if path is None:
            raise UnknownSymbol(symbol, self.name, nearest(symbol, self.instruments()))
        try:
            read = read_bars(path, now=now, newest=count)
        except OSError as problem:
            raise FeedUnavailable(
                t("The file of {symbol} can't be read ({reason}).", symbol=symbol, reason=problem.strerror)
            ) from problem
        except InvalidInput as problem:
            raise NotEnoughBars(
                t("The imported file of {symbol} can't be used. {reason}", symbol=symbol, reason=problem)
            ) from problem
        if timeframe not in (None, read.timeframe):
            raise NotEnoughBars(
                t(
                    "The imported file of {symbol} has {present}, not {wanted}.",
                    symbol=symbol,
                    present=read.timeframe.words,
                    wanted=timeframe.words,
                )
            )
        return Bars(
            symbol=symbol,
            timeframe=read.timeframe,
            bars=read.bars,
            source=self.name,
            simulated=False,
            as_of=min(now, read.bars[-1].opened_at + read.timeframe.duration),
            left_out=read.bad_rows,
            decimals=decimals_of([price for bar in read.bars for price in (bar.high, bar.low, bar.close)]),
        )

    def _files(self) -> dict[str, Path]:
        """Files by symbol; of two that differ in case alone, the one in capitals."""
        found: dict[str, Path] = {}
        for path in sorted(self._bars_dir.glob("*.csv"), reverse=True) if self._bars_dir.is_dir() else ():
            try:
                found[parse_symbol(path.stem)] = path
            except InvalidInput:
                continue  # a file that no symbol can name is nobody's
        return found


def read_bars(path: Path, *, now: datetime, symbol: str | None = None, newest: int | None = None) -> ReadResult:
    """Read an export; InvalidInput says why a file as a whole cannot be used."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    return read_data(data, now=now, symbol=symbol, name=path.name, newest=newest)


def read_data(
    data: bytes, *, now: datetime, name: str, symbol: str | None = None, newest: int | None = None
) -> ReadResult:
    """`read_bars` for a file's bytes."""
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"The file is larger than {MOST_BYTES // 10**6} MB; split it or use longer bars.")
    lines = re.split(r"\r\n|\n|\r", decode(data))
    if len(lines) > MOST_ROWS + 1:
        raise InvalidInput(f"The file has more than {MOST_ROWS:,} rows; split it or use longer bars.")
    dialect, header = find_header(lines)
    reader = _Reader(lines, dialect, header)
    reader.check_rows(now)
    if not reader.good:
        raise InvalidInput(f"No row of the file can be used. {_commonest(reader.bad)}")
    timeframe = _timeframe([row.stamp for row in reader.good])
    newest_first = reader.keep_rising(timeframe)
    kept = reader.good if newest is None else reader.good[-newest:]
    return ReadResult(
        symbol=parse_symbol(symbol or reader.ticker or symbol_of(name)),
        timeframe=timeframe,
        bars=tuple(reader.bar(row, timeframe, now) for row in kept),
        bad_rows=tuple(sorted(reader.bad, key=lambda row: row.line)),
        dialect=dialect,
        rows=len(reader.good),
        first_at=_opened_at(reader.good[0].stamp, timeframe),
        newest_first=newest_first,
    )


class _Reader:
    """The rows of one file: first each by itself, then against each other."""

    def __init__(self, lines: list[str], dialect: Dialect, header: int) -> None:
        self._lines, self._dialect, self._header = lines, dialect, header
        self._sign: DecimalSign = decimal_sign(self._cells_with_commas())
        self.ticker: str | None = None
        self.good: list[_Row] = []
        self.bad: list[BadRow] = []

    def check_rows(self, now: datetime) -> None:
        """Sort every row that is not blank into good and bad."""
        for index, line in enumerate(self._lines):
            if index == self._header or not line.strip():
                continue
            try:
                self.good.append(_Row(index, self._checked(index, now)))
            except Unreadable as problem:
                self._leave_out(index, str(problem))

    def keep_rising(self, timeframe: Timeframe) -> bool:
        """Leave out repeated times and the fewest rows that break the order; True if the newest came first."""
        present = self.good
        times = [_opened_at(row.stamp, timeframe) for row in present]
        falling = sum(later < earlier for earlier, later in pairwise(times))
        newest_first = falling > len(times) // 2
        if newest_first:
            present.reverse()
            times.reverse()
        kept = _longest_rising(times)
        line_of = {times[place]: present[place].index + 1 for place in kept}
        self.good = [present[place] for place in kept]
        for place in sorted(set(range(len(times))) - set(kept)):
            twin = line_of.get(times[place])
            reason = f"the same date as line {twin}, which was kept" if twin else "date is out of order"
            self._leave_out(present[place].index, reason)
        return newest_first

    def bar(self, row: _Row, timeframe: Timeframe, now: datetime) -> Bar:
        """The row's bar; it is final once its time is over."""
        cells = self._dialect.cells(self._lines[row.index])
        opened, high, low, close = (self._number(cells, name) for name in _PRICES)
        opened_at = _opened_at(row.stamp, timeframe)
        is_final = opened_at + timeframe.duration <= now
        return Bar(opened_at, opened, high, low, close, self._volume(cells), is_final)

    def _checked(self, index: int, now: datetime) -> Stamp:
        if index < self._header:
            raise Unreadable("stands above the column names")
        cells, columns = self._dialect.cells(self._lines[index]), self._dialect.columns
        self._check_ticker(cells)
        text = cells[columns["date"]] + (f" {cells[columns['time']]}" if "time" in columns else "")
        at = stamp(text.strip())
        if at.at > now + (timedelta(minutes=5) if at.has_clock and at.has_offset else timedelta(days=1)):
            raise Unreadable("date is in the future")
        fault = price_fault(*(self._number(cells, name) for name in _PRICES))
        if fault:
            raise Unreadable(fault)
        volume = self._volume(cells)
        if volume is not None and volume < 0:
            raise Unreadable("volume is negative")
        return at

    def _check_ticker(self, cells: list[str]) -> None:
        at = self._dialect.columns.get("ticker")
        if at is None:
            return
        self.ticker = self.ticker or cells[at]
        if cells[at] != self.ticker:
            raise Unreadable(f"belongs to another symbol than {self.ticker}")

    def _number(self, cells: list[str], name: Role) -> Decimal:
        return number(cells[self._dialect.columns[name]], name, self._sign)

    def _volume(self, cells: list[str]) -> Decimal | None:
        """The traded quantity; not telling it is no fault."""
        at = self._dialect.columns.get("volume")
        return None if at is None or cells[at].lower() in MISSING else self._number(cells, "volume")

    def _leave_out(self, index: int, reason: str) -> None:
        self.bad.append(BadRow(index + 1, reason, self._lines[index][:SHOWN]))

    def _cells_with_commas(self) -> Iterator[str]:
        wanted = [self._dialect.columns[name] for name in (*_PRICES, "volume") if name in self._dialect.columns]
        for line in self._lines[self._header + 1 :]:
            if "," not in line or (self._dialect.delimiter == "," and '"' not in line):
                continue
            try:
                cells = self._dialect.cells(line)
            except Unreadable:
                continue  # listed when its turn comes
            yield from (cells[place] for place in wanted)


def symbol_of(file_name: str) -> str:
    """The symbol a file name suggests: `NASDAQ_AAPL, 1D.csv` and `aapl_us_d.csv` hold more than that."""
    stem = file_name.rsplit(".", 1)[0].upper()
    head, comma, _ = stem.partition(",")
    if comma and "_" in head:
        return head.split("_", 1)[1]
    stooq = re.fullmatch(r"([A-Z0-9^.-]+)(?:_([A-Z]{1,2}))?_(?:D|W|H|[0-9]{1,2})", stem)
    if stooq:
        return stooq[1] + (f".{stooq[2]}" if stooq[2] else "")
    return head


def _opened_at(at: Stamp, timeframe: Timeframe) -> datetime:
    return at.at if timeframe.is_intraday else datetime.combine(at.local_date.date(), time(), UTC)


def _timeframe(stamps: list[Stamp]) -> Timeframe:
    """The timeframe that the spacing of the rows tells, in whatever order they stand."""
    moments = sorted({each.at for each in stamps})
    gaps = [int((later - earlier).total_seconds()) for earlier, later in pairwise(moments)]
    if not gaps:
        if any(each.has_clock for each in stamps):
            raise InvalidInput("The file has one bar only, which doesn't tell how long a bar lasts; add a second.")
        return Timeframe.D1
    usual = median_low(gaps)
    if 20 * 3600 <= usual < 5 * 86_400:
        return Timeframe.D1
    if 5 * 86_400 <= usual <= 10 * 86_400:
        return Timeframe.W1
    known = {int(frame.duration.total_seconds()): frame for frame in Timeframe}
    found = known.get(usual) or (known.get(gcd(*gaps)) if usual < 86_400 else None)
    if found is None:
        words = ", ".join(Timeframe)
        raise InvalidInput(f"The rows are {timedelta(seconds=usual)} apart, which no timeframe here is ({words}).")
    return found


def _longest_rising(times: list[datetime]) -> list[int]:
    """The places of a longest strictly rising subsequence; of equal times the first one met."""
    tails: list[datetime] = []
    places: list[int] = []
    before: list[int] = []
    for place, moment in enumerate(times):
        slot = bisect_left(tails, moment)
        before.append(places[slot - 1] if slot else -1)
        if slot == len(tails):
            tails.append(moment)
            places.append(place)
        elif tails[slot] != moment:
            tails[slot], places[slot] = moment, place
    kept: list[int] = []
    place = places[-1] if places else -1
    while place >= 0:
        kept.append(place)
        place = before[place]
    return kept[::-1]


def _commonest(bad: Iterable[BadRow]) -> str:
    """The commonest reason, with the first line that has it."""
    first: dict[str, BadRow] = {}
    tally: Counter[str] = Counter()
    for row in bad:
        first.setdefault(row.reason, row)
        tally[row.reason] += 1
    if not tally:
        return "There is no row below the column names."
    reason, times = tally.most_common(1)[0]
    return f"Most often ({times}×, first in line {first[reason].line}): {reason}."
