"""The part of a German phrase that says at what time, or how often within a day; umlauts are read as ae, oe, ue."""

import re

from domain.phrases.fits import (
    Span,
    Time,
    limit_pace,
    no_time_of_day,
    set_pace_of_hours,
    set_pace_of_minutes,
    set_paced,
    set_times,
    whole_hours,
)
from domain.phrases.said import Said
from domain.phrases.tokens import Cursor
from domain.words_parts import runs

MINUTES = ("minute", "minuten", "min", "mins", "m")
HOURS = ("stunde", "stunden", "std", "stdn", "h")
ONE = ("ein", "eine", "einen", "einem", "einer")
_NAMED = {"mitternacht": (0, 0), "mittag": (12, 0)}
_LENGTHS = {
    "eine halbe stunde": 30, "einer halben stunde": 30, "halbe stunde": 30, "eine viertelstunde": 15,
    "einer viertelstunde": 15, "viertelstunde": 15, "einer dreiviertelstunde": 45, "eine dreiviertelstunde": 45,
    "dreiviertelstunde": 45, "anderthalb stunden": 90, "eineinhalb stunden": 90,
}  # fmt: skip
_PACES = {
    "stuendlich": 60, "halbstuendlich": 30, "viertelstuendlich": 15, "minuetlich": 1, "zweistuendlich": 120,
    "jede halbe stunde": 30, "alle halbe stunde": 30, "alle halben stunden": 30, "alle halbe stunden": 30,
    "jede viertelstunde": 15, "alle viertelstunde": 15, "alle viertelstunden": 15, "jede stunde": 60,
    "jede volle stunde": 60, "zu jeder vollen stunde": 60, "jede minute": 1,
}  # fmt: skip
PARTS = {
    "morgens": "morning", "frueh": "morning", "fruehmorgens": "morning", "vormittags": "morning",
    "mittags": "noon", "nachmittags": "afternoon", "abends": "evening", "nachts": "nights",
    "morgen": "morning", "vormittag": "morning", "mittag": "noon", "nachmittag": "afternoon", "abend": "evening",
    "nacht": "nights",
}  # fmt: skip
_ADVERBS = tuple(word for word in PARTS if word.endswith("s"))


def take_count(cursor: Cursor) -> int | None:
    """A number in digits or words; "einer" is one."""
    return 1 if cursor.take(*ONE) else cursor.take_number()


def duration(cursor: Cursor) -> int | None:
    """A length in minutes: "15 Minuten", "eine halbe Stunde", "1 Stunde und 30 Minuten"."""
    for phrase, minutes in _LENGTHS.items():
        if cursor.take_all(phrase):
            return minutes
    start = cursor.at
    number = take_count(cursor)
    if number is not None and cursor.take(*MINUTES):
        return number
    if number is not None and cursor.take(*HOURS):
        middle = cursor.at
        cursor.take("und")
        rest = cursor.take_number(59)
        if rest is not None and cursor.take(*MINUTES):
            return number * 60 + rest
        cursor.at = middle
        return number * 60
    cursor.at = start
    return None


def read_part(cursor: Cursor, said: Said) -> bool:
    """ "abends", "am Abend", "morgens"."""
    if said.part is not None:
        return False
    word = cursor.take(*PARTS) if cursor.take_any("am", "in der") else cursor.take(*_ADVERBS, "frueh")
    if word:
        said.part = PARTS[word]
    return bool(word)


def read_pace(cursor: Cursor, said: Said) -> bool:
    """ "alle 15 Minuten", "stündlich", "alle 2 Stunden zur Minute 20", "jede Stunde von 9 bis 17 Uhr"."""
    if said.has_clock:
        return False
    found = _pace(cursor)
    if found is None:
        return False
    number, is_minutes = pace = whole_hours(found[0], is_minutes=found[1])
    if is_minutes:
        anew = cursor.take_all("ab jeder vollen stunde")
        span = _span(cursor)
        set_pace_of_minutes(said, number, span, None if span else _some_hours(cursor), anew=anew)
    else:
        anew = cursor.take_all("ab mitternacht")
        past = _minutes_past(cursor)
        span = _span(cursor)
        set_pace_of_hours(said, number, past or (_minutes_past(cursor) if span is None else []), span, anew=anew)
    set_paced(said, pace)
    return True


