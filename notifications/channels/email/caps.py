"""How much mail a relay takes: what large providers publish, unless SMTP_URL says otherwise."""

from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from domain.errors import InvalidInput


@dataclass(frozen=True)
class Caps:
    """Mails that may be handed to one relay in a minute and in a day; None: as many as there are."""

    per_minute: int | None = None
    per_day: int | None = None


PRESETS = {
    "smtp.gmail.com": Caps(per_day=500),
    "smtp-relay.gmail.com": Caps(per_day=10_000),
    "smtp.office365.com": Caps(per_minute=30, per_day=10_000),
    "smtp-mail.outlook.com": Caps(per_minute=30, per_day=300),
    "amazonaws.com": Caps(per_minute=14 * 60, per_day=50_000),
}
"""By the end of the relay's name. Gmail: a personal account; Amazon SES: a fresh production account."""

_SETTABLE = ("per_minute", "per_day")


def caps_of(host: str, query: str) -> Caps:
    """The relay's preset, with what the query of its URL (``?per_minute=30&per_day=500``) sets instead."""
    name = host.lower()
    preset = next((caps for end, caps in PRESETS.items() if name == end or name.endswith(f".{end}")), Caps())
    given = parse_qs(query, keep_blank_values=True)
    if unknown := [key for key in given if key not in _SETTABLE]:
        raise InvalidInput(f"SMTP_URL sets {unknown[0]}, which means nothing; it may set per_minute and per_day.")
    return replace(preset, **{key: _whole(key, values[-1]) for key, values in given.items()})


def _whole(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 10**9:
        raise InvalidInput(f"SMTP_URL sets {key} to {text or 'nothing'}; it needs a whole number above 0.")
    return int(text)
