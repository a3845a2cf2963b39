"""What an admin is shown of people: the list, a card with buttons, invitations."""

from collections.abc import Mapping, Sequence
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import PAGE, Reply
from domain.locales import format_when, mark, t, tn
from domain.schedules import Schedule
from domain.users import Account, Role, Standing
from services.invites import Invitation

STANDINGS = {
    Standing.ACTIVE: mark("here since {when}"),
    Standing.WAITING: mark("waits since {when}"),
    Standing.SUSPENDED: mark("kept out since {when}"),
    Standing.EXPECTED: mark("named on {when}, has not come yet"),
}
MARKS = {Standing.ACTIVE: "", Standing.WAITING: "⏳ ", Standing.SUSPENDED: "⛔ ", Standing.EXPECTED: "✉ "}
ROLE_BUTTONS = {Role.VIEWER: mark("Viewer"), Role.TRADER: mark("Trader"), Role.ADMIN: mark("Admin")}


def people(
    accounts: Sequence[Account], counts: Mapping[Standing, int], filtered: str, invitations: int, *, first: bool
) -> Reply:
    """A page of people; one more than a page says that there are more."""
    shown = accounts[:PAGE]
    if not shown:
        return Reply(t("Nobody fits that. /users lists everybody, /invite lets somebody in."))
    lines = [_line(each) for each in shown]
    buttons = in_threes([(str(each.user.id), f"us:{each.user.id}:show") for each in shown])
    turns = []
    if not first:
        turns.append((t("‹ First"), f"us:0:show:0:{filtered}"))
    if len(accounts) > PAGE:
        turns.append((t("More ›"), f"us:0:show:{shown[-1].user.id}:{filtered}"))
    head = tn("<b>{n} person here</b>", "<b>{n} people here</b>", counts.get(Standing.ACTIVE, 0))
    waiting, out = counts.get(Standing.WAITING, 0), counts.get(Standing.SUSPENDED, 0)
    more = [
        tn("{n} waits", "{n} wait", waiting) if waiting else "",
        tn("{n} kept out", "{n} kept out", out) if out else "",
        tn("{n} invitation open", "{n} invitations open", invitations) if invitations else "",
    ]
    title = " · ".join([head, *(each for each in more if each)])
    return Reply("\n".join([title, "", *lines]), [*buttons, turns])


def _line(account: Account) -> str:
    user = account.user
    name = f" · {escape(user.display_name)}" if user.display_name else ""
    jobs = tn("{n} job", "{n} jobs", account.jobs)
    return f"{user.id} {MARKS[account.standing]}<b>{escape(user.email)}</b>{name} · {user.role.value} · {jobs}"


