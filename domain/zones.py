"""Time zones as people name them: IANA names, cities, and what to say when the name is no zone."""

from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from domain.errors import InvalidInput

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
    cities: dict[str, list[str]] = {}
    for name in sorted(_names().values()):
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/", "US/")):
            cities.setdefault(name.rsplit("/", 1)[1].lower().replace("_", " "), []).append(name)
    return {city: tuple(zones) for city, zones in cities.items()}


def parse_zone(text: str) -> ZoneInfo:
    """The zone that a person named by its IANA name or a city; UnknownZone carries the nearest ones."""
    wanted = " ".join(text.strip().lower().split())
    if len(wanted) > 60:
        raise UnknownZone("That is too long for a time zone. Example: Europe/Berlin, or just Berlin.", LIKELY)
    if wanted in _AMBIGUOUS:
        raise UnknownZone(
            f"“{wanted.upper()}” is an abbreviation that several places use, and it ignores summer time. Which one?",
            _AMBIGUOUS[wanted],
        )
    if wanted.startswith(("utc+", "utc-", "gmt+", "gmt-", "+", "-", "etc/gmt")):
        raise UnknownZone("A fixed offset would not follow summer time. Name a city instead: Berlin, New York, Tokyo.")
    if found := _names().get(wanted.replace(" ", "_")):
        return ZoneInfo(found)
    cities = _cities().get(wanted.replace("_", " "), ())
    if len(cities) == 1:
        return ZoneInfo(cities[0])
    if cities:
        raise UnknownZone(f"There is more than one {text.strip()[:40]}. Which one?", cities[:6])
    near = _nearest(wanted)
    asked = "Did you mean one of these?" if near else "Name a city or an IANA zone, such as Europe/Berlin."
    raise UnknownZone(f"I don't know the time zone “{text.strip()[:40]}”. {asked}", near)


def _nearest(wanted: str) -> tuple[str, ...]:
    cities = [zone for city in get_close_matches(wanted, _cities(), n=4, cutoff=0.7) for zone in _cities()[city]]
    names = [_names()[name] for name in get_close_matches(wanted, _names(), n=4, cutoff=0.7)]
    return tuple(dict.fromkeys(cities + names))[:6]


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name, read from its file once; `ZoneInfo` itself keeps only the last eight."""
    return ZoneInfo(name)


def city(zone: str) -> str:
    """The place a zone is named after: ``America/New_York`` is New York."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")
