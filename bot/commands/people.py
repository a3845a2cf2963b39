"""People, as an admin sees them: letting in, roles, keeping out."""

from telegram import Update

from bot import menu, replies
from bot.context import BotContext, nonce
from bot.errors import acknowledge
from bot.replies import Reply, admin_people
from bot.replies.reply import PAGE
from domain.errors import InvalidInput, NotAllowed
from domain.ids import parse_number
from domain.locales import t
from domain.users import Account, Role, Standing
from services.invites import Invitation, InvitesService
from services.people import Changed, PeopleService

FILTERS = {each.value: each for each in Standing}
ENOUGH = 10


async def users(update: Update, context: BotContext) -> None:
    """Everybody, those of a standing, or those whose address or name holds what was written."""
    await replies.send(update, await _people(context, " ".join(context.arguments).replace(":", " "), 0))


async def user(update: Update, context: BotContext) -> None:
    """One person, with buttons."""
    if not context.arguments:
        await replies.send(update, admin_people.usage("/user ada@example.com"))
        return
    account = await _named(context, " ".join(context.arguments))
    await replies.send(update, _card(context, account))


async def invite(update: Update, context: BotContext) -> None:
    """A link for one address, with a role perhaps; without an address, the links that are open."""
    if not context.arguments:
        found = await context.run_as_platform(InvitesService.open_invitations, context.user, now=context.now)
        await replies.send(update, admin_people.invitations(found, context.user.zone))
        return
    email, *words = context.arguments
    invitation = await context.run_as_platform(
        InvitesService.invite,
        context.user,
        email,
        _role(words[0]) if words else Role.VIEWER,
        secret_key=context.parts.secret_key,
        now=context.now,
    )
    await replies.send(update, admin_people.invited(invitation, _link(context, invitation), context.user.zone))


async def role(update: Update, context: BotContext) -> None:
    """Give a person a role, or ask which."""
    if not context.arguments:
        await replies.send(update, admin_people.usage("/role ada@example.com trader"))
        return
    *who, last = context.arguments
    if not who:
        account = await _named(context, last)
        await replies.send(update, admin_people.ask_role(account, nonce(context)))
        return
    account, wanted = await _named(context, " ".join(who)), _role(last)
    changed = await _give(context, account.user.id, wanted)
    await replies.send(update, _changed(context, "role", changed))


async def suspend(update: Update, context: BotContext) -> None:
    """Keep a person out; what stands behind them is the reason."""
    if not context.arguments:
        await replies.send(update, admin_people.usage("/suspend ada@example.com left the firm"))
        return
    who, *reason = context.arguments
    account = await _named(context, who)
    changed = await _keep_out(context, account.user.id, " ".join(reason))
    await replies.send(update, _changed(context, "out", changed))


async def pressed(update: Update, context: BotContext, what: str) -> None:
    """Buttons of the list (``0:show:after:filter``) and of a card (``7:show``, ``7:role:trader``, ``7:out``, …)."""
    number, action, *rest = f"{what}::".split(":", 4)
    if number == "0":
        after = parse_number(rest[0], "page", "/users") if rest[0] not in ("", "0") else 0
        reply = await _people(context, rest[1].rstrip(":"), after)
    else:
        reply = await _acted(context, parse_number(number, "person", "/user 7"), action, rest)
    await acknowledge(update)
    await replies.replace(update, reply)


async def _acted(context: BotContext, number: int, action: str, rest: list[str]) -> Reply:
    match action:
        case "show" if rest[0] == "jobs":
            return await _jobs(context, number, rest[1].rstrip(":"))
        case "show":
            return _card(context, await context.run_as_platform(PeopleService.one, context.user, number))
        case "role":
            return _changed(context, "role", await _give(context, number, _role(rest[0])))
        case "out":
            return _changed(context, "out", await _keep_out(context, number, ""))
        case "back":
            changed = await context.run_as_platform(PeopleService.restore, context.user, number, now=context.now)
            await _show_menu(context, changed.account)
            return _changed(context, "back", changed)
        case "uninvite":
            ended = await context.run_as_platform(InvitesService.withdraw, context.user, number, now=context.now)
            return admin_people.withdrawn(ended)
        case _:
            raise NotAllowed(t("That button is from an older version. Send /users."))


async def request_pressed(update: Update, context: BotContext, what: str) -> None:
    """Let in or refuse somebody who waits: ``person:in:since``."""
    number, action, since = f"{what}::".split(":")[:3]
    person = parse_number(number, "person", "/users waiting")
    asked_at = parse_number(since, "request", "/users waiting")
    method = PeopleService.let_in if action == "in" else PeopleService.refuse
    changed = await context.run_as_platform(method, context.user, person, asked_at=asked_at, now=context.now)
    if changed.account.standing is Standing.ACTIVE:
        await _show_menu(context, changed.account)
    await acknowledge(update)
    await replies.replace(update, _changed(context, action, changed))


async def _people(context: BotContext, filtered: str, after: int) -> Reply:
    standing = FILTERS.get(filtered.lower())
    found = await context.run_as_platform(
        PeopleService.page,
        context.user,
        words="" if standing is not None else filtered,
        standing=standing,
        after=after,
        limit=PAGE + 1,
    )
    counts = await context.run_as_platform(PeopleService.counts, context.user)
    open_ = await context.run_as_platform(InvitesService.open_invitations, context.user, now=context.now)
    return admin_people.people(found, counts, filtered, len(open_), first=after == 0)


async def _jobs(context: BotContext, number: int, after: str) -> Reply:
    account = await context.run_as_platform(PeopleService.one, context.user, number)
    found = await context.run_as_platform(
        PeopleService.jobs,
        context.user,
        number,
        after=parse_number(after, "page", "/users") if after else 0,
        limit=PAGE + 1,
    )
    return admin_people.jobs(account, found, context.user.zone)


async def _named(context: BotContext, who: str) -> Account:
    return await context.run_as_platform(PeopleService.find, context.user, who)


async def _give(context: BotContext, number: int, wanted: Role) -> Changed:
    changed = await context.run_as_platform(PeopleService.set_role, context.user, number, wanted, now=context.now)
    await _show_menu(context, changed.account)
    return changed


async def _keep_out(context: BotContext, number: int, reason: str) -> Changed:
    changed = await context.run_as_platform(PeopleService.suspend, context.user, number, reason, now=context.now)
    for chat in changed.account.telegram_ids[:ENOUGH]:
        context.parts.recent.forget(chat)
        await menu.hide_from(context, chat)
    return changed


async def _show_menu(context: BotContext, account: Account) -> None:
    """Let the person's own menu list what their role may do now."""
    if account.standing is Standing.ACTIVE:
        for chat in account.telegram_ids[:ENOUGH]:
            context.parts.recent.forget(chat)
            await menu.show_role(context, chat, account.user.role, account.user.locale)


def _card(context: BotContext, account: Account) -> Reply:
    return admin_people.card(account, context.user.zone, nonce(context))


def _changed(context: BotContext, what: str, changed: Changed) -> Reply:
    said = admin_people.done(what, changed.account, was_so=changed.was_so)
    return admin_people.card(changed.account, context.user.zone, nonce(context), done=said)


def _role(text: str) -> Role:
    try:
        return Role(text.lower())
    except ValueError as problem:
        said = t("There is no role “{role}”. Take viewer, trader or admin.", role=text[:20])
        raise InvalidInput(said) from problem


def _link(context: BotContext, invitation: Invitation) -> str:
    return f"{context.parts.link_url}/{context.bot.username}?start={invitation.token}"
