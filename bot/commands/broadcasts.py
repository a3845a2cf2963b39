"""Broadcasts: /broadcast shows what would go to whom and asks; /broadcasts lists them; their buttons."""

import re

from telegram import InputFile, Update

from bot import access, replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import broadcasts as words
from bot.replies.reply import PAGE
from domain.broadcasts import CHANGES, EXAMPLE, confirms
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.locales import t
from services.broadcasts import BroadcastsService
from services.telegram import Form, TelegramService

_COMMAND = re.compile(r"/\w+(@\w+)?\s*")


async def broadcast(update: Update, context: BotContext) -> None:
    """Show a broadcast as it will look and whom it would reach, and ask for a typed yes."""
    message = update.effective_message
    written = message.text_html if message is not None and message.text else ""
    given = _COMMAND.sub("", written, count=1).strip()
    if not given:
        raise InvalidInput(
            t("Write the text behind it, and before the text whom it is for. Example:\n{example}", example=EXAMPLE)
        )
    await _show(update, context, given)


async def confirmed(update: Update, context: BotContext, form: Form, typed: str) -> None:
    """What was typed after a preview: the number of recipients, or SEND, sends it once."""
    count = int(form.data["count"])
    if not confirms(typed, count):
        await replies.send(
            update,
            Reply(
                t(
                    "Nothing was sent. Type <code>{count}</code> or <code>SEND</code> to send it, /cancel to leave it.",
                    count=count,
                )
            ),
        )
        return
    message = update.effective_message
    if message is None:
        return
    access.check_acts(message)
    previewed = float(form.data["at"])
    if context.now.timestamp() - previewed > access.STALE_AFTER.total_seconds() or (
        access.age_of(message, context) > access.STALE_AFTER
    ):
        await replies.send(update, Reply(t("That preview is more than ten minutes old, so here it is again.")))
        await _show(update, context, form.data["words"])
        return
    begun = await context.run_as_platform(
        BroadcastsService.start, context.user, context.speaker, form.id, now=context.now
    )
    shown = await replies.send(update, words.progress(begun))
    if shown is not None:
        await context.run_as_platform(BroadcastsService.shows, begun.id, shown.message_id)


async def broadcasts(update: Update, context: BotContext) -> None:
    """List the broadcasts, or show one: ``/broadcasts 3``."""
    if context.arguments:
        number = parse_number(context.arguments[0], "broadcast", "/broadcasts 3")
        found = await context.run_as_platform(BroadcastsService.one, context.user, number)
        await replies.send(update, words.progress(found))
        return
    await replies.send(update, await _page(context, None))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """A button of a broadcast: ``number:action`` and perhaps a nonce."""
    number, _, rest = what.partition(":")
    broadcast_id = parse_number(number, "broadcast", "/broadcasts 3")
    action, _, more = rest.partition(":")
    if action == "show":
        await _look(update, context, broadcast_id, more)
    elif action == "again":
        found, count = await context.run_as_platform(BroadcastsService.send_again, context.user, broadcast_id)
        await acknowledge(update, words.sent_again(count))
        await replies.replace(update, words.progress(found))
    elif action in CHANGES:
        found = await context.run_as_platform(BroadcastsService.change, context.user, broadcast_id, action)
        await acknowledge(update)
        await replies.replace(update, words.progress(found))
    else:
        raise InvalidInput(t("That button is from an older version. Send /broadcasts."))


async def _look(update: Update, context: BotContext, broadcast_id: int, what: str) -> None:
    if what == "csv":
        file = await context.run_as_platform(BroadcastsService.failures, context.user, broadcast_id)
        await acknowledge(update)
        if update.effective_message is not None:
            named = InputFile(file, filename=f"broadcast-{broadcast_id}-failures.csv")
            await update.effective_message.reply_document(named)
    elif what == "older":
        page = await _page(context, broadcast_id)
        await acknowledge(update)
        await replies.replace(update, page)
    else:
        found = await context.run_as_platform(BroadcastsService.one, context.user, broadcast_id)
        await acknowledge(update)
        await replies.send(update, words.progress(found))


async def _show(update: Update, context: BotContext, given: str) -> None:
    shown = await context.run_as_platform(BroadcastsService.preview, context.user, given, now=context.now)
    await replies.send(update, Reply(shown.text))
    data = {"words": given, "count": shown.audience.reachable, "at": context.now.timestamp()}
    await context.run(TelegramService.begin, context.speaker, context.user.id, "ask_send", data, now=context.now)
    await replies.send(update, words.preview(shown))


async def _page(context: BotContext, before: int | None) -> Reply:
    found = await context.run_as_platform(BroadcastsService.page, context.user, before=before, limit=PAGE + 1)
    return words.listed(found[:PAGE], context.user.zone, more=len(found) > PAGE)
