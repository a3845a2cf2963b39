"""How people want to be told: quiet hours through clock changes, mutes, digests, opting out."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import Category
from domain.preferences import Gather, Preference, Preferences, QuietHours

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NIGHT = QuietHours(time(22), time(7))
PERSON = 7


def wanted(zone: ZoneInfo = BERLIN, **chosen: Preference) -> Preferences:
    return Preferences(zone, {name.replace("every", "*"): preference for name, preference in chosen.items()})


def local(zone: ZoneInfo, *wall: int) -> datetime:
    return datetime(*wall, tzinfo=zone)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("zone", "wall", "ends"),
    [
        (BERLIN, (2026, 1, 10, 23, 0), (2026, 1, 11, 7, 0)),
        (BERLIN, (2026, 1, 11, 6, 59), (2026, 1, 11, 7, 0)),
        (BERLIN, (2026, 3, 28, 23, 0), (2026, 3, 29, 7, 0)),
        (BERLIN, (2026, 10, 24, 23, 0), (2026, 10, 25, 7, 0)),
        (NEW_YORK, (2026, 3, 7, 23, 30), (2026, 3, 8, 7, 0)),
        (NEW_YORK, (2026, 10, 31, 23, 30), (2026, 11, 1, 7, 0)),
    ],
)
def test_quiet_hours_end_at_the_wall_time_whatever_the_clocks_do(
    zone: ZoneInfo, wall: tuple[int, ...], ends: tuple[int, ...]
) -> None:
    found = NIGHT.end_after(local(zone, *wall).astimezone(UTC), zone)
    assert found is not None
    assert found.astimezone(zone) == local(zone, *ends)


@pytest.mark.parametrize("wall", [(2026, 1, 10, 7, 0), (2026, 1, 10, 12, 0), (2026, 1, 10, 21, 59)])
def test_outside_of_the_window_nothing_waits(wall: tuple[int, ...]) -> None:
    assert NIGHT.end_after(local(BERLIN, *wall).astimezone(UTC), BERLIN) is None


def test_a_window_that_ends_inside_a_gap_ends_when_the_clocks_have_moved() -> None:
    until = QuietHours(time(22), time(2, 30)).end_after(local(BERLIN, 2026, 3, 29, 1, 0).astimezone(UTC), BERLIN)
    assert until == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_report_waits_for_the_morning_and_says_why() -> None:
    now = local(BERLIN, 2026, 1, 10, 23, 0).astimezone(UTC)
    decision = wanted(every=Preference(quiet=NIGHT)).decide(Category.REPORT, now, person=PERSON)
    assert timedelta(hours=8) <= decision.not_before - now <= timedelta(hours=8, minutes=3)
    assert decision.reason == "quiet hours until Sun 07:00 CET"


@pytest.mark.parametrize("category", [Category.ALERT, Category.FILL, Category.HEALTH, Category.CODE])
def test_what_is_urgent_passes(category: Category) -> None:
    now = local(BERLIN, 2026, 1, 10, 23, 0).astimezone(UTC)
    chosen = wanted(every=Preference(quiet=NIGHT, gather=Gather.DAILY, muted_until=now + timedelta(days=1)))
    decision = chosen.decide(category, now, person=PERSON)
    assert (decision.not_before, decision.digest_key, decision.suppressed) == (now, None, None)


def test_what_a_person_timed_passes_quiet_hours_but_no_mute() -> None:
    now = local(BERLIN, 2026, 1, 10, 23, 0).astimezone(UTC)
    chosen = wanted(every=Preference(quiet=NIGHT))
    assert chosen.decide(Category.REMINDER, now, person=PERSON, timed_by_user=True).not_before == now
    muted = wanted(every=Preference(muted_until=now + timedelta(hours=2)))
    held = muted.decide(Category.REMINDER, now, person=PERSON, timed_by_user=True)
    assert held.not_before >= now + timedelta(hours=2)
    assert held.reason == "muted until Sun 01:00 CET"


def test_a_category_s_own_choice_goes_before_the_common_one() -> None:
    now = datetime(2026, 1, 10, 12, tzinfo=UTC)
    chosen = wanted(every=Preference(channels=("email",)), report=Preference(opted_out=True))
    assert chosen.decide(Category.REPORT, now, person=PERSON).suppressed == "opted out of report messages"
    assert chosen.decide(Category.FAILURE, now, person=PERSON).channels == ("email",)
    assert chosen.decide(Category.REPORT, now, person=PERSON).channels == ("email",)
    assert Preferences(BERLIN).decide(Category.ALERT, now, person=PERSON).channels == ("telegram",)


def test_digests_close_at_the_full_hour_or_in_the_morning() -> None:
    now = local(BERLIN, 2026, 3, 28, 23, 10).astimezone(UTC)
    hourly = wanted(report=Preference(gather=Gather.HOURLY)).decide(Category.REPORT, now, person=PERSON)
    assert hourly.not_before.astimezone(BERLIN) == local(BERLIN, 2026, 3, 29, 0, 0)
    assert hourly.digest_key == "hourly:report"
    daily = wanted(report=Preference(gather=Gather.DAILY)).decide(Category.REPORT, now, person=PERSON)
    assert daily.not_before.astimezone(BERLIN) == local(BERLIN, 2026, 3, 29, 8, 0)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
    st.times(),
    st.times(),
    st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kolkata")]),
)
def test_a_window_s_end_lies_ahead_within_a_day_and_outside_of_it(
    wall: datetime, begins: time, ends: time, zone: ZoneInfo
) -> None:
    window = QuietHours(begins.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0))
    instant = wall.replace(tzinfo=UTC)
    until = window.end_after(instant, zone)
    if until is not None:
        assert instant - timedelta(hours=1) < until <= instant + timedelta(hours=25)
        if window.begins != window.ends:
            assert window.end_after(max(until, instant), zone) is None or until <= instant
