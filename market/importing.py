"""Taking a person's exported file in: read, report every row left out, keep the original unchanged."""

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.errors import InvalidInput
from market.bars import BadRow, Timeframe
from market.feeds.csv import MOST_BYTES, ReadResult, read_data

LISTED = 20


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of one file."""

    file: str
    symbol: str
    timeframe: Timeframe
    dialect: str
    rows_taken: int
    rows_left_out: tuple[BadRow, ...]
    first_at: datetime
    last_at: datetime
    newest_first: bool
    replaced: bool

    def lines(self, *, most: int = LISTED) -> list[str]:
        """The report for people: what was taken, then up to `most` rows that were not."""
        left_out = self.rows_left_out
        kind = "" if self.dialect == "plain" else f" ({self.dialect} export)"
        order = ", newest first in the file" if self.newest_first else ""
        said = [
            f"{self.symbol}: {self.rows_taken:,} {self.timeframe.words} from {self.file}{kind}{order}",
            f"  {self._when(self.first_at)} to {self._when(self.last_at)}"
            + (", replacing an earlier import" if self.replaced else ""),
        ]
        if left_out:
            said.append(f"  {len(left_out):,} {'row' if len(left_out) == 1 else 'rows'} left out:")
            said += [f"    line {row.line}: {row.reason}: {_one_line(row.text)}" for row in left_out[:most]]
        if len(left_out) > most:
            said.append(f"    and {len(left_out) - most:,} more; --json lists them all")
        return said

    def as_dict(self) -> dict[str, Any]:
        """The report for programs, with every row that was left out."""
        return {
            "file": self.file,
            "symbol": self.symbol,
            "timeframe": str(self.timeframe),
            "dialect": self.dialect,
            "rows_taken": self.rows_taken,
            "first_at": self.first_at.isoformat(),
            "last_at": self.last_at.isoformat(),
            "newest_first": self.newest_first,
            "replaced": self.replaced,
            "rows_left_out": [{"line": row.line, "reason": row.reason, "text": row.text} for row in self.rows_left_out],
        }

    def _when(self, moment: datetime) -> str:
        return f"{moment:%Y-%m-%d %H:%M} UTC" if self.timeframe.is_intraday else f"{moment:%Y-%m-%d}"


def import_file(path: Path, bars_dir: Path, symbol: str | None = None, *, now: datetime | None = None) -> ImportReport:
    """Check the file and keep a copy as `SYMBOL.csv`, whole or not at all; InvalidInput says why not."""
    name = path.name
    try:
        data = _content(path)
        read = read_data(data, now=now or datetime.now(UTC), name=name, symbol=symbol)
    except OSError as problem:
        raise InvalidInput(f"{name} can't be read: {problem.strerror}.") from problem
    except InvalidInput as problem:
        raise InvalidInput(f"{name} was not imported. {problem}") from problem
    target = bars_dir / f"{read.symbol}.csv"
    replaced = target.exists()
    try:
        _store(data, target)
    except OSError as problem:
        raise InvalidInput(f"{name} could not be stored ({problem.strerror}); nothing was changed.") from problem
    return _report(name, read, replaced=replaced)


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise InvalidInput("It is not a file.")
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _store(data: bytes, target: Path) -> None:
    """Write beside the target, then rename: a crash leaves the old file or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".import-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _report(name: str, read: ReadResult, *, replaced: bool) -> ImportReport:
    return ImportReport(
        file=name,
        symbol=read.symbol,
        timeframe=read.timeframe,
        dialect=read.dialect.name,
        rows_taken=read.rows,
        rows_left_out=read.bad_rows,
        first_at=read.first_at,
        last_at=read.bars[-1].opened_at,
        newest_first=read.newest_first,
        replaced=replaced,
    )


def _one_line(text: str) -> str:
    """The row fit for a terminal: no control characters, not too long."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return shown if len(shown) <= 80 else shown[:79] + "…"
