"""Due times against cronsim (Debian's rules) around every clock change of a set of zones, and the refusals."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cron import CronRefused, parse_cron
from domain.words import describe

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LINES = [
    "* * * * *",
    "*/15 * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 * * * *",
    "0 */2 * * *",
    "*/30 1 * * *",
    "30 1 * * *",
    "30 2 * * *",
    "0,30 2 * * *",
    "0 0 * * *",
    "0 1,3 * * *",
    "15 0-4 * * *",
    "0 9 * * 1-5",
    "0 2 * * 0",
    "30 8 1 * *",
    "0 9 13 * 5",
]
ZONES = {
    "Europe/Berlin": [(2026, 3, 29), (2026, 10, 25)],
    "America/New_York": [(2026, 3, 8), (2026, 11, 1)],
    "Australia/Lord_Howe": [(2026, 4, 5), (2026, 10, 4)],
    "Africa/Cairo": [(2026, 4, 24), (2026, 10, 29)],
    "Africa/Casablanca": [(2026, 2, 15), (2026, 3, 22)],
    "America/Santiago": [(2026, 4, 5), (2026, 9, 6)],
    "Asia/Kolkata": [(2026, 6, 1)],
    "Pacific/Apia": [(2011, 12, 30)],
}


def walked(line: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The slow oracle of real time: every minute, read on the wall, matched against the sets of the line."""
    minutes, hours, days, months, weekdays = (set(column) for column in croniter.expand(line)[0])
    for step in range(1, int((end - start) / timedelta(minutes=1)) + 1):
        wall = (start + timedelta(minutes=step)).astimezone(zone)
        day = wall.day in days or "*" in days
        weekday = wall.isoweekday() % 7 in weekdays or "*" in weekdays
        either = (day or weekday) if "*" not in days | weekdays else (day and weekday)
        right = all(
            "*" in held or value in held
            for value, held in ((wall.minute, minutes), (wall.hour, hours), (wall.month, months))
        )
        if right and either:
            yield start + timedelta(minutes=step)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("line", LINES)
def test_due_times_are_debians_around_a_clock_change(line: str, zone: str) -> None:
    cron, where = parse_cron(line, NOW), ZoneInfo(zone)
    for year, month, day in ZONES[zone]:
        start = datetime(year, month, day, 12, tzinfo=UTC) - timedelta(days=2)
        ours = list(islice(cron.upcoming(start, where), 200))
        end = min(start + timedelta(days=4), ours[-1])
        expected = CronSim(line, start.astimezone(where))
        theirs = [due.astimezone(UTC) for due in islice(expected, 200)]
        if zone == "Australia/Lord_Howe" and not cron.is_fixed_time:
            theirs = list(walked(line, where, start, end))  # cronsim misses times after a fold of half an hour
        assert [due for due in ours if due <= end] == [due for due in theirs if due <= end]


def test_a_fixed_time_in_a_gap_runs_once_at_the_first_valid_instant() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    due = parse_cron("30 2 * * *", NOW).next_after(datetime(2026, 3, 28, 12, tzinfo=UTC), berlin)
    assert due == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_fixed_time_in_a_fold_runs_in_the_first_pass_only() -> None:
    new_york = ZoneInfo("America/New_York")
    days = list(islice(parse_cron("30 1 * * *", NOW).upcoming(datetime(2026, 11, 1, tzinfo=UTC), new_york), 2))
    assert days == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 2, 6, 30, tzinfo=UTC)]


