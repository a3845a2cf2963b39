"""The part of an English phrase that says on which days: of the week, of the month, of the year."""

import re

from domain.phrases import asked
from domain.phrases.english.clock import duration
from domain.phrases.moments import Moment
from domain.phrases.said import Said
from domain.phrases.tokens import Cursor, english_tokens
from domain.words_english import DAYS, EITHER, MONTHS, NTH
from domain.words_parts import runs

WEEKDAYS = {
    **{name.lower(): n for n, name in enumerate(DAYS)},
    **{name.lower()[:3]: n for n, name in enumerate(DAYS)},
    "tues": 2,
    "wednes": 3,
    "thur": 4,
    "thurs": 4,
}
MONTH_NAMES = {
    **{name.lower(): n for n, name in enumerate(MONTHS, 1)},
    **{name.lower()[:3]: n for n, name in enumerate(MONTHS, 1)},
    "sept": 9,
}
_NTH = {word: n for n, word in enumerate(NTH) if word}
_EVERY_MONTH = ("of the month", "of every month", "of each month", "in the month", "every month", "each month")
_EVERY_YEAR = ("every year", "each year", "of every year", "of each year")
_WORKDAYS = ("weekday", "workday")
PARTS = ("morning", "afternoon", "evening", "night")
_LAST = 0
_TWICE = {
    "biweekly": ("0 9 * * 1", "0 9 * * 1,4"),
    "fortnightly": ("0 9 * * 1", "0 9 1,15 * *"),
    "bimonthly": ("0 9 1,15 * *", "0 9 1 1,7 *"),
    "quarterly": ("0 9 1 1,4,7,10 *",),
}


def read_every(cursor: Cursor, said: Said) -> bool:
    """ "every week", "monthly", "yearly": that a day comes again, which is said elsewhere."""
    start = cursor.at
    word = cursor.take(*_TWICE)
    if not word and (cursor.take_any("every quarter on", "every quarter at")):
        word = "quarterly"
    if word:
        raise asked.many_ways(word, *_TWICE[word])
    if cursor.take("every"):
        if word := cursor.take("other", "second", "2nd"):
            _refuse_every_other(cursor, start, word)
        _refuse_every_few(cursor, start)
        cursor.at = start
    if said.every is not None:
        return False
    for unit in ("week", "month", "year"):
        spoken = (
            f"every {unit}",
            f"each {unit}",
            f"{unit}ly",
            f"once a {unit}",
            *(["annually"] if unit == "year" else []),
        )
        if cursor.take_any(*spoken):
            said.every, said.repeats = unit, True
            return True
    return False


def _refuse_every_other(cursor: Cursor, start: int, word: str) -> None:
    unit = cursor.take("day", "week", "month", "quarter", "weekday", *WEEKDAYS)
    if unit in WEEKDAYS and (word == "other" or not cursor.take_any(*_EVERY_MONTH)):
        raise asked.every_other_weekday(cursor.said(start, cursor.at), WEEKDAYS[unit])
    if unit in ("day", "weekday") and (word == "other" or cursor.peek() not in ("of", "in", "every", "each")):
        raise asked.every_few_days(cursor.said(start, cursor.at))
    if unit in ("week", "month", "quarter"):
        raise asked.every_few(cursor.said(start, cursor.at))


def _refuse_every_few(cursor: Cursor, start: int) -> None:
    if cursor.take_number() is None:
        return
    if cursor.take("day", "days"):
        raise asked.every_few_days(cursor.said(start, cursor.at))
    if cursor.take("week", "weeks", "month", "months", "year", "years"):
        raise asked.every_few(cursor.said(start, cursor.at))
    if cursor.take("second", "seconds", "sec", "secs", "s"):
        raise asked.seconds(cursor.said(start, cursor.at))


def read_days(cursor: Cursor, said: Said) -> bool:
    """ "every weekday", "Mondays and Thursdays", "on the 1st and 15th", "first Monday of the month"."""
    if said.has_days:
        return False
    if cursor.take("daily", "everyday") or cursor.take_all("once a day"):
        said.day, said.repeats = "*", True
        return True
    cursor.take("on")
    every = bool(cursor.take("every", "each"))
    if every and (cursor.take("day", "days") or cursor.peek() in ("noon", "midday", "midnight") or _part(cursor, said)):
        said.day, said.repeats = "*", True
        return True
    return _weekly(cursor, said, every=every) or _monthly(cursor, said, every=every)


