"""The columns of a cron line as sets of numbers, and the next wall time that they hold.

croniter reads a line in 70 µs and steps in 40; a scheduler with ten thousand lines due at one instant has no time for
that. Lines with ``#`` or ``L`` are left to croniter, all others step here, and the tests hold the two together.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from functools import lru_cache

MINUTE = timedelta(minutes=1)
YEARS = 6
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True, slots=True)
class Columns:
    """`days` and `weekdays` are None where every day is right; where both are given, either is enough."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: AbstractSet[int]
    days: AbstractSet[int] | None
    weekdays: AbstractSet[int] | None

    def next_after(self, wall: datetime) -> datetime | None:
        """The first wall time after `wall` that the columns hold; None when none comes within six years."""
        start = wall.replace(second=0, microsecond=0, fold=0) + MINUTE
        day = start.date()
        if self._holds(day):
            found = self._on(start)
            if found is not None:
                return found
        next_day = self._day_after(day)
        if next_day is None:
            return None
        return datetime(next_day.year, next_day.month, next_day.day, self.hours[0], self.minutes[0])  # noqa: DTZ001 - a wall time

    def _on(self, start: datetime) -> datetime | None:
        """The first time from `start` on that day."""
        place = bisect_left(self.hours, start.hour)
        if place < len(self.hours) and self.hours[place] == start.hour:
            minute = bisect_left(self.minutes, start.minute)
            if minute < len(self.minutes):
                return start.replace(minute=self.minutes[minute])
            place = bisect_right(self.hours, start.hour)
        if place == len(self.hours):
            return None
        return start.replace(hour=self.hours[place], minute=self.minutes[0])

    def _day_after(self, day: date) -> date | None:
        last = min(day.year + YEARS, MAXYEAR - 1)
        number = day.toordinal() + 1
        while True:
            day = date.fromordinal(number)
            if day.year > last:
                return None
            if day.month not in self.months:
                number += 32 - day.day
                number -= date.fromordinal(number).day - 1  # the first of the next month
            elif self._holds(day):
                return day
            else:
                number += 1

    def _holds(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        if self.days is None:
            return self.weekdays is None or day.toordinal() % 7 in self.weekdays
        return day.day in self.days or (self.weekdays is not None and day.toordinal() % 7 in self.weekdays)


@lru_cache(maxsize=16384)
def columns_of(line: str) -> Columns | None:
    """The columns of a line in the form in which it is kept; None where only croniter can say what they hold."""
    if "#" in line or "L" in line:
        return None
    texts = line.split(" ")
    minutes, hours, days, months, weekdays = (_numbers(text, *at) for text, at in zip(texts, _BOUNDS, strict=True))
    weekdays = frozenset(number % 7 for number in weekdays)
    day, weekday = texts[2], texts[4]
    # As croniter has it: a column that holds everything is a star only beside a star.
    any_day = day == "*" or (len(days) == 31 and "*" in weekday)
    any_weekday = weekday == "*" or (len(weekdays) == 7 and "*" in day)
    return Columns(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        months,
        None if any_day else days,
        None if any_weekday else weekdays,
    )


@lru_cache(maxsize=4096)
def _numbers(text: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for item in text.split(","):
        whole, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if whole == "*" else whole).partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return frozenset(found)
