"""The part of a phrase that says at what time, or how often within a day."""

import re

from domain.phrases.said import PhraseRefused, Said
from domain.phrases.tokens import Cursor
from domain.words import clock_time, join, numbers, runs

MINUTES = ("minute", "minutes", "min", "mins", "m")
HOURS = ("hour", "hours", "hr", "hrs", "h")
_NAMED = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}
_FORENOON = ("am", "a.m", "a.m.")
_AFTERNOON = ("pm", "p.m", "p.m.")
_PARTS = {"morning": "am", "afternoon": "pm", "evening": "pm"}
_PART_HOURS = {"morning": (0, 12), "afternoon": (12, 18), "evening": (16, 23), "night": (18, 23)}
Time = tuple[int, int]


def duration(cursor: Cursor) -> int | None:
    """A length in minutes: "15 minutes", "half an hour", "1 hour and 30 minutes"."""
    for phrase, minutes in (("half an hour", 30), ("half hour", 30), ("a quarter of an hour", 15), ("an hour", 60)):
        if cursor.take_all(phrase):
            return minutes
    start = cursor.at
    number = cursor.take_number()
    if number is not None and cursor.take(*MINUTES):
        return number
    if number is not None and cursor.take(*HOURS):
        middle = cursor.at
        cursor.take("and")
        rest = cursor.take_number(59)
        if rest is not None and cursor.take(*MINUTES):
            return number * 60 + rest
        cursor.at = middle
        return number * 60
    cursor.at = start
    return None


def read_pace(cursor: Cursor, said: Said) -> bool:
    """ "every 15 minutes", "hourly", "every 2 hours at :15", "every hour from 9 to 17"."""
    if said.has_clock:
        return False
    pace = _pace(cursor)
    if pace is None:
        return False
    number, is_minutes = pace
    if is_minutes and number > 59 and number % 60 == 0:
        number, is_minutes = number // 60, False
    (_pace_of_minutes if is_minutes else _pace_of_hours)(cursor, said, number)
    said.is_pace = said.repeats = True
    said.pace = (number, is_minutes) if said.hour in ("*", f"*/{number}") else None
    return True


def read_span(cursor: Cursor, said: Said) -> bool:
    """ "from 9 to 17", apart from the pace that it limits."""
    if said.pace is None:
        return False
    number, is_minutes = said.pace
    if is_minutes:
        hours = _span_of_minutes(cursor, number)
        said.hour = hours or said.hour
    else:
        span = _span(cursor)
        hours = None
        if span is not None and said.minute == "0":
            hours, minute = _hours_of(span, number)
            said.hour, said.minute = hours, str(minute)
    said.pace = None if hours else said.pace
    return hours is not None


def _pace(cursor: Cursor) -> tuple[int, bool] | None:
    if cursor.take("hourly"):
        return 1, False
    start = cursor.at
    if not cursor.take("every", "each"):
        return None
    if cursor.take_any("half an hour", "half hour"):
        return 30, True
    if cursor.take_any("quarter of an hour", "quarter hour"):
        return 15, True
    number = 2 if cursor.take("other") else cursor.take_number()
    unit = cursor.take(*MINUTES, *HOURS)
    if not unit or (number is None and unit not in ("minute", "hour")):
        cursor.at = start
        return None
    return 1 if number is None else number, unit in MINUTES


def _pace_of_minutes(cursor: Cursor, said: Said, number: int) -> None:
    anew = cursor.take_all("from each full hour")
    if number == 0 or number > 59 or (60 % number and not anew):
        raise _uneven(number, "minutes", 60)
    said.minute = "*" if number == 1 else f"*/{number}"
    said.hour = _span_of_minutes(cursor, number) or _some_hours(cursor) or "*"


def _pace_of_hours(cursor: Cursor, said: Said, number: int) -> None:
    anew = cursor.take_all("from each midnight")
    minutes = _minutes_past(cursor)
    span = _span(cursor)
    if span is None:
        if number == 0 or number > 23 or (24 % number and not anew):
            raise _uneven(number, "hours", 24)
        said.hour = "*" if number == 1 else f"*/{number}"
        said.minute = runs(minutes or _minutes_past(cursor) or [0])
        return
    said.hour, minute = _hours_of(span, number)
    said.minute = str(minute)
    if minutes:
        raise PhraseRefused(f"“{_spoken(span)}” says the minute already.")


