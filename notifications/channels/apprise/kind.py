"""How the channel is found and made."""

import re
from collections.abc import Mapping
from typing import Any

from domain.errors import InvalidInput
from domain.locales import t
from notifications.channels.apprise.channel import MISSING, AppriseChannel, installed
from notifications.channels.apprise.destinations import NAME, parse
from notifications.channels.kinds import ChannelKind


def make(given: Mapping[str, Any]) -> AppriseChannel | None:
    """The channel to the destinations of APPRISE_URLS."""
    destinations = parse(given.get("apprise_urls") or "")
    if not destinations:
        return None
    if not installed():
        raise InvalidInput(f"APPRISE_URLS is set. {MISSING}, or leave APPRISE_URLS empty.")
    return AppriseChannel(destinations)


def check_address(address: str) -> str:
    """The name of a destination."""
    address = address.strip().lower()
    if re.fullmatch(NAME, address):
        return address
    raise InvalidInput(
        t("“{text}” is no name of a destination. Example: desk, where APPRISE_URLS has desk=…", text=address[:60])
    )


CHANNEL = ChannelKind(
    name="apprise",
    summary="a service that Apprise knows; best effort",
    make=make,
    address_hint="the name of a destination in APPRISE_URLS, as in desk",
    check_address=check_address,
    best_effort=True,
)
