"""What is said about people: becoming known, the time zone, who somebody is."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply, in_pairs
from domain.locales import city, t, tn
from domain.schedules import Schedule
from domain.users import Role, User
from domain.zones import LIKELY, is_fixed, offset_name, zones_at

SHOWN_JOBS = 6
Ids = tuple[int, int, int | None]
"""A Telegram user, a chat and a topic."""


def welcome() -> Reply:
    return Reply(
        t(
            "<b>Hello, I'm Openbell.</b> I run your jobs on time and bring the results here: "
            "market reports with charts, on the schedule you choose.\n\n"
            "First I need to know who you are. <b>What is your e-mail address?</b> "
            "I'll mail you a code; nobody else sees the address."
        )
    )


def welcome_back(user: User) -> Reply:
    buttons = [[(t("Report now"), "r:"), (t("My jobs"), "l:0")]]
    if not user.display_name:
        return Reply(
            t("Welcome back. You're verified as {email}.\n/help lists what I can do.", email=escape(user.email)),
            buttons,
        )
    return Reply(
        t(
            "Welcome back, {name}. You're verified as {email}.\n/help lists what I can do.",
            name=escape(user.display_name),
            email=escape(user.email),
        ),
        buttons,
    )


def verified_already(user: User) -> Reply:
    return Reply(t("You're verified already, as {email}. Nothing was changed.", email=escape(user.email)))


def ask_email() -> Reply:
    return Reply(t("Send me your <b>e-mail address</b>, such as ada@example.com, and I'll mail you a code."))


def code_sent(email: str, expires_at: datetime, now: datetime, *, masked: bool = False) -> Reply:
    minutes = round((expires_at - now).total_seconds() / 60)
    return Reply(
        t(
            "I sent a code to <b>{email}</b>. It has eight digits and works for {minutes} minutes.\n"
            "Send me the code, or tap the link in the mail.",
            email=escape(mask(email) if masked else email),
            minutes=minutes,
        ),
        [[(t("Send a new code"), "v:new"), (t("Another address"), "v:mail")]],
    )


def code_waits(email: str, expires_at: datetime, now: datetime) -> Reply:
    minutes = max(1, round((expires_at - now).total_seconds() / 60))
    return Reply(
        tn(
            "I'm waiting for the code that I sent to <b>{email}</b>. It works for {n} minute yet.",
            "I'm waiting for the code that I sent to <b>{email}</b>. It works for {n} minutes yet.",
            minutes,
            email=escape(mask(email)),
        ),
        [[(t("Send a new code"), "v:new"), (t("Another address"), "v:mail")]],
    )


def wrong_code(text: str) -> Reply:
    return Reply(escape(text), [[(t("Send a new code"), "v:new")]])


def waits(email: str) -> Reply:
    return Reply(
        t(
            "Your address {email} is proved. <b>An admin has to let you in</b>; they were told, and I'll write to you "
            "here as soon as one decides.",
            email=escape(email),
        )
    )


def suspended() -> Reply:
    return Reply(t("Your account is suspended. Ask an admin of this Openbell to let you in again."))


def verified(user: User, *, became_admin: bool) -> Reply:
    text = t("✓ <b>You're verified</b> as {email}.", email=escape(user.email))
    if became_admin:
        text += "\n" + t("You are the first person here, so you are the <b>admin</b> of this Openbell.")
    elif user.role is Role.ADMIN:
        text += "\n" + t("You were named an <b>admin</b> of this Openbell.")
    elif user.role is Role.TRADER:
        text += "\n" + t("Your role is <b>trader</b>.")
    return Reply(text)


def connected(user: User) -> Reply:
    return Reply(
        t(
            "✓ <b>Welcome to the real thing.</b> You are {email} here too: your jobs and settings came along, and your "
            "role is {role}. The link is spent.",
            email=escape(user.email),
            role=user.role.value,
        ),
        [[(t("My jobs"), "l:0"), (t("What can you do?"), "c:help")]],
    )


def mask(email: str) -> str:
    """An address for whoever may not be its owner: its first letter and its domain."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain}"


def ask_zone(now: datetime, user: User) -> Reply:
    labels = [(f"{now.astimezone(ZoneInfo(zone)):%H:%M} {city(zone)}", f"z:{zone}") for zone in LIKELY]
    buttons = [*in_pairs(labels), [(t("Another place…"), "z:?")]]
    if user.timezone_chosen:
        said = t(
            "<b>Where is your clock?</b> Now it is {zone}. I read your schedules in your time zone. "
            "Tap what your clock shows now:",
            zone=escape(user.timezone),
        )
        return Reply(said, buttons)
    said = t("<b>Where is your clock?</b> I read your schedules in your time zone. Tap what your clock shows now:")
    return Reply(said, buttons)


def ask_zone_text() -> Reply:
    return Reply(
        t("Send me a city, a country or a zone, such as <b>Zurich</b> or <b>America/New_York</b>. /cancel to leave it.")
    )


def zone_refused(text: str, suggestions: Sequence[str], now: datetime) -> Reply:
    rows = [[(f"{now.astimezone(ZoneInfo(zone)):%H:%M} {city(zone)} · {zone}", f"z:{zone}")] for zone in suggestions]
    return Reply(escape(text), rows)


def zone_set(user: User, now: datetime, *, first: bool) -> Reply:
    clock = f"{now.astimezone(user.zone):%H:%M}"
    if is_fixed(user.timezone):
        return _fixed_zone_set(user, now, clock)
    text = t(
        "✓ Your time zone is <b>{zone}</b>; it is {clock} there.",
        zone=escape(user.timezone),
        clock=clock,
    )
    if not first:
        return Reply(text)
    return Reply(
        text + "\n\n" + t("Ready. Send /report for a market report, or press the button."),
        [[(t("Report now"), "r:"), (t("What can you do?"), "c:help")]],
    )


