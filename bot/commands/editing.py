"""A saved job, changed field by field."""

from telegram import Update

from bot.context import BotContext
from domain.errors import NotAllowed
from services.telegram import Form


async def edit(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def answered(update: Update, context: BotContext, form: Form, text: str) -> None:
    """Not yet."""
    raise NotAllowed
