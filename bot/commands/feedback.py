"""What people write to those who run this Openbell, and the answers."""

from telegram import Update

from bot.context import BotContext
from domain.errors import NotAllowed
from services.telegram import Form


async def feedback(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def feedbacks(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotAllowed


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """Not yet."""
    raise NotAllowed


async def answer_typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """Not yet."""
    raise NotAllowed
