"""An admin's view of the whole: audit, live settings, maintenance."""

from telegram import Update

from bot.context import BotContext
from domain.errors import NotAllowed
from services.telegram import Form


async def audit(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def set_(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def maintenance(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def audit_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def set_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def setting_typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """Not yet."""
    raise NotAllowed
