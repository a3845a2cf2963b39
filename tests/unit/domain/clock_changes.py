"""Every change of an offset that time zones make in the years 2020 to 2036, each once however many zones share it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
LAST = datetime(2037, 1, 1, tzinfo=UTC)
STEP = timedelta(days=5)


@dataclass(frozen=True)
class ClockChange:
    """At `at` the clocks go from one offset to another; `zone` is the first zone by name in which they do."""

    at: datetime
    before: timedelta
    after: timedelta
    zone: str

    @property
    def shift(self) -> timedelta:
        return self.after - self.before

    @property
    def is_of_whole_hours(self) -> bool:
        """Whether the clocks move by hours, at an hour; not so on Lord Howe, on Chatham and at Casey."""
        hour = timedelta(hours=1)
        wall = self.at + self.before
        return not (self.shift % hour or wall.minute or wall.second)

    @property
    def shape(self) -> tuple[object, ...]:
        """What tells one change from another for a cron line: the wall time and how far the clocks move."""
        return (self.at + self.before).time(), self.shift


@cache
def clock_changes() -> tuple[ClockChange, ...]:
    """All changes, in order; zones that change alike at one instant count once."""
    found: dict[tuple[object, ...], ClockChange] = {}
    for name in sorted(available_timezones()):
        for change in _of_zone(name):
            found.setdefault((change.at, change.before, change.after), change)
    return tuple(sorted(found.values(), key=lambda change: (change.at, change.zone)))


def _of_zone(name: str) -> Iterator[ClockChange]:
    zone = ZoneInfo(name)
    at, before = FIRST, _offset(FIRST, zone)
    while at < LAST:
        at += STEP
        after = _offset(at, zone)
        if after != before:
            yield ClockChange(_instant_of_change(at - STEP, at, zone), before, after, name)
            before = after


def _instant_of_change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if _offset(middle, zone) == _offset(high, zone):
            high = middle
        else:
            low = middle
    return high


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
