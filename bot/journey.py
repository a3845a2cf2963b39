"""The one way every update takes: a clock and a language before it, gate and handler, then the answer and the audit."""

import time
from collections.abc import Awaitable, Callable, Sequence

from telegram import CallbackQuery, Message, Update

from bot import access, audit, errors, replies
from bot.commands import feedback, general, users
from bot.context import Asked, BotContext, Command, Handle, Press
from bot.replies import Reply
from db.offload import DatabaseUnavailable
from domain.destinations import job_acted_on
from domain.errors import InvalidInput, UserError
from domain.locales import set_locale, t
from domain.users import Role
from services.telegram import Audit, TelegramService


class Tables:
    """The commands and buttons that there are, by name, alias and letter; and who reads a text that was asked for."""

    def __init__(self, commands: Sequence[Command], presses: Sequence[Press], asked: Sequence[Asked]) -> None:
        self.listed = tuple(commands)
        self.commands = {name: each for each in commands for name in (each.name, *each.aliases)}
        self.presses = {each.letter: each for each in presses}
        self.asked = {each.kind: each.answered for each in asked}
        self._usable: dict[Role | None, tuple[Command, ...]] = {
            role: tuple(each for each in commands if each.is_for(role)) for role in (None, *Role)
        }
        self._names = {role: {each.name for each in usable} for role, usable in self._usable.items()}

    def usable(self, role: Role | None) -> tuple[Command, ...]:
        """The commands of a role; of a stranger where there is none."""
        return self._usable[role]

    def is_usable(self, command: Command, role: Role | None) -> bool:
        """Whether that role may use it."""
        return command.name in self._names[role]


def around(handle: Handle) -> Handle:
    """`handle` with all that every update meets."""

    async def handled(update: Update, context: BotContext) -> None:
        begun = time.monotonic()
        set_locale(context.client_locale)
        try:
            await handle(update, context)
        except Exception as problem:  # noqa: BLE001  # the one place of this door that meets every failure
            await errors.answer(update, context, problem)
        if context.entry is not None:
            await context.parts.trail.record(context.entry, begun, acted=context.acted, update_id=update.update_id)

    return handled


async def command(update: Update, context: BotContext) -> None:
    """A message that begins with a command."""
    message = _message_of(update)
    written = message.text or message.caption or ""
    name, addressed, arguments = split(written)
    if (addressed and addressed.lower() != context.bot.username.lower()) or not access.is_heard(message):
        return
    if access.is_group(message.chat):
        await _command_in_group(update, context, message, as_in_group(name, arguments), addressed=bool(addressed))
        return
    _enter(update, context, f"/{name}", written)
    access.check_message(message)
    found = context.tables.commands.get(name)
    await access.identify(update, context, afresh=found is None or found.acts)
    access.check_acts(message)
    context.arguments = arguments
    access.check_open(context, found.name if found is not None else "")
    if found is None or not context.may_use(found):
        if found is not None and context.known is None:
            access.check_role(context, found.role)
        await _unknown(update, context, name)
        return
    if not found.acts:
        await found.handle(update, context)
        return
    if access.age_of(message, context) > context.parts.live.current.stale_after:
        await general.ask_if_still_wanted(update, context, written)
        return
    key = f"m:{message.chat.id}:{message.message_id}"
    await _once(update, context, key, written, lambda: found.handle(update, context))


async def text(update: Update, context: BotContext) -> None:
    """A text that is no command: an answer to what was asked, or words that nobody asked for."""
    message = _message_of(update)
    if access.is_group(message.chat) or not access.is_heard(message):
        return
    written = message.text or ""
    _enter(update, context, "text", written)
    access.check_message(message)
    await access.identify(update, context, afresh=True)
    access.check_open(context)
    if context.known is None:
        access.check_acts(message)
        await users.stranger_says(update, context, written)
        return
    key = f"m:{message.chat.id}:{message.message_id}"
    card = feedback.replied_to(message, context.bot.id) if context.user.role is Role.ADMIN else None
    if card is not None:
        access.check_acts(message)
        await _once(update, context, key, written, lambda: feedback.answer(update, context, card, written))
        return
    form = await context.run(TelegramService.asked, context.speaker, now=context.now)
    answer = context.tables.asked.get(form.kind) if form is not None else None
    if form is None or answer is None:
        await general.plain_text(update, context, written)
        return
    access.check_acts(message)
    await _once(update, context, key, written, lambda: answer(update, context, form, written))


async def other(update: Update, context: BotContext) -> None:
    """A picture, a voice, a sticker: nothing that we read."""
    message = _message_of(update)
    if access.is_group(message.chat) or not access.is_heard(message):
        return
    _enter(update, context, "other", "")
    access.check_message(message)
    await replies.send(update, Reply(t("I read text only. /help lists what I understand.")))


async def edited(update: Update, context: BotContext) -> None:
    """A message that was changed: it is not carried out again."""
    message = _message_of(update)
    if not access.is_heard(message):
        return
    if access.is_group(message.chat):
        _edited_in_group(update, context, message.text or "")
        return
    _enter(update, context, "edited", message.text or "")
    access.check_message(message)
    raise access.NotOnceMore


