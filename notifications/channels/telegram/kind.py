"""How the channel is found and made."""

import re
from collections.abc import Mapping
from typing import Any

from domain.errors import InvalidInput
from domain.locales import t
from notifications.channels.kinds import ChannelKind
from notifications.channels.telegram.channel import TelegramChannel


def make(given: Mapping[str, Any]) -> TelegramChannel | None:
    """The channel for the bot of TELEGRAM_TOKEN."""
    token = given.get("telegram_token")
    if not token:
        return None
    root = given.get("telegram_api_url") or "https://api.telegram.org"
    return TelegramChannel(token, root, pace=given.get("pace"))


def check_address(address: str) -> str:
    """A chat's number or public name, with the number of a topic behind a slash if one is meant."""
    address = address.strip()
    if re.fullmatch(r"(-?[1-9]\d{0,19}|@[A-Za-z]\w{3,31})(/[1-9]\d{0,9})?", address, re.ASCII):
        return address
    raise InvalidInput(
        t(
            "“{text}” is no chat: write its number, as in 123456789 or -1001234567890, "
            "with a topic behind a slash, as in -1001234567890/42. /whoami in the chat tells both.",
            text=address[:60],
        )
    )


CHANNEL = ChannelKind(
    name="telegram",
    summary="a Telegram chat, group or topic",
    make=make,
    address_hint="the number of a chat, or CHAT/TOPIC",
    check_address=check_address,
)
