"""Groups and topics as destinations."""

from telegram import ChatMember, Update

from bot.context import BotContext
from domain.errors import NotAllowed
from services.users import UsersService


async def link(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def unlink(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def migrated(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def membership(update: Update, context: BotContext) -> None:
    """A person who blocks us is not written to; one who comes back is."""
    change = update.my_chat_member
    if change is None or change.chat.id != change.from_user.id:
        return
    if change.new_chat_member.status == ChatMember.BANNED:
        await context.run_as_platform(UsersService.unreachable, change.from_user.id, "blocked by the person")
    else:
        await context.run_as_platform(UsersService.reachable_again, change.from_user.id)