@settings(max_examples=60, deadline=None)
@given(
    line=st.sampled_from(LINES),
    zone=st.sampled_from(sorted(ZONES)),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_due_times_increase_and_do_not_depend_on_where_one_starts(line: str, zone: str, start: datetime) -> None:
    cron, where = parse_cron(line, NOW), ZoneInfo(zone)
    due = list(islice(cron.upcoming(start, where), 12))
    assert all(earlier < later for earlier, later in zip(due, due[1:], strict=False))
    assert list(islice(cron.upcoming(due[4], where), 7)) == due[5:]


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("61 * * * *", 1, "0 to 59"),
        ("0 24 * * *", 2, "0 to 23"),
        ("0 9 0 * *", 3, "1 to 31"),
        ("0 9 * 13 *", 4, "1 to 12"),
        ("0 9 * * 8", 5, "0 to 7"),
        ("0 9 * * mox", 5, "weekday"),
        ("0 9 * * 5-1", 5, "5-6,0-1"),
        ("*/0 * * * *", 1, "from 1"),
        ("*/90 * * * *", 1, "*/30"),
        ("0-10/40 * * * *", 1, "larger"),
        ("5/10 * * * *", 1, "5-59/10"),
        ("h h * * *", 1, "minute"),
        ("r r * * *", 1, "minute"),
        ("0 0 30 2 *", 3, "never"),
        ("٣ * * * *", 1, "minute"),
        ("1e3 * * * *", 1, "minute"),
    ],
)
def test_a_bad_column_is_named_with_a_way_out(line: str, column: int, says: str) -> None:
    with pytest.raises(CronRefused, match=says.replace("*", r"\*")) as refused:
        parse_cron(line, NOW)
    assert refused.value.column == column


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("0 9 * * 1#1,3", 5, "can't be mixed"),
        ("0 9 * * L5,1", 5, "can't be mixed"),
        ("0 9 13 * 5#1", 3, "0 9 * * 5#1"),
        ("0 9 L * L5", 3, "0 9 * * L5"),
    ],
)
def test_what_croniter_would_read_otherwise_is_refused(line: str, column: int, says: str) -> None:
    with pytest.raises(CronRefused, match=says.replace("*", r"\*")) as refused:
        parse_cron(line, NOW)
    assert refused.value.column == column


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("0 9 5-5 * *", "0 9 5 * *"),
        ("5-5 * * * *", "5 * * * *"),
        ("0 9 * * 7-7", "0 9 * * 0"),
        ("0 9 5-5/1 * *", "0 9 5 * *"),
        ("*/1 * 13 * */1", "* * 13 * *"),
        ("0 9 *,3 * 5", "0 9 * * 5"),
    ],
)
def test_a_range_of_one_and_a_step_of_one_mean_what_they_say(line: str, kept: str) -> None:
    assert parse_cron(line, NOW).text == kept


@pytest.mark.parametrize(
    "line", ["", "* * * *", "0 0 9 * * 1", "0 0 1 1 * 0 1970", "@reboot", "@every 5m", "1," * 60 + "1 * * * *"]
)
def test_what_is_no_cron_line_is_refused_with_an_example_or_suggestion(line: str) -> None:
    with pytest.raises(CronRefused, match=r"Example|Did you mean|at most"):
        parse_cron(line, NOW)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("30 8 * * 1-5", "every weekday at 08:30"),
        ("30 8 * * mon-fri", "every weekday at 08:30"),
        ("0 9 * * *", "every day at 09:00"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:45, every weekday"),
        ("0 * * * *", "every hour"),
        ("5 * * * *", "every hour at minute 5"),
        ("0 9,17 * * 1,3", "every Monday and Wednesday at 09:00 and 17:00"),
        ("0 9 1,15 * *", "on the 1st and 15th of the month at 09:00"),
        ("0 9 L * *", "on the last day of the month at 09:00"),
        ("0 9 * * 1#1", "on the first Monday of the month at 09:00"),
        ("0 9 13 * 5", "on the 13th of the month or Friday (whichever comes, not only both) at 09:00"),
        ("0 9 * 1,7 *", "every day in January and July at 09:00"),
        ("0 9-17 * * *", "every hour from 09:00 to 17:00"),
        ("@weekly", "every Sunday at 00:00"),
        ("0 12 * * 7", "every Sunday at 12:00"),
    ],
)
def test_a_line_is_said_in_words(line: str, words: str) -> None:
    assert describe(parse_cron(line, NOW)) == words


def test_the_shortest_interval_is_found() -> None:
    assert parse_cron("0,5 9 * * *", NOW).shortest_interval(NOW, ZoneInfo("UTC")) == timedelta(minutes=5)
