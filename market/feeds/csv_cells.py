"""One cell of an export at a time: numbers and dates, checked on the text before anything is converted."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal

DecimalSign = Literal[".", ",", "?"]

MISSING = {"", "-", "--", "null", "none", "nan", "n/a", "na", "#n/a", "n.a."}
_LONGEST = 40
_PLAIN = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,2})?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){1,5}(?:\.[0-9]{0,20})?")
_EITHER = re.compile(r"[+-]?[0-9]{1,3},[0-9]{3}")
_ISO = re.compile(
    r"(?P<y>[0-9]{4})[-./](?P<m>[0-9]{1,2})[-./](?P<d>[0-9]{1,2})"
    r"(?:[T ]+(?P<clock>[0-9:.]+) ?(?P<offset>Z|UTC|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_COMPACT = re.compile(r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?:[T ]?(?P<clock>[0-9]{4}|[0-9]{6}))?")
_DOTTED = re.compile(r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})(?:[T ]+(?P<clock>[0-9:.]+))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = re.compile(
    r"(?:(?P<d>[0-9]{1,2})[- ](?P<month>[A-Za-z]{3})[a-z]*[-, ]+|(?P<month2>[A-Za-z]{3})[a-z]* (?P<d2>[0-9]{1,2}), ?)"
    r"(?P<y>[0-9]{4}|[0-9]{2})"
)
_CLOCK = re.compile(r"([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2})(?:\.[0-9]{1,9})?)?")
_UNIX = re.compile(r"[0-9]{9,10}(?:\.0+)?|[0-9]{12,13}")
_FIRST, _LAST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Unreadable(ValueError):
    """Why a cell cannot be used, fit to be shown beside its row."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A row's time: the instant, the wall date at its source, and whether it told a clock and an offset."""

    at: datetime
    local_date: datetime
    has_clock: bool
    has_offset: bool


def decimal_sign(cells: Iterable[str]) -> DecimalSign:
    """Which sign is the decimal one: the point unless a comma proves itself; "?" if the commas leave it open."""
    open_question = False
    for cell in cells:
        if "," not in cell:
            continue
        if "." in cell or cell.count(",") > 1:
            return "," if cell.rfind(",") > cell.rfind(".") and cell.count(",") == 1 else "."
        if not _EITHER.fullmatch(cell) or cell.lstrip("+-").startswith("0,"):
            return ","
        open_question = True
    return "?" if open_question else "."


def number(text: str, name: str, sign: DecimalSign) -> Decimal:
    """The cell's number; Unreadable says what is wrong with it."""
    if text.lower() in MISSING:
        raise Unreadable(f"{name} is missing")
    if len(text) > _LONGEST:
        raise Unreadable(f"{name} is too long for a number")
    if sign == "?" and "," in text:
        raise Unreadable(f"{name}: the comma may be a decimal or a thousands sign")
    plain = text.translate(str.maketrans(",.", ".,")) if sign == "," else text
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _PLAIN.fullmatch(plain):
        raise Unreadable(f"{name} is not a usable number")
    value = Decimal(plain)
    if value and not -20 <= value.adjusted() <= 14:
        raise Unreadable(f"{name} is out of range")
    return value


def stamp(text: str) -> Stamp:
    """The cell's time; without an offset it is taken as UTC. Unreadable says what is wrong with it."""
    if text.lower() in MISSING:
        raise Unreadable("date is missing")
    found = _ISO.fullmatch(text) or _COMPACT.fullmatch(text) or _DOTTED.fullmatch(text)
    if found:
        return _from_parts(found.groupdict())
    named = _NAMED.fullmatch(text)
    if named and (named["month"] or named["month2"]).lower() in _MONTHS:
        month = _MONTHS.index((named["month"] or named["month2"]).lower()) + 1
        return _from_parts({"y": _whole_year(named["y"]), "m": str(month), "d": named["d"] or named["d2"]})
    if _UNIX.fullmatch(text):
        seconds = int(text.partition(".")[0]) // (1000 if len(text.partition(".")[0]) > 10 else 1)
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        return Stamp(at, at, has_clock=True, has_offset=True)
    if re.fullmatch(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}.*", text):
        raise Unreadable("date may be day/month or month/day; write it as 2026-11-20")
    raise Unreadable("date is not readable")


def _whole_year(text: str) -> str:
    """Two digits mean 1969 to 2068, as POSIX reads them and as Yahoo's older exports wrote them."""
    return text if len(text) == 4 else f"{'20' if int(text) < 69 else '19'}{text}"


def _from_parts(parts: dict[str, str | None]) -> Stamp:
    year, month, day = (int(parts[name] or 0) for name in "ymd")
    told = parts.get("clock")
    clock = _CLOCK.fullmatch(told) if told else None
    if told and clock is None:
        raise Unreadable("time of day is not readable")
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    offset = parts.get("offset")
    try:
        wall = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        at = wall.replace(tzinfo=_zone(offset)).astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise Unreadable("no such date or time") from problem
    if not _FIRST <= at <= _LAST:
        raise Unreadable("date is out of range")
    return Stamp(at, wall, has_clock=clock is not None, has_offset=offset is not None)


def _zone(offset: str | None) -> timezone:
    if offset is None or offset in ("Z", "UTC"):
        return UTC
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:])))
