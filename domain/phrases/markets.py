"""The part of a phrase that says where: an exchange's days, hours, opening and close, and the time zone."""

import re
from functools import cache
from zoneinfo import available_timezones

from domain.calendars import EXCHANGES, Exchange
from domain.phrases.clock import duration
from domain.phrases.said import PhraseRefused, Said
from domain.phrases.tokens import Cursor
from domain.words import exchange_name
from domain.zones import UnknownZone, parse_zone

LONGEST_OFFSET = 720
_MOST_WORDS = 4
_OPENING = ("open", "opens", "opening")
_CLOSING = ("close", "closes", "closing")
_BELLS = (*_OPENING, *_CLOSING)
_DAYS = ("trading days", "trading day", "sessions", "session", "market days", "market day")
_HOURS = ("trading hours", "market hours", "opening hours", "hours", "session", "sessions", "trading")
_ABBREVIATIONS = frozenset(
    re.findall(r"\w+", "utc gmt est edt cst cdt mst mdt pst pdt ist bst cet cest jst hkt sgt msk")
)
_EVERYDAY_ZONES = {"et": "America/New_York", "ct": "America/Chicago", "pt": "America/Los_Angeles"}
_SPELLINGS = {
    spelling.lower(): exchange
    for exchange in EXCHANGES.values()
    for spelling in (exchange.code, exchange.name, *exchange.aliases)
}


def _exchange(cursor: Cursor) -> Exchange | None:
    """The exchange that is named here, its longest name first; an article and a genitive may stand about it."""
    start = cursor.at
    cursor.take("the")
    for count in range(_MOST_WORDS, 0, -1):
        words = [cursor.peek(n) for n in range(count)]
        found = _SPELLINGS.get(" ".join(words).removesuffix("'s"))
        if words[-1] and found is not None:
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
    if abs(minutes) > LONGEST_OFFSET:
        raise PhraseRefused(
            f"“{cursor.said(start, cursor.at)}” is too far from it: 12 hours at most.",
            suggestions=(f"1 hour before the {exchange.name} {kind}",),
        )
    said.event = f"@{kind}({exchange.code})" + (f"{minutes:+}m" if minutes else "")
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
        spoken = cursor.said(start, cursor.at)
        kind = "open" if word in _OPENING else "close"
        raise PhraseRefused(
            f"“{spoken}”: of which exchange?",
            spoken,
            (f"15 minutes before the NYSE {kind}", f"15 minutes before the London {kind}"),
        )
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
            raise _unknown_exchange(cursor)
        return False
    if exchange is None:
        exchange = _exchange(cursor) if cursor.take("of", "at", "on") else None
    _restrict(said, exchange)
    said.hours_only = True
    return True


def _unknown_exchange(cursor: Cursor) -> PhraseRefused:
    name = " ".join(cursor.peek(n) for n in range(_MOST_WORDS)).split(" hours")[0].strip()
    return PhraseRefused(
        f"I know no exchange hours “{name}”.",
        name,
        ("every 15 minutes during NYSE hours", "hourly during London hours"),
    )


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
    _restrict(said, exchange)
    said.trading_days = True
    said.repeats = said.repeats or every or plural
    return True


def _in_brackets(cursor: Cursor, said: Said) -> bool:
    start = cursor.at
    exchange = _exchange(cursor)
    if exchange is not None and (said.trading_days or said.hours_only) and cursor.take(")"):
        _restrict(said, exchange)
        return True
    cursor.at = start
    if read_zone(cursor, said, bare=True) and cursor.take(")"):
        return True
    cursor.at = start
    exchange = _exchange(cursor)
    if exchange is not None and cursor.take(")"):
        name = exchange.name
        raise PhraseRefused(
            f"“({name})”: on its trading days only, or by its clock?",
            name,
            (f"every {name} trading day at 16:10", f"every day at 16:10 in {exchange.timezone}"),
        )
    return False


def _restrict(said: Said, exchange: Exchange | None) -> None:
    if exchange is None:
        return
    if said.calendar not in (None, exchange.code):
        names = f"{exchange_name(said.calendar or '')} and {exchange.name}"
        raise PhraseRefused(f"A schedule follows the days of one exchange, not of {names}. Make one for each.")
    said.calendar = exchange.code


def read_zone(cursor: Cursor, said: Said, *, bare: bool = False) -> bool:
    """ "in Tokyo", "New York time", "Europe/Berlin", "UTC"."""
    if said.timezone is not None:
        return False
    led = bool(cursor.take("in")) or bare
    for count in range(_MOST_WORDS, 0, -1):
        words = [cursor.peek(n) for n in range(count)]
        if not words[-1] or not all(word[0].isalpha() for word in words):
            continue
        timed = cursor.peek(count) == "time" or cursor.peek(count) + cursor.peek(count + 1) == "localtime"
        zone = _zone(" ".join(words), led=led or timed, timed=timed)
        if zone is not None:
            said.timezone = zone
            cursor.at += count
            cursor.take("local")
            cursor.take("time")
            return True
    return False


def _zone(name: str, *, led: bool, timed: bool) -> str | None:
    if name in _ABBREVIATIONS:
        return zone_or_refusal(name)
    if name in _EVERYDAY_ZONES:
        return _EVERYDAY_ZONES[name]
    if timed and name in _SPELLINGS:
        return _SPELLINGS[name].timezone
    if (led or "/" in name) and name.replace(" ", "_") in _places():
        return zone_or_refusal(name)
    return None


@cache
def _places() -> frozenset[str]:
    """What may be a zone's name or a city's, in small letters: most words are none, and `parse_zone` looks for long."""
    names = [name.lower() for name in available_timezones()]
    return frozenset([*names, *(name.rsplit("/", 1)[-1] for name in names)])


def zone_or_refusal(name: str) -> str:
    """The zone of that name; the refusal offers the nearest."""
    try:
        return parse_zone(name).key
    except UnknownZone as unknown:
        raise _ask_place(unknown) from None


def _ask_place(unknown: UnknownZone) -> PhraseRefused:
    return PhraseRefused(str(unknown), suggestions=tuple(f"in {zone}" for zone in unknown.suggestions[:3]))
