"""A schedule's timing in English, as a person would say it; `domain.phrases.english` reads every one of these back."""

from datetime import datetime

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

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
NTH = ("", "first", "second", "third", "fourth", "fifth")
EITHER = "(whichever comes, not only both)"


def describe(cron: Cron) -> str:
    """`cron` in words: ``every weekday at 08:30``; where two day columns mean "either", it says so."""
    minute, hour, day, month, weekday = cron.columns
    clock = _clock(minute, hour)
    days = _days(day, weekday)
    months = _months(month)
    if clock.startswith("every"):
        return clock + ("" if days == "every day" else f", {days}") + months
    return f"{days}{months} {clock}"


def describe_timing(expression: str, calendar: str | None = None, hours_only: bool = False) -> str:
    """What a timing's parts say together: ``every NYSE trading day at 16:10``, ``15 minutes before the NYSE open``."""
    said = _event(expression) if expression.startswith("@") else describe(Cron(expression))
    if calendar is None:
        return said
    name = exchange_name(calendar)
    if hours_only:
        return f"{said} during {name} hours"
    if said.startswith("every day at "):
        return f"every {name} trading day{said.removeprefix('every day')}"
    return f"{said}, {name} trading days only"


def describe_once(wall: datetime) -> str:
    """A single time: ``once, on Sat 21 Nov 2026 at 14:30``."""
    day = DAYS[wall.isoweekday() % 7][:3]
    return f"once, on {day} {wall.day} {MONTHS[wall.month - 1][:3]} {wall.year} at {clock_time(wall.hour, wall.minute)}"


def describe_coming(weekday: int | None, day: int, clock: str) -> str:
    """The first such day that comes: ``once on Monday at 09:00``, ``once on the 15th at 09:00``."""
    return f"once on {f'the {ordinal(day)}' if weekday is None else DAYS[weekday]} at {clock}"


def describe_day(year: int | None, month: int, day: int, clock: str) -> str:
    """A date: ``on 5 June at 18:00``."""
    return f"on {day} {MONTHS[month - 1]}{f' {year}' if year else ''} at {clock}"


def ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _event(expression: str) -> str:
    read = EVENT.fullmatch(expression)
    if read is None:
        return expression
    bell, code, sign, minutes = read.groups()
    at = f"the {exchange_name(code)} {bell}"
    if not minutes or int(minutes) == 0:
        return f"at {at}"
    return f"{_duration(int(minutes))} {'before' if sign == '-' else 'after'} {at}"


def _duration(minutes: int) -> str:
    if minutes % 60:
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{minutes // 60} hour{'s' if minutes > 60 else ''}"


def _clock(minute: str, hour: str) -> str:
    minute, hour = plain(minute), plain(hour)
    if is_list_of_stars(minute) or is_list_of_stars(hour):
        return _itemised(minute, hour)
    if minute.startswith("*"):
        return _pace_of_minutes(minute, hour)
    if hour.startswith("*"):
        return _pace_of_hours(numbers(minute, 0, 59), hour)
    return _times(numbers(minute, 0, 59), numbers(hour, 0, 23))


def _pace_of_minutes(minute: str, hour: str) -> str:
    step = int(minute[2:] or 1)
    pace = "every minute" if step == 1 else f"every {step} minutes"
    if 60 % step:
        pace += " from each full hour"
    if hour == "*":
        return pace
    if hour.startswith("*/"):
        return f"{pace} in every {ordinal(int(hour[2:]))} hour from midnight"
    hours, last = numbers(hour, 0, 23), numbers(minute, 0, 59)[-1]
    if is_run(hours):
        return f"{pace} from {clock_time(hours[0], 0)} to {clock_time(hours[-1], last)}"
    return f"{pace} in the hours {join([f'{h:02}' for h in hours])}"


def _pace_of_hours(minutes: list[int], hour: str) -> str:
    if len(minutes) == 60:
        return _pace_of_minutes("*", hour)
    step = int(hour[2:] or 1)
    pace = "every hour" if step == 1 else f"every {step} hours"
    if 24 % step:
        pace += " from each midnight"
    if minutes == [0]:
        return pace
    return f"{pace} at minute{'s' if len(minutes) > 1 else ''} {join([str(m) for m in minutes])}"


def _times(minutes: list[int], hours: list[int]) -> str:
    times = [clock_time(h, m) for h in hours for m in minutes]
    if len(times) <= MOST_TIMES:
        return f"at {join(times)}"
    if len(minutes) == 1 and is_run(hours):
        return f"every hour from {times[0]} to {times[-1]}"
    return _itemised(runs(minutes), runs(hours))


def _itemised(minute: str, hour: str) -> str:
    minutes, hours = (f"{name}{'' if field.isdigit() else 's'}" for name, field in (("minute", minute), ("hour", hour)))
    return f"at {minutes} {_items(minute)} past {hours} {_items(hour)}"


def _items(field: str) -> str:
    return join([_item(item) for item in field.split(",")])


def _item(item: str) -> str:
    whole, _, step = item.partition("/")
    low, dash, high = whole.partition("-")
    if whole == "*":
        return f"every {ordinal(int(step))}" if step else "every one"
    held = f"{low} to {high}" if dash else low
    return f"{held} in steps of {step}" if step else held


def _months(field: str) -> str:
    held = numbers(field, 1, 12)
    return "" if len(held) == 12 else f" in {join([MONTHS[n - 1] for n in held])}"


def _days(day: str, weekday: str) -> str:
    day, weekday = plain(day), plain(weekday)
    if day == "*":
        return _weekdays(weekday)
    if weekday == "*":
        return _month_days(day)
    if _month_days(day) == "every day":  # croniter then takes a star in the other column for all that is asked
        return _weekdays(weekday) if "*" in weekday else "every day"
    if _weekdays(weekday) == "every day":
        return _month_days(day) if "*" in day else "every day"
    of_week = _weekdays(weekday).removeprefix("every ").removeprefix("on ")
    return f"{_month_days(day)} or {of_week} {EITHER}"


def _weekdays(field: str) -> str:
    if field == "*":
        return "every day"
    if "#" in field or "L" in field:
        return f"on {join([_special_weekday(item) for item in field.split(',')])} of the month"
    days = sorted({n % 7 for n in numbers(field, 0, 7)})
    if days == [1, 2, 3, 4, 5]:
        return "every weekday"
    if len(days) == 7:
        return "every day"
    return f"every {join([DAYS[n] for n in sorted(days, key=lambda n: n or 7)])}"


def _special_weekday(item: str) -> str:
    if item.startswith("L"):
        return f"the last {DAYS[int(item[1:])]}"
    day, _, nth = item.partition("#")
    return f"the {NTH[int(nth)]} {DAYS[int(day)]}"


def _month_days(field: str) -> str:
    if field == "L":
        return "on the last day of the month"
    if field.startswith("*/") and "," not in field:
        return f"every {ordinal(int(field[2:]))} day of the month, from the 1st"
    held = numbers(field, 1, 31)
    return "every day" if len(held) == 31 else f"on the {join([ordinal(n) for n in held])} of the month"
