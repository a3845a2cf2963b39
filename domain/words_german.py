"""A schedule's timing in German, as a person would say it; `domain.phrases.german` reads every one of these back."""

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

DAYS = ("Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag")
MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip
SHORT_MONTHS = ("Jan", "Feb", "März", "Apr", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez")
NTH = ("", "ersten", "zweiten", "dritten", "vierten", "fünften")
EITHER = "(eines von beiden genügt)"
_BELLS = {"open": ("der", "zur", "Eröffnung"), "close": ("dem", "zum", "Schluss")}


def describe(cron: Cron) -> str:
    """`cron` in words: ``jeden Werktag um 08:30``; where two day columns mean "either", it says so."""
    minute, hour, day, month, weekday = cron.columns
    clock = _clock(minute, hour)
    days = _days(day, weekday)
    months = _months(month)
    if clock.startswith(("alle ", "jede ")):
        return clock + ("" if days == "jeden Tag" else f", {days}") + months
    return f"{days}{months} {clock}"


def describe_timing(expression: str, calendar: str | None = None, hours_only: bool = False) -> str:
    """What a timing's parts say together: ``jeden NYSE-Handelstag um 16:10``, ``15 Minuten vor der NYSE-Eröffnung``."""
    said = _event(expression) if expression.startswith("@") else describe(Cron(expression))
    if calendar is None:
        return said
    name = exchange_name(calendar)
    if hours_only:
        return f"{said} während der {name}-Handelszeit"
    if said.startswith("jeden Tag um "):
        return f"jeden {name}-Handelstag{said.removeprefix('jeden Tag')}"
    return f"{said}, nur an {name}-Handelstagen"


def describe_once(wall: datetime) -> str:
    """A single time: ``einmal, am Sa 21. Nov 2026 um 14:30``."""
    day = DAYS[wall.isoweekday() % 7][:2]
    month = SHORT_MONTHS[wall.month - 1]
    return f"einmal, am {day} {wall.day}. {month} {wall.year} um {clock_time(wall.hour, wall.minute)}"


def describe_coming(weekday: int | None, day: int, clock: str) -> str:
    """The first such day that comes: ``einmal am Montag um 09:00``, ``einmal am 15. um 09:00``."""
    return f"einmal am {f'{day}.' if weekday is None else DAYS[weekday]} um {clock}"


def describe_day(year: int | None, month: int, day: int, clock: str) -> str:
    """A date: ``am 5. Juni um 18:00``."""
    return f"am {day}. {MONTHS[month - 1]}{f' {year}' if year else ''} um {clock}"


def join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} und {parts[-1]}"


def _event(expression: str) -> str:
    read = EVENT.fullmatch(expression)
    if read is None:
        return expression
    kind, code, sign, minutes = read.groups()
    article, at, word = _BELLS[kind]
    bell = f"{exchange_name(code)}-{word}"
    if not minutes or int(minutes) == 0:
        return f"{at} {bell}"
    return f"{_duration(int(minutes))} {'vor' if sign == '-' else 'nach'} {article} {bell}"


def _duration(minutes: int) -> str:
    if minutes % 60:
        return f"{minutes} Minute{'n' if minutes > 1 else ''}"
    return f"{minutes // 60} Stunde{'n' if minutes > 60 else ''}"


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
    pace = "jede Minute" if step == 1 else f"alle {step} Minuten"
    if 60 % step:
        pace += " ab jeder vollen Stunde"
    if hour == "*":
        return pace
    if hour.startswith("*/"):
        return f"{pace} in jeder {int(hour[2:])}. Stunde ab Mitternacht"
    hours, last = numbers(hour, 0, 23), numbers(minute, 0, 59)[-1]
    if is_run(hours):
        return f"{pace} von {clock_time(hours[0], 0)} bis {clock_time(hours[-1], last)}"
    return f"{pace} in den Stunden {join([f'{h:02}' for h in hours])}"


def _pace_of_hours(minutes: list[int], hour: str) -> str:
    if len(minutes) == 60:
        return _pace_of_minutes("*", hour)
    step = int(hour[2:] or 1)
    pace = "jede Stunde" if step == 1 else f"alle {step} Stunden"
    if 24 % step:
        pace += " ab Mitternacht"
    if minutes == [0]:
        return pace
    if len(minutes) == 1:
        return f"{pace} zur Minute {minutes[0]}"
    return f"{pace} zu den Minuten {join([str(m) for m in minutes])}"


def _times(minutes: list[int], hours: list[int]) -> str:
    times = [clock_time(h, m) for h in hours for m in minutes]
    if len(times) <= MOST_TIMES:
        return f"um {join(times)}"
    if len(minutes) == 1 and is_run(hours):
        return f"jede Stunde von {times[0]} bis {times[-1]}"
    return _itemised(runs(minutes), runs(hours))


def _itemised(minute: str, hour: str) -> str:
    minutes = f"zur Minute {minute}" if minute.isdigit() else f"zu den Minuten {_items(minute)}"
    hours = f"der Stunde {hour}" if hour.isdigit() else f"der Stunden {_items(hour)}"
    return f"{minutes} {hours}"


def _items(field: str) -> str:
    return join([_item(item) for item in field.split(",")])


def _item(item: str) -> str:
    whole, _, step = item.partition("/")
    low, dash, high = whole.partition("-")
    if whole == "*":
        return f"jede {int(step)}." if step else "jede"
    held = f"{low} bis {high}" if dash else low
    return f"{held} in Schritten von {step}" if step else held


def _months(field: str) -> str:
    held = numbers(field, 1, 12)
    return "" if len(held) == 12 else f" im {join([MONTHS[n - 1] for n in held])}"


def _days(day: str, weekday: str) -> str:
    day, weekday = plain(day), plain(weekday)
    if day == "*":
        return _weekdays(weekday)
    if weekday == "*":
        return _month_days(day)
    if _month_days(day) == "jeden Tag":  # croniter then takes a star in the other column for all that is asked
        return _weekdays(weekday) if "*" in weekday else "jeden Tag"
    if _weekdays(weekday) == "jeden Tag":
        return _month_days(day) if "*" in day else "jeden Tag"
    return f"{_month_days(day)} oder {_weekdays(weekday)} {EITHER}"


def _weekdays(field: str) -> str:
    if field == "*":
        return "jeden Tag"
    if "#" in field or "L" in field:
        return f"am {join([_special_weekday(item) for item in field.split(',')])} des Monats"
    days = sorted({n % 7 for n in numbers(field, 0, 7)})
    if days == [1, 2, 3, 4, 5]:
        return "jeden Werktag"
    if len(days) == 7:
        return "jeden Tag"
    return f"jeden {join([DAYS[n] for n in sorted(days, key=lambda n: n or 7)])}"


def _special_weekday(item: str) -> str:
    if item.startswith("L"):
        return f"letzten {DAYS[int(item[1:])]}"
    day, _, nth = item.partition("#")
    return f"{NTH[int(nth)]} {DAYS[int(day)]}"


def _month_days(field: str) -> str:
    if field == "L":
        return "am letzten Tag des Monats"
    if field.startswith("*/") and "," not in field:
        return f"jeden {int(field[2:])}. Tag des Monats ab dem 1."
    held = numbers(field, 1, 31)
    return "jeden Tag" if len(held) == 31 else f"am {join([f'{n}.' for n in held])} des Monats"
