"""Becoming known: by an address and its code, by an admin's invitation, by the way out of the sandbox."""

from telegram import Update

from bot import access, menu, replies
from bot.access import NotHere
from bot.commands import forms, jobs
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from domain import codes
from domain.errors import NotVerified
from domain.locales import t
from domain.users import Standing
from services.forms import ADD, EDIT
from services.invites import BadLink, InvitesService
from services.telegram import TelegramService
from services.users import Arrival, CodeSent, UsersService, Waits

JOB_PREFIX = "j_"
LONGEST_CODE = 24


async def start(update: Update, context: BotContext) -> None:
    """Greet by state; a link's payload proves an address, opens an invitation, a job, or the way out of the sandbox."""
    payload = context.arguments[0] if context.arguments else ""
    match payload[:2]:
        case codes.LINK_PREFIX:
            await confirm(update, context, payload)
        case codes.INVITE_PREFIX:
            await _invited(update, context, payload)
        case codes.CONNECT_PREFIX:
            await _connect(update, context, payload)
        case "j_" if context.known is not None:
            context.arguments = [payload.removeprefix(JOB_PREFIX)]
            await jobs.job(update, context)
        case "":
            await _greet(update, context)
        case _ if context.known is None and payload.startswith(JOB_PREFIX):
            await _greet(update, context)
        case _:
            raise BadLink


async def _greet(update: Update, context: BotContext) -> None:
    if context.known is None:
        await _greet_stranger(update, context)
        return
    await context.run_as_platform(UsersService.reachable_again, context.speaker)
    await replies.send(update, replies.people.welcome_back(context.user))
    if not context.user.timezone_chosen:
        await replies.send(update, replies.people.ask_zone(context.now, context.user))


async def _greet_stranger(update: Update, context: BotContext) -> None:
    found = await context.run_as_platform(UsersService.stranger, context.speaker, now=context.now)
    await context.run_as_platform(UsersService.reachable_again, context.speaker)
    if found.standing is Standing.SUSPENDED:
        await replies.send(update, replies.people.suspended())
    elif found.standing is Standing.WAITING and found.email is not None:
        await replies.send(update, replies.people.waits(found.email))
    elif found.email is not None and found.code_until is not None:
        await replies.send(update, replies.people.code_waits(found.email, found.code_until, context.now))
    else:
        await replies.send(update, replies.people.welcome())


async def stranger_says(update: Update, context: BotContext, text: str) -> None:
    """A person we don't know yet sends an address or a code."""
    if codes.read_digits(text) is not None or _is_link(text):
        await confirm(update, context, text)
    elif "@" in text:
        await _send_code(update, context, text)
    elif any(c.isdecimal() for c in text) and len(text) <= LONGEST_CODE:
        await replies.send(update, replies.refusals.refused(t("The code has eight digits. Look into the mail again.")))
    else:
        found = await context.run_as_platform(UsersService.stranger, context.speaker, now=context.now)
        if found.standing is not None or found.code_until is not None:
            await _greet_stranger(update, context)
        else:
            await replies.send(update, replies.people.ask_email())


async def verify(update: Update, context: BotContext) -> None:
    """Prove an address: ask for it, send a code to it, or take the code."""
    text = " ".join(context.arguments)
    if context.known is not None:
        await replies.send(update, replies.people.verified_already(context.user))
    elif text:
        await stranger_says(update, context, text)
    else:
        await _greet_stranger(update, context)


async def resend(update: Update, context: BotContext) -> None:
    """Send a new code to the address of the last one; the last one ends."""
    if context.known is not None:
        await replies.send(update, replies.people.verified_already(context.user))
        return
    sent = await _new_code(context)
    await replies.send(update, replies.people.code_sent(sent.email, sent.expires_at, context.now, masked=True))