async def press(update: Update, context: BotContext) -> None:
    """A button that was pressed."""
    query = _query_of(update)
    letter, _, what = (query.data or "").partition(":")
    _enter(update, context, f"button {letter}", query.data or "")
    access.check_press(query)
    found = context.tables.presses.get(letter)
    await access.identify(update, context, afresh=found is None or found.acts_on(what))
    access.check_open(context, "help" if letter == "hp" else what if letter == "c" else "")
    in_group = access.is_group(query.message.chat if query.message is not None else None)
    if found is None:
        raise access.NotHere if in_group else InvalidInput(t("That button is from an older version. Send /help."))
    if in_group:
        await _check_press_in_group(update, context, query, found)
    access.check_role(context, found.role)
    if not found.acts_on(what):
        await found.handle(update, context, what)
        return
    place = query.message.message_id if query.message is not None else query.id
    key = f"p:{query.from_user.id}:{place}:{query.data}"
    await _once(update, context, key, t("that button"), lambda: found.handle(update, context, what))


async def _command_in_group(
    update: Update, context: BotContext, message: Message, said: tuple[str, list[str]], *, addressed: bool
) -> None:
    """A command that several people read: what everybody may see is answered, the rest is for a private chat.

    What we don't know may be meant for another bot, so that only who names us is answered.
    """
    name, context.arguments = said
    found = context.tables.commands.get(name)
    if found is None and not addressed:
        return
    _enter(update, context, f"/{name}", message.text or message.caption or "")
    access.check_message(message)
    access.check_acts(message)
    await access.identify(update, context, afresh=True)
    if found is None or (not context.may_use(found) and context.known is not None):
        await _unknown(update, context, name, silent=not addressed)
    elif found.anywhere and context.may_use(found):
        access.check_open(context, found.name)
        await found.handle(update, context)
    elif found.in_groups and context.may_use(found) and context.parts.live.current.group_acting:
        access.check_open(context)
        await access.check_acts_in_group(update, context, access.job_in(context))
        if access.age_of(message, context) > context.parts.live.current.stale_after:
            raise access.TooOld
        key = f"m:{message.chat.id}:{message.message_id}"
        await _once(update, context, key, message.text or "", lambda: found.handle(update, context))
    else:
        link = f"{context.parts.link_url}/{context.bot.username}"
        await replies.send(update, replies.groups.privately(link, known=context.known is not None))


async def _check_press_in_group(update: Update, context: BotContext, query: CallbackQuery, found: Press) -> None:
    """Pages are turned by who asked; jobs that are told here are acted on by their owner; nothing else is pressed."""
    if found.role is not None and context.known is None:
        raise access.NotHere
    if found.anywhere:
        access.check_reader(query)
        return
    job = job_acted_on(query.data)
    if job is None:
        raise access.NotHere
    await access.check_acts_in_group(update, context, job)


def _edited_in_group(update: Update, context: BotContext, written: str) -> None:
    """Nobody is answered, as others talk there; an edited command of ours is kept in the audit."""
    if not written.startswith("/"):
        return
    name, addressed, _ = split(written)
    if name in context.tables.commands and addressed.lower() in ("", context.bot.username.lower()):
        _enter(update, context, f"/{name}", written)
        if context.entry is not None:
            context.entry.success, context.entry.error_message = False, "edited, so not carried out"


def as_in_group(name: str, arguments: list[str]) -> tuple[str, list[str]]:
    """The command as it is meant in a group: Telegram says ``/start link`` for who adds us by that link."""
    return ("link", []) if name == "start" and arguments == ["link"] else (name, arguments)


def split(written: str) -> tuple[str, str, list[str]]:
    """A command's name, the bot it is addressed to, and the words behind it."""
    first, *arguments = written.split()
    name, _, addressed = first.removeprefix("/").partition("@")
    return name.lower(), addressed, arguments


def _enter(update: Update, context: BotContext, command: str, written: str) -> None:
    speaker = update.effective_user
    if speaker is not None:
        chat = update.effective_chat
        entry = Audit(speaker.id, command, audit.redact(written), context.now)
        entry.chat_id = chat.id if chat is not None else None
        context.entry = entry


async def _unknown(update: Update, context: BotContext, name: str, *, silent: bool = False) -> None:
    if context.entry is not None:
        context.entry.success, context.entry.error_message = False, "unknown command"
    if silent:
        return
    near = general.nearest(context, name)
    await replies.send(update, replies.refusals.unknown_command(near))


async def _once(
    update: Update, context: BotContext, key: str, written: str, act: Callable[[], Awaitable[None]]
) -> None:
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
        await replies.send(update, replies.refusals.interrupted(written))
    else:
        await errors.acknowledge(update, t("That was done already."))


def _message_of(update: Update) -> Message:
    if update.effective_message is None:
        raise access.NotHere
    return update.effective_message


def _query_of(update: Update) -> CallbackQuery:
    if update.callback_query is None:
        raise access.NotHere
    return update.callback_query
