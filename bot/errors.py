"""The one place of this door that decides what a failure means to the person who meets it."""

import secrets

import structlog
from telegram import Update
from telegram.error import BadRequest, Forbidden, NetworkError, TelegramError

from bot import replies
from bot.context import BotContext
from bot.replies import Reply
from domain.errors import NotAllowed, RetryLater, UserError
from domain.locales import t
from domain.zones import UnknownZone
from notifications.words import plain
from services.users import WrongCode

log = structlog.get_logger(__name__)

ALERT_LIMIT = 190


async def answer(update: Update, context: BotContext, problem: Exception) -> None:
    """Tell the person what happened, and the audit why."""
    if isinstance(problem, TelegramError):
        _unanswered(context, problem)
        return
    reply, said = _reply_to(problem, context)
    if context.entry is not None:
        context.entry.success, context.entry.error_message = False, said
    try:
        await _tell(update, reply)
    except TelegramError as unreachable:
        _unanswered(context, unreachable)


def _reply_to(problem: Exception, context: BotContext) -> tuple[Reply, str]:
    """What the person is told, and what the audit keeps."""
    match problem:
        case UnknownZone():
            return replies.people.zone_refused(str(problem), problem.suggestions, context.now), str(problem)
        case WrongCode():
            return replies.people.wrong_code(str(problem)), str(problem)
        case NotAllowed():
            return replies.refusals.refused(str(problem), [[(t("Help"), "hp:")]]), str(problem)
        case UserError():
            return replies.refusals.refused(str(problem)), str(problem)
        case RetryLater():
            reference = _coded(context)
            log.warning("update_refused", reference=reference, error=repr(problem))
            return replies.refusals.unavailable(str(problem), reference), f"{type(problem).__name__}: {problem}"
        case _:
            reference = _coded(context)
            log.error("update_broke", reference=reference, exc_info=problem)
            return replies.refusals.broken(reference, acted=context.acted), type(problem).__name__


def _coded(context: BotContext) -> str:
    """A code for the person, by which /audit finds what it was."""
    reference = f"E-{secrets.token_hex(2).upper()}"
    if context.entry is not None:
        context.entry.reference = reference
    return reference


async def _tell(update: Update, reply: Reply) -> None:
    """As an answer; a press gets it over the chat when it is short and leads nowhere else."""
    query = update.callback_query
    if query is None:
        await replies.send(update, reply)
        return
    said = plain(reply.text)
    if len(said) <= ALERT_LIMIT and not reply.buttons:
        await acknowledge(update, said, alert=True)
        return
    await acknowledge(update)
    await replies.send(update, reply)


async def acknowledge(update: Update, text: str | None = None, *, alert: bool = False) -> None:
    """Answer a press, so that its button stops turning; one that is too old to be answered does not matter."""
    if update.callback_query is None:
        return
    try:
        await update.callback_query.answer(text, show_alert=alert)
    except BadRequest as problem:
        if "too old" not in str(problem):
            raise


def _unanswered(context: BotContext, problem: TelegramError) -> None:
    kind = (
        "blocked" if isinstance(problem, Forbidden) else "network" if isinstance(problem, NetworkError) else "telegram"
    )
    log.warning("answer_not_delivered", kind=kind, error=str(problem))
    if context.entry is not None:
        context.entry.success, context.entry.error_message = False, f"the answer was not delivered: {problem}"


async def handle(update: object, context: BotContext) -> None:
    """What python-telegram-bot itself reports: polling that fails, or an update that broke before our handlers."""
    problem = context.error
    if isinstance(problem, NetworkError):
        log.warning("telegram_unreachable", error=str(problem))
    else:
        log.error("bot_failed", update=type(update).__name__, exc_info=problem)
