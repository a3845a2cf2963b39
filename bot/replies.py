"""Everything the bot says, in Telegram HTML; whatever came from people is escaped here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise
from zoneinfo import ZoneInfo

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Message, Update
from telegram.constants import ParseMode
from telegram.error import BadRequest

from domain.runs import Run, RunStatus
from domain.schedules import Proposal, Schedule
from domain.users import Role, User
from domain.zones import LIKELY, city
from services.jobs import HistoryEntry

Buttons = Sequence[Sequence[tuple[str, str]]]
PAGE = 6

MARKS = {
    RunStatus.PLANNED: "… waiting",
    RunStatus.ENQUEUED: "… waiting",
    RunStatus.RUNNING: "▶ running",
    RunStatus.SUCCEEDED: "✓",
    RunStatus.FAILED: "✗ failed",
    RunStatus.TIMED_OUT: "✗ timed out",
    RunStatus.UNKNOWN: "? unknown",
    RunStatus.CANCELLED: "– cancelled",
    RunStatus.SKIPPED: "– skipped",
}
SKIPPED = {"window": "it was missed for too long while I was down"}


class Reply:
    """A text and its buttons, ready to be said or to take the place of an earlier one."""

    def __init__(self, text: str, buttons: Buttons = ()) -> None:
        self.text = text
        self.buttons = buttons

    @property
    def keyboard(self) -> InlineKeyboardMarkup | None:
        rows = [[InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in self.buttons if row]
        return InlineKeyboardMarkup(rows) if rows else None


async def send(update: Update, reply: Reply) -> Message | None:
    """Answer in the chat the update came from."""
    if update.effective_message is None:
        return None
    return await update.effective_message.reply_text(
        reply.text,
        parse_mode=ParseMode.HTML,
        reply_markup=reply.keyboard,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )


async def replace(update: Update, reply: Reply) -> None:
    """Put the reply where the pressed button was; where that can't be edited (a picture, too old), say it below."""
    query = update.callback_query
    message = query.message if query is not None else None
    if not isinstance(message, Message) or message.text is None:
        await send(update, reply)
        return
    try:
        await message.edit_text(
            reply.text,
            parse_mode=ParseMode.HTML,
            reply_markup=reply.keyboard,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
    except BadRequest as problem:
        if "not modified" in str(problem):
            return
        await send(update, reply)


def when(instant: datetime, zone: ZoneInfo) -> str:
    """An instant on the wall of that zone, with its abbreviation: ``Mon 23 Nov 08:30 CET``."""
    return f"{instant.astimezone(zone):%a %d %b %H:%M %Z}"


def _upcoming(due: Sequence[datetime], zone: ZoneInfo) -> list[str]:
    lines = [f"• {when(instant, zone)}" for instant in due]
    for number, (earlier, later) in enumerate(pairwise(due), start=1):
        if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            lines[number] += " (the clocks change before it)"
    return lines


def took(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


# people


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
    rows = [labels[n : n + 2] for n in range(0, len(labels), 2)]
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


# reports and schedules


def drawing(symbol: str) -> Reply:
    return Reply(f"Drawing the report on <b>{escape(symbol)}</b>. It comes in a moment.")


def instruments(symbols: Sequence[tuple[str, str]], after: int, total: int) -> Reply:
    """A page of instruments as buttons, two in a row."""
    labels = [(f"{symbol} · {name}"[:40] if name else symbol, f"r:{symbol}:0") for symbol, name in symbols]
    rows = [labels[n : n + 2] for n in range(0, len(labels), 2)]
    turn = []
    if after > 0:
        turn.append(("‹", f"i:{max(after - len(symbols), 0)}"))
    if after + len(symbols) < total:
        turn.append(("More ›", f"i:{after + len(symbols)}"))
    return Reply("Which instrument? Tap one, or send <b>/report SYMBOL</b>.", [*rows, turn])


def preview(proposal: Proposal, draft_id: int, now: datetime) -> Reply:
    zone = ZoneInfo(proposal.timezone)
    due = proposal.upcoming(now, 3)
    coming = "\n".join(_upcoming(due, zone))
    head = "Next three runs" if len(due) == 3 else "Next runs"
    return Reply(
        f"New job: <b>{escape(proposal.name)}</b>\n{escape(proposal.words)} · {escape(proposal.timezone)}\n"
        f"<code>{escape(proposal.cron.text)}</code>\n\n{head}:\n{coming}\n\n"
        "It comes to this chat. Nothing is saved yet.",
        [
            [("Save", f"d:{draft_id}:save"), ("Run once now", f"d:{draft_id}:run")],
            [("Another time", f"d:{draft_id}:time"), ("Cancel", f"d:{draft_id}:cancel")],
        ],
    )


def saved(schedule: Schedule, now: datetime, *, again: bool) -> Reply:
    head = "It was saved already" if again else "✓ Saved"
    first = schedule.upcoming(now, 1)
    coming = f"\nFirst run {when(first[0], schedule.zone)}." if first else ""
    return Reply(
        f"{head} as job {schedule.id}: <b>{escape(schedule.name)}</b>, {escape(schedule.words)}.{coming}",
        [[("Show it", f"j:{schedule.id}:show:0"), ("My jobs", "l:0")]],
    )


def schedule_usage() -> Reply:
    return Reply(
        "<b>/schedule</b> takes a cron line and what to report:\n"
        "<code>/schedule 30 8 * * 1-5 GOLD</code>  every weekday at 08:30\n"
        "<code>/schedule */15 9-17 * * 1-5 EURUSD</code>  every 15 minutes in office hours\n"
        "<code>/schedule @daily BTCUSD dark</code>  at midnight, dark chart\n\n"
        "The columns are minute, hour, day, month, weekday, in your time zone. Nothing is saved before you say so.",
    )


def ask_time(symbol: str) -> Reply:
    return Reply(
        f"When shall the report on <b>{escape(symbol)}</b> come? Send a cron line, such as "
        "<code>30 8 * * 1-5</code> (every weekday at 08:30). /cancel to leave it."
    )


def jobs(page: Sequence[Schedule], now: datetime, *, after: int, more: bool) -> Reply:
    if not page and after == 0:
        return Reply(
            "You have no jobs yet. Make a report first; its buttons offer a schedule.", [[("Report now", "r:")]]
        )
    if not page:
        return Reply("There are no more jobs.", [[("From the start", "l:0")]])
    lines = [_line(schedule, now) for schedule in page]
    numbers = [(str(schedule.id), f"j:{schedule.id}:show:0") for schedule in page]
    turn = [("‹ First", "l:0")] if after else []
    if more:
        turn.append(("More ›", f"l:{page[-1].id}"))
    return Reply("<b>Your jobs</b>\n" + "\n".join(lines) + "\n\nTap a number for more.", [numbers, turn])


def _line(schedule: Schedule, now: datetime) -> str:
    due = schedule.upcoming(now, 1)
    state = f"next {when(due[0], schedule.zone)}" if due else "paused"
    trouble = f" · ✗ failed {schedule.consecutive_failures} times" if schedule.consecutive_failures else ""
    return f"\n<b>{schedule.id}</b> {escape(schedule.name)}\n    {escape(schedule.words)} · {state}{trouble}"


def job(schedule: Schedule, recent: Sequence[HistoryEntry], now: datetime, nonce: str) -> Reply:
    number = schedule.id
    lines = [
        f"<b>{number} · {escape(schedule.name)}</b>",
        f"{escape(schedule.words)} · {escape(schedule.timezone)}",
        f"<code>{escape(schedule.cron.text)}</code>",
        "",
    ]
    if schedule.enabled:
        lines += ["Next:", *_upcoming(schedule.upcoming(now, 3), schedule.zone)]
        switch = ("Pause", f"j:{number}:pause:{nonce}")
    else:
        lines.append("⏸ Paused: nothing is planned.")
        switch = ("Resume", f"j:{number}:resume:{nonce}")
    if recent:
        lines += ["", "Last runs:", *(_entry(each, schedule.zone, named=False) for each in recent)]
    return Reply(
        "\n".join(lines),
        [
            [("Run now", f"j:{number}:run:{nonce}"), switch],
            [("History", f"h:{number}:0"), ("Delete", f"j:{number}:delete:{nonce}")],
        ],
    )


def run_begun(name: str, run_id: int) -> Reply:
    return Reply(f"▶ <b>{escape(name)}</b> runs now (run {run_id}). The result comes here.")


def paused(schedule: Schedule) -> Reply:
    return Reply(
        f"⏸ Job {schedule.id}, <b>{escape(schedule.name)}</b>, is paused. Nothing is planned until you resume it.",
        [[("Resume", f"j:{schedule.id}:resume:0"), ("Show it", f"j:{schedule.id}:show:0")]],
    )


def resumed(schedule: Schedule, now: datetime) -> Reply:
    due = schedule.upcoming(now, 1)
    coming = f" Next run {when(due[0], schedule.zone)}." if due else ""
    return Reply(
        f"▶ Job {schedule.id}, <b>{escape(schedule.name)}</b>, goes on.{coming}",
        [[("Show it", f"j:{schedule.id}:show:0")]],
    )


def deleted(schedule: Schedule) -> Reply:
    return Reply(
        f"Job {schedule.id}, <b>{escape(schedule.name)}</b>, is deleted. Its history stays.",
        [[("Undo (10 minutes)", f"j:{schedule.id}:undo:0")]],
    )


def restored(schedule: Schedule, now: datetime) -> Reply:
    reply = resumed(schedule, now) if schedule.enabled else paused(schedule)
    return Reply(f"Job {schedule.id} is back.\n{reply.text}", reply.buttons)


def agenda(coming: Sequence[Schedule], now: datetime, zone: ZoneInfo) -> Reply:
    due = [(schedule.next_run_at or schedule.upcoming(now, 1)[0], schedule) for schedule in coming]
    if not due:
        return Reply("Nothing is planned. /schedule makes a plan, /jobs shows what is paused.")
    lines = [f"• {when(instant, zone)} — {schedule.id} {escape(schedule.name)}" for instant, schedule in due]
    return Reply("<b>Coming up</b>\n" + "\n".join(lines))


def next_of(schedule: Schedule, now: datetime) -> Reply:
    due = schedule.upcoming(now, 5)
    lines = "\n".join(_upcoming(due, schedule.zone)) if due else "⏸ It is paused: nothing is planned."
    return Reply(f"<b>{schedule.id} · {escape(schedule.name)}</b>\n{escape(schedule.words)}\n{lines}")


def history(page: Sequence[HistoryEntry], user: User, *, schedule_id: int, more: bool) -> Reply:
    if not page:
        return Reply("There are no runs here yet. /report makes one now.")
    lines = [_entry(each, user.zone, named=True) for each in page]
    turn = [("Older ›", f"h:{schedule_id}:{page[-1].run.id}")] if more else []
    return Reply("<b>History</b>, newest first\n" + "\n".join(lines), [turn])


def _entry(entry: HistoryEntry, zone: ZoneInfo, *, named: bool) -> str:
    run = entry.run
    parts = [f"#{run.id}", when(run.scheduled_for, zone), _outcome(run)]
    if named:
        parts.insert(1, f"<b>{escape(run.name)}</b>")
    if entry.sent_at is not None:
        parts.append(f"delivered {entry.sent_at.astimezone(zone):%H:%M:%S}")
    elif entry.delivery_status is not None:
        parts.append(f"message {entry.delivery_status}")
    return "• " + " · ".join(parts)


def _outcome(run: Run) -> str:
    text = MARKS[run.status]
    if run.status is RunStatus.SKIPPED:
        return f"{text}: {SKIPPED.get(run.skip_reason or '', run.skip_reason or 'no reason kept')}"
    if run.took is not None:
        text += f" {took(run.took)}"
    if run.error and run.status is not RunStatus.SUCCEEDED:
        text += f": {escape(run.error[:120])}"
    return text


# refusals


def refused(text: str) -> Reply:
    return Reply(escape(text[:1500]))


def broken(reference: str) -> Reply:
    return Reply(f"Something broke on my side, and I can't say what was changed. Tell your admin <b>{reference}</b>.")


def unknown_command(near: Sequence[str]) -> Reply:
    if not near:
        return Reply("I don't know that command. /help lists what I understand.")
    return Reply(
        f"I don't know that command. Did you mean {' or '.join(f'/{name}' for name in near)}?",
        [[(f"/{name}", f"c:{name}") for name in near]],
    )


def stale(age: timedelta, draft_id: int, text: str) -> Reply:
    minutes = int(age.total_seconds() // 60)
    return Reply(
        f"You sent <code>{escape(text[:80])}</code> {minutes} minutes ago, while I was away. "
        "I did nothing yet. Shall I?",
        [[("Yes, now", f"a:{draft_id}:yes"), ("No", f"a:{draft_id}:no")]],
    )


def interrupted(text: str) -> Reply:
    return Reply(
        f"I was stopped in the middle of <code>{escape(text[:80])}</code>. It may have happened: look at /history or "
        "/jobs before you send it again."
    )
