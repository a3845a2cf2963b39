"""Sessions as the library knows them, against days that everybody can look up."""

from datetime import UTC, date, datetime
from typing import Any

import exchange_calendars
import pytest

from domain.calendars import EXCHANGES, Sessions
from market.sessions import Learned, learn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between the library and pandas

TODAY = date(2025, 6, 2)


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn(TODAY, exchanges=["XNYS", "XNAS", "XLON", "XTKS"])


@pytest.fixture(scope="module")
def sessions(learned: Learned) -> Sessions:
    by_exchange: dict[str, list[Any]] = {}
    for session in learned.sessions:
        by_exchange.setdefault(session.exchange, []).append(session)
    return Sessions(by_exchange, learned.holidays)


def test_a_summer_and_a_winter_day_in_new_york(sessions: Sessions) -> None:
    summer, winter = sessions.on("XNYS", date(2025, 7, 1)), sessions.on("XNYS", date(2025, 1, 7))
    assert summer is not None
    assert winter is not None
    assert (summer.opens_at, summer.closes_at) == (_at(2025, 7, 1, 13, 30), _at(2025, 7, 1, 20, 0))
    assert (winter.opens_at, winter.closes_at) == (_at(2025, 1, 7, 14, 30), _at(2025, 1, 7, 21, 0))
    assert not summer.early_close


def test_an_early_close_is_marked_and_named(sessions: Sessions) -> None:
    friday = sessions.on("XNYS", date(2025, 11, 28))
    assert friday is not None
    assert (friday.closes_at, friday.early_close, friday.note) == (_at(2025, 11, 28, 18, 0), True, "Black Friday")
    fourth = sessions.on("XNYS", date(2025, 7, 3))
    assert fourth is not None
    assert fourth.note == "Before Independence Day"


def test_closed_days_say_why(sessions: Sessions) -> None:
    assert sessions.why_closed("XNYS", date(2025, 11, 27)) == "Thanksgiving"
    assert sessions.why_closed("XNAS", date(2025, 11, 27)) == "Thanksgiving"
    assert sessions.why_closed("XTKS", date(2025, 8, 11)) == "Mountain Day"
    assert sessions.why_closed("XNYS", date(2025, 1, 9)) == "holiday"  # a day of mourning, which has no rule
    assert sessions.why_closed("XLON", date(2025, 6, 7)) == "weekend"
    assert sessions.why_closed("XLON", date(2025, 6, 6)) is None


def test_named_holidays_are_weekdays_without_a_session(learned: Learned, sessions: Sessions) -> None:
    for exchange, days in learned.holidays.items():
        assert days
        for day in days:
            assert day.weekday() < 5
            assert sessions.on(exchange, day) is None


def test_two_years_are_known_both_ways(sessions: Sessions) -> None:
    for exchange in ("XNYS", "XNAS", "XLON", "XTKS"):
        first, last = sessions.known_from(exchange), sessions.known_until(exchange)
        assert first is not None
        assert last is not None
        assert (TODAY - first).days > 725
        assert (last - TODAY).days > 725


def test_every_exchange_of_ours_is_one_of_the_librarys() -> None:
    known = exchange_calendars.get_calendar_names(include_aliases=True)
    assert set(EXCHANGES) <= set(known)


@pytest.mark.parametrize("exchange", ["XSHG", "XBOM"])
def test_holidays_that_are_only_recorded_year_by_year_are_known_as_far_as_they_go(exchange: str) -> None:
    found = learn(date(2026, 11, 1), exchanges=[exchange])
    assert max(session.day for session in found.sessions) >= date(2026, 12, 24)
    assert exchange in found.short


def test_an_exchange_that_is_not_known_keeps_no_other_one_out() -> None:
    found = learn(TODAY, exchanges=["XXXX", "XLON"])
    assert {session.exchange for session in found.sessions} == {"XLON"}
    assert set(found.short) == {"XXXX"}


def test_learning_can_be_stopped_between_exchanges() -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        learn(TODAY, stop)


def _at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # a date's parts in order
