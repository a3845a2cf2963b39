"""When exchanges are open, by the library exchange_calendars: sessions, early closes, and holidays by their names.

It loads pandas; import this module only where sessions are learned.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import exchange_calendars
import structlog
from exchange_calendars.errors import CalendarError

from domain.calendars import EXCHANGES, Session

BACK = timedelta(days=2 * 366)
AHEAD = timedelta(days=2 * 366)
_SATURDAY = 5
_LONGEST_NOTE = 80

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Learned:
    """What is known now, and in words which exchanges are known less far than a year ahead, or not at all."""

    sessions: list[Session]
    holidays: dict[str, dict[date, str]]
    short: dict[str, str]


def learn(today: date, check: Callable[[], None] = lambda: None, exchanges: Iterable[str] = EXCHANGES) -> Learned:
    """The sessions of these exchanges from two years back to two years ahead, or as far as their holidays are known.

    `check` is called between exchanges and may raise to stop.
    """
    learned = Learned([], {}, {})
    for exchange in exchanges:
        check()
        try:
            calendar = _calendar(exchange, today)
        except (ValueError, CalendarError) as problem:  # dates and names that the library does not know
            log.warning("exchange_left_out", exchange=exchange, reason=str(problem))
            learned.short[exchange] = f"its sessions are not known ({problem})"
            continue
        learned.sessions.extend(_sessions(exchange, calendar))
        learned.holidays[exchange] = _holidays(calendar)
        last = calendar.last_session.date()
        if last < today + timedelta(days=330):
            learned.short[exchange] = f"its holidays are known until {last:%d %b %Y} only; a newer Openbell knows more"
    return learned


def _calendar(exchange: str, today: date) -> Any:
    """The exchange's calendar as far ahead as the library can make it: some holidays are only recorded year by year."""
    ends = [today + AHEAD, date(today.year + 1, 12, 31), date(today.year, 12, 31)]
    for end in ends[:-1]:
        try:
            return exchange_calendars.get_calendar(exchange, start=today - BACK, end=end)
        except ValueError:
            continue
    return exchange_calendars.get_calendar(exchange, start=today - BACK, end=ends[-1])


def _sessions(exchange: str, calendar: Any) -> Iterable[Session]:
    early = {stamp.date() for stamp in calendar.early_closes}
    late = {stamp.date() for stamp in calendar.late_opens}
    closes, opens = _named(calendar, calendar.special_closes), _named(calendar, calendar.special_opens)
    for row in calendar.schedule.itertuples():
        day = row.Index.date()
        note = closes.get(day) if day in early else opens.get(day, "opens late") if day in late else None
        yield Session(
            exchange=exchange,
            day=day,
            opens_at=row.open.to_pydatetime(),
            closes_at=row.close.to_pydatetime(),
            early_close=day in early,
            note=note[:_LONGEST_NOTE] if note else None,
        )


def _holidays(calendar: Any) -> dict[date, str]:
    """The weekdays without a session that have a name; single closures have none."""
    named = _names(calendar.regular_holidays, calendar)
    held = {stamp.date() for stamp in calendar.sessions}
    return {day: name for day, name in named.items() if day.weekday() < _SATURDAY and day not in held}


def _named(calendar: Any, specials: Iterable[tuple[Any, Any]]) -> dict[date, str]:
    found: dict[date, str] = {}
    for _, days in specials:
        found = {**_names(days, calendar), **found}
    return found


def _names(holidays: Any, calendar: Any) -> Mapping[date, str]:
    """Days and their names from a holiday calendar of the library; a weekly rule is given as a number and has none."""
    if holidays is None or isinstance(holidays, int):
        return {}
    series = holidays.holidays(calendar.first_session, calendar.last_session, return_name=True)
    return {stamp.date(): _plain(str(name)) for stamp, name in reversed(list(series.items())) if name}


def _plain(name: str) -> str:
    """The name without the years and weekdays by which the library tells its rules apart."""
    return re.sub(r"^.*days,? (?=Before )", "", re.sub(r"\s*\((?:from )?\d.*\)$", "", name))
