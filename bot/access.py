"""The gate before every handler: who speaks, from where, and whether they may."""

from datetime import timedelta
from typing import Any

from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatType

from bot.context import BotContext
from domain.errors import NotAllowed, NotVerified, UserError
from domain.users import Role
from services.users import UsersService

STALE_AFTER = timedelta(minutes=10)
GROUP_ANONYMOUS_BOT = 1087968824
CHANNEL_BOT = 136817688


class NotHere(UserError):
    """I answer in a private chat only. Write to me directly."""


class NotYours(UserError):
    """That button belongs to somebody else."""


class NotOnceMore(UserError):
    """Edited messages are not carried out, and nothing was changed. Send it again as a new message."""


class Forwarded(UserError):
    """Forwarded commands are not carried out. Type it yourself, and nothing was changed so far."""


async def identify(update: Update, context: BotContext, *, afresh: bool) -> None:
    """Find out who speaks; a person is whoever's Telegram id was proved, wherever the message stands."""
    speaker = update.effective_user
    if speaker is None:
        return
    seen = None if afresh else context.parts.recent.get(speaker.id)
    context.speaks(seen or await context.run_as_platform(UsersService.identify, speaker.id))


def check_message(message: Message) -> None:
    """Refuse what nobody in particular said, and what was not said to us alone."""
    if message.chat.type != ChatType.PRIVATE:
        raise NotHere
    speaker = message.from_user
    if speaker is None or speaker.id in {GROUP_ANONYMOUS_BOT, CHANNEL_BOT} or message.sender_chat is not None:
        raise NotHere


def check_acts(message: Message) -> None:
    """Refuse to change anything by a message that its sender did not write."""
    if message.forward_origin is not None or message.via_bot is not None:
        raise Forwarded


def check_press(query: CallbackQuery) -> None:
    """The presser is checked, not the chat: in a private chat the two are one."""
    message = query.message
    if message is not None and message.chat.id != query.from_user.id:
        raise NotYours if message.chat.type == ChatType.PRIVATE else NotHere


def check_role(context: BotContext, role: Role | None) -> None:
    """NotVerified for a stranger; what the role may not do answers like an unknown command."""
    if role is None:
        return
    if context.known is None:
        raise NotVerified
    if not context.user.role.includes(role):
        raise NotAllowed


def age_of(message: Any, context: BotContext) -> timedelta:
    """How long ago a message was sent."""
    sent: timedelta = context.now - message.date
    return sent
