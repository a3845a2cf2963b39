"""The language of what is said: English in the code, other languages in catalogues beside this module.

One language holds for one journey: `set_locale` or `speaking` choose it, and every `t` on the way, also in the thread
of a service, answers in it. A text without a translation is said in English.
"""

import gettext
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CATALOGUES = Path(__file__).with_name("catalogues")
DOMAIN = "openbell"
LOCALES = {"en": "English", "de": "Deutsch"}
"""Every language we speak, each by its own name."""
DEFAULT = "en"
LONGEST_LETTERS = 5

_current: ContextVar[str] = ContextVar("locale", default=DEFAULT)


def known(tag: str | None) -> str:
    """The language that we speak for a tag such as ``de-AT``: the exact one, its base language, else English."""
    wanted = (tag or "").replace("_", "-").lower()
    for each in (wanted, wanted.partition("-")[0]):
        if each in LOCALES:
            return each
    return DEFAULT


def speaks(tag: str | None) -> bool:
    """Whether we speak the language of a tag such as ``de-AT``."""
    return (tag or "").replace("_", "-").lower().partition("-")[0] in LOCALES


def current() -> str:
    """The language of this journey."""
    return _current.get()


def set_locale(tag: str | None) -> None:
    """Speak this language from here on, in this task and whatever it starts."""
    _current.set(known(tag))


@contextmanager
def speaking(tag: str | None) -> Iterator[None]:
    """Speak this language for the time of the block."""
    before = _current.set(known(tag))
    try:
        yield
    finally:
        _current.reset(before)


def mark(text: str) -> str:
    """`text` itself, which the catalogues hold: for tables that are translated by `t` when they are shown."""
    return text


def t(text: str, /, **values: Any) -> str:
    """`text` in the language of this journey, with its ``{names}`` filled in; nothing is escaped here."""
    found = _catalogue(_current.get()).gettext(text) if text else ""
    return found.format(**values) if values else found


def tn(one: str, many: str, count: int, /, **values: Any) -> str:
    """The singular or the plural of this language, by `count`, which is ``{n}`` in both."""
    found = _catalogue(_current.get()).ngettext(one, many, count)
    return found.format(n=format_number(count), **values)


def any_of(names: Sequence[str]) -> str:
    """Names to choose from: ``GOLD``, ``GOLD or SILVER``, ``GOLD or SILVER or OIL``."""
    said = names[-1] if names else ""
    for name in reversed(names[:-1]):
        said = t("{first} or {others}", first=name, others=said)
    return said


@cache
def _catalogue(locale: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, str(CATALOGUES), [locale], fallback=True)


# instants and numbers, as the language writes them; Babel is loaded with the first that is not English


def format_when(instant: datetime, zone: ZoneInfo) -> str:
    """An instant on the wall of that zone, with its abbreviation: ``Mon 23 Nov 08:30 CET``, ``Mo 23. Nov. 08:30``."""
    there = instant.astimezone(zone)
    if _current.get() == DEFAULT:
        return f"{there:%a %d %b %H:%M %Z}"
    return f"{_day(there)} {there:%H:%M} {zone_letters(there)}"


def zone_letters(there: datetime) -> str:
    """What people call the clock that an aware time is read from: ``CET``, ``MEZ``; an offset where it has no name."""
    if _current.get() == DEFAULT:
        return f"{there:%Z}"
    from babel.dates import get_timezone_name

    name = str(get_timezone_name(there, width="short", locale=_current.get()))
    return f"{there:%Z}" if name[:1] in "+-" or len(name) > LONGEST_LETTERS else name


def city(zone: str) -> str:
    """The place a zone is named after: ``America/New_York`` is New York, ``Asia/Tokyo`` is Tokio in German."""
    plain = zone.rsplit("/", 1)[-1].replace("_", " ")
    return plain if _current.get() == DEFAULT else cities(_current.get()).get(zone, plain)


@cache
def cities(locale: str) -> dict[str, str]:
    """The places of time zones by zone, where a language has a name of its own for them."""
    from babel import Locale

    return {zone: names["city"] for zone, names in Locale.parse(locale).time_zones.items() if "city" in names}


def format_clock(instant: datetime, zone: ZoneInfo) -> str:
    """An instant of the coming days on the wall of that zone: ``Mon 08:30 CET``, ``Mo 08:30 MEZ``."""
    there = instant.astimezone(zone)
    if _current.get() == DEFAULT:
        return f"{there:%a %H:%M %Z}"
    from babel.dates import format_date as babel_date

    weekday = str(babel_date(there, "ccc", locale=_current.get())).rstrip(".")
    return f"{weekday} {there:%H:%M} {zone_letters(there)}"


def format_day(day: date) -> str:
    """A day without its year: ``Mon 23 Nov``, ``Mo 23. Nov``."""
    return f"{day:%a %d %b}" if _current.get() == DEFAULT else _day(day)


def format_date(day: date) -> str:
    """A day with its year: ``23 Nov 2026``, ``23. Nov 2026``."""
    if _current.get() == DEFAULT:
        return f"{day:%d %b %Y}"
    from babel.dates import format_skeleton

    return str(format_skeleton("yMMMd", day, locale=_current.get()))


def format_number(value: float | Decimal, pattern: str | None = None) -> str:
    """A number with the language's marks: ``1,234.5``, ``1.234,5``; `pattern` as Babel's, such as ``0.00``."""
    if pattern is None and isinstance(value, int) and abs(value) < 1000:
        return str(value)
    if pattern is None and isinstance(value, int) and _current.get() == DEFAULT:
        return f"{value:,}"
    from babel.numbers import format_decimal

    return str(format_decimal(value, format=pattern, locale=_current.get()))


def number_marks(text: str) -> str:
    """A number that was written the English way, with the language's marks: ``2,431.50``, ``2.431,50``."""
    if _current.get() == DEFAULT:
        return text
    from babel.numbers import get_decimal_symbol, get_group_symbol

    locale = _current.get()
    return text.translate({ord(","): get_group_symbol(locale), ord("."): get_decimal_symbol(locale)})


def format_calendar(moment: date, english: str, pattern: str) -> str:
    """A day or month by a pattern: `english` as strftime reads it, `pattern` as Babel does for other languages."""
    if _current.get() == DEFAULT:
        return moment.strftime(english.replace("{d}", str(moment.day)))
    from babel.dates import format_date as babel_date

    return str(babel_date(moment, pattern, locale=_current.get())).replace(".,", "")


def _day(day: date) -> str:
    from babel.dates import format_date as babel_date

    return str(babel_date(day, "ccc d. MMM", locale=_current.get())).replace(".,", "")