def _weekly(cursor: Cursor, said: Said, *, every: bool) -> bool:
    found = _weekdays(cursor)
    if found is None:
        return False
    days, plainly = found
    said.weekday = runs(days)
    plural = cursor.peek().endswith("s")
    plainly = (_part(cursor, said) and plural) or plainly
    said.repeats = said.repeats or every or plainly
    return True


def _part(cursor: Cursor, said: Said) -> bool:
    word = cursor.take(*PARTS, *(f"{part}s" for part in PARTS))
    if word:
        said.part = word.removesuffix("s")
    return bool(word)


def _weekdays(cursor: Cursor) -> tuple[list[int], bool] | None:
    """The days of a week that are named, and whether it is plain that each such day is meant."""
    if cursor.take_any("weekdays", "workdays", "working days", "business days", "week days"):
        return [1, 2, 3, 4, 5], True
    if cursor.take_any("weekday", "workday", "working day", "business day"):
        return [1, 2, 3, 4, 5], False
    if cursor.take("weekends", "weekend"):
        return [0, 6], cursor.peek(-1) == "weekends"
    days: list[int] = []
    plainly = False
    place = cursor.at
    while (day := _weekday(cursor)) is not None:
        plainly = plainly or day[1]
        days.append(day[0])
        place = cursor.at
        if cursor.take("to", "-", "–", "through", "till", "until"):
            last = _weekday(cursor)
            if last is None:
                break
            days += [n % 7 for n in range(day[0], day[0] + (last[0] - day[0]) % 7 + 1)]
            place = cursor.at
        if not cursor.take_joint():
            break
        cursor.take_any("every", "on")
    cursor.at = place
    return (days, plainly or len(set(days)) > 1) if days else None


def _weekday(cursor: Cursor) -> tuple[int, bool] | None:
    word = cursor.peek()
    if word in WEEKDAYS:
        cursor.at += 1
        cursor.take(".")
        return WEEKDAYS[word], False
    if word.endswith("s") and word[:-1] in WEEKDAYS:
        cursor.at += 1
        return WEEKDAYS[word[:-1]], True
    return None


def _monthly(cursor: Cursor, said: Said, *, every: bool) -> bool:
    start = cursor.at
    cursor.take("the")
    named = _nths(cursor)
    if not named:
        return False
    spoken = cursor.said(start, cursor.at)
    if _refuses_market_day(cursor):
        raise asked.market_day(cursor.said(start, cursor.at))
    if cursor.peek() in WEEKDAYS:
        said.weekday = _nth_weekdays(cursor, named, spoken)
    elif cursor.take("day", "days"):
        said.day = _from_the_first(cursor, named, spoken, every=every) or asked.month_days(named, spoken)
    else:
        in_words = cursor.peek(-1) in _NTH
        monthly = cursor.take_any(*_EVERY_MONTH)
        if _LAST in named or (in_words and not monthly):
            return False
        said.day = asked.month_days(named, spoken)
        said.repeats = said.repeats or monthly
    monthly = cursor.take_any(*_EVERY_MONTH)
    said.repeats = said.repeats or every or monthly or len(named) > 1 or bool(said.day and "/" in said.day)
    if said.day is not None and cursor.take("or"):
        _either(cursor, said)
    return True


def _refuses_market_day(cursor: Cursor) -> bool:
    if cursor.take(*_WORKDAYS):
        return True
    return cursor.take_any("trading day", "business day", "working day", "session")


def _nths(cursor: Cursor) -> list[int]:
    """A list such as "first and third", "1st, 10th to 12th and last"; 0 stands for the last."""
    found: list[int] = []
    place = cursor.at
    while (number := _nth(cursor)) is not None:
        found.append(number)
        place = cursor.at
        if cursor.take("to", "-", "–", "through") and number != _LAST:
            cursor.take("the")
            last = _nth(cursor)
            if last is None or last <= number:
                break
            found += range(number, last + 1)
            place = cursor.at
        if not cursor.take_joint():
            break
        cursor.take("the")
    cursor.at = place
    return list(dict.fromkeys(found))


