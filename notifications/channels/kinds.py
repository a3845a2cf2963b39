"""The channels there are: ours and those of plug-ins, each found through an entry point of one group."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from domain.errors import InvalidInput
from domain.locales import any_of, t
from domain.plug_ins import Found, Group
from notifications.channels.channel import Channel

log = structlog.get_logger(__name__)

GROUP = "openbell.channels"
OWN_CHANNELS = ("telegram", "email", "webhook", "apprise")
LONGEST_NAME = 32
NAME_PATTERN = r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*"
LONGEST_SECRET = 65_536
_WORK = ("open", "close", "check", "send")


class UnknownChannel(InvalidInput):
    """There is no such channel here."""


@dataclass(frozen=True)
class ChannelKind:
    """One way to reach people: what it is called, where it leads, and how it is made."""

    name: str
    summary: str
    make: Callable[[Mapping[str, Any]], Channel | None]
    """The channel, out of `given`; None when its settings are not there, InvalidInput when they can't be right."""
    address_hint: str
    """What an address looks like, for people: “a chat's number, or CHAT/THREAD”."""
    check_address: Callable[[str], str]
    """The address as it is kept; InvalidInput when it can't be one. Nothing is asked of any network."""
    best_effort: bool = False
    """Whether it can't tell a refusal from a doubt; what is in doubt is then held, whatever its category."""

    def __post_init__(self) -> None:
        if len(self.name) > LONGEST_NAME:
            raise ValueError(f"its name has more than {LONGEST_NAME} characters")
        if not (self.summary and self.address_hint):
            raise ValueError("it needs a summary and an address_hint")


_GROUP = Group(GROUP, ChannelKind, "channel", NAME_PATTERN, "vendor.channel", OWN_CHANNELS)


@dataclass(frozen=True)
class Made:
    """The channels of this process, and why the others are not among them."""

    channels: dict[str, Channel] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def kinds() -> Mapping[str, ChannelKind]:
    """Every kind by its name, read once; what could not be read is in `problems`."""
    return _loaded().kinds


def problems() -> Mapping[str, str]:
    """The kinds that are left out, each with its reason."""
    return _loaded().left_out


def kind_of(name: str) -> ChannelKind:
    """The kind of that name; UnknownChannel names the nearest ones."""
    kind = kinds().get(name)
    if kind is not None:
        return kind
    if name in problems():
        raise UnknownChannel(t("The channel “{name}” can't be used here: {why}", name=name, why=problems()[name]))
    known = sorted(kinds())
    near = get_close_matches(name.lower(), known, n=2, cutoff=0.6)
    shown = "".join(sign for sign in name[:40] if sign.isprintable())
    if near:
        raise UnknownChannel(t("There is no channel “{name}”. Did you mean {near}?", name=shown, near=any_of(near)))
    raise UnknownChannel(t("There is no channel “{name}”. There are {known}.", name=shown, known=", ".join(known)))


def given(settings: Mapping[str, Any], environment: Mapping[str, str], **parts: Any) -> dict[str, Any]:
    """What kinds are made of: the settings by name, secrets opened; for plug-ins, the rest of the environment likewise.

    The environment's names are in small letters; `X_FILE` gives `x` the content of a file. `parts` are things of this
    process that a channel may use: `bot_link`, which tells where links to the bot begin, and `pace`.
    """
    found: dict[str, Any] = {}
    for name, value in sorted(environment.items()):
        found[name.lower()] = value
    for name in [name for name in found if name.endswith("_file") and name.removesuffix("_file") not in found]:
        found[name.removesuffix("_file")] = _content(found[name])
    known = {name: _opened(value) for name, value in settings.items()}
    return found | {name: value for name, value in known.items() if value is not None or name not in found} | parts


def matching(pattern: str, sentence: str) -> Callable[[str], str]:
    """A `check_address` for addresses of that pattern; the sentence tells people what would be right."""

    def check_address(address: str) -> str:
        address = address.strip()
        if not re.fullmatch(pattern, address):
            shown = "".join(sign for sign in address[:60] if sign.isprintable())
            raise InvalidInput(f"“{shown}” is no such address. {sentence}")
        return address

    return check_address


def make_all(settings: Mapping[str, Any]) -> Made:
    """Make every channel whose settings are there; a wrong setting of ours raises, a broken plug-in is left out."""
    made = Made(left_out=dict(problems()))
    for name, kind in kinds().items():
        try:
            channel = _made(kind, settings)
        except InvalidInput as problem:
            if name in OWN_CHANNELS:
                raise
            made.left_out[name] = str(problem)
        except Exception as problem:  # noqa: BLE001  # foreign code may fail in any way
            made.left_out[name] = f"its plug-in is broken ({problem!r}). Mend or remove it."
        else:
            if channel is not None:
                made.channels[name] = channel
                continue
            made.left_out[name] = "it is not set up"
        log.info("channel_left_out", channel=name, reason=made.left_out[name])
    return made


def _made(kind: ChannelKind, settings: Mapping[str, Any]) -> Channel | None:
    channel = kind.make(settings)
    if channel is None:
        return None
    missing = [work for work in _WORK if not callable(getattr(channel, work, None))]
    if missing:
        raise TypeError(f"it has no {' and no '.join(missing)}")
    if channel.name != kind.name:
        raise ValueError(f"it calls itself {channel.name}, its kind {kind.name}")
    return channel


@cache
def _loaded() -> Found[ChannelKind]:
    found = _GROUP.read()
    for fault in found.faults:
        log.warning("channel_kind_left_out", channel=fault.name, plug_in=fault.plug_in, reason=fault.reason)
    return found


def _opened(value: Any) -> Any:
    reveal = getattr(value, "get_secret_value", None)
    return reveal() if callable(reveal) else value


def _content(path: str) -> str | None:
    """What a file holds; None for anything that can't be a secret: not every variable of that ending names one."""
    try:
        file = Path(path)
        small = file.is_file() and file.stat().st_size <= LONGEST_SECRET
        return file.read_text(encoding="utf-8").strip() if small else None
    except (OSError, ValueError):
        return None
