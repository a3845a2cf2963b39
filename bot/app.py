"""The bot: one table of commands, one of buttons, and the way every update takes through gate, handler and audit."""

import difflib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from telegram import CallbackQuery, Message, Update
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ChatMemberHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot import access, audit, errors, replies
from bot.commands import backfills, broadcasts, general, health, jobs, preferences, reports, runs, schedules, users
from bot.context import BotContext, Command, Handle, Parts, Press
from bot.rates import FloodRequest, SharedRateLimiter
from bot.replies import Reply
from db.offload import DatabaseUnavailable
from domain.errors import NotAllowed, UserError
from domain.users import Role
from notifications.channels.telegram import request
from notifications.rates import Rates
from services.telegram import Audit, TelegramService

log = structlog.get_logger(__name__)

App = Application[Any, Any, Any, Any, Any, Any]

UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]


COMMANDS = (
    Command("report", "A market report now", Role.VIEWER, reports.report, acts=True, example="/report GOLD dark"),
    Command("schedule", "Make a job, in words or from a cron line", Role.VIEWER, schedules.schedule,
            example="/schedule every weekday at 8:30 the gold report"),
    Command("remind", "Make a reminder", Role.VIEWER, schedules.remind,
            example="/remind check margins every day at 9"),
    Command("jobs", "Your jobs", Role.VIEWER, jobs.jobs),
    Command("next", "What comes next", Role.VIEWER, jobs.next_runs, example="/next 24h"),
    Command("history", "What was run", Role.VIEWER, runs.history, example="/history 7"),
    Command("why", "The whole story of a run, or of the message it answers", Role.VIEWER, runs.why, example="/why 12"),
    Command("failed", "What went wrong", Role.VIEWER, runs.failed),
    Command("job", "One job, with its buttons", Role.VIEWER, jobs.job, example="/job 7"),
    Command("run", "Run a job once, now", Role.VIEWER, jobs.run, acts=True, example="/run 7"),
    Command("skip", "Leave out a job's next run", Role.VIEWER, jobs.skip, acts=True, example="/skip 7"),
    Command("pause", "Pause a job", Role.VIEWER, jobs.pause, acts=True, example="/pause 7"),
    Command("resume", "Let a paused job go on", Role.VIEWER, jobs.resume, acts=True, example="/resume 7"),
    Command("delete", "Delete a job (can be undone)", Role.VIEWER, jobs.delete, acts=True, example="/delete 7"),
    Command("retry", "Do a run once more", Role.VIEWER, runs.retry, acts=True, example="/retry 12"),
    Command("kill", "Stop a run", Role.VIEWER, runs.kill, acts=True, example="/kill 12"),
    Command("backfill", "Run a job for days that are over", Role.VIEWER, backfills.backfill,
            example="/backfill 7 2026-11-02 2026-11-06"),
    Command("test", "What a time means, and when it is due", Role.VIEWER, schedules.test,
            example="/test first Monday of the month at 9"),
    Command("notify", "How I tell you what", Role.VIEWER, preferences.notify, example="/notify report mail"),
    Command("quiet", "Hours in which I hold back", Role.VIEWER, preferences.quiet, example="/quiet 22:00-07:00"),
    Command("mute", "Leave you alone for a while", Role.VIEWER, preferences.mute, example="/mute 2h"),
    Command("digest", "Gather messages into one", Role.VIEWER, preferences.digest, example="/digest report hourly"),
    Command("broadcast", "Tell everybody something", Role.ADMIN, broadcasts.broadcast,
            example="/broadcast role:trader The feed is down until 18:00."),
    Command("broadcasts", "What was broadcast, and how far it is", Role.ADMIN, broadcasts.broadcasts,
            example="/broadcasts 3"),
    Command("status", "Your things at a glance", Role.VIEWER, health.status),
    Command("health", "Whether everything works", None, health.health),
    Command("timezone", "Your time zone", Role.VIEWER, users.timezone, example="/timezone Zurich"),
    Command("whoami", "Who you are to me", None, users.whoami),
    Command("help", "What I can do", None, general.help_, example="/help schedule"),
    Command("cancel", "Leave what was begun", None, users.cancel),
    Command("start", "Begin", None, users.start),
)  # fmt: skip

PRESSES = (
    Press("v", None, users.verification_pressed, acts=True),
    Press("z", Role.VIEWER, users.zone_pressed),
    Press("r", Role.VIEWER, reports.report_pressed, acts=True),
    Press("i", Role.VIEWER, reports.instruments_pressed),
    Press("p", Role.VIEWER, schedules.pressed),
    Press("d", Role.VIEWER, schedules.form_pressed, acts=True),
    Press("q", Role.VIEWER, schedules.when_pressed),
    Press("k", Role.VIEWER, schedules.what_pressed),
    Press("g", Role.VIEWER, schedules.corrected_pressed),
    Press("t", Role.VIEWER, schedules.test_pressed),
    Press("j", Role.VIEWER, jobs.job_pressed, acts=True, looks="show"),
    Press("o", Role.VIEWER, jobs.options_pressed),
    Press("l", Role.VIEWER, jobs.jobs_pressed),
    Press("n", Role.VIEWER, jobs.next_pressed),
    Press("h", Role.VIEWER, runs.history_pressed),
    Press("f", Role.VIEWER, runs.failed_pressed),
    Press("w", Role.VIEWER, runs.why_pressed),
    Press("x", Role.VIEWER, runs.run_pressed, acts=True),
    Press("b", Role.VIEWER, backfills.pressed, acts=True),
    Press("m", Role.VIEWER, preferences.pressed),
    Press("y", Role.ADMIN, broadcasts.pressed, acts=True, looks="show"),
    Press("c", None, general.command_pressed),
    Press("a", Role.VIEWER, general.stale_pressed),
)

_BY_NAME = {command.name: command for command in COMMANDS}
_BY_LETTER = {press.letter: press for press in PRESSES}


def build_application(token: str, api_url: str, parts: Parts, rates: Rates) -> App:
    """The bot, wired to `parts`; nothing is asked of Telegram or the database before it is initialised."""
    root = api_url.rstrip("/")
    builder = (
        ApplicationBuilder()
        .token(token)
        .base_url(f"{root}/bot")
        .base_file_url(f"{root}/file/bot")
        .context_types(ContextTypes(context=BotContext))
        .concurrent_updates(audit.InOrder())
        .rate_limiter(SharedRateLimiter(rates))
        .request(
            request(
                FloodRequest,
                connection_pool_size=32,
                connect_timeout=5,
                read_timeout=20,
                write_timeout=20,
                pool_timeout=5,
            )
        )
        .get_updates_request(request(connection_pool_size=2, connect_timeout=5, read_timeout=40, pool_timeout=5))
    )
    application: App = builder.build()
    application.bot_data["parts"] = parts
    application.bot_data["commands"] = COMMANDS
    application.add_handler(MessageHandler(filters.UpdateType.EDITED_MESSAGE, _around(_edited)))
    application.add_handler(MessageHandler(filters.UpdateType.MESSAGE & filters.COMMAND, _around(_command)))
    application.add_handler(MessageHandler(filters.UpdateType.MESSAGE & filters.TEXT, _around(_text)))
    application.add_handler(MessageHandler(filters.UpdateType.MESSAGE & ~filters.StatusUpdate.ALL, _around(_other)))
    application.add_handler(CallbackQueryHandler(_around(_press)))
    application.add_handler(ChatMemberHandler(_around(general.membership), ChatMemberHandler.MY_CHAT_MEMBER))
    application.add_error_handler(errors.handle)
    return application


def _around(handle: Handle) -> Handle:
    """The one way every update takes: a clock before, the error's answer and the audit row after."""

    async def handled(update: Update, context: BotContext) -> None:
        begun = time.monotonic()
        try:
            await handle(update, context)
        except Exception as problem:  # noqa: BLE001  # the one place of this door that meets every failure
            await errors.answer(update, context, problem)
        if context.entry is not None:
            await context.parts.trail.record(context.entry, begun, acted=context.acted)

    return handled


def _enter(update: Update, context: BotContext, command: str, text: str) -> None:
    speaker = update.effective_user
    if speaker is not None:
        context.entry = Audit(speaker.id, command, audit.redact(text), context.now)


