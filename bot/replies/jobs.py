"""What is said about jobs: their list, one's card with its buttons and options, what comes next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from zoneinfo import ZoneInfo

from bot.replies.reply import Buttons, Reply, as_many_as_fit, due_line, due_lines, in_pairs, when, worth_naming
from bot.replies.runs import entry
from domain.calendars import EXCHANGES
from domain.runs import Overlap
from domain.schedules import CatchUp, Schedule
from domain.timing import Due
from services.agenda import Agenda, first_run
from services.history import HistoryEntry
from services.timeline import span

CATCH_UP = {
    CatchUp.SKIP: ("Leave it out", "a missed run is left out"),
    CatchUp.LATEST: ("Run the newest", "of missed runs the newest is run"),
    CatchUp.ALL: ("Run all, in turn", "missed runs are all run, one after the other"),
}
OVERLAP = {
    Overlap.SKIP: ("Leave the new one out", "one that comes while the last is going is left out"),
    Overlap.QUEUE_ONE: ("Let one wait", "one that comes while the last is going waits for it"),
    Overlap.ALLOW: ("Run side by side", "runs go side by side"),
}
WINDOWS = ((3600, "1 hour"), (43_200, "12 hours"), (86_400, "1 day"), (604_800, "7 days"))
SPREADS = ((0, "on the dot"), (60, "up to 1 min"), (300, "up to 5 min"), (900, "up to 15 min"))
MOST_LINES = 60
OFTEN = 3
"""More due times than this of one job and day are one line of the agenda."""
CALENDARS = ("XNYS", "XNAS", "XLON", "XETR", "XSWX", "XTKS", "XHKG")


def jobs(page: Sequence[tuple[Schedule, Due | None]], *, after: int, more: bool) -> Reply:
    if not page and after == 0:
        return Reply(
            "You have no jobs yet. Say when and what, such as\n"
            "<code>/schedule every weekday at 8:30 the gold report</code>\n"
            "<code>/remind check margins every day at 9</code>",
            [[("Report now", "r:")]],
        )
    if not page:
        return Reply("There are no more jobs.", [[("From the start", "l:0")]])
    numbers = [(str(schedule.id), f"j:{schedule.id}:show:0") for schedule, _ in page]
    turn = [("‹ First", "l:0")] if after else []
    if more:
        turn.append(("More ›", f"l:{page[-1][0].id}"))
    lines = "\n".join(_line(schedule, due) for schedule, due in page)
    return Reply(f"<b>Your jobs</b>\n{lines}\n\nTap a number for more.", [numbers, turn])


def _line(schedule: Schedule, due: Due | None) -> str:
    failures = schedule.consecutive_failures
    trouble = f" · ✗ failed {'once' if failures == 1 else f'{failures} times in a row'}" if failures else ""
    state = "paused" if not schedule.enabled else f"next {when(due.at, schedule.zone)}" if due else "nothing due"
    head = f"\n<b>{schedule.id}</b> {escape(schedule.name)}\n    {escape(schedule.words)}"
    return f"{head} · {state}{trouble}"


def card(schedule: Schedule, due: Sequence[Due], recent: Sequence[HistoryEntry], nonce: str) -> Reply:
    """One job: when it is due, how it meets trouble, what was run, and buttons for all of it."""
    number = schedule.id
    lines = [
        f"<b>{number} · {escape(schedule.name)}</b>",
        f"{escape(schedule.words)} · {escape(schedule.timezone)}",
        f"<code>{escape(schedule.timing.expression)}</code>",
        "",
        *_coming(schedule, due),
    ]
    if recent:
        lines += ["", "Last runs:", *(entry(each, schedule.zone, named=False) for each in recent)]
    switch = ("Pause", f"j:{number}:pause:{nonce}") if schedule.enabled else ("Resume", f"j:{number}:resume:{nonce}")
    skip = [("Skip the next", f"j:{number}:skip:{nonce}")] if schedule.enabled and schedule.next_run_at else []
    return Reply(
        "\n".join(lines),
        [
            [("Run now", f"j:{number}:run:{nonce}"), *skip, switch],
            [("If missed…", f"o:{number}:missed"), ("If still running…", f"o:{number}:busy")],
            [("Days and spread…", f"o:{number}:days"), ("History", f"h:{number}:0")],
            [("Delete", f"j:{number}:delete:{nonce}")],
        ],
    )


def _coming(schedule: Schedule, due: Sequence[Due]) -> list[str]:
    if not schedule.enabled:
        why = f", because {escape(schedule.paused_reason)}" if schedule.paused_reason else ""
        return [f"⏸ Paused{why}: nothing is planned."]
    if not due:
        return ["Nothing is due any more."]
    spread = (
        f", spread by up to {span(timedelta(seconds=schedule.timing.jitter_s))}" if schedule.timing.jitter_s else ""
    )
    return [f"Next{spread}:", *due_lines(due, schedule.zone)]


# options


def if_missed(schedule: Schedule, nonce: str) -> Reply:
    """What becomes of runs that an outage missed, and for how long."""
    number, window = schedule.id, span(timedelta(seconds=schedule.catch_up_window_s))
    chosen = CATCH_UP[schedule.catch_up][1]
    keeps = "" if schedule.catch_up is CatchUp.SKIP else f" if it is not older than <b>{window}</b>"
    choices = [
        (_marked(label, schedule.catch_up is policy), f"o:{number}:catch_up:{policy}:{nonce}")
        for policy, (label, _) in CATCH_UP.items()
    ]
    windows = [
        (_marked(label, schedule.catch_up_window_s == seconds), f"o:{number}:window:{seconds}:{nonce}")
        for seconds, label in WINDOWS
    ]
    text = f"{_head(schedule)}\nAfter an outage <b>{chosen}</b>{keeps}. What is left out says so in /history."
    return Reply(text, [*([choice] for choice in choices), *in_pairs(windows), _back(number, nonce)])


def if_busy(schedule: Schedule, nonce: str) -> Reply:
    """What becomes of a run whose predecessor is still going."""
    chosen = OVERLAP[Overlap(schedule.overlap)][1]
    choices = [
        [(_marked(label, schedule.overlap == policy), f"o:{schedule.id}:overlap:{policy}:{nonce}")]
        for policy, (label, _) in OVERLAP.items()
    ]
    return Reply(f"{_head(schedule)}\nNow <b>{chosen}</b>.", [*choices, _back(schedule.id, nonce)])


def days(schedule: Schedule, nonce: str) -> Reply:
    """On which days it runs, and how far its starts are spread."""
    number, timing = schedule.id, schedule.timing
    spreads = [
        (_marked(label, timing.jitter_s == seconds), f"o:{number}:jitter:{seconds}:{nonce}")
        for seconds, label in SPREADS
    ]
    if timing.event is not None:
        text = f"{_head(schedule)}\nIt goes by the sessions of {_exchange(timing.exchange)}. "
        return Reply(text + "How far may its start be spread?", [*in_pairs(spreads), _back(number, nonce)])
    offered = list(CALENDARS)
    if timing.calendar is not None and timing.calendar not in offered:
        offered.append(timing.calendar)
    calendars: list[tuple[str, str]] = [
        (_marked(EXCHANGES[code].name, timing.calendar == code), f"o:{number}:calendar:{code}:{nonce}")
        for code in offered
    ]
    any_day = (_marked("Any day", timing.calendar is None), f"o:{number}:calendar:none:{nonce}")
    only = f"only on days when {_exchange(timing.calendar)} has a session" if timing.calendar else "on any day"
    text = f"{_head(schedule)}\nIt runs <b>{only}</b>, and starts <b>{_spread(timing.jitter_s)}</b>."
    return Reply(text, [*in_pairs([any_day, *calendars]), *in_pairs(spreads), _back(number, nonce)])


def _head(schedule: Schedule) -> str:
    return f"<b>{schedule.id} · {escape(schedule.name)}</b>\n{escape(schedule.words)}\n"


def _marked(label: str, chosen: bool) -> str:
    return f"✓ {label}" if chosen else label


def _spread(seconds: int) -> str:
    return f"up to {span(timedelta(seconds=seconds))} later" if seconds else "on the dot"


def _exchange(code: str | None) -> str:
    return escape(EXCHANGES[code].name if code is not None and code in EXCHANGES else str(code))


def _back(number: int, nonce: str) -> Sequence[tuple[str, str]]:
    return [("‹ Back to the job", f"j:{number}:show:{nonce}")]


# what was done to a job


def paused(schedule: Schedule) -> Reply:
    return Reply(
        f"⏸ Job {schedule.id}, <b>{escape(schedule.name)}</b>, is paused. Nothing is planned until you resume it.",
        [[("Resume", f"j:{schedule.id}:resume:0"), ("Show it", f"j:{schedule.id}:show:0")]],
    )


def resumed(schedule: Schedule, due: Sequence[Due]) -> Reply:
    first = first_run(due)
    coming = f" Next run {when(first.at, schedule.zone)}." if first is not None else ""
    return Reply(
        f"▶ Job {schedule.id}, <b>{escape(schedule.name)}</b>, goes on.{coming}",
        [[("Show it", f"j:{schedule.id}:show:0")]],
    )


def skipped(schedule: Schedule, left_out: datetime, due: Sequence[Due]) -> Reply:
    first = first_run(due)
    coming = f" The next is {when(first.at, schedule.zone)}." if first is not None else ""
    return Reply(
        f"Left out: <b>{escape(schedule.name)}</b> does not run on {when(left_out, schedule.zone)}.{coming}",
        [[("Show it", f"j:{schedule.id}:show:0"), ("My jobs", "l:0")]],
    )


def deleted(schedule: Schedule) -> Reply:
    return Reply(
        f"Job {schedule.id}, <b>{escape(schedule.name)}</b>, is deleted. Its history stays.",
        [[("Undo (10 minutes)", f"j:{schedule.id}:undo:0")]],
    )


def restored(schedule: Schedule, due: Sequence[Due]) -> Reply:
    reply = resumed(schedule, due) if schedule.enabled else paused(schedule)
    return Reply(f"Job {schedule.id} is back.\n{reply.text}", reply.buttons)


# what comes next


def agenda(coming: Agenda, hours: int, zone: ZoneInfo) -> Reply:
    """What is due within these hours, a heading for each day."""
    length = f"{hours // 24} days" if hours > 24 and hours % 24 == 0 else f"{hours} hours"
    others: Buttons = [[(label, f"n:{each}") for each, label in ((12, "12h"), (24, "24h"), (72, "3d"), (168, "7d"))]]
    shown = [(schedule, due) for schedule, due in coming.due if worth_naming(due)]
    if not shown:
        return Reply(f"Nothing is due within {length}. /schedule makes a plan, /jobs shows what is paused.", others)
    lines = [f"<b>The next {length}</b>"]
    days = groupby(shown, key=lambda item: item[1].at.astimezone(zone).date())
    for _, of_day in days:
        of_this = list(of_day)
        lines += [
            "",
            f"<b>{of_this[0][1].at.astimezone(zone):%a %d %b}</b>, {of_this[0][1].at.astimezone(zone):%Z}",
            *_day_lines(of_this, zone),
        ]
    listed = as_many_as_fit(lines[:MOST_LINES])
    if coming.more or len(listed) < len(lines):
        listed += ["", "There is more than I list here; ask for fewer hours, such as /next 6h."]
    return Reply("\n".join(listed), others)


def _day_lines(of_day: Sequence[tuple[Schedule, Due]], zone: ZoneInfo) -> list[str]:
    """A line for each due time, by its time; what comes often in one day is one line."""
    alike: dict[tuple[int, str | None, str | None], list[tuple[Schedule, Due]]] = {}
    for schedule, due in of_day:
        alike.setdefault((schedule.id, due.left_out, due.mark), []).append((schedule, due))
    found: list[tuple[datetime, str]] = []
    for group in alike.values():
        schedule, first = group[0]
        if len(group) > OFTEN:
            found.append((first.at, _agenda_line(schedule, first, zone, group[-1][1], len(group))))
        else:
            found += [(due.at, _agenda_line(schedule, due, zone)) for _, due in group]
    return [line for _, line in sorted(found, key=lambda item: item[0])]


def _agenda_line(schedule: Schedule, due: Due, zone: ZoneInfo, last: Due | None = None, count: int = 1) -> str:
    name = f"{escape(schedule.name)} ({schedule.id})"
    clock = f"{due.at.astimezone(zone):%H:%M}" + (f"–{last.at.astimezone(zone):%H:%M}" if last is not None else "")
    times = f", {count} times" if last is not None else ""
    if due.left_out is not None:
        return f"<s>{clock}</s>  {name}{times}, {escape(due.left_out)}"
    return f"{clock}  {name}{times}" + (f" <i>({escape(due.mark)})</i>" if due.mark else "")


def next_of(schedule: Schedule, due: Sequence[Due]) -> Reply:
    head = f"<b>{schedule.id} · {escape(schedule.name)}</b>\n{escape(schedule.words)}\n"
    lines = [due_line(due[0], schedule.zone)] if len(due) == 1 else _coming(schedule, due)
    return Reply(head + "\n".join(lines), [[("Show job", f"j:{schedule.id}:show:0")]])
