"""The part of a phrase that says on which days: of the week, of the month, of the year."""

import re

from domain.phrases.said import PhraseRefused, Said
from domain.phrases.tokens import Cursor, tokens
from domain.words import DAYS, EITHER, MONTHS, NTH, ordinal, runs

_WEEKDAYS = {
    **{name.lower(): n for n, name in enumerate(DAYS)},
    **{name.lower()[:3]: n for n, name in enumerate(DAYS)},
    "tues": 2,
    "wednes": 3,
    "thur": 4,
    "thurs": 4,
}
_MONTHS = {
    **{name.lower(): n for n, name in enumerate(MONTHS, 1)},
    **{name.lower()[:3]: n for n, name in enumerate(MONTHS, 1)},
    "sept": 9,
}
_NTH = {word: n for n, word in enumerate(NTH) if word}
_EVERY_MONTH = ("of the month", "of every month", "of each month", "in the month", "every month", "each month")
_EVERY_YEAR = ("every year", "each year", "of every year", "of each year")
_WORKDAYS = ("weekday", "workday")
_PARTS = ("morning", "afternoon", "evening", "night")
_LAST = 0
_TWICE = {
    "biweekly": ("every Monday at 09:00", "every Monday and Thursday at 09:00"),
    "fortnightly": ("every Monday at 09:00", "on the 1st and 15th of the month at 09:00"),
    "bimonthly": ("on the 1st and 15th of the month at 09:00", "on the 1st of the month in January and July at 09:00"),
    "quarterly": ("on the 1st of the month in January, April, July and October at 09:00",),
}  # fmt: skip
_OTHER_DAYS = ("every 2nd day of the month, from the 1st at 09:00", "every Monday, Wednesday and Friday at 09:00")


def read_every(cursor: Cursor, said: Said) -> bool:
    """ "every week", "monthly", "yearly": that a day comes again, which is said elsewhere."""
    start = cursor.at
    word = cursor.take(*_TWICE)
    if not word and (cursor.take_any("every quarter on", "every quarter at")):
        word = "quarterly"
    if word:
        raise PhraseRefused(f"“{word}” can be read in more than one way.", word, _TWICE[word])
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
    unit = cursor.take("day", "week", "month", "quarter", "weekday", *_WEEKDAYS)
    if unit in _WEEKDAYS and (word == "other" or not cursor.take_any(*_EVERY_MONTH)):
        name = DAYS[_WEEKDAYS[unit]]
        raise PhraseRefused(
            f"“{cursor.said(start, cursor.at)}” is every other week, which is not kept, or one of the month's.",
            cursor.said(start, cursor.at),
            (f"on the second {name} of the month at 09:00", f"every {name} at 09:00"),
        )
    if unit in ("day", "weekday") and (word == "other" or cursor.peek() not in ("of", "in", "every", "each")):
        raise PhraseRefused(
            "Every other day can't be kept: months have odd lengths.", cursor.said(start, cursor.at), _OTHER_DAYS
        )
    if unit in ("week", "month", "quarter"):
        raise PhraseRefused(
            f"Every other {unit} is not kept: a schedule comes at least once in its {unit}.",
            cursor.said(start, cursor.at),
            ("every Monday at 09:00", "on the 1st and 15th of the month at 09:00"),
        )


def _refuse_every_few(cursor: Cursor, start: int) -> None:
    number = cursor.take_number()
    if number is not None and cursor.take("day", "days"):
        raise PhraseRefused(
            f"Every {number} days can't be kept: months have odd lengths.", cursor.said(start, cursor.at), _OTHER_DAYS
        )
    if number is not None and (unit := cursor.take("week", "weeks", "month", "months", "year", "years")):
        raise PhraseRefused(
            f"Every {number} {unit} can't be kept as one line.",
            cursor.said(start, cursor.at),
            ("every Monday at 09:00", "on the 1st of the month in January and July at 09:00"),
        )
    if number is not None and cursor.take("second", "seconds", "sec", "secs", "s"):
        raise PhraseRefused(
            "Nothing is planned finer than a minute.",
            cursor.said(start, cursor.at),
            ("every minute", "every 5 minutes"),
        )


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
    word = cursor.take(*_PARTS, *(f"{part}s" for part in _PARTS))
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
    if word in _WEEKDAYS:
        cursor.at += 1
        cursor.take(".")
        return _WEEKDAYS[word], False
    if word.endswith("s") and word[:-1] in _WEEKDAYS:
        cursor.at += 1
        return _WEEKDAYS[word[:-1]], True
    return None