def _uneven(number: int, unit: str, whole: int) -> PhraseRefused:
    said = f"Every {number} {unit} does not come out even within {'an hour' if whole == 60 else 'a day'}."
    if number == 24 and whole == 24:
        return PhraseRefused("Every 24 hours is every day: at what time?", suggestions=("every day at 09:00",))
    if number > whole:
        fits = ("every hour", "every 2 hours") if whole == 60 else ("every day at 09:00", "every Monday at 09:00")
        return PhraseRefused(f"Every {number} {unit} does not fit a clock.", suggestions=fits)
    even = [n for n in range(1, whole) if whole % n == 0]
    near = [max((n for n in even if n < number), default=1), min((n for n in even if n > number), default=even[-1])]
    spoken = [f"every {unit[:-1]}" if n == 1 else f"every {n} {unit}" for n in dict.fromkeys(near)]
    return PhraseRefused(said, suggestions=tuple(spoken))


def _some_hours(cursor: Cursor) -> str | None:
    start = cursor.at
    if cursor.take_all("in every"):
        step = re.fullmatch(r"([0-9]{1,2})(?:st|nd|rd|th)", cursor.peek())
        cursor.at += 1
        if step and 1 < int(step[1]) < 24 and cursor.take_all("hour from midnight"):
            return f"*/{int(step[1])}"
    elif cursor.take_any("in the hours", "in the hour"):
        hours = _numbers(cursor, 23)
        if hours:
            return runs(hours)
    cursor.at = start
    return None


def _minutes_past(cursor: Cursor) -> list[int]:
    """ "at :15 and :45", "at minute 5", "at 20 past"; nothing when it is not said."""
    start = cursor.at
    for phrase, minute in (("on the hour", 0), ("on the half hour", 30)):
        if cursor.take_all(phrase):
            return [minute]
    if cursor.take("at"):
        found = _quarter(cursor)
        if found:
            return found
        if cursor.take("minute", "minutes") or cursor.peek().startswith(":"):
            found = _numbers(cursor, 59)
        else:
            found = _numbers(cursor, 59)
            cursor.take(*MINUTES)
            found = found if cursor.take_any("past the hour", "past") else []
        if found and cursor.peek() not in ("past", *_FORENOON, *_AFTERNOON):
            return found
    cursor.at = start
    return []


def _quarter(cursor: Cursor) -> list[int]:
    named = {"quarter past": 15, "half past": 30, "quarter to": 45}
    return [minute for phrase, minute in named.items() if cursor.take_all(phrase)]


def _numbers(cursor: Cursor, most: int) -> list[int]:
    """A list of numbers, each of which may stand as :15."""
    found: list[int] = []
    place = cursor.at
    while True:
        word = cursor.peek().removeprefix(":")
        if not (word.isascii() and word.isdigit() and len(word) <= 2 and int(word) <= most):
            cursor.at = place
            return found
        found.append(int(word))
        cursor.at += 1
        place = cursor.at
        if not cursor.take_joint():
            return found


def _span(cursor: Cursor) -> tuple[Time, Time] | None:
    """ "from 9 to 17:00", "between 9 and 17"."""
    start = cursor.at
    opening = cursor.take("from", "between")
    if opening:
        first = _time(cursor)
        if first and cursor.take(*(("and",) if opening == "between" else ("to", "till", "until", "-", "–", "through"))):
            last = _time(cursor)
            if last:
                return _same_half((first, last), cursor.said(start, cursor.at))
    cursor.at = start
    return None


def _same_half(times: tuple[tuple[Time, str], tuple[Time, str]], text: str) -> tuple[Time, Time]:
    (first, _), (last, _) = times
    if _is_unclear(list(times)):
        raise _which_half(text)
    return first, last


def _is_unclear(times: list[tuple[Time, str]]) -> bool:
    """Whether one time says am or pm and another leaves it open."""
    halves = {half for _, half in times}
    return bool(halves & {"am", "pm"}) and any(half == "" and 0 < hour <= 12 for (hour, _), half in times)


def _which_half(text: str) -> PhraseRefused:
    return PhraseRefused(
        f"In “{text}”, one time says am or pm and another does not. Say it for each, or use 08:00 and 20:00.", text
    )