async def confirm(update: Update, context: BotContext, text: str) -> None:
    """Take a code, typed or tapped."""
    if context.known is not None:
        await replies.send(update, replies.people.welcome_back(context.user))
        return
    done = await context.run_as_platform(
        UsersService.confirm,
        _arrival(update),
        text.strip(),
        secret_key=context.parts.secret_key,
        sandbox=context.parts.sandbox,
        mode=context.parts.live.current.access_mode,
        now=context.now,
    )
    if isinstance(done, Waits):
        await replies.send(update, replies.people.waits(done.email))
        return
    context.speaks(done.user)
    await replies.send(update, replies.people.verified(done.user, became_admin=done.became_admin))
    await _settled(update, context)


async def verification_pressed(update: Update, context: BotContext, what: str) -> None:
    """Buttons under "I sent a code"."""
    if context.known is not None:
        await acknowledge(update, t("You're verified already."))
    elif what == "mail":
        await acknowledge(update)
        await replies.send(update, replies.people.ask_email())
    else:
        sent = await _new_code(context)
        await acknowledge(update, t("A new code is on its way."))
        await replies.send(update, replies.people.code_sent(sent.email, sent.expires_at, context.now, masked=True))


async def whoami(update: Update, context: BotContext) -> None:
    """The things people ask support for; in a group only what everybody there may read."""
    chat, message = update.effective_chat, update.effective_message
    topic = message.message_thread_id if message is not None and message.is_topic_message else None
    ids = (context.speaker, chat.id if chat is not None else 0, topic)
    if access.is_group(chat):
        await replies.send(update, replies.people.whoami_in_group(context.known, ids))
    else:
        await replies.send(update, replies.people.whoami(context.known, ids, context.now))


async def cancel(update: Update, context: BotContext) -> None:
    """End whatever form is open, and say so."""
    if context.known is None:
        await _greet_stranger(update, context)
        return
    form = await context.run(TelegramService.asked, context.speaker, now=context.now)
    if form is not None and form.kind in (ADD, EDIT):
        await forms.cancelled(update, context, form)
        return
    ended = await context.run(TelegramService.end, context.speaker, now=context.now)
    said = t("Left. Nothing was saved.") if ended else t("There was nothing to cancel.")
    await replies.send(update, Reply(said))


async def _invited(update: Update, context: BotContext, token: str) -> None:
    """An invitation names the address; the code that is mailed there proves that it is theirs."""
    if context.known is not None:
        await replies.send(update, replies.people.verified_already(context.user))
        return
    email = await context.run_as_platform(
        InvitesService.open,
        context.speaker,
        token,
        secret_key=context.parts.secret_key,
        now=context.now,
    )
    await _send_code(update, context, email, masked=True)


async def _connect(update: Update, context: BotContext, token: str) -> None:
    user = await context.run_as_platform(
        InvitesService.connect,
        _arrival(update),
        context.bot.id,
        token,
        secret_key=context.parts.secret_key,
        now=context.now,
    )
    context.speaks(user)
    await replies.send(update, replies.people.connected(user))
    await _settled(update, context)


async def _settled(update: Update, context: BotContext) -> None:
    """Somebody became known: their menu, and the question for their clock."""
    await menu.show_to(context, _arrival(update).chat_id)
    if not context.user.timezone_chosen:
        await replies.send(update, replies.people.ask_zone(context.now, context.user))


async def _send_code(update: Update, context: BotContext, email: str, *, masked: bool = False) -> None:
    sent = await context.run_as_platform(
        UsersService.send_code, context.speaker, email, secret_key=context.parts.secret_key, now=context.now
    )
    await replies.send(update, replies.people.code_sent(sent.email, sent.expires_at, context.now, masked=masked))


async def _new_code(context: BotContext) -> CodeSent:
    return await context.run_as_platform(
        UsersService.resend_code, context.speaker, secret_key=context.parts.secret_key, now=context.now
    )


def _arrival(update: Update) -> Arrival:
    """Who arrives; NotHere in a group, where a code or a link would be everybody's."""
    speaker, chat = update.effective_user, update.effective_chat
    if speaker is None or chat is None:
        raise NotVerified
    if access.is_group(chat):
        raise NotHere
    return Arrival(speaker.id, chat.id, speaker.first_name)


def _is_link(text: str) -> bool:
    return text.strip().startswith(codes.LINK_PREFIX) and len(text.split()) == 1
