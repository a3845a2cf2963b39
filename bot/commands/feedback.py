"""What people write to those who run this Openbell, and the answers."""

import re

from telegram import Message, Update

from bot import access, replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import feedback as words
from bot.replies.reply import PAGE
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.locales import t
from services.feedbacks import FeedbacksService
from services.telegram import Form, TelegramService

ASK, ASK_ANSWER = "ask_feedback", "ask_answer"
_COMMAND = re.compile(r"/\w+(@\w+)?\s*")
_CARD = re.compile(r"fb:(\d{1,18}):show:answer")
_EVERYTHING = ("all", "alle")


async def feedback(update: Update, context: BotContext) -> None:
    """Keep what was written behind the command, or ask for it."""
    message = update.effective_message
    said = _COMMAND.sub("", (message.text if message is not None else None) or "", count=1).strip()
    if not context.arguments:
        await context.run(TelegramService.begin, context.speaker, context.user.id, ASK, {}, now=context.now)
        await replies.send(update, words.ask())
        return
    await _write(update, context, said if said.startswith(context.arguments[0]) else " ".join(context.arguments))


async def feedback_typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """What was written after the question."""
    await _write(update, context, text)
    await context.run(TelegramService.end, context.speaker, form.kind, now=context.now)


async def feedbacks(update: Update, context: BotContext) -> None:
    """The inbox; one of them: ``/feedbacks 3``; with those that are answered: ``/feedbacks all``."""
    first = context.arguments[0].lower() if context.arguments else ""
    if first and first not in _EVERYTHING:
        number = parse_number(first, "feedback", "/feedbacks 3")
        found = await context.run_as_platform(FeedbacksService.one, context.user, number)
        await replies.send(update, words.card(found, context.user.zone))
        return
    await replies.send(update, await _page(context, None, everything=first in _EVERYTHING))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """``NUMBER:show``, ``NUMBER:show:answer``, ``NUMBER:close``; ``BEFORE:show:open`` and ``:all`` turn pages."""
    number, action, more, *_ = (*what.split(":"), "", "")
    if action == "show" and more in ("open", "all"):
        before = parse_number(number, "feedback", "/feedbacks") if number != "0" else None
        reply = await _page(context, before, everything=more == "all")
    elif action == "show" and more == "answer":
        reply = await _ask_answer(context, parse_number(number, "feedback", "/feedbacks 3"))
        await acknowledge(update)
        await replies.send(update, reply)
        return
    elif action in ("show", "close"):
        service = FeedbacksService.one if action == "show" else FeedbacksService.close
        found = await context.run_as_platform(service, context.user, parse_number(number, "feedback", "/feedbacks 3"))
        reply = words.card(found, context.user.zone)
    else:
        raise InvalidInput(t("That button is from an older version. Send /feedbacks."))
    await acknowledge(update)
    await replies.replace(update, reply)


async def answer_typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """The answer that was asked for."""
    await answer(update, context, int(form.data["feedback"]), text)
    await context.run(TelegramService.end, context.speaker, form.kind, now=context.now)


async def answer(update: Update, context: BotContext, number: int, text: str) -> None:
    """Send an answer, typed after the question or as a reply to the card."""
    message = update.effective_message
    if message is not None:
        access.check_acts(message)
    found = await context.run_as_platform(FeedbacksService.answer, context.user, number, text, now=context.now)
    await replies.send(update, words.answered(found))


def replied_to(message: Message, bot_id: int) -> int | None:
    """The number of the feedback whose card, sent by us, this message replies to."""
    card = message.reply_to_message
    if card is None or card.from_user is None or card.from_user.id != bot_id or card.reply_markup is None:
        return None
    for row in card.reply_markup.inline_keyboard:
        for button in row:
            if isinstance(button.callback_data, str) and (found := _CARD.match(button.callback_data)) is not None:
                return int(found[1]) or None
    return None


async def _write(update: Update, context: BotContext, text: str) -> None:
    message = update.effective_message
    if message is not None:
        access.check_acts(message)
    place = message.message_id if message is not None else None
    number = await context.run_as_platform(FeedbacksService.write, context.user, text, place, now=context.now)
    await replies.send(update, words.thanks(number))


async def _ask_answer(context: BotContext, number: int) -> Reply:
    found = await context.run_as_platform(FeedbacksService.one, context.user, number)
    if found.status == "answered":
        return words.card(found, context.user.zone)
    data = {"feedback": number}
    await context.run(TelegramService.begin, context.speaker, context.user.id, ASK_ANSWER, data, now=context.now)
    return words.ask_answer(found)


async def _page(context: BotContext, before: int | None, *, everything: bool) -> Reply:
    found = await context.run_as_platform(
        FeedbacksService.page, context.user, before=before, limit=PAGE + 1, only_open=not everything
    )
    return words.inbox(found[:PAGE], context.user.zone, more=len(found) > PAGE, everything=everything)
