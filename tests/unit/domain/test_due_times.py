"""What holds for every timing: due times increase, none is missing, none comes twice; and what becomes of each."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, islice, pairwise, takewhile
from zoneinfo import available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from domain.calendars import Session, Sessions, SessionsUnknown
from domain.cron import CronRefused, parse_cron
from domain.due_plan import MOST_PER_STEP, ON_TIME, DuePlan, plan_due
from domain.errors import InvalidInput
from domain.timing import Due, Timing, parse_timing
from tests.unit.domain.lines import LINES, NOW, PROPERTY, VOCABULARY

MINUTE = timedelta(minutes=1)
FIRST_DAY = date(2025, 12, 1)


def _weekday_sessions() -> Sessions:
    """Two years of weekdays from 14:30 to 21:00, each seventh one closing early, some Mondays shut."""
    held: list[Session] = []
    for number in range(730):
        day = FIRST_DAY + timedelta(days=number)
        if day.weekday() < 5 and not (day.weekday() == 0 and day.day < 8):
            opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
            early = number % 7 == 4
            held.append(Session("XNYS", day, opens, opens + timedelta(hours=3.5 if early else 6.5), early))
    return Sessions({"XNYS": held}, {"XNYS": {}})


SESSIONS = _weekday_sessions()
STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)
ZONES = st.sampled_from(sorted(name for name in available_timezones() if "/" in name))
FREQUENT = st.sampled_from(
    ["* * * * *", "*/15 * * * *", "0 * * * *", "30 1 * * *", "30 2 * * *", "0 9 * * 1-5", "*/30 1-3 * * *", "0 0 * * *",
     "15 */2 * * *", "0,30 2 * * *", "0 9,17 * * *", "0 9 1,15 * *", "0 9 * * L5", "*/20 9-16 * * 1-5"]
)  # fmt: skip
EVENTS = st.builds(
    lambda kind, minutes: f"@{kind}(XNYS)" + (f"{minutes:+}m" if minutes else ""),
    st.sampled_from(["open", "close"]),
    st.integers(-720, 720),
)


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    calendar, hours_only = draw(st.sampled_from([(None, False), ("XNYS", False), ("XNYS", True)]))
    event = draw(st.integers(0, 5)) == 0
    timing = Timing(
        draw(EVENTS) if event else draw(FREQUENT),
        draw(ZONES),
        calendar=None if event else calendar,
        hours_only=hours_only and not event,
        jitter_s=draw(st.sampled_from([0, 0, 30, 600, 3600])),
        seed=draw(st.integers(0, 10**6)),
        starts_at=draw(st.none() | STARTS),
        ends_at=draw(st.none() | STARTS),
    )
    assume(not _misses_the_hours(timing))
    return timing


def _misses_the_hours(timing: Timing) -> bool:
    try:
        timing.next_after(datetime(2026, 11, 1, tzinfo=UTC), SESSIONS)
    except SessionsUnknown:
        return True
    return False


def first(timing: Timing, after: datetime, count: int) -> list[Due]:
    """The first due times; none where the sessions that are known here end before them."""
    try:
        return list(islice(timing.upcoming(after, SESSIONS), count))
    except SessionsUnknown:
        return []


@settings(PROPERTY, max_examples=300)
@given(timings(), STARTS)
def test_due_times_increase_and_do_not_depend_on_where_one_starts(timing: Timing, start: datetime) -> None:
    due = first(timing, start, 12)
    assert all(start < one.at for one in due)
    assert all(earlier.at < later.at for earlier, later in pairwise(due))
    for place, one in enumerate(due):
        assert first(timing, one.at, 12 - place - 1) == due[place + 1 :]
        assert first(timing, one.at - timedelta(seconds=1), 1) == [one]


@settings(PROPERTY, max_examples=200)
@given(timings(), STARTS, st.lists(st.integers(0, 14 * 24 * 60), max_size=12))
def test_none_is_missing_whenever_one_asks(timing: Timing, start: datetime, minutes: list[int]) -> None:
    due = first(timing, start, 120)
    assume(due)
    for after in sorted(start + number * MINUTE for number in minutes):
        if after < due[-1].at:
            assert first(timing, after, 1) == [next(one for one in due if one.at > after)]


@settings(PROPERTY, max_examples=200)
@given(timings(), STARTS)
def test_jitter_moves_a_start_less_than_asked_and_never_past_the_next_due_time(timing: Timing, start: datetime) -> None:
    due = first(timing, start, 10)
    for one, following in pairwise(due):
        assert one.at <= one.not_before < one.at + timedelta(seconds=max(timing.jitter_s, 1))
        assert one.not_before < following.at
    assert first(timing, start, 10) == due
    assert [timing.due_at(one.at, SESSIONS) for one in due] == due


@settings(PROPERTY, max_examples=200)
@given(timings(), STARTS)
def test_start_and_end_dates_cut_the_due_times_and_change_none(timing: Timing, start: datetime) -> None:
    free = Timing(timing.expression, timing.timezone, timing.calendar, timing.hours_only)
    kept = [
        one.at
        for one in first(free, start, 150)
        if (timing.starts_at is None or one.at >= timing.starts_at)
        and (timing.ends_at is None or one.at <= timing.ends_at)
    ]
    found = [one.at for one in first(timing, start, 150)]
    assert found[: len(kept)] == kept
    assert not (timing.ends_at and len(found) > len(kept) and found[-1] > timing.ends_at)


@settings(PROPERTY, max_examples=100)
@given(timings(), STARTS, st.integers(0, 300), st.integers(0, 10**6))
def test_the_newest_due_time_is_found_without_counting(timing: Timing, start: datetime, place: int, later: int) -> None:
    due = first(timing, start, 300)
    assume(len(due) > 1)
    place = min(place, len(due) - 2)
    end = due[place].at + min(timedelta(seconds=later), due[place + 1].at - due[place].at - timedelta(seconds=1))
    assert timing.last_until(end, due[0].at, SESSIONS) == due[place]


@settings(PROPERTY, max_examples=200)
@given(LINES, ZONES, STARTS)
def test_a_fixed_time_line_names_each_wall_time_once(line: str, timezone: str, start: datetime) -> None:
    try:
        timing = Timing(parse_cron(line, NOW).text, timezone)
    except CronRefused:
        assume(False)
    due = first(timing, start, 20)
    slots = [one.local_slot for one in due]
    assert (None not in slots) if timing.is_fixed_time else set(slots) <= {None}
    assert len(set(slots)) == len(slots) or not timing.is_fixed_time
    assert [timing.due_at(one.at).local_slot for one in due] == slots


@pytest.mark.parametrize(
    ("line", "after", "due", "mark"),
    [
        ("30 2 * * *", datetime(2026, 3, 28, 12), datetime(2026, 3, 29, 1),
         "02:30 does not exist on that day: the clocks go forward"),
        ("30 2 * * *", datetime(2026, 10, 24, 12), datetime(2026, 10, 25, 0, 30),
         "the first 02:30: the clocks go back"),
        ("*/30 2 * * *", datetime(2026, 10, 25, 0), datetime(2026, 10, 25, 0, 30),
         "the first 02:30: the clocks go back"),
        ("*/30 2 * * *", datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 1),
         "the second 02:00: the clocks go back"),
        ("30 3 * * *", datetime(2026, 3, 28, 12), datetime(2026, 3, 29, 1, 30), None),
        ("30 2 * * *", datetime(2026, 3, 29, 12), datetime(2026, 3, 30, 0, 30), None),
    ],
)  # fmt: skip
def test_what_a_clock_change_does_to_a_due_time_is_marked(
    line: str, after: datetime, due: datetime, mark: str | None
) -> None:
    timing = Timing(line, "Europe/Berlin")
    found = timing.next_after(after.replace(tzinfo=UTC))
    assert found is not None
    assert (found.at, found.mark) == (due.replace(tzinfo=UTC), mark)
    assert timing.due_at(found.at) == found


@st.composite
def outages(draw: st.DrawFn) -> tuple[Timing, datetime, list[timedelta], str, timedelta]:
    timing = draw(timings())
    longest = 240 if timing.expression.startswith("*") else 36 * 60
    steps = st.one_of(
        st.integers(0, 90).map(lambda seconds: timedelta(seconds=seconds)),
        st.integers(1, longest).map(lambda minutes: timedelta(minutes=minutes)),
        st.integers(-600, -1).map(lambda seconds: timedelta(seconds=seconds)),
    )
    clock = draw(st.lists(steps, min_size=1, max_size=14))
    catch_up = draw(st.sampled_from(["skip", "latest", "all"]))
    return timing, draw(STARTS), clock, catch_up, timedelta(minutes=draw(st.sampled_from([1, 2, 60, 720, 100000])))


def plans(
    timing: Timing, start: datetime, clock: Iterable[timedelta], catch_up: str, window: timedelta
) -> list[DuePlan]:
    """Plan step by step as the scheduler does, with a clock that goes on, stands, and is set back."""
    made: list[DuePlan] = []
    found = timing.next_after(start, SESSIONS)
    cursor, now, last = (found.at if found else None), start, None
    for step in [*clock, timedelta(0), timedelta(0)]:
        now += step
        while cursor is not None and cursor <= now:
            plan = plan_due(
                timing, cursor, now, SESSIONS, catch_up=catch_up, window=window, shortest=MINUTE, last_planned=last
            )
            made.append(plan)
            assert len(plan.runs) + len(plan.skipped) <= 2 * MOST_PER_STEP + 2
            assert plan.more == (plan.cursor is not None and plan.cursor <= now)
            assert plan.cursor is None or plan.cursor > cursor
            cursor, last = plan.cursor, plan.last_planned
    return made


@settings(PROPERTY, max_examples=150)
@given(outages())
def test_each_due_time_becomes_one_run_or_one_reason_whatever_the_clock_does(
    outage: tuple[Timing, datetime, list[timedelta], str, timedelta],
) -> None:
    timing, start, clock, catch_up, window = outage
    made = plans(timing, start, clock, catch_up, window)
    latest = start + max(accumulate(clock, initial=timedelta(0)))
    due = [one.at for one in takewhile(lambda one: one.at <= latest, timing.upcoming(start, SESSIONS))]
    seen: list[datetime] = [run.due.at for plan in made for run in plan.runs]
    for skipped in (skipped for plan in made for skipped in plan.skipped):
        until = skipped.covers_until or skipped.due.at
        seen += [at for at in due if skipped.due.at <= at <= until]
    assert sorted(seen) == due


@settings(PROPERTY, max_examples=150)
@given(outages())
def test_catching_up_keeps_to_its_policy_and_window(
    outage: tuple[Timing, datetime, list[timedelta], str, timedelta],
) -> None:
    timing, start, clock, catch_up, window = outage
    found = timing.next_after(start, SESSIONS)
    assume(found is not None)
    assert found is not None
    now = found.at + sum((max(step, timedelta(0)) for step in clock), timedelta(0))
    plan = plan_due(
        timing, found.at, now, SESSIONS, catch_up=catch_up, window=window, shortest=MINUTE, last_planned=None
    )
    late = [run for run in plan.runs if run.due.at < now - ON_TIME]
    assert all(run.catch_up == (run in late) for run in plan.runs)
    assert all(run.due.at >= now - window for run in late)
    assert all(run.due.left_out is None for run in plan.runs)
    assert len(late) <= {"skip": 0, "latest": 1, "all": MOST_PER_STEP}[catch_up]
    assert all(skipped.reason != "no_session" or skipped.text for skipped in plan.skipped)
    assert sum(skipped.covers_until is not None for skipped in plan.skipped) <= 1


def test_a_year_of_missed_minutes_is_planned_in_a_bounded_step() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    plan = plan_due(
        Timing("* * * * *", "Europe/Berlin"), now - timedelta(days=365), now, catch_up="latest",
        window=timedelta(hours=1), shortest=MINUTE, last_planned=None,
    )  # fmt: skip
    assert [run.due.at for run in plan.runs] == [now]
    assert len(plan.skipped) == MOST_PER_STEP + 1
    assert plan.skipped[-1].covers_until == now - MINUTE
    assert not plan.more


PIECES = ("*", "*/15", "@open(NYSE)-15m", "@daily", "L", "1#2")


@settings(PROPERTY, max_examples=400)
@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from([*VOCABULARY, *PIECES]), max_size=9).map(" ".join)
    | st.text(alphabet="0123456789*/,-#L @monfriseph", max_size=40)
)  # fmt: skip
@example("@")
@example("@open()")
@example("@close(XNYS)+99999m")
@example("0 0 30 2 *")
@example("0 9 * * 1#1,3")
@example("\x00")
@example("²³ * * * *")
def test_any_text_is_a_timing_or_a_refusal_in_a_sentence(text: str) -> None:
    try:
        timing = parse_timing(text, timezone="Europe/Berlin", now=NOW, sessions=SESSIONS)
    except InvalidInput as refused:
        sentence = str(refused)
    else:
        sentence = timing.words
        assert parse_timing(timing.expression, timezone="Europe/Berlin", now=NOW).expression == timing.expression
    assert sentence


@pytest.mark.parametrize(
    ("text", "expression", "calendar", "timezone"),
    [
        ("30 8 * * mon-fri", "30 8 * * 1-5", None, "Europe/Berlin"),
        ("@daily", "0 0 * * *", None, "Europe/Berlin"),
        ("@Open(nyse) - 15", "@open(XNYS)-15m", None, "Europe/Berlin"),
        ("@close(london)+1h", "@close(XLON)+60m", None, "Europe/Berlin"),
        ("*/15 * * * 1-5 during NYSE hours", "*/15 * * * 1-5", "XNYS", "Europe/Berlin"),
        ("10 16 * * * on NYSE days in New York", "10 16 * * *", "XNYS", "America/New_York"),
        ("mon, tue, wed, thu, fri at 9", "0 9 * * 1-5", None, "Europe/Berlin"),
        ("every weekday at 8:30 in Tokyo", "30 8 * * 1-5", None, "Asia/Tokyo"),
    ],
)
def test_a_timing_is_read_from_lines_and_words(text: str, expression: str, calendar: str | None, timezone: str) -> None:
    timing = parse_timing(text, timezone="Europe/Berlin", now=NOW)
    assert (timing.expression, timing.calendar, timing.timezone) == (expression, calendar, timezone)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30 8 * * 1-5 on NYZE days", "not “on NYZE days” behind it"),
        ("*/5 * * * * GOLD", "Did you mean: */5 * * * *"),
        ("0 0 9 * * 1", "Did you mean: 0 9 * * 1"),
        ("@open(NYSE)-15m GOLD", "not “ GOLD” behind it"),
        ("@open(NYSE)-13h", "12 hours"),
        ("@open(Atlantis)", "I know"),
        ("x" * 300, "200 characters"),
    ],
)
def test_a_timing_that_cannot_be_read_says_what_it_is_about(text: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_timing(text, timezone="Europe/Berlin", now=NOW)
    assert says in str(refused.value)


def test_due_times_end_where_the_sessions_are_not_known_and_asking_further_says_so() -> None:
    timing = Timing("@open(XNYS)", "UTC")
    due = list(timing.upcoming(datetime(2026, 1, 1, tzinfo=UTC), SESSIONS))
    assert due[-1].at.date() == SESSIONS.known_until("XNYS")
    with pytest.raises(SessionsUnknown):
        timing.next_after(due[-1].at, SESSIONS)
