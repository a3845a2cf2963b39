"""How a timing is said in any language: which case a cron line is, is decided here; a language brings the words."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar

from domain.cron import Cron
from domain.words_parts import (
    EVENT,
    MOST_TIMES,
    clock_time,
    exchange_name,
    is_list_of_stars,
    is_run,
    numbers,
    plain,
    runs,
)

WORKING_DAYS = [1, 2, 3, 4, 5]


class Speaker(ABC):
    """One language's words for timings; braces stand for what is put in."""

    DAYS: ClassVar[tuple[str, ...]]
    """From Sunday."""
    MONTHS: ClassVar[tuple[str, ...]]
    NTH: ClassVar[tuple[str, ...]]
    """Of the month's weekdays, from 1."""

    AND: ClassVar[str]
    PACES: ClassVar[tuple[str, ...]]
    """With what a pace begins, which other times do not."""
    EVERY_MINUTE: ClassVar[str]
    EVERY_MINUTES: ClassVar[str]
    EVERY_HOUR: ClassVar[str]
    EVERY_HOURS: ClassVar[str]
    FROM_EACH_HOUR: ClassVar[str]
    FROM_MIDNIGHT: ClassVar[str]
    IN_EVERY_NTH_HOUR: ClassVar[str]
    BETWEEN: ClassVar[str]
    IN_HOURS: ClassVar[str]
    AT: ClassVar[str]
    AT_MINUTE: ClassVar[str]
    AT_MINUTES: ClassVar[str]
    PAST_HOUR: ClassVar[str]
    PAST_HOURS: ClassVar[str]
    EVERY_ONE: ClassVar[str]
    EVERY_NTH: ClassVar[str]
    RANGE: ClassVar[str]
    STEPS: ClassVar[str]

    EVERY_DAY: ClassVar[str]
    EVERY_WEEKDAY: ClassVar[str]
    EVERY_DAYS: ClassVar[str]
    ON_WEEKDAYS_OF_MONTH: ClassVar[str]
    LAST_WEEKDAY: ClassVar[str]
    NTH_WEEKDAY: ClassVar[str]
    ON_LAST_DAY: ClassVar[str]
    EVERY_NTH_DAY: ClassVar[str]
    ON_DAYS: ClassVar[str]
    EITHER_DAY: ClassVar[str]
    IN_MONTHS: ClassVar[str]

    DURING: ClassVar[str]
    TRADING_DAY: ClassVar[str]
    TRADING_DAYS_ONLY: ClassVar[str]
    MINUTES: ClassVar[tuple[str, str]]
    """One and many, as a span of time; HOURS likewise."""
    HOURS: ClassVar[tuple[str, str]]

    @abstractmethod
    def ordinal(self, number: int) -> str:
        """``2nd``."""

    @abstractmethod
    def bell(self, kind: str, exchange: str, before: str, after: str) -> str:
        """At, so long `before`, or so long `after` the ``open`` or ``close`` of an exchange."""

    @abstractmethod
    def describe_once(self, wall: datetime) -> str:
        """A single time."""

    @abstractmethod
    def describe_coming(self, weekday: int | None, day: int, clock: str) -> str:
        """The first such day that comes."""

    @abstractmethod
    def describe_day(self, year: int | None, month: int, day: int, clock: str) -> str:
        """A date."""

    def after_or(self, weekdays: str) -> str:
        """Days of the week, as they stand behind "or"."""
        return weekdays

    def describe(self, cron: Cron) -> str:
        """`cron` in words; where two day columns mean "either", it says so."""
        minute, hour, day, month, weekday = cron.columns
        clock, days, months = self._clock(minute, hour), self._days(day, weekday), self._months(month)
        if clock.startswith(self.PACES):
            return clock + ("" if days == self.EVERY_DAY else f", {days}") + months
        return f"{days}{months} {clock}"

    def describe_timing(self, expression: str, calendar: str | None, hours_only: bool) -> str:
        """What a timing's parts say together."""
        said = self._event(expression) if expression.startswith("@") else self.describe(Cron(expression))
        if calendar is None:
            return said
        name = exchange_name(calendar)
        if hours_only:
            return self.DURING.format(said=said, name=name)
        if said.startswith(f"{self.EVERY_DAY} {self.AT.format(times='')}"):
            return self.TRADING_DAY.format(name=name) + said.removeprefix(self.EVERY_DAY)
        return self.TRADING_DAYS_ONLY.format(said=said, name=name)

    def join(self, parts: list[str]) -> str:
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {self.AND} {parts[-1]}"

    def _event(self, expression: str) -> str:
        read = EVENT.fullmatch(expression)
        if read is None:
            return expression
        kind, code, sign, minutes = read.groups()
        span = self._span(int(minutes)) if minutes and int(minutes) else ""
        before, after = (span, "") if sign == "-" else ("", span)
        return self.bell(kind, exchange_name(code), before, after)

    def _span(self, minutes: int) -> str:
        count, (one, many) = (minutes, self.MINUTES) if minutes % 60 else (minutes // 60, self.HOURS)
        return f"{count} {one if count == 1 else many}"

    def _clock(self, minute: str, hour: str) -> str:
        minute, hour = plain(minute), plain(hour)
        if is_list_of_stars(minute) or is_list_of_stars(hour):
            return self._itemised(minute, hour)
        if minute.startswith("*"):
            return self._pace_of_minutes(minute, hour)
        if hour.startswith("*"):
            return self._pace_of_hours(numbers(minute, 0, 59), hour)
        return self._times(numbers(minute, 0, 59), numbers(hour, 0, 23))

    def _pace_of_minutes(self, minute: str, hour: str) -> str:
        step = int(minute[2:] or 1)
        pace = self.EVERY_MINUTE if step == 1 else self.EVERY_MINUTES.format(n=step)
        if 60 % step:
            pace += f" {self.FROM_EACH_HOUR}"
        if hour == "*":
            return pace
        if hour.startswith("*/"):
            return f"{pace} {self.IN_EVERY_NTH_HOUR.format(nth=self.ordinal(int(hour[2:])))}"
        hours, last = numbers(hour, 0, 23), numbers(minute, 0, 59)[-1]
        if is_run(hours):
            return f"{pace} {self.BETWEEN.format(first=clock_time(hours[0], 0), last=clock_time(hours[-1], last))}"
        return f"{pace} {self.IN_HOURS.format(hours=self.join([f'{h:02}' for h in hours]))}"

    def _pace_of_hours(self, minutes: list[int], hour: str) -> str:
        if len(minutes) == 60:
            return self._pace_of_minutes("*", hour)
        step = int(hour[2:] or 1)
        pace = self.EVERY_HOUR if step == 1 else self.EVERY_HOURS.format(n=step)
        if 24 % step:
            pace += f" {self.FROM_MIDNIGHT}"
        if minutes == [0]:
            return pace
        at = self.AT_MINUTE if len(minutes) == 1 else self.AT_MINUTES
        return f"{pace} {at.format(minutes=self.join([str(m) for m in minutes]))}"

    def _times(self, minutes: list[int], hours: list[int]) -> str:
        times = [clock_time(h, m) for h in hours for m in minutes]
        if len(times) <= MOST_TIMES:
            return self.AT.format(times=self.join(times))
        if len(minutes) == 1 and is_run(hours):
            return f"{self.EVERY_HOUR} {self.BETWEEN.format(first=times[0], last=times[-1])}"
        return self._itemised(runs(minutes), runs(hours))

    def _itemised(self, minute: str, hour: str) -> str:
        at = self.AT_MINUTE if minute.isdigit() else self.AT_MINUTES
        past = self.PAST_HOUR if hour.isdigit() else self.PAST_HOURS
        return f"{at.format(minutes=self._items(minute))} {past.format(hours=self._items(hour))}"

    def _items(self, field: str) -> str:
        return self.join([self._item(item) for item in field.split(",")])

    def _item(self, item: str) -> str:
        whole, _, step = item.partition("/")
        low, dash, high = whole.partition("-")
        if whole == "*":
            return self.EVERY_NTH.format(nth=self.ordinal(int(step))) if step else self.EVERY_ONE
        held = self.RANGE.format(low=low, high=high) if dash else low
        return self.STEPS.format(held=held, step=step) if step else held

    def _months(self, field: str) -> str:
        held = numbers(field, 1, 12)
        names = [self.MONTHS[n - 1] for n in held]
        return "" if len(held) == 12 else f" {self.IN_MONTHS.format(months=self.join(names))}"

    def _days(self, day: str, weekday: str) -> str:
        day, weekday = plain(day), plain(weekday)
        if day == "*":
            return self._weekdays(weekday)
        if weekday == "*":
            return self._month_days(day)
        of_month, of_week = self._month_days(day), self._weekdays(weekday)
        if of_month == self.EVERY_DAY:  # croniter then takes a star in the other column for all that is asked
            return of_week if "*" in weekday else self.EVERY_DAY
        if of_week == self.EVERY_DAY:
            return of_month if "*" in day else self.EVERY_DAY
        return self.EITHER_DAY.format(of_month=of_month, of_week=self.after_or(of_week))

    def _weekdays(self, field: str) -> str:
        if field == "*":
            return self.EVERY_DAY
        if "#" in field or "L" in field:
            return self.ON_WEEKDAYS_OF_MONTH.format(days=self.join([self._of_month(item) for item in field.split(",")]))
        days = sorted({n % 7 for n in numbers(field, 0, 7)})
        if days == WORKING_DAYS:
            return self.EVERY_WEEKDAY
        if len(days) == 7:
            return self.EVERY_DAY
        return self.EVERY_DAYS.format(days=self.join([self.DAYS[n] for n in sorted(days, key=lambda n: n or 7)]))

    def _of_month(self, item: str) -> str:
        if item.startswith("L"):
            return self.LAST_WEEKDAY.format(day=self.DAYS[int(item[1:])])
        day, _, nth = item.partition("#")
        return self.NTH_WEEKDAY.format(nth=self.NTH[int(nth)], day=self.DAYS[int(day)])

    def _month_days(self, field: str) -> str:
        if field == "L":
            return self.ON_LAST_DAY
        if field.startswith("*/") and "," not in field:
            return self.EVERY_NTH_DAY.format(nth=self.ordinal(int(field[2:])))
        held = numbers(field, 1, 31)
        return self.EVERY_DAY if len(held) == 31 else self.ON_DAYS.format(days=self.join([*map(self.ordinal, held)]))
