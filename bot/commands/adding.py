"""The wizard: a job made step by step, in one message."""

from telegram import Update

from bot.context import BotContext
from domain.errors import NotAllowed
from services.telegram import Form


async def add(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def alert(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def screener(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def backup(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def paper(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def answered(update: Update, context: BotContext, form: Form, text: str) -> None:
    """Not yet."""
    raise NotAllowed