def _nth(cursor: Cursor) -> int | None:
    word = cursor.peek()
    if word in _NTH or word == "last":
        cursor.at += 1
        return _NTH.get(word, _LAST)
    read = re.fullmatch(r"([0-9]{1,2})(?:st|nd|rd|th)", word)
    if read is None:
        return None
    cursor.at += 1
    return int(read[1])


def _nth_weekdays(cursor: Cursor, named: list[int], spoken: str) -> str:
    """ "first and last Friday", "first Monday and the third Friday" as a weekday column."""
    items: list[str] = []
    while True:
        day = _weekday(cursor)
        if day is None or max(named) > 5:
            raise asked.five_at_most(spoken)
        items += [f"L{day[0]}" if n == _LAST else f"{day[0]}#{n}" for n in named]
        place = cursor.at
        cursor.take_joint()
        cursor.take("the")
        named = _nths(cursor)
        if not named or cursor.at == place or cursor.peek() not in WEEKDAYS:
            cursor.at = place
            return ",".join(dict.fromkeys(items))


def _from_the_first(cursor: Cursor, named: list[int], spoken: str, *, every: bool) -> str:
    """ "every 2nd day of the month, from the 1st"; asked when only its beginning is said."""
    if not every or len(named) > 1 or named == [_LAST]:
        return ""
    number = named[0]
    if not 1 < number <= 31:
        return ""
    place = cursor.at
    if cursor.take_any(*_EVERY_MONTH):
        cursor.take(",")
        if cursor.take_all("from the 1st"):
            return f"*/{number}"
        cursor.at = place
    raise asked.many_ways(f"every {spoken} day", f"0 9 {number} * *", f"0 9 */{number} * *" if number < 31 else "")


def _either(cursor: Cursor, said: Said) -> None:
    """What follows "on the 13th of the month or": days of the week, either of which is enough."""
    start = cursor.at
    cursor.take("on")
    cursor.take("every")
    found = _weekdays(cursor)
    if found is None:
        cursor.at = start - 1
        return
    said.weekday, said.repeats = runs(found[0]), True
    whole = [token.text for token in english_tokens(EITHER)]
    if [cursor.peek(n) for n in range(len(whole))] == whole:
        cursor.at += len(whole)


def read_months(cursor: Cursor, said: Said) -> bool:
    """ "in January and July", "of March"."""
    if said.months is not None or not cursor.take("in", "of"):
        return False
    found = _months(cursor)
    if found:
        said.months = runs(found)
    return bool(found)


def _months(cursor: Cursor) -> list[int]:
    found: list[int] = []
    place = cursor.at
    while (month := MONTH_NAMES.get(cursor.peek())) is not None:
        cursor.at += 1
        found.append(month)
        place = cursor.at
        if cursor.take("to", "-", "–", "through"):
            last = MONTH_NAMES.get(cursor.peek())
            if last is None:
                break
            cursor.at += 1
            found += [(n - 1) % 12 + 1 for n in range(month, month + (last - month) % 12 + 1)]
            place = cursor.at
        if not cursor.take_joint():
            break
    cursor.at = place
    return found


def read_date(cursor: Cursor, said: Said) -> bool:
    """ "1 January", "Thu, March 15th 2029", "24/12"; of each year where "every" or "yearly" is said, else the next."""
    if said.has_days or said.months is not None:
        return False
    cursor.take("on")
    every = bool(cursor.take("every", "each"))
    weekday = _weekday(cursor)
    cursor.take(",")
    cursor.take("the")
    found = _iso(cursor) or _in_numbers(cursor, said) or _named_date(cursor)
    if found is None:
        return False
    year, month, day = found
    if every or cursor.take_any(*_EVERY_YEAR) or said.every == "year":
        said.repeats = True
        said.day, said.months = str(day), str(month)
        return year is None and weekday is None
    said.moment = Moment(on=(year, month, day), weekday=weekday[0] if weekday else None)
    return True


