"""How the installation is, and how the person's own things stand."""

from datetime import timedelta

from telegram import Update

from bot import access, replies
from bot.context import BotContext
from domain.destinations import Place
from domain.users import Role
from services.agenda import AgendaService
from services.destinations import DestinationsService
from services.health import HealthService
from services.status import StatusService

AHEAD = timedelta(days=7)


async def health(update: Update, context: BotContext) -> None:
    """In a sentence; an admin sees every part with its age and its trouble."""
    found = await context.run_as_platform(HealthService.current)
    is_admin = context.known is not None and context.known.role.includes(Role.ADMIN)
    await replies.send(update, replies.health.every_part(found) if is_admin else replies.health.in_short(found))


async def status(update: Update, context: BotContext) -> None:
    """The person's jobs, runs and messages in a few lines; in a group, what is told there."""
    message = update.effective_message
    if message is not None and access.is_group(update.effective_chat):
        await _status_of_place(update, context, Place.of(message.chat.id, access.topic_of(message)))
        return
    mine = await context.run(StatusService.mine, context.user.id)
    found = await context.run_as_platform(HealthService.current)
    await replies.send(update, replies.health.glance(mine, found, context.user.zone, context.now))


async def _status_of_place(update: Update, context: BotContext, place: Place) -> None:
    """Nothing of the person's: only what everybody there is told anyway."""
    jobs = await context.run_as_platform(DestinationsService.jobs_told_at, place)
    agenda = await context.run_as_platform(AgendaService.agenda_of_place, place, context.now, context.now + AHEAD)
    found = await context.run_as_platform(HealthService.current)
    first = next((each for each in agenda.due if each[1].left_out is None), None)
    await replies.send(update, replies.groups.status(jobs, first, replies.health.in_short(found), context.user.zone))
