"""One's own account: settings on one card, the language, export, erasing, privacy."""

from telegram import Update

from bot.context import BotContext
from domain.errors import NotAllowed
from services.telegram import Form


async def settings(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def language(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def export(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def deleteme(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def privacy(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def settings_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def language_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def deleteme_pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def erase_typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """Not yet."""
    raise NotAllowed
