"""The settings that an admin changes in the chat, live: what there is, of which type, and what holds by default."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import InvalidInput, NotFound
from domain.locales import LOCALES, format_number, mark, t, tn


class AccessMode(StrEnum):
    """Who may become known: everybody who proves an address, the invited, or whom an admin approves."""

    OPEN = "open"
    INVITE = "invite"
    APPROVE = "approve"


FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Until it is switched off."""


@dataclass(frozen=True)
class ChatSettings:
    """What holds now."""

    access_mode: AccessMode = AccessMode.OPEN
    maintenance_until: datetime | None = None
    """Until then only admins are served; the year 9999 means until it is switched off."""
    commands_per_minute: int = 60
    command_burst: int = 20
    """How many messages and presses a person may make at once, and then each minute."""
    stale_after: timedelta = timedelta(minutes=10)
    """A dangerous command older than this asks again instead of acting."""
    group_acting: bool = False
    """Whether people may act in groups at all, where a linked group allows it."""
    default_language: str = "en"
    """What is spoken to people whose Telegram names no language that we speak."""

    def in_maintenance(self, now: datetime) -> bool:
        return self.maintenance_until is not None and now < self.maintenance_until


@dataclass(frozen=True)
class Kind:
    """A type of setting: how its text is read, how its value is written, and what may be chosen."""

    read: Callable[[str], Any]
    """ValueError where the text is no such value."""
    write: Callable[[Any], str]
    choices: tuple[str, ...] = ()
    """All there are, or those worth a button."""


@dataclass(frozen=True)
class Setting:
    """One setting: a field of ChatSettings, with words for people."""

    key: str
    title: str
    help: str
    example: str
    kind: Kind


_SPAN = re.compile(r"(\d{1,5})\s*(s|sec|min|m|h|d)?")
_SPANS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_YES, _NO = ("on", "yes", "true", "an", "ein", "ja"), ("off", "no", "false", "aus", "nein")


def _one_of(*values: str, read: Callable[[str], Any] = str) -> Kind:
    def find(text: str) -> Any:
        if text.lower() not in values:
            raise ValueError
        return read(text.lower())

    return Kind(find, str, values)


def _number(least: int, most: int, *worth: int) -> Kind:
    def find(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if not least <= value <= most:
            raise ValueError
        return value

    return Kind(find, str, tuple(str(each) for each in worth))


def _span(least: timedelta, most: timedelta, *worth: str) -> Kind:
    def find(text: str) -> timedelta:
        found = _SPAN.fullmatch(text.lower())
        value = timedelta(seconds=int(found[1]) * _SPANS[found[2] or "m"]) if found is not None else timedelta()
        if not least <= value <= most:
            raise ValueError
        return value

    return Kind(find, _span_text, worth)


def _span_text(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _SPANS[unit] == 0:
            return f"{seconds // _SPANS[unit]}{unit}"
    return f"{seconds}s"


def _yes_or_no(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ValueError
    return text.lower() in _YES


SETTINGS = (
    Setting(
        "access_mode",
        mark("Who may come in"),
        mark("open: whoever proves an address. invite: whom an admin invited. approve: whom an admin lets in."),
        "invite",
        _one_of(*(each.value for each in AccessMode), read=AccessMode),
    ),
    Setting(
        "command_burst",
        mark("Messages at once"),
        mark("So many messages and presses may come from one person at once before I slow down: 1 to 100,000."),
        "20",
        _number(1, 100_000, 10, 20, 50),
    ),
    Setting(
        "commands_per_minute",
        mark("Messages a minute"),
        mark("And so many each minute after that: 1 to 1,000,000."),
        "60",
        _number(1, 1_000_000, 30, 60, 120),
    ),
    Setting(
        "stale_after",
        mark("Too old to act"),
        mark("A command that changes something and is older asks again instead of acting: 1m to 24h."),
        "10m",
        _span(timedelta(minutes=1), timedelta(hours=24), "5m", "10m", "1h"),
    ),
    Setting(
        "group_acting",
        mark("Acting in groups"),
        mark("Whether people may act on their jobs in linked groups, where the group allows it too."),
        "on",
        Kind(_yes_or_no, lambda value: "on" if value else "off", ("on", "off")),
    ),
    Setting(
        "default_language",
        mark("Default language"),
        mark("What I speak to people whose Telegram names no language of mine."),
        "de",
        _one_of(*LOCALES),
    ),
)
_MAINTENANCE = Setting(
    "maintenance_until",
    mark("Maintenance until"),
    mark("/maintenance on until 18:00 begins it, /maintenance off ends it."),
    "2026-12-24T18:00:00+00:00",
    Kind(datetime.fromisoformat, datetime.isoformat),
)
_STORED = {each.key: each for each in (*SETTINGS, _MAINTENANCE)}


def find_setting(key: str) -> Setting:
    """The setting of that name; NotFound names those that there are."""
    wanted = key.strip().lower().replace("-", "_")
    for each in SETTINGS:
        if each.key == wanted:
            return each
    names = ", ".join(each.key for each in SETTINGS)
    raise NotFound(t("There is no setting “{key}”. There are {names}.", key=key[:40], names=names))


def read_value(setting: Setting, text: str) -> Any:
    """The value that a person wrote; InvalidInput says what it may be, with an example."""
    try:
        return setting.kind.read(" ".join(text.split()))
    except ValueError:
        said = t(
            "“{value}” is no value for {key}, so nothing was changed. {help} Example: /set {key} {example}",
            value=text[:40],
            key=setting.key,
            help=t(setting.help),
            example=setting.example,
        )
        raise InvalidInput(said) from None


def read_stored(key: str, text: str) -> Any:
    """The value of a stored setting; ValueError where an older or newer version wrote what we don't know."""
    setting = _STORED.get(key)
    if setting is None:
        raise ValueError
    return setting.kind.read(text)


def write_value(key: str, value: Any) -> str:
    """The text that a value is stored and shown as."""
    return _STORED[key].kind.write(value)


def shown_value(key: str, value: Any) -> str:
    """The value in the words of whoever reads."""
    match value:
        case bool():
            return t("on") if value else t("off")
        case int():
            return format_number(value)
        case timedelta() if value.total_seconds() % 3600 == 0:
            return tn("{n} hour", "{n} hours", int(value.total_seconds() // 3600))
        case timedelta() if value.total_seconds() % 60 == 0:
            return tn("{n} minute", "{n} minutes", int(value.total_seconds() // 60))
        case _ if key == "default_language":
            return LOCALES[value]
        case _:
            return write_value(key, value)