def read_span(cursor: Cursor, said: Said) -> bool:
    """ "von 9 bis 17 Uhr", apart from the pace that it limits."""
    span = _span(cursor) if said.pace is not None else None
    return span is not None and limit_pace(said, span)


def _pace(cursor: Cursor) -> tuple[int, bool] | None:
    start = cursor.at
    for phrase, minutes in _PACES.items():
        if cursor.take_all(phrase):
            return minutes, True
    lead = cursor.take("alle", "jede")
    word = cursor.peek()
    if lead == "jede" and re.fullmatch(r"[0-9]{1,2}\.", word):  # "jede zweite Stunde"
        cursor.at += 1
        number: int | None = int(word[:-1])
    else:
        number = cursor.take_number() if lead == "alle" else None
    unit = cursor.take(*MINUTES, *HOURS) if number is not None else ""
    if not unit:
        cursor.at = start
        return None
    return number or 0, unit in MINUTES


def _some_hours(cursor: Cursor) -> str | None:
    start = cursor.at
    if cursor.take_all("in jeder"):
        step = re.fullmatch(r"([0-9]{1,2})\.", cursor.peek())
        cursor.at += 1
        if step and 1 < int(step[1]) < 24 and cursor.take_all("stunde ab mitternacht"):
            return f"*/{int(step[1])}"
    elif cursor.take_any("in den stunden", "in der stunde"):
        hours = _numbers(cursor, 23)
        if hours:
            return runs(hours)
    cursor.at = start
    return None


def _minutes_past(cursor: Cursor) -> list[int]:
    """ "zur Minute 5", "zu den Minuten 15 und 45", "um :15", "zur vollen Stunde", "um viertel nach"."""
    start = cursor.at
    for phrase, minute in (("zur vollen stunde", 0), ("zur halben stunde", 30), ("immer zur vollen stunde", 0)):
        if cursor.take_all(phrase):
            return [minute]
    cursor.take("immer", "jeweils")
    found: list[int] = []
    if cursor.take_any("zur minute", "zu den minuten", "in minute") or (
        cursor.take("um") and cursor.peek().startswith(":")
    ):
        found = _numbers(cursor, 59)
        found = [] if cursor.peek() == "der" else found
    elif cursor.peek(-1) == "um":
        quarters = {"viertel nach": 15, "halb": 30, "viertel vor": 45}
        quarter = next((minute for phrase, minute in quarters.items() if cursor.take_all(phrase)), None)
        found = [quarter] if quarter is not None and not cursor.peek()[:1].isdigit() else []
    if not found:
        cursor.at = start
    return found


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


def _span(cursor: Cursor) -> Span | None:
    """ "von 9 bis 17 Uhr", "zwischen 9 und 17 Uhr"."""
    start = cursor.at
    opening = cursor.take("von", "zwischen", "ab")
    if opening:
        first = _time(cursor)
        if first and cursor.take(*(("und",) if opening == "zwischen" else ("bis", "-", "–"))):
            cursor.take("um")
            last = _time(cursor)
            if last:
                return first, last
    cursor.at = start
    return None


def read_past(cursor: Cursor, said: Said) -> bool:
    """ "15 Minuten nach jeder vollen Stunde", "zu den Minuten 0 bis 20 der Stunden 9 und 12"."""
    if said.has_clock:
        return False
    if cursor.take_any("zur minute", "zu den minuten"):
        minute = _items(cursor)
        hour = _items(cursor) if minute and cursor.take_any("der stunden", "der stunde") else ""
        if hour:
            said.minute, said.hour = minute, hour
            said.is_pace = "*" in (minute, hour)
            said.repeats = said.repeats or said.is_pace
        return bool(hour)
    number = cursor.take_number(59)
    cursor.take(*MINUTES)
    side = cursor.take("nach", "vor") if number else ""
    if number and side and cursor.take_any("jeder vollen stunde", "jeder stunde", "der vollen stunde"):
        said.minute, said.hour = str(number if side == "nach" else 60 - number), "*"
        said.is_pace = said.repeats = True
        return True
    return False


