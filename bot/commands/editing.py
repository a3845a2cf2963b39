"""A saved job, changed field by field in one message, with a preview, Save, and Undo for ten minutes."""

from telegram import Update

from bot import replies
from bot.commands import adding, forms
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import editing as said
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.locales import t
from services.agenda import AgendaService
from services.editing import EditingService
from services.forms import FIELDS, FormEnded, FormMoved
from services.telegram import Form


async def edit(update: Update, context: BotContext) -> None:
    """The card of a job's fields; a time behind the number is put in at once: ``/edit 7 every day at 9``."""
    if not context.arguments:
        raise InvalidInput(t("Which job? Example: /edit 7. /jobs lists them."))
    number = parse_number(context.arguments[0], "job", "/edit 7")
    await _open(update, context, number, " ".join(context.arguments[1:]))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of the form: ``draft:version:choice``; ``job:0:open`` opens one."""
    number, version, choice = forms.parts_of(what)
    if choice == "open" or choice.startswith("open:"):
        await acknowledge(update)
        await _open(update, context, number, "")
        return
    try:
        if choice == "save":
            await _save(update, context, number, version)
        elif choice == "unsave":
            await _undo(update, context, number)
        elif choice == "again":
            await _open(update, context, await _job_of(context, number), "")
            await acknowledge(update)
        else:
            await forms.pressed(update, context, "ed", what)
    except FormMoved as moved:
        await acknowledge(update, str(moved))
        await forms.show(update, context, moved.page)
    except FormEnded as ended:
        await acknowledge(update)
        await replies.send(update, replies.forms.expired("ed", ended.draft_id, version))


async def answered(update: Update, context: BotContext, form: Form, text: str) -> None:
    """A typed answer; while no question is open, it is a time."""
    if form.step == FIELDS and (own := adding.plan_of_its_own(text, context)) is not None:
        await adding.open_said(update, context, own)
        return
    await forms.typed(update, context, form, text)


async def _open(update: Update, context: BotContext, schedule_id: int, time: str) -> None:
    page = await context.run(
        EditingService.begin,
        context.user,
        context.speaker,
        schedule_id,
        forms.prices(context),
        time,
        now=context.now,
    )
    await forms.show(update, context, page)


async def _job_of(context: BotContext, draft_id: int) -> int:
    return await context.run(EditingService.job_of, context.speaker, draft_id)


async def _save(update: Update, context: BotContext, number: int, version: int) -> None:
    try:
        changed = await context.run(
            EditingService.save, context.user, context.speaker, number, version, forms.prices(context), now=context.now
        )
    except (FormMoved, FormEnded):
        raise
    except InvalidInput as problem:
        await forms.refuse(update, context, number, problem)
        return
    await acknowledge(update, t("Saved"))
    schedule, due = await context.run(AgendaService.card, changed.schedule.id)
    await replies.replace(update, said.changed(schedule, due, changed.draft_id, changed.version))


async def _undo(update: Update, context: BotContext, number: int) -> None:
    schedule = await context.run(EditingService.undo, context.user, context.speaker, number, now=context.now)
    await acknowledge(update)
    schedule, due = await context.run(AgendaService.card, schedule.id)
    await replies.replace(update, said.undone(schedule, due))