def _monthly(cursor: Cursor, said: Said, *, every: bool) -> bool:
    start = cursor.at
    cursor.take("the")
    named = _nths(cursor)
    if not named:
        return False
    spoken = cursor.said(start, cursor.at)
    if _refuses_market_day(cursor):
        raise PhraseRefused(
            f"“{cursor.said(start, cursor.at)}” can't be kept yet.",
            cursor.said(start, cursor.at),
            ("on the first Monday of the month at 09:00", "on the last day of the month at 09:00"),
        )
    if cursor.peek() in _WEEKDAYS:
        said.weekday = _nth_weekdays(cursor, named, spoken)
    elif cursor.take("day", "days"):
        said.day = _from_the_first(cursor, named, spoken, every=every) or _month_days(named, spoken)
    else:
        in_words = cursor.peek(-1) in _NTH
        monthly = cursor.take_any(*_EVERY_MONTH)
        if _LAST in named or (in_words and not monthly):
            return False
        said.day = _month_days(named, spoken)
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
            raise PhraseRefused(f"“{spoken}”: a month has five of a weekday at most.", spoken)
        items += [f"L{day[0]}" if n == _LAST else f"{day[0]}#{n}" for n in named]
        place = cursor.at
        cursor.take_joint()
        cursor.take("the")
        named = _nths(cursor)
        if not named or cursor.at == place or cursor.peek() not in _WEEKDAYS:
            cursor.at = place
            return ",".join(dict.fromkeys(items))


def _month_days(named: list[int], spoken: str) -> str:
    if named == [_LAST]:
        return "L"
    if _LAST in named:
        raise PhraseRefused(
            f"“{spoken}”: the last day of the month stands alone. Make a schedule for each.",
            spoken,
            ("on the last day of the month at 09:00",),
        )
    if max(named) > 31 or min(named) < 1:
        raise PhraseRefused(f"“{spoken}” is no day of a month: they go from the 1st to the 31st.", spoken)
    return runs(named)


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
    raise PhraseRefused(
        f"“every {spoken} day” can be read in two ways.",
        spoken,
        (
            f"on the {ordinal(number)} of the month at 09:00",
            f"every {ordinal(number)} day of the month, from the 1st at 09:00",
        ),
    )


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
    whole = [token.text for token in tokens(EITHER)]
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
    while (month := _MONTHS.get(cursor.peek())) is not None:
        cursor.at += 1
        found.append(month)
        place = cursor.at
        if cursor.take("to", "-", "–", "through"):
            last = _MONTHS.get(cursor.peek())
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
    """ "1 January", "on March 15th", "every December 24"; one of each year, where "every" or "yearly" is said."""
    if said.has_days or said.months is not None:
        return False
    cursor.take("on")
    every = bool(cursor.take("every", "each"))
    cursor.take("the")
    month = _MONTHS.get(cursor.peek())
    if month is not None:
        cursor.at += 1
        cursor.take("the")
        day = _nth(cursor) or cursor.take_number(31)
    else:
        day = _nth(cursor) or cursor.take_number(31)
        cursor.take("of")
        month = _MONTHS.get(cursor.peek())
        cursor.at += 1
    if not day or month is None or day > 31 or re.fullmatch("[0-9]{4}", cursor.peek()):
        return False
    yearly = cursor.take_any(*_EVERY_YEAR) or every
    said.day, said.months = str(day), str(month)
    said.repeats = said.repeats or yearly
    return True
