"""Exchanges and time zones by the names that people use, in every language, and what is asked about them."""

import re
from functools import cache
from zoneinfo import available_timezones

from domain.calendars import EXCHANGES, Exchange
from domain.locales import t
from domain.phrases.said import PhraseRefused, Said, say
from domain.phrases.tokens import Cursor
from domain.words_parts import exchange_name
from domain.zones import UnknownZone, parse_zone

LONGEST_OFFSET = 720
MOST_WORDS = 4
_ABBREVIATIONS = frozenset(
    re.findall(r"\w+", "utc gmt est edt cst cdt mst mdt pst pdt ist bst cet cest jst hkt sgt msk")
)
_EVERYDAY_ZONES = {"et": "America/New_York", "ct": "America/Chicago", "pt": "America/Los_Angeles"}
_SPELLINGS = {
    spelling.lower(): exchange
    for exchange in EXCHANGES.values()
    for spelling in (exchange.code, exchange.name, *exchange.aliases)
}


def spelled_exchange(cursor: Cursor, count: int) -> Exchange | None:
    """The exchange that the next `count` words name, as they were written: SIX is not a number."""
    written = cursor.said(cursor.at, cursor.at + count).lower().replace("’", "'")
    return _SPELLINGS.get(" ".join(written.removesuffix("'s").split()))


def event_of(kind: str, exchange: Exchange, minutes: int, spoken: str) -> str:
    """The expression of a market event; refused where it is too far from it."""
    if abs(minutes) > LONGEST_OFFSET:
        nearest = f"@{kind}({exchange.code}){'-' if minutes < 0 else '+'}60m"
        raise PhraseRefused(
            t("“{words}” is too far from it: 12 hours at most.", words=spoken), suggestions=(say(nearest),)
        )
    return f"@{kind}({exchange.code})" + (f"{minutes:+}m" if minutes else "")


def of_which_exchange(spoken: str, kind: str) -> PhraseRefused:
    """ "15 minutes before the close"."""
    suggestions = tuple(say(f"@{kind}({code})-15m") for code in ("XNYS", "XLON"))
    return PhraseRefused(t("“{words}”: of which exchange?", words=spoken), spoken, suggestions)


def unknown_hours(name: str) -> PhraseRefused:
    """ "during Atlantis hours"."""
    return PhraseRefused(
        t("I know no exchange hours “{name}”.", name=name),
        name,
        (say("*/15 * * * *", "XNYS", hours_only=True), say("0 * * * *", "XLON", hours_only=True)),
    )


def by_clock_or_days(exchange: Exchange) -> PhraseRefused:
    """ "every day at 9 (NYSE)"."""
    return PhraseRefused(
        t("“({name})”: on its trading days only, or by its clock?", name=exchange.name),
        exchange.name,
        (say("10 16 * * *", exchange.code), f"{say('10 16 * * *')} ({exchange.timezone})"),
    )


def restrict(said: Said, exchange: Exchange | None) -> None:
    """Follow the days of that exchange; refused beside those of another."""
    if exchange is None:
        return
    if said.calendar not in (None, exchange.code):
        raise PhraseRefused(
            t(
                "A schedule follows the days of one exchange, not of {one} and {other}. Make one for each.",
                one=exchange_name(said.calendar or ""),
                other=exchange.name,
            )
        )
    said.calendar = exchange.code


def spelled_zone(name: str, *, led: bool, timed: bool) -> str | None:
    """The zone of that name in small letters; a place alone is one where "in" or "time" stands beside it."""
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
        suggestions = tuple(f"in {zone}" for zone in unknown.suggestions[:3])
        raise PhraseRefused(str(unknown), suggestions=suggestions) from None