async def _command(update: Update, context: BotContext) -> None:
    message = _message_of(update)
    text = message.text or message.caption or ""
    name, addressed, arguments = _split(text)
    if addressed and addressed.lower() != context.bot.username.lower():
        return
    _enter(update, context, f"/{name}", text)
    access.check_message(message)
    command = _BY_NAME.get(name)
    await access.identify(update, context, afresh=command is None or command.acts)
    context.arguments = arguments
    if command is None or command not in context.commands:
        if command is not None and context.known is None:
            access.check_role(context, command.role)
        await _unknown(update, context, name)
        return
    if not command.acts:
        await command.handle(update, context)
        return
    access.check_acts(message)
    if access.age_of(message, context) > access.STALE_AFTER:
        await general.ask_if_still_wanted(update, context, text)
        return
    await _once(
        update, context, f"m:{message.chat.id}:{message.message_id}", text, lambda: command.handle(update, context)
    )


async def _unknown(update: Update, context: BotContext, name: str) -> None:
    if context.entry is not None:
        context.entry.success, context.entry.error_message = False, "unknown command"
    known = [command.name for command in context.commands]
    await replies.send(
        update, replies.refusals.unknown_command(difflib.get_close_matches(name, known, n=3, cutoff=0.5))
    )


async def _text(update: Update, context: BotContext) -> None:
    message = _message_of(update)
    text = message.text or ""
    _enter(update, context, "text", text)
    access.check_message(message)
    await access.identify(update, context, afresh=True)
    if context.known is None:
        await users.stranger_says(update, context, text)
        return
    form = await context.run(TelegramService.asked, context.speaker, now=context.now)
    if form is None:
        await general.plain_text(update, context, text)
    elif form.kind == "ask_zone":
        await users.zone_named(update, context, text)
    elif form.kind == "ask_send":
        await broadcasts.confirmed(update, context, form, text)
    elif form.kind == "ask_what":
        await schedules.work_named(update, context, form.data, text)
    else:
        await schedules.time_named(update, context, form.data, text)


async def _other(update: Update, context: BotContext) -> None:
    message = _message_of(update)
    _enter(update, context, "other", "")
    access.check_message(message)
    await replies.send(update, Reply("I read text only. /help lists what I understand."))


async def _edited(update: Update, context: BotContext) -> None:
    message = _message_of(update)
    _enter(update, context, "edited", message.text or "")
    access.check_message(message)
    raise access.NotOnceMore


async def _press(update: Update, context: BotContext) -> None:
    query = _query_of(update)
    letter, _, what = (query.data or "").partition(":")
    _enter(update, context, f"button {letter}", query.data or "")
    access.check_press(query)
    press = _BY_LETTER.get(letter)
    await access.identify(update, context, afresh=press is None or press.acts_on(what))
    if press is None:
        raise NotAllowed("That button is from an older version. Send /help.")
    access.check_role(context, press.role)
    if not press.acts_on(what):
        await press.handle(update, context, what)
        return
    place = query.message.message_id if query.message is not None else query.id
    key = f"p:{query.from_user.id}:{place}:{query.data}"
    await _once(update, context, key, "that button", lambda: press.handle(update, context, what))


async def _once(update: Update, context: BotContext, key: str, text: str, act: Callable[[], Awaitable[None]]) -> None:
    """Act the first time only, however often Telegram brings the same message or press."""
    context.acted = True
    claim = await context.run_as_platform(TelegramService.claim, key)
    if claim == "new":
        try:
            await act()
        except (UserError, DatabaseUnavailable):  # nothing was changed, so it may be tried again
            await context.run_as_platform(TelegramService.release, key)
            raise
        await context.run_as_platform(TelegramService.finished, key)
    elif claim == "interrupted":
        await errors.acknowledge(update)
        await replies.send(update, replies.refusals.interrupted(text))
    else:
        await errors.acknowledge(update, "That was done already.")


def _split(text: str) -> tuple[str, str, list[str]]:
    """A command's name, the bot it is addressed to, and the words behind it."""
    first, *arguments = text.split()
    name, _, addressed = first.removeprefix("/").partition("@")
    return name.lower(), addressed, arguments


def _message_of(update: Update) -> Message:
    if update.effective_message is None:
        raise access.NotHere
    return update.effective_message


def _query_of(update: Update) -> CallbackQuery:
    if update.callback_query is None:
        raise access.NotHere
    return update.callback_query