def _iso(cursor: Cursor) -> tuple[int | None, int, int] | None:
    read = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", cursor.peek())
    if read is None:
        return None
    cursor.at += 1
    return asked.date_of(int(read[1]), int(read[2]), int(read[3]))


def _in_numbers(cursor: Cursor, said: Said) -> tuple[int | None, int, int] | None:
    """ "24/12", "12/24/2026"."""
    start = cursor.at
    first = cursor.take_number(31)
    second = cursor.take_number(31) if first and cursor.take("/") else None
    if not (first and second):
        cursor.at = start
        return None
    year = cursor.take_number() if cursor.take("/") else None
    spoken = cursor.said(start, cursor.at)
    said.doubtful = spoken if first <= 12 and second <= 12 and first != second else ""
    return asked.day_and_month(first, second, year)


def _named_date(cursor: Cursor) -> tuple[int | None, int, int] | None:
    month = MONTH_NAMES.get(cursor.peek())
    if month is not None:
        cursor.at += 1
        cursor.take("the")
        day = _nth(cursor) or cursor.take_number(31)
    else:
        day = _nth(cursor) or cursor.take_number(31)
        cursor.take("of")
        month = MONTH_NAMES.get(cursor.peek())
        cursor.at += 1
    if not day or month is None or day > 31:
        return None
    place = cursor.at
    cursor.take(",")
    year = cursor.take_number() if re.fullmatch("20[0-9]{2}", cursor.peek()) else None
    cursor.at = place if year is None else cursor.at
    return year, month, day


def read_moment(cursor: Cursor, said: Said) -> bool:
    """ "tomorrow", "in 2 hours", "next Friday", "Monday next week", "once": one day, or one moment."""
    if cursor.take("once"):
        if cursor.peek() == "a":
            return False
        said.once = True
        return True
    if said.has_days:
        return False
    cursor.take("on")
    said.moment = _ahead(cursor, said) or _named_day(cursor, said) or _next_weekday(cursor)
    return said.moment is not None


def _ahead(cursor: Cursor, said: Said) -> Moment | None:
    """ "in 90 minutes", "in 3 days", "a week from now"."""
    start = cursor.at
    led = cursor.take("in") or said.once
    minutes = duration(cursor) if led and not said.has_clock else None
    if minutes is None and led and (short := re.fullmatch(r"([0-9]{1,2})h([0-9]{2})", cursor.peek())):
        cursor.at += 1
        minutes = int(short[1]) * 60 + int(short[2])
    if minutes is not None:
        said.once = True
        return Moment(minutes=minutes)
    number = 1 if cursor.take("a", "an") else cursor.take_number() if led else None
    unit = cursor.take("day", "days", "week", "weeks", "d", "w") if number is not None and led else ""
    if unit:
        return Moment(days=(number or 0) * (7 if unit.startswith("w") else 1))
    cursor.at = start
    return None


def _named_day(cursor: Cursor, said: Said) -> Moment | None:
    cursor.take("the")
    if cursor.take_all("day after tomorrow"):
        return Moment(days=2)
    if cursor.take("tonight"):
        said.part = "evening"
        return Moment(days=0)
    if word := cursor.take("today", "tomorrow"):
        _part(cursor, said)
        return Moment(days=int(word == "tomorrow"))
    start = cursor.at
    if cursor.take("this") and _part(cursor, said):
        return Moment(days=0)
    cursor.at = start
    return None


def _next_weekday(cursor: Cursor) -> Moment | None:
    """ "next Friday", "this Friday", "Friday next week", "next week on Friday"."""
    start = cursor.at
    if cursor.take_all("next week"):
        cursor.take("on")
        day = _weekday(cursor)
        return Moment(weekday=day[0] if day else 1, weeks=1)
    word = cursor.take("next", "this", "coming")
    day = _weekday(cursor)
    if day is not None and not day[1]:
        if not word and cursor.take_all("next week"):
            return Moment(weekday=day[0], weeks=1)
        if word:
            return Moment(weekday=day[0], following=word == "next")
    cursor.at = start
    return None