def in_threes(buttons: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    """Buttons three in a row."""
    return [buttons[n : n + 3] for n in range(0, len(buttons), 3)]


def card(account: Account, zone: ZoneInfo, nonce: str, *, done: str = "") -> Reply:
    """One person, with what an admin may do; `done` says what was done just now."""
    user = account.user
    since = t(STANDINGS[account.standing], when=format_when(account.since, zone))
    lines = [done, ""] if done else []
    lines.append(f"<b>{escape(user.email)}</b>" + (f" · {escape(user.display_name)}" if user.display_name else ""))
    lines.append(t("Person {number}, {since}", number=user.id, since=since))
    if account.reason:
        lines.append(t("Reason: {reason}", reason=escape(account.reason)))
    lines.append(t("Role: {role}", role=user.role.value))
    lines.append(t("Time zone: {zone}", zone=escape(user.timezone)))
    lines.append(tn("{n} job", "{n} jobs", account.jobs))
    if account.telegram_ids:
        lines.append(t("Telegram: {ids}", ids=", ".join(f"<code>{number}</code>" for number in account.telegram_ids)))
    if account.last_login is not None:
        lines.append(t("Last verified: {when}", when=format_when(account.last_login, zone)))
    return Reply("\n".join(lines), _buttons(account, nonce))


def _buttons(account: Account, nonce: str) -> list[list[tuple[str, str]]]:
    number = account.user.id
    roles = [
        (t(label), f"us:{number}:role:{role.value}:{nonce}")
        for role, label in ROLE_BUTTONS.items()
        if role is not account.user.role
    ]
    show = [(t("Their jobs"), f"us:{number}:show:jobs"), (t("Everybody"), "us:0:show:0:")]
    match account.standing:
        case Standing.WAITING:
            since = int(account.since.timestamp())
            return [[(t("Let in"), f"rq:{number}:in:{since}"), (t("Refuse"), f"rq:{number}:no:{since}")], show]
        case Standing.SUSPENDED:
            return [[(t("Let in again"), f"us:{number}:back:{nonce}")], show]
        case _:
            return [roles, [(t("Suspend"), f"us:{number}:out:{nonce}")], show]


def jobs(account: Account, found: Sequence[Schedule], zone: ZoneInfo) -> Reply:
    """A page of a person's jobs."""
    number, shown = account.user.id, found[:PAGE]
    if not shown:
        return Reply(t("{email} has no jobs.", email=escape(account.user.email)), [_back_to(number)])
    lines = [t("<b>Jobs of {email}</b>", email=escape(account.user.email)), ""]
    for each in shown:
        state = format_when(each.next_run_at, zone) if each.enabled and each.next_run_at else t("paused")
        lines.append(f"{each.id} <b>{escape(each.name)}</b> · {escape(each.words)} · {state}")
    more = [(t("More ›"), f"us:{number}:show:jobs:{shown[-1].id}")] if len(found) > PAGE else []
    return Reply("\n".join(lines), [more, _back_to(number)])


def _back_to(number: int) -> list[tuple[str, str]]:
    return [(t("Back"), f"us:{number}:show")]


def done(what: str, account: Account, *, was_so: bool) -> str:
    """What an admin did to somebody, in a sentence."""
    email = escape(account.user.email)
    role = account.user.role.value
    match what, was_so:
        case "role", False:
            return t("✓ <b>{email} is {role} now.</b> They were told.", email=email, role=role)
        case "role", True:
            return t("{email} is {role} already. Nothing was changed.", email=email, role=role)
        case "out", False:
            return t("✓ <b>{email} is kept out.</b> Their jobs rest; nothing was deleted.", email=email)
        case "out", True:
            return t("{email} is kept out already. Nothing was changed.", email=email)
        case "no", _:
            return t("✓ <b>{email} was not let in.</b> They were told.", email=email)
        case _, False:
            return t("✓ <b>{email} is in.</b> They were told.", email=email)
        case _:
            return t("{email} is in already. Nothing was changed.", email=email)


def invited(invitation: Invitation, link: str, zone: ZoneInfo) -> Reply:
    """The link of a fresh invitation, which is shown this once."""
    text = t(
        "✓ <b>{email} is invited</b> as {role}. Give them this link; it works once, until {until}:\n\n{link}\n\n"
        "It leads them to me, and I mail a code to {email}: whoever else gets the link can do nothing with it.",
        email=escape(invitation.email),
        role=invitation.role.value,
        until=format_when(invitation.expires_at, zone),
        link=escape(link),
    )
    return Reply(text, [[(t("Withdraw"), f"us:{invitation.id}:uninvite")]])


def invitations(found: Sequence[Invitation], zone: ZoneInfo) -> Reply:
    """The invitations that nobody came in by yet, and how to make one."""
    how = t("To invite somebody: /invite ada@example.com, or with a role: /invite ada@example.com trader")
    if not found:
        return Reply(t("No invitation is open.") + "\n" + how)
    lines = [
        t(
            "{email} as {role}, until {until}",
            email=f"<b>{escape(each.email)}</b>",
            role=each.role.value,
            until=format_when(each.expires_at, zone),
        )
        for each in found
    ]
    buttons = [[(t("Withdraw {email}", email=each.email)[:40], f"us:{each.id}:uninvite")] for each in found]
    return Reply("\n".join([t("<b>Open invitations</b>"), "", *lines, "", how]), buttons)


def withdrawn(invitation: Invitation) -> Reply:
    return Reply(t("✓ The invitation of {email} is withdrawn. Its link is void.", email=escape(invitation.email)))


def ask_role(account: Account, nonce: str) -> Reply:
    """Which role: the card's own buttons, with the question above."""
    number = account.user.id
    buttons = [
        (t(label), f"us:{number}:role:{role.value}:{nonce}")
        for role, label in ROLE_BUTTONS.items()
        if role is not account.user.role
    ]
    said = t("{email} is {role}. What instead?", email=escape(account.user.email), role=account.user.role.value)
    return Reply(said, [buttons])


def usage(example: str) -> Reply:
    said = t(
        "Name the person by number, address or a part of the name: {example}", example=f"<code>{escape(example)}</code>"
    )
    return Reply(said, [[(t("Everybody"), "us:0:show:0:")]])
