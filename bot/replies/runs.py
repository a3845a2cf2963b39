"""What is said about runs: lists of them, the whole story of one, what was done to one."""

from collections.abc import Sequence
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply, when
from domain.messages import DeliveryStatus
from domain.runs import ACTIVE, Run, RunStatus, Trigger
from domain.schedules import Schedule
from domain.users import User
from services.backfill import Backfill
from services.history import HistoryEntry
from services.message_timeline import MessageStory
from services.timeline import Moment, Timeline, skipped_because, span

LONGEST_STORY = 3600
LISTED_DUE = 6
MARKS = {
    RunStatus.PLANNED: "…",
    RunStatus.ENQUEUED: "…",
    RunStatus.RUNNING: "▶",
    RunStatus.SUCCEEDED: "✓",
    RunStatus.FAILED: "✗",
    RunStatus.TIMED_OUT: "✗",
    RunStatus.UNKNOWN: "?",
    RunStatus.CANCELLED: "■",
    RunStatus.SKIPPED: "–",
}
_AFTER_ALL = frozenset(
    {RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.UNKNOWN, RunStatus.CANCELLED, RunStatus.SKIPPED}
)
_BY = {
    Trigger.CATCH_UP: "caught up",
    Trigger.BACKFILL: "filled in",
    Trigger.MANUAL: "by hand",
    Trigger.API: "by program",
}


def history(page: Sequence[HistoryEntry], user: User, *, schedule_id: int, more: bool) -> Reply:
    """A page of runs, newest first; each number leads to its story."""
    if not page:
        return Reply("There are no runs here yet. /report makes one now.", [[("My jobs", "l:0")]])
    turn = [("Older ›", f"h:{schedule_id}:{page[-1].run.id}")] if more else []
    title = f"<b>History of {escape(page[0].run.name)}</b>" if schedule_id else "<b>History</b>"
    between = "\n" if schedule_id else "\n\n"
    lines = between.join(entry(each, user.zone, named=not schedule_id) for each in page)
    return Reply(f"{title}, newest first\n\n{lines}\n\nTap a run for its whole story.", [*_stories(page), turn])


def failed(page: Sequence[HistoryEntry], user: User, *, more: bool) -> Reply:
    """A page of what went wrong, newest first."""
    if not page:
        return Reply("✓ Nothing failed, as far as history goes back.", [[("History", "h:0:0")]])
    turn = [("Older ›", f"f:{page[-1].run.id}")] if more else []
    lines = "\n\n".join(entry(each, user.zone, named=True) for each in page)
    return Reply(
        f"<b>What went wrong</b>, newest first\n\n{lines}\n\nTap a run for the reason.", [*_stories(page), turn]
    )


def _stories(page: Sequence[HistoryEntry]) -> list[list[tuple[str, str]]]:
    buttons = [(f"#{each.run.id}", f"w:{each.run.id}") for each in page]
    return [buttons[n : n + 4] for n in range(0, len(buttons), 4)]


def entry(each: HistoryEntry, zone: ZoneInfo, *, named: bool) -> str:
    """A run in a list: its mark and when it was due, then what came of it."""
    run = each.run
    about = [f"#{run.id}", *_outcome(run)]
    if run.trigger in _BY:
        about.append(_BY[run.trigger])
    if each.sent_at is not None:
        about.append(f"delivered {each.sent_at.astimezone(zone):%H:%M:%S}")
    elif each.delivery_status is not None:
        about.append(f"message {_delivery(each.delivery_status)}")
    due = when(run.scheduled_for, zone)
    if named:
        return f"{MARKS[run.status]} <b>{escape(run.name)}</b> · {due}\n{' · '.join(about)}"
    return f"{MARKS[run.status]} {due} · {' · '.join(about)}"


def _delivery(status: DeliveryStatus) -> str:
    return {DeliveryStatus.UNCERTAIN: "perhaps delivered", DeliveryStatus.DEAD: "not delivered"}.get(
        status, str(status)
    )


def _outcome(run: Run) -> list[str]:
    """What came of it, in a few words; a success needs none but how long it took."""
    took = [span(run.took)] if run.took is not None and run.status is not RunStatus.CANCELLED else []
    match run.status:
        case RunStatus.SUCCEEDED:
            return took
        case RunStatus.SKIPPED:
            return [f"skipped: {escape(skipped_because(run)[:140])}"]
        case RunStatus.PLANNED | RunStatus.ENQUEUED:
            return ["waiting"]
    reason = f": {escape(run.error[:120])}" if run.error and run.status in _AFTER_ALL else ""
    return [f"{str(run.status).replace('_', ' ')}{f' after {took[0]}' if took else ''}{reason}"]


# one run


def story(told: Timeline, zone: ZoneInfo, nonce: str) -> Reply:
    """Why a run is as it is: how it stands, then every step with its time, in the reader's zone."""
    run = told.run
    head = f"<b>Run {run.id} · {escape(run.name)}</b>\n"
    if run.trigger in (Trigger.CRON, Trigger.CATCH_UP):
        head += f"due {when(run.scheduled_for, zone)}\n"
    head += f"\n{escape(told.verdict)}"
    return Reply(shortened(head, steps(told.moments, zone)), _of_story(run, nonce))


