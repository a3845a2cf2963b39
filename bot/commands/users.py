"""Becoming known."""

from telegram import Update

from bot import menu, replies
from bot.context import BotContext
from bot.errors import acknowledge
from bot.replies import Reply
from domain import codes
from domain.errors import NotVerified
from services.telegram import TelegramService
from services.users import UsersService


async def start(update: Update, context: BotContext) -> None:
    """Greet by state; the payload of a link in a mail proves the address."""
    payload = context.arguments[0] if context.arguments else ""
    if payload.startswith(codes.LINK_PREFIX):
        await confirm(update, context, payload)
    elif context.known is None:
        await replies.send(update, replies.people.welcome())
    else:
        await context.run_as_platform(UsersService.reachable_again, context.speaker)
        await replies.send(update, replies.people.welcome_back(context.user))
        if not context.user.timezone_chosen:
            await replies.send(update, replies.people.ask_zone(context.now, context.user))


async def stranger_says(update: Update, context: BotContext, text: str) -> None:
    """A person we don't know yet sends an address or a code."""
    if codes.read_digits(text) is not None:
        await confirm(update, context, text)
    elif "@" in text:
        await _send_code(update, context, text)
    elif any(c.isdecimal() for c in text) and len(text) <= 24:
        await replies.send(update, replies.refusals.refused("The code has eight digits. Look into the mail again."))
    else:
        await replies.send(update, replies.people.ask_email())


async def confirm(update: Update, context: BotContext, text: str) -> None:
    """Take a code, typed or tapped."""
    speaker = update.effective_user
    chat = update.effective_chat
    if speaker is None or chat is None:
        raise NotVerified
    if context.known is not None:
        await replies.send(update, replies.people.welcome_back(context.user))
        return
    done = await context.run_as_platform(
        UsersService.confirm,
        speaker.id,
        text,
        chat_id=chat.id,
        display_name=speaker.first_name,
        secret_key=context.parts.secret_key,
        sandbox=context.parts.sandbox,
        now=context.now,
    )
    context.speaks(done.user)
    await replies.send(update, replies.people.verified(done.user, became_admin=done.became_admin))
    await menu.show_to(context, chat.id)
    if not done.user.timezone_chosen:
        await replies.send(update, replies.people.ask_zone(context.now, done.user))


async def verification_pressed(update: Update, context: BotContext, what: str) -> None:
    """Buttons under "I sent a code"."""
    if context.known is not None:
        await acknowledge(update, "You're verified already.")
    elif what == "mail":
        await acknowledge(update)
        await replies.send(update, replies.people.ask_email())
    else:
        sent = await context.run_as_platform(
            UsersService.resend_code, context.speaker, secret_key=context.parts.secret_key, now=context.now
        )
        await acknowledge(update, "A new code is on its way.")
        await replies.send(update, replies.people.code_sent(sent.email, sent.expires_at, context.now))


async def whoami(update: Update, context: BotContext) -> None:
    """The things people ask support for."""
    chat = update.effective_chat
    await replies.send(
        update, replies.people.whoami(context.known, context.speaker, chat.id if chat else 0, context.now)
    )


async def cancel(update: Update, context: BotContext) -> None:
    """End whatever form is open, and say so."""
    if context.known is None:
        await replies.send(update, replies.people.ask_email())
        return
    ended = await context.run(TelegramService.end, context.speaker, now=context.now)
    said = "Left. Nothing was saved." if ended else "There was nothing to cancel."
    await replies.send(update, Reply(said))


async def _send_code(update: Update, context: BotContext, email: str) -> None:
    sent = await context.run_as_platform(
        UsersService.send_code, context.speaker, email, secret_key=context.parts.secret_key, now=context.now
    )
    await replies.send(update, replies.people.code_sent(sent.email, sent.expires_at, context.now))


async def verify(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotVerified


async def resend(update: Update, context: BotContext) -> None:
    """Not yet."""
    raise NotVerified
