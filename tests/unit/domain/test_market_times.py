"""Market times against exchange_calendars: ten years of New York, London and Tokyo, early closes too."""

import os
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import exchange_calendars
import pytest

from domain.calendars import EXCHANGES, Session, Sessions, SessionsUnknown
from domain.errors import InvalidInput
from domain.timing import Due, Timing, parse_timing
from market.sessions import learn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between the library and pandas

PLACES = ("XNYS", "XLON", "XTKS")
FIRST, LAST = date(2016, 1, 1), date(2025, 12, 31)
START, END = datetime(2016, 1, 2, tzinfo=UTC), datetime(2025, 12, 30, tzinfo=UTC)
PACES = [("0 * * * *", 60), *([("*/15 * * * *", 15)] if os.environ.get("OPENBELL_ORACLE") == "all" else [])]
"""`make oracles` looks at every quarter of an hour, `make test` at every hour."""


@cache
def sessions() -> Sessions:
    """As the platform's own job learns them, four years at a time."""
    by_exchange: dict[str, dict[date, Session]] = {code: {} for code in PLACES}
    holidays: dict[str, dict[date, str]] = {code: {} for code in PLACES}
    for today in (date(2017, 12, 31), date(2021, 12, 31), date(2025, 12, 31)):
        learned = learn(today, exchanges=PLACES)
        for session in learned.sessions:
            by_exchange[session.exchange][session.day] = session
        for code, named in learned.holidays.items():
            holidays[code].update(named)
    return Sessions({code: list(days.values()) for code, days in by_exchange.items()}, holidays)


@cache
def calendar(exchange: str) -> Any:
    return exchange_calendars.get_calendar(exchange, start=FIRST, end=LAST)


def due_times(timing: Timing) -> list[Due]:
    found: list[Due] = []
    for due in timing.upcoming(START, sessions()):
        if due.at > END:
            return found
        found.append(due)
    raise AssertionError("they end too early")


@pytest.mark.parametrize("minutes", [-720, -15, 0, 5, 600])
@pytest.mark.parametrize("exchange", PLACES)
def test_openings_and_closes_are_followed_with_every_early_close(exchange: str, minutes: int) -> None:
    offset = timedelta(minutes=minutes)
    for kind in ("open", "close"):
        expression = f"@{kind}({exchange})" + (f"{minutes:+}m" if minutes else "")
        theirs = [stamp.to_pydatetime() + offset for stamp in calendar(exchange).schedule[kind]]
        ours = [due.at for due in due_times(Timing(expression, "UTC"))]
        assert ours == [at for at in theirs if START < at <= END]


@pytest.mark.parametrize("exchange", PLACES)
def test_early_closes_are_marked_and_no_others(exchange: str) -> None:
    marked = {
        due.at.astimezone(EXCHANGES[exchange].zone).date()
        for due in due_times(Timing(f"@close({exchange})", "UTC"))
        if due.mark is not None
    }
    early = {stamp.date() for stamp in calendar(exchange).early_closes}
    assert marked == {day for day in early if START.date() < day < END.date()}
    assert bool(marked) == (exchange != "XTKS")


@pytest.mark.parametrize("timezone", ["America/New_York", "Europe/London", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("exchange", PLACES)
def test_a_day_calendar_leaves_out_what_is_no_session_and_says_why(exchange: str, timezone: str) -> None:
    zone = EXCHANGES[exchange].zone
    held = {stamp.date() for stamp in calendar(exchange).sessions}
    due = due_times(Timing("30 12 * * *", timezone, calendar=exchange))
    assert len(due) == pytest.approx((END - START).days, abs=1)
    for one in due:
        assert (one.left_out is None) == (one.at.astimezone(zone).date() in held)
    reasons = {one.left_out for one in due} - {None}
    assert "no session: weekend" in reasons
    assert {"XNYS": "no session: Thanksgiving", "XLON": "no session: Boxing Day", "XTKS": "no session: Mountain Day"}[
        exchange
    ] in reasons


@pytest.mark.parametrize(("line", "step"), PACES)
@pytest.mark.parametrize("exchange", PLACES)
def test_within_hours_each_minute_of_each_session_is_held_and_none_besides(exchange: str, line: str, step: int) -> None:
    theirs: list[datetime] = []
    for row in calendar(exchange).schedule.itertuples():
        opens, closes = row.open.to_pydatetime(), row.close.to_pydatetime()
        at = opens + (-timedelta(minutes=opens.minute) % timedelta(minutes=step))
        while at < closes:
            theirs.append(at)
            at += timedelta(minutes=step)
    ours = [due.at for due in due_times(Timing(line, EXCHANGES[exchange].timezone, calendar=exchange, hours_only=True))]
    assert ours == [at for at in theirs if START < at <= END]


def test_fixed_times_within_hours_respect_an_early_close() -> None:
    timing = Timing("30 14 * * 1-5", "America/New_York", calendar="XNYS", hours_only=True)
    days = [due.local_slot.date() for due in due_times(timing) if due.local_slot]
    assert date(2025, 11, 26) in days
    assert date(2025, 11, 28) not in days  # closes at 13:00
    assert len(days) == sum(
        row.close.tz_convert("America/New_York").hour > 14 for row in calendar("XNYS").schedule.itertuples()
    ) - sum(day not in days for day in (date(2025, 12, 30), date(2025, 12, 31)))


def test_an_exchange_whose_sessions_are_not_known_says_so() -> None:
    with pytest.raises(SessionsUnknown, match="NYSE"):
        Timing("@open(XNYS)-15m", "UTC").next_after(datetime(2040, 1, 1, tzinfo=UTC), sessions())
    with pytest.raises(SessionsUnknown, match="London"):
        Timing("0 9 * * *", "UTC", calendar="XLON").next_after(START, Sessions.NONE)


def test_what_never_falls_into_the_hours_is_refused() -> None:
    with pytest.raises(InvalidInput, match="never due within those hours"):
        parse_timing("every day at 3:00 during NYSE hours", timezone="America/New_York", now=START, sessions=sessions())
    kept = parse_timing("every day at 3:00 during NYSE hours", timezone="Asia/Tokyo", now=START, sessions=sessions())
    assert kept.hours_only


def test_what_falls_into_the_hours_in_summer_only_is_kept_in_winter() -> None:
    text, winter = "every day at 22:45 during NYSE hours", datetime(2024, 11, 21, tzinfo=UTC)
    kept = parse_timing(text, timezone="Asia/Tokyo", now=winter, sessions=sessions())
    due = kept.next_after(winter, sessions())
    assert due is not None
    assert due.at == datetime(2025, 3, 10, 13, 45, tzinfo=UTC)
