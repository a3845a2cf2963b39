"""People, as an admin sees them: letting in, roles, keeping out."""

from telegram import Update

from bot.context import BotContext
from domain.errors import NotAllowed


async def users(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def user(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def invite(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def role(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def suspend(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def request_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed
