"""The part of a German phrase that says on which days: of the week, of the month, of the year, or one day only."""

import re

from domain.phrases import asked
from domain.phrases.asked import LAST
from domain.phrases.german.clock import PARTS, duration, take_count
from domain.phrases.moments import Moment
from domain.phrases.said import Said
from domain.phrases.tokens import Cursor, german_tokens
from domain.words_german import DAYS, EITHER, MONTHS
from domain.words_parts import runs

_UMLAUT = str.maketrans({"ä": "ae"})
WEEKDAYS = {
    **{name.lower(): n for n, name in enumerate(DAYS)},
    **{name.lower()[:2]: n for n, name in enumerate(DAYS)},
    "sonnabend": 6,
}
_ADVERBS = {f"{name}s": n for name, n in WEEKDAYS.items() if len(name) > 2}
_WITH_PART = {
    f"{day}{part}": (n, part) for day, n in WEEKDAYS.items() if len(day) > 2 for part in PARTS
}  # "Montagabend", "montagabends"
_MONTH_WORDS = {
    **{name.lower().translate(_UMLAUT): n for n, name in enumerate(MONTHS, 1)},
    **{name.lower().translate(_UMLAUT)[:3]: n for n, name in enumerate(MONTHS, 1)},
    "jaenner": 1, "feber": 2, "mrz": 3, "sept": 9,
}  # fmt: skip
_OF_MONTH = (
    "des monats", "im monat", "jeden monats", "jedes monats", "eines monats", "eines jeden monats", "jeden monat",
    "vom monat", "in jedem monat",
)  # fmt: skip
_OF_YEAR = ("jedes jahr", "jeden jahres", "jedes jahres", "im jahr", "in jedem jahr")
_WORKDAYS = ("werktag", "wochentag", "arbeitstag", "werktage", "werktagen", "wochentagen", "arbeitstagen")
_WORKDAYS_ALL = ("werktags", "wochentags", "arbeitstags")
_MARKET_DAYS = ("handelstag", "boersentag", *_WORKDAYS[:3])
_EVERY = ("jeden", "jede", "jedes", "jedem", "jeweils")
_UNITS = {
    "week": ("woechentlich", "jede woche", "einmal pro woche", "einmal die woche", "einmal in der woche"),
    "month": ("monatlich", "jeden monat", "einmal pro monat", "einmal im monat"),
    "year": ("jaehrlich", "jedes jahr", "einmal pro jahr", "einmal im jahr", "alljaehrlich"),
}
_TWICE = {
    "zweiwoechentlich": ("0 9 * * 1", "0 9 1,15 * *"),
    "vierzehntaegig": ("0 9 * * 1", "0 9 1,15 * *"),
    "14-taegig": ("0 9 * * 1", "0 9 1,15 * *"),
    "halbmonatlich": ("0 9 1,15 * *",),
    "vierteljaehrlich": ("0 9 1 1,4,7,10 *",),
    "quartalsweise": ("0 9 1 1,4,7,10 *",),
    "halbjaehrlich": ("0 9 1 1,7 *",),
    "jedes quartal": ("0 9 1 1,4,7,10 *",),
}
_NO_ONCE = ("pro", "die", "im", "in", "taeglich", "woechentlich", "monatlich", "jaehrlich")


def read_every(cursor: Cursor, said: Said) -> bool:
    """ "jede Woche", "monatlich", "jährlich": that a day comes again, which is said elsewhere."""
    start = cursor.at
    for phrase, lines in _TWICE.items():
        if cursor.take_all(phrase.replace("-", " - ")):
            raise asked.many_ways(cursor.said(start, cursor.at), *lines)
    if cursor.take(*_EVERY) and (other := cursor.take("2.", "3.", "4.", "anderen", "andere")):
        _refuse_every_other(cursor, start, other)
    cursor.at = start
    if cursor.take("alle"):
        _refuse_every_few(cursor, start)
        cursor.at = start
    for unit, phrases in _UNITS.items():
        if said.every is None and cursor.take_any(*phrases):
            said.every, said.repeats = unit, True
            return True
    return False


def _refuse_every_other(cursor: Cursor, start: int, other: str) -> None:
    unit = cursor.take("tag", "woche", "monat", "quartal", "jahr", *_WORKDAYS, *WEEKDAYS)
    spoken = cursor.said(start, cursor.at)
    monthly = cursor.take_any(*_OF_MONTH)
    if unit in WEEKDAYS and not monthly and other in ("2.", "anderen"):
        raise asked.every_other_weekday(spoken, WEEKDAYS[unit])
    if unit in ("tag", *_WORKDAYS) and not monthly:
        raise asked.every_few_days(spoken)
    if unit in ("woche", "monat", "quartal", "jahr"):
        raise asked.every_few(spoken)


def _refuse_every_few(cursor: Cursor, start: int) -> None:
    if cursor.take_number() is None:
        return
    if cursor.take("tag", "tage"):
        raise asked.every_few_days(cursor.said(start, cursor.at))
    if cursor.take("wochen", "monate", "jahre"):
        raise asked.every_few(cursor.said(start, cursor.at))
    if cursor.take("sekunden", "sek", "s"):
        raise asked.seconds(cursor.said(start, cursor.at))


def read_days(cursor: Cursor, said: Said) -> bool:
    """ "jeden Werktag", "montags und donnerstags", "am 1. und 15.", "am ersten Montag im Monat"."""
    if said.has_days:
        return False
    if cursor.take("taeglich", "tagtaeglich", "alltaeglich") or cursor.take_any(
        "einmal am tag", "einmal taeglich", "einmal pro tag", "jeden tag", "an jedem tag", "alle tage"
    ):
        said.day, said.repeats = "*", True
        return True
    start = cursor.at
    if cursor.take("jeden", "jede") and (word := cursor.take(*PARTS)):
        said.day, said.part, said.repeats = "*", PARTS[word], True
        return True
    cursor.at = start
    cursor.take("am", "an", "vom", "zum", "von")
    every = bool(cursor.take(*_EVERY))
    return _weekly(cursor, said, every=every) or _monthly(cursor, said, every=every)


def _weekly(cursor: Cursor, said: Said, *, every: bool) -> bool:
    found = _weekdays(cursor, said)
    if found is None:
        return False
    days, plainly = found
    said.weekday = runs(days)
    if said.part is None and (word := cursor.take(*PARTS)):
        said.part = PARTS[word]
        plainly = plainly or word.endswith("s")
    said.repeats = said.repeats or every or plainly
    return True


def _weekdays(cursor: Cursor, said: Said) -> tuple[list[int], bool] | None:
    """The days of a week that are named, and whether it is plain that each such day is meant."""
    cursor.take("den")
    if cursor.take(*_WORKDAYS_ALL):
        return [1, 2, 3, 4, 5], True
    if word := cursor.take(*_WORKDAYS):
        return [1, 2, 3, 4, 5], word.endswith(("e", "en"))
    if word := cursor.take("wochenende", "wochenenden", "wochenends"):
        return [0, 6], True
    days: list[int] = []
    plainly = False
    place = cursor.at
    while (day := _weekday(cursor, said)) is not None:
        plainly = plainly or day[1]
        days.append(day[0])
        place = cursor.at
        if cursor.take("bis", "-", "–"):
            last = _weekday(cursor, said)
            if last is None:
                break
            days += [n % 7 for n in range(day[0], day[0] + (last[0] - day[0]) % 7 + 1)]
            place = cursor.at
        if not cursor.take_joint():
            break
        cursor.take("jeden", "am")
    cursor.at = place
    return (days, plainly or len(set(days)) > 1) if days else None


def _weekday(cursor: Cursor, said: Said | None = None) -> tuple[int, bool] | None:
    word = cursor.peek()
    if word in WEEKDAYS:
        cursor.at += 1
        if len(word) == 2:
            cursor.take(".")
        return WEEKDAYS[word], False
    if word in _ADVERBS:
        cursor.at += 1
        return _ADVERBS[word], True
    if word in _WITH_PART and said is not None and said.part is None:
        cursor.at += 1
        day, part = _WITH_PART[word]
        said.part = PARTS[part]
        return day, part.endswith("s")
    return None


def _monthly(cursor: Cursor, said: Said, *, every: bool) -> bool:
    if every is False and cursor.take("monatsende", "monatsletzten"):
        said.day, said.repeats = "L", True
        return True
    if cursor.take("monatsersten", "monatsanfang"):
        said.day, said.repeats = "1", True
        return True
    start = cursor.at
    cursor.take("den", "dem")
    named = _nths(cursor)
    if not named:
        return False
    spoken = cursor.said(start, cursor.at)
    if cursor.take(*_MARKET_DAYS):
        raise asked.market_day(cursor.said(start, cursor.at))
    if cursor.peek() in WEEKDAYS:
        said.weekday = _nth_weekdays(cursor, named, spoken)
    elif cursor.take("tag", "tage"):
        said.day = _from_the_first(cursor, named, spoken, every=every) or asked.month_days(named, spoken)
    else:
        monthly = cursor.take_any(*_OF_MONTH)
        if LAST in named:
            return False
        said.day = asked.month_days(named, spoken)
        said.repeats = said.repeats or monthly
    monthly = cursor.take_any(*_OF_MONTH)
    said.repeats = said.repeats or every or monthly or len(named) > 1 or bool(said.day and "/" in said.day)
    if said.day is not None and cursor.take("oder"):
        _either(cursor, said)
    return True


