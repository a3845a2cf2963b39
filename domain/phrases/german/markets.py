"""The part of a German phrase that says where: an exchange's days, hours, opening and close, and the time zone."""

from domain.calendars import EXCHANGES, Exchange
from domain.phrases.german.clock import duration
from domain.phrases.places import (
    MOST_WORDS,
    by_clock_or_days,
    event_of,
    of_which_exchange,
    restrict,
    spelled_exchange,
    spelled_zone,
    unknown_hours,
)
from domain.phrases.said import Said
from domain.phrases.tokens import Cursor

_ARTICLES = ("der", "die", "das", "dem", "den", "des")
_BELLS = {
    **dict.fromkeys(
        ("eroeffnung", "oeffnung", "handelsbeginn", "handelsstart", "handelseroeffnung", "boersenbeginn",
         "boerseneroeffnung", "boersenstart", "boersenoeffnung", "beginn", "start", "opening", "open"),
        "open",
    ),
    **dict.fromkeys(
        ("schluss", "handelsschluss", "handelsende", "boersenschluss", "boersenende", "schliessung", "ende", "close"),
        "close",
    ),
}  # fmt: skip
_VERBS = {"oeffnet": "open", "aufmacht": "open", "eroeffnet": "open", "schliesst": "close", "zumacht": "close"}
_DAYS = ("handelstag", "handelstage", "handelstagen", "boersentag", "boersentage", "boersentagen")
_HOURS = ("handelszeit", "handelszeiten", "boersenzeit", "boersenzeiten", "oeffnungszeiten", "boersensitzung",
          "handelsstunden")  # fmt: skip
_NAMES = {
    "tokio": "XTKS", "tokioter": "XTKS", "mailand": "XMIL", "mailaender": "XMIL", "zuerich": "XSWX", "schweiz": "XSWX",
    "zuercher": "XSWX", "schweizer": "XSWX", "hongkong": "XHKG", "schanghai": "XSHG", "new yorker": "XNYS",
    "londoner": "XLON", "frankfurter": "XFRA", "pariser": "XPAR", "amsterdamer": "XAMS", "madrider": "XMAD",
    "stockholmer": "XSTO", "australien": "XASX", "suedkorea": "XKRX",
}  # fmt: skip
_CITIES = {
    "tokio": "Asia/Tokyo", "zuerich": "Europe/Zurich", "genf": "Europe/Zurich", "wien": "Europe/Vienna",
    "mailand": "Europe/Rome", "rom": "Europe/Rome", "moskau": "Europe/Moscow", "warschau": "Europe/Warsaw",
    "kopenhagen": "Europe/Copenhagen", "prag": "Europe/Prague", "bruessel": "Europe/Brussels",
    "lissabon": "Europe/Lisbon", "athen": "Europe/Athens", "hongkong": "Asia/Hong_Kong", "singapur": "Asia/Singapore",
    "schanghai": "Asia/Shanghai", "frankfurt": "Europe/Berlin", "muenchen": "Europe/Berlin",
    "hamburg": "Europe/Berlin", "koeln": "Europe/Berlin",
}  # fmt: skip


def _exchange(cursor: Cursor) -> Exchange | None:
    """The exchange that is named here, its longest name first; an article and "Börse" may stand about it."""
    start = cursor.at
    cursor.take("an", "in", "von")
    cursor.take(*_ARTICLES)
    cursor.take("boerse")
    cursor.take("in")
    for count in range(MOST_WORDS, 0, -1):
        words = [cursor.peek(n) for n in range(count)]
        name = " ".join(words)
        found = EXCHANGES[_NAMES[name]] if name in _NAMES else spelled_exchange(cursor, count)
        if words[-1] and found is not None:
            cursor.at += count
            cursor.take("boerse")
            return found
    cursor.at = start
    return None


def read_event(cursor: Cursor, said: Said) -> bool:
    """ "30 Minuten vor NYSE-Eröffnung", "5 Minuten nach Börsenschluss in New York", "wenn die NYSE öffnet"."""
    if said.has_clock:
        return False
    start = cursor.at
    minutes, side = 0, cursor.take("zur", "zum", "bei", "beim", "mit", "wenn", "sobald")
    if not side:
        found = duration(cursor)
        side = cursor.take("vor", "nach", "bevor", "nachdem") if found is not None else ""
        if found is None or not side:
            return False
        minutes = -found if side in ("vor", "bevor") else found
    spoken = side in ("bevor", "nachdem", "wenn", "sobald")
    bell = _bell(cursor, start, said.calendar, verbs=spoken)
    if bell is None:
        return False
    kind, exchange = bell
    said.event = event_of(kind, exchange, minutes, cursor.said(start, cursor.at))
    said.event_exchange, said.repeats = exchange.code, True
    return True


