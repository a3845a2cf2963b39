"""Time zones as people name them: IANA names, cities, countries, and what to say when the name is no zone."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

from domain.errors import InvalidInput
from domain.locales import DEFAULT, LOCALES, cities, t

LIKELY = (
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Chicago",
    "Asia/Singapore",
    "Asia/Tokyo",
)
_NO_PLACE = {"localtime", "posixrules", "Factory", "leapseconds"}
_AMBIGUOUS = {
    "est": ("America/New_York", "Australia/Brisbane"),
    "edt": ("America/New_York",),
    "cst": ("America/Chicago", "Asia/Shanghai"),
    "cdt": ("America/Chicago",),
    "mst": ("America/Denver", "America/Phoenix"),
    "pst": ("America/Los_Angeles", "Asia/Manila"),
    "pdt": ("America/Los_Angeles",),
    "ist": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "bst": ("Europe/London", "Asia/Dhaka"),
    "gmt": ("Europe/London", "UTC"),
    "cet": ("Europe/Berlin", "Europe/Paris"),
    "cest": ("Europe/Berlin", "Europe/Paris"),
    "jst": ("Asia/Tokyo",),
    "hkt": ("Asia/Hong_Kong",),
    "sgt": ("Asia/Singapore",),
    "msk": ("Europe/Moscow",),
}


_COUNTRIES = {"uk": "GB", "england": "GB", "great britain": "GB", "usa": "US", "us": "US", "america": "US", "uae": "AE"}
_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])\s*(\d{1,2})(?::?([0-5]\d))?")
_FIXED = re.compile(r"etc/gmt([+-])(\d{1,2})")
_LARGEST = {1: 14, -1: 12}
"""How many hours before and behind UTC a zone may be."""


class UnknownZone(InvalidInput):
    """I don't know that time zone; `suggestions` are the nearest that I know."""

    def __init__(self, message: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.suggestions = suggestions


@cache
def _names() -> dict[str, str]:
    """Every zone by its name in small letters; looked up in the list of names, never opened by what a person wrote."""
    return {name.lower(): name for name in available_timezones() - _NO_PLACE}


@cache
def _cities() -> dict[str, tuple[str, ...]]:
    """The places that zones are named after, as every language we speak calls them."""
    found: dict[str, list[str]] = {}
    for name in sorted(_names().values()):
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/", "US/")):
            found.setdefault(name.rsplit("/", 1)[1].lower().replace("_", " "), []).append(name)
    for locale in set(LOCALES) - {DEFAULT}:
        for zone, name in cities(locale).items():
            if zone in _names().values() and name.lower() not in found:
                found[name.lower()] = [zone]
    return {city: tuple(zones) for city, zones in found.items()}


def parse_zone(text: str) -> ZoneInfo:
    """The zone that a person named by its IANA name, a city or a country; UnknownZone carries the nearest ones."""
    wanted = " ".join(text.strip().lower().split())
    if len(wanted) > 60:
        raise UnknownZone(t("That is too long for a time zone. Example: Europe/Berlin, or just Berlin."), LIKELY)
    if wanted in _AMBIGUOUS:
        said = t(
            "“{name}” is an abbreviation that several places use, and it ignores summer time. Which one?",
            name=wanted.upper(),
        )
        raise UnknownZone(said, _AMBIGUOUS[wanted])
    if wanted.startswith(("utc+", "utc-", "gmt+", "gmt-", "+", "-", "etc/gmt")):
        said = t("A fixed offset would not follow summer time. Name a city instead: Berlin, New York, Tokyo.")
        raise UnknownZone(said)
    if found := _names().get(wanted.replace(" ", "_")):
        return ZoneInfo(found)
    places = _cities().get(wanted.replace("_", " ")) or _of_country(wanted)
    if len(places) == 1:
        return ZoneInfo(places[0])
    shown = text.strip()[:40]
    if places:
        raise UnknownZone(t("There is more than one zone in “{name}”. Which one?", name=shown), places[:6])
    near = _nearest(wanted)
    if near:
        raise UnknownZone(t("I don't know the time zone “{name}”. Did you mean one of these?", name=shown), near)
    said = t("I don't know the time zone “{name}”. Name a city or an IANA zone, such as Europe/Berlin.", name=shown)
    raise UnknownZone(said)


def parse_own_zone(text: str, now: datetime) -> ZoneInfo:
    """As `parse_zone`, and a fixed offset in whole hours as well, such as ``+3``: a person may want that."""
    wanted = " ".join(text.strip().lower().split())
    if (named := _FIXED.fullmatch(wanted)) is not None:
        sign, hours = named.groups()
        return _fixed(-1 if sign == "+" else 1, int(hours))  # the sign of these names is turned round
    if (read := _OFFSET.fullmatch(wanted)) is None:
        return parse_zone(text)
    sign, hours, minutes = (1 if read[1] == "+" else -1), int(read[2]), int(read[3] or 0)
    if minutes == 0:
        return _fixed(sign, hours)
    near = zones_at(sign * timedelta(hours=hours, minutes=minutes), now)
    said = t("An offset with minutes has no zone of its own. Name a city with that time instead.")
    raise UnknownZone(said, near)


def is_fixed(zone: str) -> bool:
    """Whether a zone is an offset that follows no summer time."""
    return _FIXED.fullmatch(zone.lower()) is not None


def offset_name(zone: str, now: datetime) -> str:
    """A zone by its distance from UTC: ``UTC+3``, ``UTC+5:30``."""
    minutes = round((now.astimezone(zone_of(zone)).utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def zones_at(offset: timedelta, now: datetime) -> tuple[str, ...]:
    """Up to six places whose clocks are that far from UTC now."""
    return tuple(name for name in _present() if now.astimezone(zone_of(name)).utcoffset() == offset)[:6]


def _fixed(sign: int, hours: int) -> ZoneInfo:
    if hours > _LARGEST[sign]:
        raise UnknownZone(t("No clock is that far from UTC: -12 and +14 hours are the ends. Name a city instead."))
    return ZoneInfo(f"Etc/GMT{'-' if sign > 0 else '+'}{hours}" if hours else "UTC")


@cache
def _table(name: str) -> list[list[str]]:
    """The rows of one of the tables that come with the zones."""
    lines = files("tzdata.zoneinfo").joinpath(name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@cache
def _present() -> tuple[str, ...]:
    """A place for each way in which clocks go at present."""
    return tuple(row[2] for row in _table("zonenow.tab") if "/" in row[2])


@cache
def _country_codes() -> dict[str, str]:
    """The countries by their names, in every language we speak."""
    from babel import Locale

    codes = {row[0] for row in _table("zone.tab")}
    found = {row[1].lower(): row[0] for row in _table("iso3166.tab")}
    for locale in LOCALES:
        found |= {name.lower(): code for code, name in Locale.parse(locale).territories.items() if code in codes}
    return found | _COUNTRIES


@cache
def _of_country(name: str) -> tuple[str, ...]:
    """The zones of a country, one for each way in which its clocks go."""
    code = _country_codes().get(name)
    found: dict[object, str] = {}
    for zone in sorted(
        (row[2] for row in _table("zone.tab") if row[0] == code), key=lambda zone: zone not in _present()
    ):
        found.setdefault(_offsets(zone), zone)
    return tuple(found.values())


def _offsets(zone: str) -> tuple[object, ...]:
    seasons: Iterable[datetime] = (datetime(2026, month, 15, tzinfo=UTC) for month in (1, 7))
    return tuple(each.astimezone(ZoneInfo(zone)).utcoffset() for each in seasons)


def _nearest(wanted: str) -> tuple[str, ...]:
    cities = [zone for city in get_close_matches(wanted, _cities(), n=4, cutoff=0.7) for zone in _cities()[city]]
    names = [_names()[name] for name in get_close_matches(wanted, _names(), n=4, cutoff=0.7)]
    return tuple(dict.fromkeys(cities + names))[:6]


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name, read from its file once; `ZoneInfo` itself keeps only the last eight."""
    return ZoneInfo(name)
