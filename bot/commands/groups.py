"""Groups and topics as destinations: linked, shown, left; and what Telegram tells of our place in a chat."""

import structlog
from telegram import Chat, ChatMember, ChatMemberRestricted, ChatMemberUpdated, Message, Update
from telegram.error import BadRequest, TelegramError

from bot import access, menu, replies
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from domain.destinations import Trouble
from domain.errors import InvalidInput, RetryLater, UserError
from domain.ids import parse_number, pressed_number
from domain.locales import t
from domain.users import Role
from services.destinations import DestinationsService, Linked
from services.users import UsersService

log = structlog.get_logger(__name__)

_IN_CHARGE = (ChatMember.OWNER, ChatMember.ADMINISTRATOR)
_OUT = (ChatMember.LEFT, ChatMember.BANNED)


class NotInCharge(UserError):
    """Only an admin of this group can link it, and nothing was changed. Ask one of them to send /link here."""


async def link(update: Update, context: BotContext) -> None:
    """In a group: let results come here. In private: everything that is linked, and how more is."""
    message, chat = update.effective_message, update.effective_chat
    if message is None or chat is None or not access.is_group(chat):
        await replies.send(update, await _card(context))
        return
    if not await _in_charge(context, chat):
        raise NotInCharge
    thread = access.topic_of(message)
    destination = await context.run_as_platform(
        DestinationsService.link,
        context.user,
        chat.id,
        thread,
        title=chat.title or "",
        topic=_topic_name(message, thread),
        now=context.now,
    )
    await replies.send(update, replies.groups.linked(destination))


async def unlink(update: Update, context: BotContext) -> None:
    """In a group: let nothing come here any more. In private: everything that is linked, to choose from."""
    message, chat = update.effective_message, update.effective_chat
    if message is None or chat is None or not access.is_group(chat):
        await replies.send(update, await _card(context))
        return
    thread, in_charge = access.topic_of(message), await _in_charge(context, chat)
    ended = await context.run_as_platform(
        DestinationsService.unlink_place, context.user, chat.id, thread, in_charge=in_charge, now=context.now
    )
    await replies.send(update, replies.groups.unlinked(ended))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of a destination: ``number:action:nonce``; number 0 is all of them."""
    number, action, more, *_ = (*what.split(":"), "", "")
    if number == "0" or more == "after":
        after = pressed_number(number) or 0
        reply = await _card(context, after)
        await acknowledge(update)
        await replies.replace(update, reply)
        return
    shown = await _act(update, context, parse_number(number, "group", "/link"), action)
    show = replies.send if more == "new" else replies.replace
    await show(update, replies.groups.unlinked([shown]) if action == "unlink" else _one(context, shown))


async def _act(update: Update, context: BotContext, number: int, action: str) -> Linked:
    """Do what a button says; the destination as it is then."""
    user, now = context.user, context.now
    said = None
    match action:
        case "show":
            shown = await context.run_as_platform(DestinationsService.get, user, number)
        case "test":
            shown = await context.run_as_platform(DestinationsService.test, user, number, now=now)
            said = replies.groups.tested(shown.destination)
        case "unlink":
            shown = await context.run_as_platform(DestinationsService.unlink, user, number, now=now)
        case "on" | "off":
            acting = action == "on"
            shown = await context.run_as_platform(DestinationsService.set_acting, user, number, acting=acting, now=now)
            await menu.show_in_group(context, shown.destination.chat_id, acting=acting)
        case _:
            raise InvalidInput(t("That button is from an older version. Send /link."))
    await acknowledge(update, said)
    return shown


def _one(context: BotContext, shown: Linked) -> replies.Reply:
    admin, allowed = context.user.role is Role.ADMIN, context.parts.live.current.group_acting
    return replies.groups.one(shown, nonce(context), admin=admin, acting_allowed=allowed)


async def _card(context: BotContext, after: int = 0) -> replies.Reply:
    shown = await context.run_as_platform(DestinationsService.shown, context.user)
    add = f"{context.parts.link_url}/{context.bot.username}?startgroup=link"
    return replies.groups.card(shown, add, after=after)


async def _in_charge(context: BotContext, chat: Chat) -> bool:
    """Whether Telegram says that who speaks is an administrator of the group."""
    try:
        member = await context.bot.get_chat_member(chat.id, context.speaker)
    except BadRequest:  # it knows no such member
        return False
    except TelegramError as problem:
        raise RetryLater(
            t("Telegram didn't tell me who the admins of this group are, so nothing was changed. Try again.")
        ) from problem
    return member.status in _IN_CHARGE


def _topic_name(message: Message, thread: int) -> str | None:
    """The topic's name where Telegram tells it, which is in the message that began it."""
    if not thread:
        return None
    begun = message.reply_to_message.forum_topic_created if message.reply_to_message is not None else None
    return begun.name if begun is not None else t("topic {number}", number=thread)


# what Telegram tells without being asked


async def migrated(update: Update, context: BotContext) -> None:
    """A group became a supergroup: its number changes wherever it stands."""
    message = update.effective_message
    if message is None:
        return
    old, new = message.chat.id, message.migrate_to_chat_id
    if message.migrate_from_chat_id is not None:
        old, new = message.migrate_from_chat_id, message.chat.id
    if new is not None:
        moved = await context.run_as_platform(DestinationsService.moved, old, new, now=context.now)
        log.info("group_moved", destinations=moved)


async def membership(update: Update, context: BotContext) -> None:
    """We were let in or put out; in a private chat that is a person who blocks us, or comes back."""
    change = update.my_chat_member
    if change is None:
        return
    if access.is_group(change.chat):
        await _in_group(context, change)
    elif change.chat.id == change.from_user.id:
        await _in_private(context, change)


async def _in_group(context: BotContext, change: ChatMemberUpdated) -> None:
    status, chat_id = change.new_chat_member.status, change.chat.id
    trouble = Trouble.REMOVED if status in _OUT else Trouble.RIGHTS if _is_mute(change.new_chat_member) else None
    if trouble is not None:
        await context.run_as_platform(DestinationsService.disabled, chat_id, trouble, now=context.now)
        return
    await context.run_as_platform(DestinationsService.back, chat_id, now=context.now)
    if change.old_chat_member.status in _OUT:
        await context.bot.send_message(chat_id, replies.groups.hello().text)


def _is_mute(member: ChatMember) -> bool:
    return isinstance(member, ChatMemberRestricted) and not (member.is_member and member.can_send_messages)


async def _in_private(context: BotContext, change: ChatMemberUpdated) -> None:
    if change.new_chat_member.status == ChatMember.BANNED:
        await context.run_as_platform(UsersService.unreachable, change.from_user.id, "blocked by the person")
    else:
        await context.run_as_platform(UsersService.reachable_again, change.from_user.id)
