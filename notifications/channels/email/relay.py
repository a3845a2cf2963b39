"""The mail relays that SMTP_URL names."""

import re
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from domain.errors import InvalidInput
from notifications.channels.email.caps import Caps, caps_of

EXAMPLE = "smtp://user:password@mail.example.com:587"
MOST_RELAYS = 2
_TLS = {"smtp": "starttls", "smtps": "implicit", "smtp+plain": "none"}
_PORTS = {"starttls": 587, "implicit": 465, "none": 25}
_BETWEEN = re.compile(r"[\s,]+(?=[a-z+]+://)", re.IGNORECASE)


@dataclass(frozen=True)
class Relay:
    """Where mail is handed over, and how."""

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: str
    caps: Caps = field(default_factory=Caps)
    place: int = 1

    @classmethod
    def parse(cls, url: str) -> "Relay":
        """Read ``smtp://`` (STARTTLS), ``smtps://`` (implicit TLS) or ``smtp+plain://`` (none, loopback only)."""
        parts = urlsplit(url)
        tls = _TLS.get(parts.scheme)
        if tls is None:
            raise InvalidInput(f"SMTP_URL must start with smtp://, smtps:// or smtp+plain://. Example: {EXAMPLE}")
        host = parts.hostname or ""
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
            raise InvalidInput(f"SMTP_URL names no host. Example: {EXAMPLE}")
        if tls == "none" and host not in {"127.0.0.1", "localhost", "::1"}:
            raise InvalidInput(f"SMTP_URL would send mail to {host} without encryption. Use smtp:// or smtps://.")
        try:
            port = parts.port or _PORTS[tls]
        except ValueError:
            raise InvalidInput(f"SMTP_URL names no port that exists. Example: {EXAMPLE}") from None
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(host, port, username, password, tls, caps_of(host, parts.query))

    @property
    def name(self) -> str:
        """What logs, rates and people call it; never a secret."""
        return f"{self.host}:{self.port}" if self.place == 1 else f"{self.host}:{self.port} (the second)"


def parse_relays(text: str) -> tuple[Relay, ...]:
    """The relay of SMTP_URL, and the one that stands in for it where a second URL follows a blank or a comma."""
    relays = tuple(Relay.parse(url) for url in _BETWEEN.split(text.strip()))
    if len(relays) > MOST_RELAYS:
        raise InvalidInput(f"SMTP_URL names {len(relays)} relays; it may name one, and a second that stands in for it.")
    names = [relay.name for relay in relays]
    if len(set(names)) < len(names):  # two accounts at one provider: each has its own rests and caps
        relays = (relays[0], replace(relays[1], place=2))
    return relays
