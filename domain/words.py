"""A cron line in words, as a person would say it."""

from domain.cron import Cron

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NTH = ("", "first", "second", "third", "fourth", "fifth")


def describe(cron: Cron) -> str:
    """`cron` in words: ``every weekday at 08:30``; where two day columns mean "either", it says so."""
    minute, hour, day, month, weekday = cron.columns
    clock = _clock(minute, hour)
    days = _days(day, weekday)
    months = "" if month == "*" else f" in {_join([_MONTHS[n - 1] for n in _numbers(month, 1, 12)])}"
    if clock.startswith("every"):
        return clock + ("" if days == "every day" else f", {days}") + months
    return f"{days}{months} {clock}"


def _clock(minute: str, hour: str) -> str:
    if minute.isdigit() and hour == "*":
        return "every hour" if minute == "0" else f"every hour at minute {minute}"
    if minute == "*" or minute.startswith("*/"):
        return _pace(minute, hour)
    if hour == "*" or hour.startswith("*/"):
        pace = "every hour" if hour == "*" else f"every {hour[2:]} hours"
        past = _join([str(n) for n in _numbers(minute, 0, 59)])
        return pace if past == "0" else f"{pace} at minute {past}"
    times = [f"{h:02}:{m:02}" for h in _numbers(hour, 0, 23) for m in _numbers(minute, 0, 59)]
    if len(times) <= 6:
        return f"at {_join(times)}"
    hours, minutes = _numbers(hour, 0, 23), _numbers(minute, 0, 59)
    if len(minutes) == 1 and hours == list(range(hours[0], hours[-1] + 1)):
        return f"every hour from {times[0]} to {times[-1]}"
    return f"at {len(times)} times between {times[0]} and {times[-1]}"


def _pace(minute: str, hour: str) -> str:
    pace = "every minute" if minute in ("*", "*/1") else f"every {minute[2:]} minutes"
    if hour == "*":
        return pace
    if hour.startswith("*/"):
        return f"{pace} in every {_ordinal(int(hour[2:]))} hour from midnight"
    hours, minutes = _numbers(hour, 0, 23), _numbers(minute, 0, 59)
    if hours == list(range(hours[0], hours[-1] + 1)):
        return f"{pace} from {hours[0]:02}:00 to {hours[-1]:02}:{minutes[-1]:02}"
    return f"{pace} in the hours {_join([f'{h:02}' for h in hours])}"


def _days(day: str, weekday: str) -> str:
    of_week = _weekdays(weekday)
    of_month = _month_days(day)
    if day == "*":
        return of_week or "every day"
    if weekday == "*":
        return of_month
    return f"{of_month} or {of_week.removeprefix('every ').removeprefix('on ')} (whichever comes, not only both)"


def _weekdays(field: str) -> str:
    if field == "*":
        return ""
    if "#" in field or field.startswith("L"):
        return f"on {_join([_special_weekday(item) for item in field.split(',')])} of the month"
    days = sorted({n % 7 for n in _numbers(field, 0, 7)})
    if days == [1, 2, 3, 4, 5]:
        return "every weekday"
    if days == [0, 6]:
        return "every Saturday and Sunday"
    if len(days) == 7:
        return "every day"
    return f"every {_join([_DAYS[n] for n in sorted(days, key=lambda n: n or 7)])}"


def _special_weekday(item: str) -> str:
    if item.startswith("L"):
        return f"the last {_DAYS[int(item[1:])]}"
    day, _, nth = item.partition("#")
    return f"the {_NTH[int(nth)]} {_DAYS[int(day)]}" if nth else f"every {_DAYS[int(day)]}"


def _month_days(field: str) -> str:
    if field == "L":
        return "on the last day of the month"
    if field.startswith("*/"):
        return f"every {_ordinal(int(field[2:]))} day of the month, from the 1st"
    return f"on the {_join([_ordinal(n) for n in _numbers(field, 1, 31)])} of the month"


def _numbers(field: str, low: int, high: int) -> list[int]:
    found: set[int] = set()
    for item in field.split(","):
        whole, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if whole == "*" else whole).partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return sorted(found)


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
