"""The gate before every handler: who speaks, from where, and whether they may."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from telegram import CallbackQuery, Chat, Message, Update
from telegram.constants import ChatType

from bot.context import BotContext
from domain.chat_settings import FOREVER
from domain.destinations import job_acted_on
from domain.errors import NotAllowed, NotVerified, UserError
from domain.locales import format_when, set_locale, t
from domain.users import Role
from services.account import AccountService
from services.destinations import DestinationsService
from services.users import UsersService

STALE_AFTER = timedelta(minutes=10)
READING = ("help", "status", "whoami", "health", "privacy")
"""The commands that answer in maintenance too: they change nothing."""
GROUP_ANONYMOUS_BOT = 1087968824
CHANNEL_BOT = 136817688
UTC = ZoneInfo("UTC")


class NotHere(UserError):
    """I answer in a private chat only. Write to me directly."""


class Anonymous(UserError):
    """You write as the group or as a channel, so I can't tell who you are, and nothing was done. Write as yourself."""


class NotYours(UserError):
    """That button belongs to somebody else."""


class NoActing(UserError):
    """Nothing is done from this group: only jobs that are told here, and only where an admin allowed it."""


class NotOnceMore(UserError):
    """Edited messages are not carried out, and nothing was changed. Send it again as a new message."""


class Forwarded(UserError):
    """Forwarded commands are not carried out. Type it yourself, and nothing was changed so far."""


class TooOld(UserError):
    """That was sent while I was away, and nothing was changed. Send it again if you still want it."""


class Maintenance(UserError):
    """Maintenance is going on, and nothing was changed. Scheduled jobs go on. Try again later."""


async def identify(update: Update, context: BotContext, *, afresh: bool) -> None:
    """Find out who speaks; a person is whoever's Telegram id was proved, wherever the message stands."""
    speaker = update.effective_user
    if speaker is None:
        return
    seen = None if afresh else context.parts.recent.get(speaker.id)
    context.speaks(seen or await context.run_as_platform(UsersService.identify, speaker.id))
    if context.known is None:
        chosen = await context.run_as_platform(AccountService.language_of_stranger, speaker.id, now=context.now)
        set_locale(chosen or context.client_locale)


def is_group(chat: Chat | None) -> bool:
    """Whether several people may read what is said there."""
    return chat is not None and chat.type in (ChatType.GROUP, ChatType.SUPERGROUP)


def is_heard(message: Message) -> bool:
    """Whether somebody may have said that to us: not a channel, not another bot, not what Telegram copied there."""
    if message.chat.type == ChatType.CHANNEL or message.is_automatic_forward:
        return False
    speaker = message.from_user
    return speaker is not None and (not speaker.is_bot or speaker.id in {GROUP_ANONYMOUS_BOT, CHANNEL_BOT})


def check_message(message: Message) -> None:
    """Refuse what nobody in particular said: an anonymous admin and a channel are no persons."""
    speaker = message.from_user
    if speaker is None or speaker.is_bot or message.sender_chat is not None:
        raise Anonymous


def check_acts(message: Message) -> None:
    """Refuse to change anything by a message that its sender did not write."""
    if message.forward_origin is not None or message.via_bot is not None:
        raise Forwarded


def check_press(query: CallbackQuery) -> None:
    """In a private chat, presser and chat are one."""
    message = query.message
    if message is not None and message.chat.type == ChatType.PRIVATE and message.chat.id != query.from_user.id:
        raise NotYours


def check_reader(query: CallbackQuery) -> None:
    """In a group, only who asked may turn the pages of an answer."""
    asked = query.message.reply_to_message if isinstance(query.message, Message) else None
    if asked is None or asked.from_user is None or asked.from_user.id != query.from_user.id:
        raise NotYours


async def check_acts_in_group(update: Update, context: BotContext, job: int | None) -> None:
    """Refuse to act in a group but for an own job that is told there, where an admin allowed acting."""
    message = update.effective_message
    if message is None or job is None or not context.parts.live.current.group_acting:
        raise NoActing
    place = (message.chat.id, topic_of(message))
    if not await context.run_as_platform(DestinationsService.may_act, context.user.id, *place, job):
        raise NoActing


def check_open(context: BotContext, command: str = "") -> None:
    """In maintenance only admins are served, and what only reads."""
    live = context.parts.live.current
    if not live.in_maintenance(context.now) or command in READING:
        return
    if context.known is not None and context.known.role is Role.ADMIN:
        return
    if live.maintenance_until is None or live.maintenance_until >= FOREVER:
        raise Maintenance
    zone = context.known.zone if context.known is not None else UTC
    said = t(
        "Maintenance is going on until {when}, and nothing was changed. Scheduled jobs go on. Try again then; "
        "/help, /status and /whoami answer now.",
        when=format_when(live.maintenance_until, zone),
    )
    raise Maintenance(said)


def job_in(context: BotContext) -> int | None:
    """The job's number that stands first behind a command; None where there is none."""
    first = context.arguments[0].lstrip("#") if context.arguments else ""
    return job_acted_on(f"j:{first}:run:")


def topic_of(message: Message) -> int:
    """The topic that a message stands in; 0 for the group itself, whose chains of replies have numbers too."""
    return message.message_thread_id or 0 if message.is_topic_message else 0


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
