"""One's own account: settings on one card, the language, export, erasing, privacy."""

from datetime import timedelta

from telegram import InputFile, Update
from telegram.constants import ChatType

from bot import access, menu, replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from bot.replies import account as words
from bot.replies import preferences as wishes_words
from domain.errors import InvalidInput
from domain.ids import parse_number
from domain.locales import set_locale, t
from domain.users import User
from services.account import AccountService
from services.destinations import DestinationsService
from services.exports import ExportsService, TooOften
from services.preferences import PreferencesService
from services.telegram import Form, TelegramService

ERASE_FORM = "ask_erase"
CONFIRM_WITHIN = timedelta(minutes=10)
AUTO = "auto"
_AS_TELEGRAM = (AUTO, "telegram", "default")


# the card


async def settings(update: Update, context: BotContext) -> None:
    """How the person is treated, on one card."""
    await replies.send(update, await _card(context))


async def settings_pressed(update: Update, context: BotContext, what: str) -> None:
    """A screen behind the card, or the card again."""
    reply = await _screen(context, what)
    await acknowledge(update)
    await replies.replace(update, reply)


async def _screen(context: BotContext, what: str) -> Reply:
    match what:
        case "":
            return await _card(context)
        case "zone":
            return words.under_settings(replies.people.ask_zone(context.now, context.user))
        case "language":
            return words.under_settings(words.ask_language(context.user.locale))
        case "groups":
            linked = await context.run_as_platform(DestinationsService.shown, context.user)
            add = f"{context.parts.link_url}/{context.bot.username}?startgroup=link"
            return words.under_settings(replies.groups.card(linked, add))
        case "privacy":
            return words.under_settings(words.privacy(context.parts.history_months, known=True))
    wishes = await context.run(PreferencesService.get, context.user)
    match what:
        case "notify":
            return words.under_settings(wishes_words.overview(wishes, context.now))
        case "quiet":
            return words.under_settings(wishes_words.quiet(wishes))
        case "mute":
            return words.under_settings(wishes_words.muted(wishes, context.now))
        case "digest":
            return words.under_settings(wishes_words.digest(wishes))
    raise InvalidInput(t("That button is from an older version. Send /settings."))


async def _card(context: BotContext) -> Reply:
    wishes = await context.run(PreferencesService.get, context.user)
    linked = await context.run_as_platform(DestinationsService.linked, context.user.id)
    return words.settings(context.user, wishes, linked, context.now)


# the language


async def language(update: Update, context: BotContext) -> None:
    """Ask for the language, or take the one that was named; strangers have one too."""
    if not context.arguments:
        await replies.send(update, words.ask_language(await _language_of(context)))
        return
    await replies.send(update, await _speak(context, context.arguments[0].lower()))


async def language_pressed(update: Update, context: BotContext, what: str) -> None:
    """A language, by its own name."""
    reply = await _speak(context, what)
    await acknowledge(update)
    await replies.replace(update, reply)


async def _language_of(context: BotContext) -> str | None:
    if context.known is not None:
        return context.user.locale
    return await context.run_as_platform(AccountService.language_of_stranger, context.speaker, now=context.now)


async def _speak(context: BotContext, wanted: str) -> Reply:
    tag = None if wanted in _AS_TELEGRAM else wanted
    if context.known is not None:
        context.speaks(await context.run(AccountService.speak, context.user, tag))
        await menu.show_to(context, context.speaker)
        return words.language_set(tag)
    await context.run_as_platform(AccountService.speak_to_stranger, context.speaker, tag, now=context.now)
    set_locale(tag or context.client_locale)
    return Reply(words.language_set(tag).text)


def _is_private(update: Update) -> bool:
    return update.effective_chat is not None and update.effective_chat.type == ChatType.PRIVATE


# privacy and export


async def privacy(update: Update, context: BotContext) -> None:
    """What is stored, how long, how to take it along and how to erase it."""
    await replies.send(update, words.privacy(context.parts.history_months, known=context.known is not None))


async def export(update: Update, context: BotContext) -> None:
    """Everything of this person as one file, in a private chat only."""
    message = update.effective_message
    if message is None or not _is_private(update):
        raise access.NotHere
    minute = int(context.now.timestamp() // 60)
    if await context.run_as_platform(TelegramService.claim, f"export:{context.user.id}:{minute}") != "new":
        raise TooOften
    await message.reply_text(words.exporting())
    made = await context.run(ExportsService.make, context.user, now=context.now)
    await message.reply_document(InputFile(made.content, filename=made.name), caption=words.exported(made))


# erasing


async def deleteme(update: Update, context: BotContext) -> None:
    """Say what would be gone, and ask for a typed yes."""
    await replies.send(update, await _ask_erase(context))


async def deleteme_pressed(update: Update, context: BotContext, what: str) -> None:
    """``FORM:keep``: the account stays."""
    number, _, _action = what.partition(":")
    await context.run(TelegramService.take, context.speaker, parse_number(number, "form", "/deleteme"), now=context.now)
    await acknowledge(update)
    await replies.replace(update, words.kept())


async def erase_typed(update: Update, context: BotContext, form: Form, text: str) -> None:
    """What was typed after the question: the own address or the word erases the account."""
    message = update.effective_message
    if message is None:
        return
    access.check_acts(message)
    asked = context.now.timestamp() - float(form.data["at"])
    if asked > CONFIRM_WITHIN.total_seconds() or access.age_of(message, context) > CONFIRM_WITHIN:
        await replies.send(update, Reply(t("That question is more than ten minutes old, so here it is again.")))
        await replies.send(update, await _ask_erase(context))
    elif not confirms(context.user, text):
        await replies.send(update, words.not_erased(context.user))
    else:
        await _erase(update, context)


def confirms(user: User, text: str) -> bool:
    """Whether that was typed to erase this account: the address, or the word as it is written."""
    said = text.strip()
    return said == words.WORD or said.lower() == user.email.lower()


async def _ask_erase(context: BotContext) -> Reply:
    jobs = await context.run_as_platform(AccountService.check_erasable, context.user)
    data = {"at": context.now.timestamp()}
    form = await context.run(TelegramService.begin, context.speaker, context.user.id, ERASE_FORM, data, now=context.now)
    return words.ask_erase(context.user, form, jobs)


async def _erase(update: Update, context: BotContext) -> None:
    """Erase the account; what this very update leaves behind names nobody either."""
    await menu.hide_from(context, context.speaker)
    await context.parts.trail.flush()  # what was said a moment ago is anonymised with the rest
    jobs = await context.run_as_platform(AccountService.erase, context.user)
    context.forgets()
    await replies.send(update, words.erased(jobs))
