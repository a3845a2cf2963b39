"""What a refusal means: by its status and parameters, and among Telegram's 400s by their words, all that they have."""

import random
from datetime import timedelta
from enum import Enum

import httpx
from telegram.error import TelegramError

from notifications.channels.telegram.wire import Refusal, Unreadable
from notifications.errors import (
    AddressGone,
    AddressMoved,
    ChannelFault,
    Flooded,
    Postponed,
    Refused,
    SendError,
    Uncertain,
)

ASSUMED_PAUSE = timedelta(seconds=30)
LONG_UPLOAD = 1_000_000
"""A file larger than this was not yet taken when the connection broke while it was being written."""
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Reason(Enum):
    """What a 400 is about."""

    MARKUP = "markup"
    TEXT_LENGTH = "text length"
    CAPTION_LENGTH = "caption length"
    THREAD = "thread"
    RIGHTS = "rights"
    CHAT = "chat"
    UNCHANGED = "unchanged"
    NO_TEXT = "no text"
    EARLIER = "earlier message"
    BUTTONS = "buttons"
    OTHER = "other"


_SIGNS = {
    Reason.MARKUP: ("can't parse entities", "can't parse message text", "entities_too_long", "entity_bounds_invalid"),
    Reason.CAPTION_LENGTH: ("caption is too long", "media_caption_too_long"),
    Reason.TEXT_LENGTH: ("message is too long", "message_too_long", "text is too long"),
    Reason.THREAD: ("thread not found", "topic_closed", "topic closed", "topic_deleted", "topic_id_invalid"),
    Reason.RIGHTS: ("not enough rights", "no rights to send", "need administrator rights", "chat_write_forbidden",
                    "chat_restricted", "chat_admin_required", "chat_send_"),
    Reason.CHAT: ("chat not found", "user not found", "peer_id_invalid", "chat_id is empty", "chat_id_invalid",
                  "group chat was deactivated", "channel_private", "user_is_blocked", "input_user_deactivated"),
    Reason.UNCHANGED: ("message is not modified", "message_not_modified"),
    Reason.NO_TEXT: ("there is no text in the message to edit",),
    Reason.EARLIER: ("message to edit not found", "message can't be edited", "message_id_invalid",
                     "message identifier is not specified", "there is no caption", "there is no media"),
    Reason.BUTTONS: ("button_", "reply markup", "inline keyboard", "replykeyboardmarkup"),
}  # fmt: skip


def reason_of(refusal: Refusal) -> Reason | None:
    """What a 400 is about; None for every other status, and for a chat that moved."""
    if refusal.status != 400 or refusal.migrate_to_chat_id is not None:
        return None
    said = refusal.message.lower()
    return next((reason for reason, signs in _SIGNS.items() if any(sign in said for sign in signs)), Reason.OTHER)


def classify(problem: Exception, *, address: str = "", upload: int = 0, token_refused: bool = False) -> SendError:
    """What a failed call means for a delivery; `upload` is how many bytes of files it carried."""
    match problem:
        case Refusal():
            return _of_refusal(problem, address, token_refused=token_refused)
        case Unreadable():
            return Uncertain(problem.message)
        case TelegramError():
            return _of_cause(problem.__cause__, upload)
        case _:
            return Uncertain(f"the answer could not be understood ({type(problem).__name__})")


def _of_refusal(refusal: Refusal, address: str, *, token_refused: bool) -> SendError:
    said = refusal.message
    if (moved := refusal.migrate_to_chat_id) is not None:
        thread = address.partition("/")[2]
        return AddressMoved(f"the group is {moved} now", f"{moved}/{thread}" if thread else str(moved))
    match refusal.status:
        case 400:
            gone = reason_of(refusal) in {Reason.CHAT, Reason.RIGHTS}
            return AddressGone(said) if gone else Refused(said)
        case 401 | 404 if token_refused:
            return ChannelFault("Telegram does not accept the bot's token. Check TELEGRAM_TOKEN.")
        case 403:
            return AddressGone(said)
        case 413:
            return Refused(said)
        case 429:
            wait = refusal.retry_after
            return Flooded(said, ASSUMED_PAUSE if wait is None else timedelta(seconds=wait) + _jitter())
        case _:  # 5xx, and a 401 or 404 although the token is good: not delivered, and nothing is known against it
            return Postponed(said)


def _of_cause(cause: BaseException | None, upload: int) -> SendError:
    match cause:
        case httpx.PoolTimeout():
            return Postponed("every connection was busy", timedelta(seconds=1), counts=False)
        case httpx.TransportError() if isinstance(cause, _NOT_SENT):
            return ChannelFault(f"Telegram can't be reached ({type(cause).__name__}).")
        case httpx.WriteTimeout() | httpx.WriteError() if upload > LONG_UPLOAD:
            return Postponed("the connection broke before the whole file was sent")
        case httpx.TimeoutException():
            return Uncertain(f"no answer came in time ({type(cause).__name__})")
        case httpx.TransportError():
            return Uncertain(f"the connection was lost before the answer ({type(cause).__name__})")
        case _:
            return Uncertain(f"nothing is known of the answer ({type(cause).__name__})")


def _jitter() -> timedelta:
    return timedelta(seconds=random.uniform(0.1, 0.6))  # noqa: S311  # spreads calls, hides nothing
