"""Due times against cronsim (which follows Debian's cron) around every clock change of every time zone, 2020 to 2036.

`make test` takes a sample of the changes; ``OPENBELL_ORACLE=all``, as `.ci/run` has it, takes them all.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim

from domain.cron import Cron, parse_cron
from tests.unit.domain.clock_changes import ClockChange, clock_changes

NOW = datetime(2020, 1, 1, tzinfo=UTC)
SAMPLE = 30
DENSE = (
    "* * * * *", "*/2 * * * *", "*/5 * * * *", "*/7 * * * *", "*/10 * * * *", "0-59 * * * *", "*/15,7 * * * *",
    "1-59/2 * * * *", "*/5 0-4 * * *", "* 2 * * *", "*/7 1-3 * * *", "0-29 2 * * *", "*/2 */2 * * *", "*/15 * * * *",
    "*/20 * * * *", "*/30 * * * *", "5,35 * * * *",
)  # fmt: skip
SPARSE = (
    "0 * * * *", "30 * * * *", "45 * * * *", "59 * * * *", "0 */2 * * *", "30 */2 * * *", "0 */3 * * *",
    "15 */4 * * *", "0 */5 * * *", "0 */12 * * *", "*/30 1 * * *", "*/30 2 * * *", "*/15 2 * * *", "*/20 0 * * *",
    "*/30 23 * * *", "0 0 * * *", "1 0 * * *", "30 0 * * *", "59 23 * * *", "0 1 * * *", "30 1 * * *", "59 1 * * *",
    "0 2 * * *", "15 2 * * *", "30 2 * * *", "45 2 * * *", "0 3 * * *", "30 3 * * *", "15 4 * * *", "0,30 1 * * *",
    "0,30 2 * * *", "0,15,30,45 2 * * *", "0 1,3 * * *", "30 1,2,3 * * *", "30 22,23,0,1 * * *", "0 0-4 * * *",
    "15 0-4 * * *", "0 0-23 * * *", "30 0-23/3 * * *", "0 9 * * *", "0 12 * * 1-5", "30 2 * * 0", "30 2 * * 6",
    "0 0 * * 0", "30 1 * * 0,6", "0 9 * * 1-5", "30 2 1-7 * *", "30 2 25-31 * *", "0 0 1 * *", "30 2 L * *",
    "30 2 * 3 *", "30 1 * 10,11 *", "30 2 * * 0#2", "30 1 * * 0#1", "0 2 13 * 5", "30 2 28 * 0", "*/30 2 28 * 0",
)  # fmt: skip


def test_the_corpus_has_at_least_sixty_lines_of_both_kinds() -> None:
    crons = [parse_cron(line, NOW) for line in DENSE + SPARSE]
    assert len(set(crons)) >= 60
    assert min(sum(cron.is_fixed_time for cron in crons), sum(not cron.is_fixed_time for cron in crons)) >= 20


def changes() -> list[ClockChange]:
    """All changes; in a sample each shape at least once, and others by chance that is always the same."""
    found = clock_changes()
    if os.environ.get("OPENBELL_ORACLE") == "all":
        return list(found)
    shapes = {change.shape: change for change in found}
    return [*shapes.values(), *Random(2036).sample(found, SAMPLE)]


def test_every_kind_of_change_is_among_them() -> None:
    shifts = {change.shift for change in changes()}
    assert {timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2), timedelta(hours=3)} <= shifts
    assert {-shift for shift in shifts} == shifts


@pytest.mark.parametrize("line", DENSE + SPARSE)
def test_due_times_are_debians_around_every_clock_change(line: str) -> None:
    cron = parse_cron(line, NOW)
    wrong = [
        (change, ours, theirs)
        for change in changes()
        if (ours := list(due_times(cron, change))) != (theirs := list(expected(cron, change)))
    ]
    assert not wrong, f"{len(wrong)} of {len(changes())}: {wrong[0]}"


def due_times(cron: Cron, change: ClockChange) -> Iterator[datetime]:
    start, end = window(cron, change)
    yield from takewhile(lambda due: due <= end, cron.upcoming(start, ZoneInfo(change.zone)))


def expected(cron: Cron, change: ClockChange) -> Iterator[datetime]:
    """cronsim's due times; for a wildcard line around a change of part of an hour, what real time says (see 0005)."""
    zone, (start, end) = ZoneInfo(change.zone), window(cron, change)
    if change.is_of_whole_hours or cron.is_fixed_time:
        theirs = (due.astimezone(UTC) for due in CronSim(cron.text, start.astimezone(zone)))
        yield from takewhile(lambda due: due <= end, theirs)
    else:
        yield from walked(cron.text, zone, start, end)


def window(cron: Cron, change: ClockChange) -> tuple[datetime, datetime]:
    at = change.at.replace(second=0)
    if cron.text in DENSE:
        return at - timedelta(hours=2), at + timedelta(hours=2) + abs(change.shift)
    if change.is_of_whole_hours or cron.is_fixed_time:
        return at - timedelta(days=2), at + timedelta(days=2)
    return at - timedelta(hours=12), at + timedelta(hours=12)


def walked(line: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The slow oracle of real time: every minute, read on the wall, matched against the sets of the line."""
    minutes, hours, days, months, weekdays = (frozenset(column) for column in croniter.expand(line)[0])
    for step in range(1, int((end - start) / timedelta(minutes=1)) + 1):
        wall = (start + timedelta(minutes=step)).astimezone(zone)
        if not (held(wall.minute, minutes) and held(wall.hour, hours) and held(wall.month, months)):
            continue
        day, weekday = held(wall.day, days), held(wall.isoweekday() % 7, weekdays)
        if (day and weekday) if "*" in days | weekdays else (day or weekday):
            yield start + timedelta(minutes=step)


def held(value: int, by: frozenset[object]) -> bool:
    return "*" in by or value in by