def _span_of_minutes(cursor: Cursor, number: int) -> str | None:
    span = _span(cursor)
    if span is None:
        return None
    (hour, minute), (until, last) = span
    final = 59 - 59 % number
    if minute == 0 and last == final:
        return runs(_round(hour, until, 1))
    before, pace = (until - 1) % 24, "every minute" if number == 1 else f"every {number} minutes"
    ends = [until] if last or until == hour else [before, until]
    raise PhraseRefused(
        f"“{_spoken(span)}” is not whole hours of {pace.removeprefix('every ')}, so one line can't say it.",
        suggestions=tuple(f"{pace} from {clock_time(hour, 0)} to {clock_time(end, final)}" for end in ends),
    )


def _hours_of(span: tuple[Time, Time], number: int) -> tuple[str, int]:
    (hour, minute), (until, last) = span
    within = (until - hour) % 24
    if number == 0 or number > 23 or minute != last or within % number:
        steps = within // number if 0 < number < 24 else 0
        fits = clock_time((hour + steps * number) % 24, minute)
        pace = "every hour" if number == 1 else f"every {number} hours"
        said = f"“{_spoken(span)}” does not end on one of its own times."
        suggestion = (f"{pace} from {clock_time(hour, minute)} to {fits}",) if steps else ()
        raise PhraseRefused(said, suggestions=suggestion or ("every hour from 09:00 to 17:00",))
    return runs(_round(hour, until, number)), minute


def _round(first: int, last: int, step: int) -> list[int]:
    return [n % 24 for n in range(first, first + (last - first) % 24 + 1, step)]


def _spoken(span: tuple[Time, Time]) -> str:
    return f"from {clock_time(*span[0])} to {clock_time(*span[1])}"


def read_past(cursor: Cursor, said: Said) -> bool:
    """ "at 15 past every hour", "at half past every hour", "at minutes 0 to 20 past hours 9 and 12"."""
    if said.has_clock or not cursor.take("at"):
        return False
    if cursor.take("minute", "minutes"):
        minute = _items(cursor)
        if minute and cursor.take_any("past hours", "past hour"):
            hour = _items(cursor)
            if hour:
                said.minute, said.hour = minute, hour
                said.is_pace = "*" in (minute, hour)
                said.repeats = said.repeats or said.is_pace
                return True
        return False
    minutes = _quarter(cursor)
    if minutes and cursor.take_any("every hour", "each hour"):
        said.minute, said.hour = runs(minutes), "*"
        said.is_pace = said.repeats = True
        return True
    minutes = _numbers(cursor, 59)
    cursor.take(*MINUTES)
    if minutes and cursor.take_any("past every hour", "past each hour"):
        said.minute, said.hour = runs(minutes), "*"
        said.is_pace = said.repeats = True
        return True
    return False


def _items(cursor: Cursor) -> str:
    """The items of one column, as words: "0, 10 to 20 in steps of 5 and every 15th"."""
    items: list[str] = []
    place = cursor.at
    while (item := _item(cursor)) is not None:
        items.append(item)
        place = cursor.at
        if not cursor.take_joint():
            break
    cursor.at = place
    return ",".join(items)


def _item(cursor: Cursor) -> str | None:
    if cursor.take("every"):
        if cursor.take("1"):  # "every one"
            return "*"
        step = re.fullmatch(r"([0-9]{1,2})(?:st|nd|rd|th)", cursor.peek())
        cursor.at += 1
        return f"*/{int(step[1])}" if step else None
    low = cursor.take_number(59)
    if low is None:
        return None
    high = cursor.take_number(59) if cursor.take("to") else None
    item = str(low) if high is None else f"{low}-{high}"
    step_of = cursor.take_number(59) if cursor.take_all("in steps of") else None
    return item if step_of is None else f"{item}/{step_of}"


def read_times(cursor: Cursor, said: Said) -> bool:
    """ "at 8:30", "at 9 and 17", "9am", "at noon"."""
    if said.has_clock:
        return False
    start = cursor.at
    led = bool(cursor.take("at", "@"))
    if not (led or _is_plainly_time(cursor)):
        return False
    times = _times(cursor)
    if not times:
        return False
    spoken = cursor.said(start, cursor.at)
    if _is_unclear(times):
        raise _which_half(spoken)
    held = sorted({time for time, _ in times})
    hours, minutes = {hour for hour, _ in held}, {minute for _, minute in held}
    if len(hours) * len(minutes) != len(held):
        listed = join([clock_time(*time) for time in held])
        raise PhraseRefused(
            f"One schedule can't come at {listed}, since their minutes differ. Make one for each.",
            suggestions=tuple(f"every day at {clock_time(*time)}" for time in held[:2]),
        )
    said.minute, said.hour = runs(sorted(minutes)), runs(sorted(hours))
    said.is_bare = any(not half and 0 < hour <= 12 for (hour, _), half in times)
    return True


def _is_plainly_time(cursor: Cursor) -> bool:
    word, following = cursor.peek(), cursor.peek(1)
    if word in _NAMED or re.fullmatch(r"[0-9]{1,2}[:h][0-9]{2}", word):
        return True
    return bool(re.match(r"[0-9]", word)) and following in (*_FORENOON, *_AFTERNOON, "o'clock")


def _times(cursor: Cursor) -> list[tuple[Time, str]]:
    found: list[tuple[Time, str]] = []
    place = cursor.at
    while (time := _time(cursor, listed=bool(found))) is not None:
        found.append(time)
        place = cursor.at
        if not cursor.take_joint():
            break
        cursor.take("at")
    cursor.at = place
    return found


def _time(cursor: Cursor, *, listed: bool = False) -> tuple[Time, str] | None:
    """A clock time and "am", "pm" or nothing; a first one that no day has is refused, a later one ends the list."""
    start = cursor.at
    word = cursor.take(*_NAMED)
    if word:
        return _NAMED[word], "named"
    if (past := _past(cursor)) is not None:
        return past
    read = re.fullmatch(r"([0-9]{1,2})(?:[:.h]?([0-9]{2}))?", cursor.peek())
    if read is None:
        return None
    cursor.at += 1
    hour, minute = int(read[1]), int(read[2] or 0)
    half = _half(cursor)
    if not half and read[2] is None and cursor.peek() in (*MINUTES, "%", *HOURS[:-1]):
        cursor.at = start
        return None
    cursor.take("o'clock", "h")
    half = half or _half(cursor)
    spoken = cursor.said(start, cursor.at)
    if minute > 59 or hour > 23 or (half and not 1 <= hour <= 12):
        if listed:
            cursor.at = start
            return None
        raise PhraseRefused(f"“{spoken}” is no time of day: hours go from 0 to 23, minutes from 0 to 59.", spoken)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return (hour, minute), half


def _past(cursor: Cursor) -> tuple[Time, str] | None:
    """ "half past eight", "quarter to 9", "10 past 9 am"."""
    start = cursor.at
    cursor.take("a")
    named = {"half": 30, "quarter": 15}.get(cursor.take("half", "quarter"))
    minute = named or cursor.take_number(59)
    counted = bool(cursor.take(*MINUTES)) or named == 15  # "9 to 17" is a range
    side = cursor.take("past", *(["to"] if counted else [])) if minute else ""
    hour = cursor.take_number(23) if side else None
    if not minute or hour is None:
        cursor.at = start
        return None
    half = _half(cursor)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return ((hour, minute) if side == "past" else ((hour - 1) % 24, 60 - minute)), half


def _half(cursor: Cursor) -> str:
    if cursor.take(*_FORENOON):
        return "am"
    if cursor.take(*_AFTERNOON):
        return "pm"
    if cursor.peek() == "in" and cursor.peek(1) == "the" and cursor.peek(2) in _PARTS:
        cursor.at += 3
        return _PARTS[cursor.peek(-1)]
    return ""


def in_part_of_day(said: Said) -> str:
    """The hours of "every evening at 6": 18; refused where the part and the hour do not go together."""
    hours = numbers(said.hour or "", 0, 23)
    part = said.part or ""
    begin, end = _PART_HOURS[part]
    meant = [hour + 12 if hour < 12 and said.is_bare and part != "morning" else hour for hour in hours]
    if not all(begin <= hour <= end for hour in meant):
        spoken = join([str(hour) for hour in hours])
        suggestions = tuple(f"every day at {clock_time(hour, 0)}" for hour in dict.fromkeys((hours[0], meant[0])))
        raise PhraseRefused(f"Which hour is {spoken} o'clock in the {part}?", suggestions=suggestions)
    return runs(meant)
