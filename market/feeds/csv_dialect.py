"""How a file is written: its encoding, its delimiter, and which column holds what."""

import codecs
import csv
import re
from dataclasses import dataclass
from typing import Literal

from domain.errors import InvalidInput
from market.feeds.csv_cells import Unreadable

Role = Literal["date", "time", "ticker", "open", "high", "low", "close", "volume"]

MOST_COLUMNS = 200
_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 10
_ROLES: dict[str, Role] = {
    "date": "date", "datetime": "date", "timestamp": "date", "opentime": "date",
    "time": "time", "ticker": "ticker", "symbol": "ticker",
    "open": "open", "high": "high", "low": "low",
    "close": "close", "last": "close", "closelast": "close",
    "volume": "volume", "vol": "volume",
}  # fmt: skip
_NEEDED: tuple[Role, ...] = ("open", "high", "low", "close")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Whose export this looks like, and where each column is."""

    name: Literal["Yahoo", "Stooq", "TradingView", "plain"]
    delimiter: str
    columns: dict[Role, int]
    width: int

    def cells(self, line: str) -> list[str]:
        """The line's cells; Unreadable if it does not have the header's number of them."""
        cells = split(line, self.delimiter)
        if len(cells) != self.width:
            raise Unreadable(f"has {len(cells)} columns where the header has {self.width}")
        return cells


def decode(data: bytes) -> str:
    """The file's text, whatever usual encoding it is in; a byte that fits none becomes a replacement sign."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace")
    head = data[:2000]
    if head.count(0) > len(head) // 4:  # UTF-16 without a mark: every other byte of plain text is zero
        encoding = "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
        return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def split(line: str, delimiter: str) -> list[str]:
    """One line's cells without blanks around them; Unreadable if its quotes do not match."""
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except (csv.Error, StopIteration) as problem:
        raise Unreadable("quotes are not closed") from problem


def find_header(lines: list[str]) -> tuple[Dialect, int]:
    """The dialect, and the index of the line that names the columns; InvalidInput says what was found instead."""
    looked_at = [index for index, line in enumerate(lines[: _LOOKED_AT * 10]) if line.strip()][:_LOOKED_AT]
    if not looked_at:
        raise InvalidInput("The file is empty.")
    for index in looked_at:
        for delimiter in _DELIMITERS:
            dialect = _dialect(lines[index], delimiter)
            if dialect:
                return dialect, index
    first = lines[looked_at[0]]
    found = max((_names(first, delimiter) for delimiter in _DELIMITERS), key=len)
    shown = ", ".join(_printable(name) for name in found[:12])
    raise InvalidInput(
        f"I can't find the columns. The first line has: {shown}. "
        "I need date (or time), open, high, low and close, and take volume where there is one."
    )


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return split(line, delimiter)
    except Unreadable:
        return [line]


def _dialect(line: str, delimiter: str) -> Dialect | None:
    if line.count(delimiter) < len(_NEEDED):
        return None
    names = _names(line, delimiter)
    columns: dict[Role, int] = {}
    for index, name in enumerate(names):
        role = _ROLES.get(_plain(name))
        if role in columns:
            raise InvalidInput(f"The file has two columns for {role}; leave one of them in.")
        if role:
            columns[role] = index
    if "date" not in columns and "time" in columns:
        columns["date"] = columns.pop("time")
    if "date" not in columns or any(role not in columns for role in _NEEDED):
        return None
    if len(names) > MOST_COLUMNS:
        raise InvalidInput(f"The file has {len(names)} columns; I read up to {MOST_COLUMNS}.")
    return Dialect(_house(names), delimiter, columns, len(names))


def _house(names: list[str]) -> Literal["Yahoo", "Stooq", "TradingView", "plain"]:
    if any(name.startswith("<") for name in names):
        return "Stooq"
    plain = [_plain(name) for name in names]
    if "adjclose" in plain:
        return "Yahoo"
    return "TradingView" if plain[0] == "time" else "plain"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower()) if len(name) <= 40 else ""


def _printable(name: str) -> str:
    shown = "".join(sign for sign in name if sign.isprintable())
    return (shown[:30] + "…" if len(shown) > 30 else shown) or "(nothing)"