def _nths(cursor: Cursor) -> list[int]:
    """A list such as "ersten und dritten", "1., 10. bis 12. und letzten"; 0 stands for the last."""
    found: list[int] = []
    place = cursor.at
    while (number := _nth(cursor)) is not None:
        found.append(number)
        place = cursor.at
        if cursor.take("bis", "-", "–") and number != LAST:
            cursor.take("zum")
            last = _nth(cursor)
            if last is None or last <= number:
                break
            found += range(number, last + 1)
            place = cursor.at
        if not cursor.take_joint():
            break
        cursor.take("am", "den", "dem")
    cursor.at = place
    return list(dict.fromkeys(found))


def _nth(cursor: Cursor) -> int | None:
    if cursor.take("letzten", "letzter", "letzte", "letztem"):
        return LAST
    read = re.fullmatch(r"([0-9]{1,2})\.", cursor.peek())
    if read is None or int(read[1]) == 0:
        return None
    cursor.at += 1
    return int(read[1])


def _nth_weekdays(cursor: Cursor, named: list[int], spoken: str) -> str:
    """ "ersten und letzten Freitag", "ersten Montag und dritten Freitag" as a weekday column."""
    items: list[str] = []
    while True:
        day = _weekday(cursor)
        if day is None or max(named) > 5:
            raise asked.five_at_most(spoken)
        items += [f"L{day[0]}" if n == LAST else f"{day[0]}#{n}" for n in named]
        place = cursor.at
        cursor.take_joint()
        cursor.take("am", "den")
        named = _nths(cursor)
        if not named or cursor.at == place or cursor.peek() not in WEEKDAYS:
            cursor.at = place
            return ",".join(dict.fromkeys(items))


def _from_the_first(cursor: Cursor, named: list[int], spoken: str, *, every: bool) -> str:
    """ "jeden 2. Tag des Monats ab dem 1."; asked when only its beginning is said."""
    if not every or len(named) > 1 or not 1 < named[0] <= 31:
        return ""
    number = named[0]
    place = cursor.at
    if cursor.take_any(*_OF_MONTH):
        cursor.take(",")
        if cursor.take_all("ab dem 1."):
            return f"*/{number}"
        cursor.at = place
    raise asked.many_ways(f"jeden {spoken} Tag", f"0 9 {number} * *", f"0 9 */{number} * *" if number < 31 else "")


def _either(cursor: Cursor, said: Said) -> None:
    """What follows "am 13. des Monats oder": days of the week, either of which is enough."""
    start = cursor.at
    cursor.take("am")
    cursor.take("jeden")
    found = _weekdays(cursor, said)
    if found is None:
        cursor.at = start - 1
        return
    said.weekday, said.repeats = runs(found[0]), True
    whole = [token.text for token in german_tokens(EITHER)]
    if [cursor.peek(n) for n in range(len(whole))] == whole:
        cursor.at += len(whole)


def read_months(cursor: Cursor, said: Said) -> bool:
    """ "im Januar und Juli", "von November bis Februar"."""
    if said.months is not None or not cursor.take("im", "in", "von"):
        return False
    found: list[int] = []
    place = cursor.at
    while (month := _MONTH_WORDS.get(cursor.peek())) is not None:
        cursor.at += 1
        found.append(month)
        place = cursor.at
        if cursor.take("bis", "-", "–"):
            last = _MONTH_WORDS.get(cursor.peek())
            if last is None:
                break
            cursor.at += 1
            found += [(n - 1) % 12 + 1 for n in range(month, month + (last - month) % 12 + 1)]
            place = cursor.at
        if not cursor.take_joint():
            break
        cursor.take("im")
    cursor.at = place
    if found:
        said.months = runs(found)
    return bool(found)


