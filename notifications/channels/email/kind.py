"""How the channel is found and made."""

from collections.abc import Mapping
from typing import Any

from domain.errors import InvalidInput
from domain.locales import t
from notifications.channels.email.channel import EmailChannel
from notifications.channels.email.compose import recipient
from notifications.channels.kinds import ChannelKind
from notifications.errors import ChannelFault


def make(given: Mapping[str, Any]) -> EmailChannel | None:
    """The channel for the relay, or the two, of SMTP_URL."""
    smtp_url, secret_key = given.get("smtp_url"), given.get("secret_key")
    if not (smtp_url and secret_key):
        return None
    mail_from = given.get("mail_from") or "Openbell <openbell@localhost>"
    return EmailChannel(smtp_url, mail_from, secret_key, given.get("bot_link") or _no_link)


def check_address(address: str) -> str:
    """The address, its domain in ASCII."""
    try:
        return recipient(address.strip())
    except ValueError:
        shown = "".join(sign for sign in address[:60] if sign.isprintable())
        raise InvalidInput(t("“{text}” is no e-mail address: write one like ada@example.com.", text=shown)) from None


async def _no_link() -> str:
    raise ChannelFault("No bot is set up here.")


CHANNEL = ChannelKind(
    name="email",
    summary="an e-mail address",
    make=make,
    address_hint="an e-mail address, as in ada@example.com",
    check_address=check_address,
)
