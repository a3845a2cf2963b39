"""What is said about people: becoming known, the time zone, who somebody is."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply, in_pairs
from domain.users import Role, User
from domain.zones import LIKELY, city


def welcome() -> Reply:
    return Reply(
        "<b>Hello, I'm Openbell.</b> I run your jobs on time and bring the results here: "
        "market reports with charts, on the schedule you choose.\n\n"
        "First I need to know who you are. <b>What is your e-mail address?</b> "
        "I'll mail you a code; nobody else sees the address."
    )


def welcome_back(user: User) -> Reply:
    return Reply(
        f"Welcome back{_named(user)}. You're verified as {escape(user.email)}.\n/help lists what I can do.",
        [[("Report now", "r:"), ("My jobs", "l:0")]],
    )


def ask_email() -> Reply:
    return Reply("Send me your <b>e-mail address</b>, such as ada@example.com, and I'll mail you a code.")


def code_sent(email: str, expires_at: datetime, now: datetime) -> Reply:
    minutes = round((expires_at - now).total_seconds() / 60)
    return Reply(
        f"I sent a code to <b>{escape(email)}</b>. It has eight digits and works for {minutes} minutes.\n"
        "Send me the code, or tap the link in the mail.",
        [[("Send a new code", "v:new"), ("Another address", "v:mail")]],
    )


def wrong_code(text: str) -> Reply:
    return Reply(escape(text), [[("Send a new code", "v:new")]])


def verified(user: User, *, became_admin: bool) -> Reply:
    text = f"✓ <b>You're verified</b> as {escape(user.email)}."
    if became_admin:
        text += "\nYou are the first person here, so you are the <b>admin</b> of this Openbell."
    elif user.role is Role.ADMIN:
        text += "\nYou were named an <b>admin</b> of this Openbell."
    return Reply(text)


def ask_zone(now: datetime, user: User) -> Reply:
    labels = [(f"{now.astimezone(ZoneInfo(zone)):%H:%M} {city(zone)}", f"z:{zone}") for zone in LIKELY]
    rows = in_pairs(labels)
    chosen = f" Now it is {escape(user.timezone)}." if user.timezone_chosen else ""
    return Reply(
        f"<b>Where is your clock?</b>{chosen} I read your schedules in your time zone. Tap what your clock shows now:",
        [*rows, [("Another place…", "z:?")]],
    )


def ask_zone_text() -> Reply:
    return Reply("Send me a city or a zone, such as <b>Zurich</b> or <b>America/New_York</b>. /cancel to leave it.")


def zone_refused(text: str, suggestions: Sequence[str], now: datetime) -> Reply:
    rows = [[(f"{now.astimezone(ZoneInfo(zone)):%H:%M} {city(zone)} · {zone}", f"z:{zone}")] for zone in suggestions]
    return Reply(escape(text), rows)


def zone_set(user: User, now: datetime, *, first: bool) -> Reply:
    text = f"✓ Your time zone is <b>{escape(user.timezone)}</b>; it is {now.astimezone(user.zone):%H:%M} there."
    if not first:
        return Reply(text + "\nSchedules you saved earlier keep the zone they were saved in.")
    return Reply(
        text + "\n\nReady. Send /report for a market report, or press the button.",
        [[("Report now", "r:"), ("What can you do?", "c:help")]],
    )


def whoami(user: User | None, telegram_user_id: int, chat_id: int, now: datetime) -> Reply:
    ids = f"Telegram user <code>{telegram_user_id}</code>, chat <code>{chat_id}</code>"
    if user is None:
        return Reply(f"I don't know you yet. Send /start.\n{ids}")
    quota = user.quota
    floor = int(quota.shortest_interval.total_seconds() // 60)
    return Reply(
        f"<b>{escape(user.email)}</b>\nRole: {user.role}\n"
        f"Time zone: {escape(user.timezone)}, now {now.astimezone(user.zone):%H:%M}\n"
        f"Up to {quota.schedules} schedules, runs at least {floor} min apart\n{ids}"
    )


def _named(user: User) -> str:
    return f", {escape(user.display_name)}" if user.display_name else ""