def read_date(cursor: Cursor, said: Said) -> bool:
    """ "am 24.12.", "Sa, 21. Nov 2026"; of each year where "jeden" or "jährlich" is said, else the next."""
    if said.has_days or said.months is not None:
        return False
    led = bool(cursor.take("am", "zum", "vom"))
    every = bool(cursor.take(*_EVERY))
    weekday = _weekday(cursor)
    cursor.take(",")
    led = bool(cursor.take("den", "dem")) or led
    found = _iso(cursor) or _slashed(cursor, said) or _dotted(cursor, led=led) or _named_date(cursor)
    if found is None:
        return False
    year, month, day = found
    if every or cursor.take_any(*_OF_YEAR) or said.every == "year":
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


def _dotted(cursor: Cursor, *, led: bool) -> tuple[int | None, int, int] | None:
    """ "24.12.", "24.12.2026"; "24.12" where "am" stands before it."""
    read = re.fullmatch(r"([0-9]{1,2})\.\s?([0-9]{1,2})(\.?)\s?([0-9]{4})?", cursor.peek())
    if read is None or not (led or read[3]) or cursor.peek(1) == "uhr":
        return None
    cursor.at += 1
    return asked.date_of(int(read[4]) if read[4] else None, int(read[2]), int(read[1]))


def _slashed(cursor: Cursor, said: Said) -> tuple[int | None, int, int] | None:
    start = cursor.at
    first = cursor.take_number(31)
    second = cursor.take_number(31) if first and cursor.take("/") else None
    if not (first and second):
        cursor.at = start
        return None
    year = cursor.take_number() if cursor.take("/") else None
    said.doubtful = cursor.said(start, cursor.at) if first <= 12 and second <= 12 and first != second else ""
    return asked.day_and_month(first, second, year)


def _named_date(cursor: Cursor) -> tuple[int | None, int, int] | None:
    day = _nth(cursor) or cursor.take_number(31)
    month = _MONTH_WORDS.get(cursor.peek())
    cursor.at += 1
    if not day or month is None or day > 31:
        return None
    cursor.take(".")
    year = cursor.take_number() if re.fullmatch("20[0-9]{2}", cursor.peek()) else None
    return year, month, day


def read_moment(cursor: Cursor, said: Said) -> bool:
    """ "morgen", "in zwei Stunden", "nächsten Freitag", "einmal": one day, or one moment."""
    if cursor.take("einmal", "einmalig"):
        if cursor.peek() in _NO_ONCE or (cursor.peek(), cursor.peek(1)) == ("am", "tag"):
            return False
        said.once = True
        return True
    if said.has_days:
        return False
    said.moment = _ahead(cursor, said) or _named_day(cursor, said) or _next_weekday(cursor)
    return said.moment is not None


def _ahead(cursor: Cursor, said: Said) -> Moment | None:
    """ "in 90 Minuten", "in drei Tagen", "in einer Woche"."""
    start = cursor.at
    led = bool(cursor.take("in")) or said.once
    minutes = duration(cursor) if led and not said.has_clock else None
    if minutes is None and led and (short := re.fullmatch(r"([0-9]{1,2})h([0-9]{2})", cursor.peek())):
        cursor.at += 1
        minutes = int(short[1]) * 60 + int(short[2])
    if minutes is not None:
        said.once = True
        return Moment(minutes=minutes)
    number = take_count(cursor) if led else None
    unit = cursor.take("tag", "tage", "tagen", "woche", "wochen") if number is not None else ""
    if unit:
        return Moment(days=(number or 0) * (7 if unit.startswith("w") else 1))
    cursor.at = start
    return None


def _named_day(cursor: Cursor, said: Said) -> Moment | None:
    days = {"heute": 0, "morgen": 1, "uebermorgen": 2}.get(cursor.take("heute", "morgen", "uebermorgen"))
    if days is None:
        return None
    if said.part is None and (word := cursor.take(*PARTS)):
        said.part = PARTS[word]
    return Moment(days=days)


def _next_weekday(cursor: Cursor) -> Moment | None:
    """ "nächsten Freitag", "diesen Freitag", "Montag nächster Woche", "nächste Woche am Montag"."""
    start = cursor.at
    if cursor.take_any("naechste woche", "kommende woche"):
        cursor.take("am")
        day = _weekday(cursor)
        return Moment(weekday=day[0] if day else 1, weeks=1)
    cursor.take("am")
    word = cursor.take("naechsten", "naechster", "diesen", "kommenden", "kommender")
    day = _weekday(cursor)
    if day is not None and not day[1]:
        if not word and cursor.take_any("naechster woche", "naechste woche", "der naechsten woche", "kommender woche"):
            return Moment(weekday=day[0], weeks=1)
        if word:
            return Moment(weekday=day[0], following=word.startswith("naechste"))
    cursor.at = start
    return None