def _items(cursor: Cursor) -> str:
    """The items of one column, as words: "0, 10 bis 20 in Schritten von 5 und jede 15."."""
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
    if cursor.take("jede"):
        step = re.fullmatch(r"([0-9]{1,2})\.", cursor.peek())
        cursor.at += bool(step)
        return f"*/{int(step[1])}" if step else "*"
    low = cursor.take_number(59)
    if low is None:
        return None
    high = cursor.take_number(59) if cursor.take("bis") else None
    item = str(low) if high is None else f"{low}-{high}"
    step_of = cursor.take_number(59) if cursor.take_all("in schritten von") else None
    return item if step_of is None else f"{item}/{step_of}"


def read_times(cursor: Cursor, said: Said) -> bool:
    """ "um 8:30", "8.30 Uhr", "um 9 und 17 Uhr", "um halb neun", "um Mitternacht"."""
    if said.has_clock:
        return False
    start = cursor.at
    cursor.take("immer", "jeweils", "stets")
    led = bool(cursor.take("um", "@"))
    if not (led or _is_plainly_time(cursor)):
        return False
    times: list[tuple[Time, str]] = []
    place = cursor.at
    while (time := _time(cursor, listed=bool(times))) is not None:
        times.append((time, "named" if cursor.peek(-1) in _NAMED else ""))
        place = cursor.at
        if not cursor.take_joint():
            break
        cursor.take("um")
    cursor.at = place
    if not times:
        return False
    set_times(said, times, cursor.said(start, cursor.at))
    return True


def _is_plainly_time(cursor: Cursor) -> bool:
    word, following = cursor.peek(), cursor.peek(1)
    if word in ("mitternacht", "halb", "viertel", "dreiviertel") or re.fullmatch(r"[0-9]{1,2}[:h][0-9]{2}", word):
        return True
    if dotted := re.fullmatch(r"[0-9]{1,2}\.([0-9]{2})", word):  # "8.10" may be the 8th of October
        return following == "uhr" or int(dotted[1]) > 12
    return bool(re.fullmatch(r"[0-9]{1,2}", word)) and (following == "uhr" or _has_past(cursor))


def _has_past(cursor: Cursor) -> bool:
    """Whether it is "zehn nach acht", and not a number of other things."""
    place = cursor.at
    found = _past(cursor)
    cursor.at = place
    return found is not None


def _time(cursor: Cursor, *, listed: bool = False) -> Time | None:
    """A clock time; a first one that no day has is refused, a later one ends the list."""
    start = cursor.at
    word = cursor.take(*_NAMED)
    if word:
        return _NAMED[word]
    if (past := _past(cursor)) is not None:
        cursor.take("uhr")
        return past
    read = re.fullmatch(r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?|([0-9]{1,2})\.", cursor.peek())
    if read is None or (read[3] and cursor.at != len(cursor.tokens) - 1):
        return None
    cursor.at += 1
    hour, minute = int(read[1] or read[3]), int(read[2] or 0)
    if read[2] is None and cursor.peek() in (*MINUTES, "%", *HOURS[:-1]):
        cursor.at = start
        return None
    if cursor.take("uhr", "h") and read[2] is None:
        minute = _minute_behind(cursor)
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        if listed:
            cursor.at = start
            return None
        raise no_time_of_day(cursor.said(start, cursor.at))
    return hour % 24, minute


def _minute_behind(cursor: Cursor) -> int:
    """ "8 Uhr 30", where the number belongs to nothing else."""
    if re.fullmatch(r"[0-9]{2}", cursor.peek()) and cursor.peek(1) not in (*MINUTES, *HOURS, "uhr"):
        return cursor.take_number(59) or 0
    return 0


def _past(cursor: Cursor) -> Time | None:
    """ "halb neun", "viertel nach acht", "dreiviertel neun", "zehn vor acht", "fünf nach halb neun"."""
    start = cursor.at
    if word := cursor.take("halb", "dreiviertel"):
        hour = cursor.take_number(24)
        if hour:
            return (hour - 1) % 24, 30 if word == "halb" else 45
        cursor.at = start
        return None
    quarter = cursor.take("viertel")
    minutes = 15 if quarter else cursor.take_number(59)
    cursor.take(*MINUTES)
    side = cursor.take("nach", "vor") if minutes else ""
    half = cursor.take("halb") if side else ""
    hour = cursor.take_number(24) if side or quarter else None
    if minutes is None or hour is None:
        cursor.at = start
        return None
    if not side:  # "viertel neun"
        return (hour - 1) % 24, 15
    base = hour * 60 - (30 if half else 0) + (minutes if side == "nach" else -minutes)
    return base // 60 % 24, base % 60