def _fixed_zone_set(user: User, now: datetime, clock: str) -> Reply:
    text = t(
        "✓ Your time zone is <b>{offset}</b> (kept as {zone}; such names have the sign turned round); it is {clock} "
        "there.\n⚠ A fixed offset will not follow summer time. If your clock does, tap your place:",
        offset=offset_name(user.timezone, now),
        zone=escape(user.timezone),
        clock=clock,
    )
    offset = now.astimezone(user.zone).utcoffset()
    near = zones_at(offset, now) if offset is not None else ()
    return Reply(text, in_pairs([(city(zone), f"z:{zone}") for zone in near]))


def zone_jobs(jobs: Sequence[Schedule], source: str, target: str, form: int, now: datetime) -> Reply:
    """The question what becomes of the jobs that were saved in the zone before."""
    text = tn(
        "{n} job of yours was saved in {zone}. <b>What shall stay the same?</b>",
        "{n} jobs of yours were saved in {zone}. <b>What shall stay the same?</b>",
        len(jobs),
        zone=escape(source),
    )
    lines = [_job_line(each) for each in jobs[:SHOWN_JOBS]]
    if len(jobs) > SHOWN_JOBS:
        lines.append(tn("… and {n} more", "… and {n} more", len(jobs) - SHOWN_JOBS))
    why = t(
        "<b>Clock time</b>: 08:30 stays 08:30, on the clock of {target} from now on.\n"
        "<b>Moment</b>: they run when they do now, by the clock of {source}. "
        "Until you choose, that is how it stays.",
        target=escape(city(target)),
        source=escape(city(source)),
    )
    buttons = [[(t("Clock time"), f"zj:{form}:wall"), (t("Moment"), f"zj:{form}:same")]]
    if len(jobs) > 1:
        buttons.append([(t("One by one…"), f"zj:{form}:each:0:{int(now.timestamp())}")])
    return Reply("\n".join([text, "", *lines, "", why]), buttons)


def zone_jobs_each(
    jobs: Sequence[Schedule], source: str, target: str, form: int, after: int, nonce: str, *, more: bool
) -> Reply:
    """A page of those jobs, each with a button that changes the clock it goes by."""
    lines = [f"{_job_line(each)} · {escape(city(each.timezone))}" for each in jobs]
    labels = []
    for each in jobs:
        other = target if each.timezone == source else source
        labels.append((f"{each.id} → {city(other)}"[:20], f"zj:{form}:one:{each.id}:{after}:{nonce}"))
    buttons = in_pairs(labels)
    if more:
        buttons.append([(t("More"), f"zj:{form}:each:{jobs[-1].id}:{nonce}")])
    buttons.append([(t("Done"), f"zj:{form}:done")])
    return Reply("\n".join([t("<b>Whose clock does each of them go by?</b>"), "", *lines]), buttons)


def zone_jobs_moved(count: int, target: str, form: int) -> Reply:
    text = tn(
        "✓ {n} job goes by the clock of {zone} now.",
        "✓ {n} jobs go by the clock of {zone} now.",
        count,
        zone=escape(city(target)),
    )
    return Reply(text, [[(t("Undo"), f"zj:{form}:undo"), (t("What comes next"), "c:next")]])


def zone_jobs_kept(source: str) -> Reply:
    return Reply(
        t("Left as they are: they go on by the clock of {zone}. Nothing was changed.", zone=escape(city(source)))
    )


def zone_jobs_undone(count: int, source: str) -> Reply:
    return Reply(
        tn(
            "✓ Undone: {n} job goes by the clock of {zone} again.",
            "✓ Undone: {n} jobs go by the clock of {zone} again.",
            count,
            zone=escape(city(source)),
        )
    )


def _job_line(schedule: Schedule) -> str:
    return f"{schedule.id} {escape(schedule.name)} · {escape(schedule.words)}"


def whoami(user: User | None, ids: Ids, now: datetime) -> Reply:
    """Everything about the person, for their own eyes."""
    if user is None:
        return Reply(t("I don't know you yet. Send /start.") + "\n" + _ids(ids))
    quota = user.quota
    floor = int(quota.shortest_interval.total_seconds() // 60)
    lines = [
        f"<b>{escape(user.email)}</b>",
        t("Role: {role}", role=user.role.value),
        t("Time zone: {zone}, now {clock}", zone=escape(user.timezone), clock=f"{now.astimezone(user.zone):%H:%M}"),
        t("Up to {n} schedules, runs at least {floor} min apart", n=quota.schedules, floor=floor),
        t("User {number}", number=user.id) + " · " + _ids(ids),
    ]
    return Reply("\n".join(lines))


def whoami_in_group(user: User | None, ids: Ids) -> Reply:
    """What everybody in a group may read of somebody: numbers and a role, no address."""
    who = t("Role: {role}", role=user.role.value) if user is not None else t("I don't know you yet. Write to me.")
    return Reply(f"{who}\n{_ids(ids)}")


def _ids(ids: Ids) -> str:
    user, chat, topic = (f"<code>{number}</code>" for number in ids)
    if ids[2] is None:
        return t("Telegram user {user}, chat {chat}", user=user, chat=chat)
    return t("Telegram user {user}, chat {chat}, topic {topic}", user=user, chat=chat, topic=topic)
