"""How the installation is, and how the person's own things stand."""

from telegram import Update

from bot import replies
from bot.context import BotContext
from domain.users import Role
from services.health import HealthService
from services.status import StatusService


async def health(update: Update, context: BotContext) -> None:
    """In a sentence; an admin sees every part with its age and its trouble."""
    found = await context.run_as_platform(HealthService.current)
    is_admin = context.known is not None and context.known.role.includes(Role.ADMIN)
    await replies.send(update, replies.health.every_part(found) if is_admin else replies.health.in_short(found))


async def status(update: Update, context: BotContext) -> None:
    """The person's jobs, runs and messages in a few lines."""
    mine = await context.run(StatusService.mine, context.user.id)
    found = await context.run_as_platform(HealthService.current)
    await replies.send(update, replies.health.glance(mine, found, context.user.zone, context.now))
