"""How the channel is found and made."""

from collections.abc import Mapping
from typing import Any

from notifications.channels.kinds import ChannelKind
from notifications.channels.webhook.channel import WebhookChannel
from notifications.channels.webhook.targets import Allowed, parse


def make(given: Mapping[str, Any]) -> WebhookChannel | None:
    """The channel, signing by SECRET_KEY; WEBHOOK_ALLOW names the hosts that need not be public."""
    secret_key = given.get("secret_key")
    if not secret_key:
        return None
    return WebhookChannel(secret_key, Allowed.read(given.get("webhook_allow") or ""))


def check_address(address: str) -> str:
    """The URL without what stands behind a #."""
    return str(parse(address))


CHANNEL = ChannelKind(
    name="webhook",
    summary="a signed call (Standard Webhooks) to a URL of yours",
    make=make,
    address_hint="a URL, as in https://hooks.example.com/openbell",
    check_address=check_address,
)