def steps(moments: Sequence[Moment], zone: ZoneInfo) -> list[str]:
    """What happened, a line for each step with its time, under the name of its day."""
    lines, day = [], None
    for moment in moments:
        local = moment.at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            lines.append(f"\n<b>{local:%a %d %b}</b>, {local:%Z}")
        lines.append(f"<code>{local:%H:%M:%S}</code> {escape(moment.text)}")
    return lines


def shortened(head: str, lines: Sequence[str]) -> str:
    """As many of the first and last lines as a message holds."""
    kept = list(lines)
    left_out = 0
    while len(kept) > 4 and len(head) + sum(len(line) + 1 for line in kept) > LONGEST_STORY:
        kept.pop(len(kept) // 2)
        left_out += 1
    if left_out:
        kept.insert(len(kept) // 2, f"<i>… {left_out} more steps: openbell why shows them all …</i>")
    return f"{head}\n" + "\n".join(kept)


def _of_story(run: Run, nonce: str) -> list[list[tuple[str, str]]]:
    first = []
    if run.status in ACTIVE:
        first.append(("Stop it", f"x:{run.id}:kill:{nonce}"))
        first.append(("Refresh", f"w:{run.id}:{nonce}"))
    elif run.status in _AFTER_ALL:
        first.append(("Run it now", f"x:{run.id}:retry:{nonce}"))
    else:
        first.append(("Run again", f"x:{run.id}:retry:{nonce}"))
    job = [("Show job", f"j:{run.schedule_id}:show:0")] if run.schedule_id is not None else []
    return [first, [*job, ("History", f"h:{run.schedule_id or 0}:0")]]


def message_story(told: MessageStory, zone: ZoneInfo) -> Reply:
    """Why a message came, and why when it did."""
    head = f"<b>Message {told.message_id}</b>\n\n{escape(told.verdict)}"
    buttons = [[("The run's story", f"w:{told.run_id}")]] if told.run_id is not None else []
    return Reply(shortened(head, steps(told.moments, zone)), buttons)


def begun(name: str, run_id: int) -> Reply:
    return Reply(
        f"▶ <b>{escape(name)}</b> runs now (run {run_id}). The result comes here.",
        [[("How far is it?", f"w:{run_id}")]],
    )


def again(old: int, run_id: int) -> Reply:
    return Reply(
        f"▶ Run {old} is done once more, as run {run_id}. The result comes here.", [[("How far is it?", f"w:{run_id}")]]
    )


def killed(run: Run) -> Reply:
    started = run.started_at is not None
    what = "Its worker was told to stop, and a late result is refused." if started else "It had not started."
    return Reply(
        f"■ Run {run.id}, <b>{escape(run.name)}</b>, is cancelled. {what}",
        [[("Why?", f"w:{run.id}"), ("Run it again", f"x:{run.id}:retry:{run.id}")]],
    )


def hurried(run: Run) -> Reply:
    return Reply(
        f"▶ Run {run.id}, <b>{escape(run.name)}</b>, goes before your others as soon as a worker is free.",
        [[("How far is it?", f"w:{run.id}")]],
    )


def left(run: Run) -> Reply:
    return Reply(
        f"Left: run {run.id}, <b>{escape(run.name)}</b>, stays in doubt and is not repeated.",
        [[("Why?", f"w:{run.id}")]],
    )


# filling in


def backfill(found: Backfill, draft_id: int, zone: ZoneInfo) -> Reply:
    """What filling in would run, before anything is planned."""
    schedule, count = found.schedule, len(found.due)
    shown = [f"• {when(due, zone)}" for due in _ends(found.due)]
    if count > LISTED_DUE:
        shown.insert(LISTED_DUE // 2, f"… {count - LISTED_DUE} more …")
    notes = []
    if found.left_out:
        notes.append(f"{found.left_out} left out: no session.")
    if found.done_before:
        notes.append(f"{found.done_before} of these days' runs were filled in before and are not done again.")
    lines = [
        f"<b>{escape(schedule.name)}</b> would run <b>{count}</b> time{'s' if count != 1 else ''} for {_days(found)}:",
        *shown,
        *notes,
        "",
        "They run one after the other, oldest first. Nothing is planned yet.",
    ]
    yes = f"Run {'it' if count == 1 else f'all {count}'}"
    return Reply("\n".join(lines), [[(yes, f"b:{draft_id}:yes"), ("Cancel", f"b:{draft_id}:no")]])


def _ends(due: Sequence[datetime]) -> Sequence[datetime]:
    half = LISTED_DUE // 2
    return due if len(due) <= LISTED_DUE else [*due[:half], *due[-half:]]


def _days(found: Backfill) -> str:
    def day(one: date) -> str:
        return f"{one:%a %d %b %Y}"

    return day(found.first) if found.first == found.last else f"{day(found.first)} to {day(found.last)}"


def filled_in(schedule: Schedule, count: int) -> Reply:
    runs = "1 run is" if count == 1 else f"{count} runs are"
    text = f"✓ {runs} planned for <b>{escape(schedule.name)}</b>, oldest first."
    return Reply(text if count else "All of that is planned already.", [[("History", f"h:{schedule.id}:0")]])
