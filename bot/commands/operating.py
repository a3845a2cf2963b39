"""What runs and what waits, of everybody."""

from telegram import Update

from bot.context import BotContext
from domain.errors import NotAllowed


async def queue(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def workers(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed
