"""The part of an English phrase that says at what time, or how often within a day."""

import re

from domain.phrases.fits import (
    Span,
    Time,
    is_unclear,
    limit_pace,
    no_time_of_day,
    set_pace_of_hours,
    set_pace_of_minutes,
    set_paced,
    set_times,
    which_half,
    whole_hours,
)
from domain.phrases.said import Said
from domain.phrases.tokens import Cursor
from domain.words_parts import runs

MINUTES = ("minute", "minutes", "min", "mins", "m")
HOURS = ("hour", "hours", "hr", "hrs", "h")
_NAMED = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}
_FORENOON = ("am", "a.m", "a.m.")
_AFTERNOON = ("pm", "p.m", "p.m.")
_PARTS = {"morning": "am", "afternoon": "pm", "evening": "pm"}


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
    found = _pace(cursor)
    if found is None:
        return False
    number, is_minutes = pace = whole_hours(found[0], is_minutes=found[1])
    if is_minutes:
        anew = cursor.take_all("from each full hour")
        span = _span(cursor)
        set_pace_of_minutes(said, number, span, None if span else _some_hours(cursor), anew=anew)
    else:
        anew = cursor.take_all("from each midnight")
        past = _minutes_past(cursor)
        span = _span(cursor)
        set_pace_of_hours(said, number, past or (_minutes_past(cursor) if span is None else []), span, anew=anew)
    set_paced(said, pace)
    return True


def read_span(cursor: Cursor, said: Said) -> bool:
    """ "from 9 to 17", apart from the pace that it limits."""
    span = _span(cursor) if said.pace is not None else None
    return span is not None and limit_pace(said, span)


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
    set_times(said, times, cursor.said(start, cursor.at))
    return True


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
        counts_days = cursor.peek(1) == "trading"  # the exchange SIX
        if counts_days or not (word.isascii() and word.isdigit() and len(word) <= 2 and int(word) <= most):
            cursor.at = place
            return found
        found.append(int(word))
        cursor.at += 1
        place = cursor.at
        if not cursor.take_joint():
            return found


def _span(cursor: Cursor) -> Span | None:
    """ "from 9 to 17:00", "between 9 and 17"."""
    start = cursor.at
    opening = cursor.take("from", "between")
    if opening:
        first = _time(cursor)
        if first and cursor.take(*(("and",) if opening == "between" else ("to", "till", "until", "-", "–", "through"))):
            last = _time(cursor)
            if last:
                if is_unclear([first, last]):
                    raise which_half(cursor.said(start, cursor.at))
                return first[0], last[0]
    cursor.at = start
    return None


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
    if not half and read[2] is None and cursor.peek() in (*MINUTES, "%", *HOURS[:-1], "trading", "days"):
        cursor.at = start
        return None
    cursor.take("o'clock", "h")
    half = half or _half(cursor)
    spoken = cursor.said(start, cursor.at)
    if minute > 59 or hour > 23 or (half and not 1 <= hour <= 12):
        if listed:
            cursor.at = start
            return None
        raise no_time_of_day(spoken)
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
