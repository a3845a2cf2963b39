"""Forms of a job in the chat: shown in one message, answered by buttons and by typed words, thrown away, had back."""

from dataclasses import replace
from datetime import timedelta

from telegram import LinkPreviewOptions, Message, Update
from telegram.constants import ParseMode
from telegram.error import BadRequest

from bot import replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import forms as said
from domain.errors import UserError
from domain.ids import parse_number, pressed_number
from domain.locales import t
from services.answering import FormsService
from services.forms import FormEnded, FormMoved, Page, problem_of
from services.instruments import Instruments
from services.telegram import Form, TelegramService

FAR_ABOVE = timedelta(minutes=10)
"""A form that was shown so long ago has been scrolled away: it goes on below."""
SOMETHING_ELSE = 2
"""So many commands since then have pushed it up as well."""


def prices(context: BotContext) -> Instruments:
    """The instruments that people may name."""
    return Instruments(context.parts.market_feed, context.parts.bars_dir)


def parts_of(what: str) -> tuple[int, int, str]:
    """A button's form, the version it was made for, and what it stands for."""
    number, version, choice = (*what.split(":", 2), "", "")[:3]
    return parse_number(number, "form", "/add"), pressed_number(version) or 0, choice


async def pressed(update: Update, context: BotContext, letter: str, what: str) -> None:
    """A button that every form has: an answer, back, skip, cancel, undo, or one that opens an old form afresh."""
    number, version, choice = parts_of(what)
    try:
        page = await _pressed(context, number, version, choice)
    except FormMoved as moved:
        await acknowledge(update, str(moved))
        await show(update, context, moved.page)
        return
    except FormEnded as ended:
        await acknowledge(update)
        await replies.send(update, said.expired(letter, ended.draft_id, version))
        return
    await acknowledge(update)
    if choice == "cancel":
        await replies.replace(update, said.cancelled(page))
    else:
        await show(update, context, page, here=choice in ("undo", "again"))


async def _pressed(context: BotContext, number: int, version: int, choice: str) -> Page:
    user, speaker, known, now = context.user, context.speaker, prices(context), context.now
    match choice:
        case "cancel":
            return await context.run(FormsService.cancel, user, speaker, number, known, now=now)
        case "undo":
            return await context.run(FormsService.restore, user, speaker, number, known, now=now)
        case "again":
            return await context.run(FormsService.reopen, user, speaker, number, known, now=now)
        case _:
            return await context.run(FormsService.press, user, speaker, number, version, choice, known, now=now)


async def typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """A typed answer: it changes the form's own message, and what is wrong with it stands there too."""
    user, speaker, known, now = context.user, context.speaker, prices(context), context.now
    try:
        page = await context.run(FormsService.typed, user, speaker, form.id, form.version, text, known, now=now)
    except FormMoved as moved:
        page = moved.page
    await show(update, context, page)


async def refuse(update: Update, context: BotContext, number: int, problem: UserError) -> None:
    """Say in the form's own message why it could not be saved."""
    page = await context.run(FormsService.page, context.user, context.speaker, number, prices(context), now=context.now)
    await acknowledge(update)
    await show(update, context, page, problem=problem)


async def show(
    update: Update, context: BotContext, page: Page, *, here: bool = False, problem: UserError | None = None
) -> None:
    """Put a form where it stands; a new one, or one that can't be edited any more, is a new message.

    `here`: where the pressed button is, wherever it stood before.
    """
    if problem is not None:
        page = replace(page, problem=problem_of(problem))
    reply = said.page(page)
    pressed_on = update.callback_query.message if update.callback_query is not None else None
    number = pressed_on.message_id if here and isinstance(pressed_on, Message) and pressed_on.text else page.message_id
    if number is not None and not await _scrolled_away(context, page, pressed_on):
        if await _edited(context, number, reply):
            if number != page.message_id:
                await _placed(context, page, number)
            return
    elif number is not None:
        await _edited(context, number, said.goes_on_below())
    sent = await replies.send(update, reply)
    if sent is not None:
        await _placed(context, page, sent.message_id)


async def _scrolled_away(context: BotContext, page: Page, pressed_on: object) -> bool:
    """Whether a typed answer would change what its writer no longer sees."""
    if pressed_on is not None or page.previous_at is None:
        return False
    if context.now - page.previous_at > FAR_ABOVE:
        return True
    return await context.run(TelegramService.asked_since, context.speaker, page.previous_at) >= SOMETHING_ELSE


async def _edited(context: BotContext, number: int, reply: Reply) -> bool:
    """Whether that message now says this; one that was deleted can't."""
    try:
        await context.bot.edit_message_text(
            reply.text,
            chat_id=context.speaker,
            message_id=number,
            parse_mode=ParseMode.HTML,
            reply_markup=reply.keyboard,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
    except BadRequest as problem:
        return "not modified" in str(problem)
    return True


async def _placed(context: BotContext, page: Page, number: int) -> None:
    await context.run(FormsService.placed, context.speaker, page.id, context.speaker, number)


async def cancelled(update: Update, context: BotContext, form: Form) -> None:
    """/cancel with a form of a job open: say what was thrown away, with an Undo."""
    user, speaker, known = context.user, context.speaker, prices(context)
    page = await context.run(FormsService.cancel, user, speaker, form.id, known, now=context.now)
    reply = said.cancelled(page)
    if page.message_id is not None:
        await _edited(context, page.message_id, Reply(t("Left.")))
    await replies.send(update, reply)