def _bell(cursor: Cursor, start: int, calendar: str | None, *, verbs: bool) -> tuple[str, Exchange] | None:
    exchange = _exchange(cursor)
    cursor.take("-", "–")
    cursor.take(*_ARTICLES)
    if verbs:
        cursor.take("boerse", "markt")
    words = _VERBS if verbs else _BELLS
    word = cursor.take(*words)
    if not word:
        return None
    exchange = exchange or _exchange(cursor) or EXCHANGES.get(calendar or "")
    if exchange is None:
        raise of_which_exchange(cursor.said(start, cursor.at), words[word])
    return words[word], exchange


def read_hours(cursor: Cursor, said: Said) -> bool:
    """ "während der NYSE-Handelszeit", "während der Handelszeiten in London", "solange die NYSE offen ist"."""
    if said.hours_only:
        return False
    lead = cursor.take("waehrend", "innerhalb", "solange", "zu", "in")
    if not lead:
        return False
    cursor.take("von")
    exchange = _exchange(cursor)
    cursor.take("-", "–")
    if not (exchange is not None and cursor.take_any("offen ist", "geoeffnet ist", "offen hat", "geoeffnet hat")):
        cursor.take(*_ARTICLES)
        if not cursor.take(*_HOURS):
            if lead == "waehrend":
                raise unknown_hours(" ".join(filter(None, (cursor.peek(n) for n in range(MOST_WORDS)))))
            return False
    restrict(said, exchange or _exchange(cursor))
    said.hours_only = True
    return True


def read_calendar(cursor: Cursor, said: Said) -> bool:
    """ "jeden NYSE-Handelstag", "an Handelstagen der NYSE", ", nur an NYSE-Handelstagen", "(NYSE)"."""
    if cursor.take("("):
        return _in_brackets(cursor, said)
    if said.trading_days:
        return False
    cursor.take("nur")
    on = bool(cursor.take("an"))
    every = bool(cursor.take("jeden", "jedem", "alle")) or on
    cursor.take("den", "allen")
    exchange = _exchange(cursor)
    cursor.take("-", "–")
    word = cursor.take(*_DAYS) or (cursor.take("tagen", "tage") if exchange is not None else "")
    if not word:
        return False
    restrict(said, exchange or _exchange(cursor))
    said.trading_days = True
    said.repeats = said.repeats or every or word.endswith(("e", "en"))
    return True


def _in_brackets(cursor: Cursor, said: Said) -> bool:
    start = cursor.at
    exchange = _exchange(cursor)
    if exchange is not None and (said.trading_days or said.hours_only) and cursor.take(")"):
        restrict(said, exchange)
        return True
    cursor.at = start
    if read_zone(cursor, said, bare=True) and cursor.take(")"):
        return True
    cursor.at = start
    exchange = _exchange(cursor)
    if exchange is not None and cursor.take(")"):
        raise by_clock_or_days(exchange)
    return False


def read_zone(cursor: Cursor, said: Said, *, bare: bool = False) -> bool:
    """ "in Tokio", "New Yorker Zeit", "Europe/Berlin", "UTC"."""
    if said.timezone is not None:
        return False
    led = bool(cursor.take("in", "nach")) or bare
    for count in range(MOST_WORDS, 0, -1):
        words = [cursor.peek(n) for n in range(count)]
        if not words[-1] or not all(word[0].isalpha() for word in words):
            continue
        timed = cursor.peek(count) in ("zeit", "ortszeit")
        zone = _zone(" ".join(words), led=led or timed, timed=timed)
        if zone is not None:
            said.timezone = zone
            cursor.at += count
            cursor.take("zeit", "ortszeit")
            return True
    return False


def _zone(name: str, *, led: bool, timed: bool) -> str | None:
    if led and name in _CITIES:
        return _CITIES[name]
    if timed and name in _NAMES:
        return EXCHANGES[_NAMES[name]].timezone
    found = spelled_zone(name, led=led, timed=timed)
    if found is None and timed and name.endswith("er"):
        return _CITIES.get(name[:-2]) or spelled_zone(name[:-2], led=True, timed=False)
    return found
