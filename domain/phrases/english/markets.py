"""The part of an English phrase that says where: an exchange's days, hours, opening and close, and the time zone."""

from domain.calendars import EXCHANGES, Exchange
from domain.phrases.english.clock import duration
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

_OPENING = ("open", "opens", "opening")
_CLOSING = ("close", "closes", "closing")
_BELLS = (*_OPENING, *_CLOSING)
_DAYS = ("trading days", "trading day", "sessions", "session", "market days", "market day")
_HOURS = ("trading hours", "market hours", "opening hours", "hours", "session", "sessions", "trading")


def _exchange(cursor: Cursor) -> Exchange | None:
    """The exchange that is named here, its longest name first; an article and a genitive may stand about it."""
    start = cursor.at
    cursor.take("the")
    for count in range(MOST_WORDS, 0, -1):
        found = spelled_exchange(cursor, count) if cursor.peek(count - 1) else None
        if found is not None:
            cursor.at += count
            return found
    cursor.at = start
    return None


def read_event(cursor: Cursor, said: Said) -> bool:
    """ "15 minutes before the NYSE opens", "5 minutes after the London close", "at the NYSE open"."""
    if said.has_clock:
        return False
    start = cursor.at
    minutes = 0
    if not cursor.take("at", "when", "on"):
        found = duration(cursor)
        side = cursor.take("before", "after") if found is not None else ""
        if found is None or not side:
            return False
        minutes = found if side == "after" else -found
    bell = _bell(cursor, start, said.calendar)
    if bell is None:
        return False
    kind, exchange = bell
    said.event = event_of(kind, exchange, minutes, cursor.said(start, cursor.at))
    said.event_exchange, said.repeats = exchange.code, True
    return True


def _bell(cursor: Cursor, start: int, calendar: str | None) -> tuple[str, Exchange] | None:
    exchange = _exchange(cursor)
    cursor.take("the")
    cursor.take("market", "markets")
    word = cursor.take(*_BELLS)
    if not word:
        return None
    cursor.take("bell", "auction")
    if exchange is None and cursor.take("of", "at", "in", "on"):
        exchange = _exchange(cursor)
    exchange = exchange or EXCHANGES.get(calendar or "")
    if exchange is None:
        raise of_which_exchange(cursor.said(start, cursor.at), "open" if word in _OPENING else "close")
    return ("open" if word in _OPENING else "close"), exchange


def read_hours(cursor: Cursor, said: Said) -> bool:
    """ "during NYSE hours", "while the London market is open"."""
    if said.hours_only:
        return False
    lead = cursor.take("during", "in", "within", "while", "when", "whenever")
    exchange = _exchange(cursor)
    if lead in ("while", "when", "whenever"):
        cursor.take("the")
        cursor.take("market", "exchange")
        right = cursor.take_any("is open", "trades", "is trading")
    else:
        cursor.take("the")
        right = bool(lead) and cursor.take_any(*_HOURS)
    if not right:
        if lead == "during":
            raise unknown_hours(" ".join(cursor.peek(n) for n in range(MOST_WORDS)).split(" hours")[0].strip())
        return False
    if exchange is None:
        exchange = _exchange(cursor) if cursor.take("of", "at", "on") else None
    restrict(said, exchange)
    said.hours_only = True
    return True


def read_calendar(cursor: Cursor, said: Said) -> bool:
    """ "every NYSE trading day", "trading days of the LSE", ", NYSE trading days only", "(NYSE)"."""
    if cursor.take("("):
        return _in_brackets(cursor, said)
    if said.trading_days:
        return False
    cursor.take("on")
    every = bool(cursor.take("every", "each"))
    exchange = _exchange(cursor)
    if not (cursor.take_any(*_DAYS) or (exchange is not None and cursor.take("days"))):
        return False
    plural = cursor.peek(-1).endswith("s")
    cursor.take("only")
    if exchange is None:
        middle = cursor.at
        exchange = _exchange(cursor) if cursor.take("of", "at", "on", "in") else None
        cursor.at = middle if exchange is None else cursor.at
    restrict(said, exchange)
    said.trading_days = True
    said.repeats = said.repeats or every or plural
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
    """ "in Tokyo", "New York time", "Europe/Berlin", "UTC"."""
    if said.timezone is not None:
        return False
    led = bool(cursor.take("in")) or bare
    for count in range(MOST_WORDS, 0, -1):
        words = [cursor.peek(n) for n in range(count)]
        if not words[-1] or not all(word[0].isalpha() for word in words):
            continue
        timed = cursor.peek(count) == "time" or cursor.peek(count) + cursor.peek(count + 1) == "localtime"
        zone = spelled_zone(" ".join(words), led=led or timed, timed=timed)
        if zone is not None:
            said.timezone = zone
            cursor.at += count
            cursor.take("local")
            cursor.take("time")
            return True
    return False
