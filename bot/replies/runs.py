"""What is said about runs: lists of them, the whole story of one, what was done to one."""

from collections.abc import Sequence
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply, as_many_as_fit, when
from domain.locales import format_day, mark, t, tn, zone_letters
from domain.messages import DeliveryStatus
from domain.runs import ACTIVE, Run, RunStatus, Trigger
from domain.schedules import Schedule
from domain.users import User
from services.backfill import Backfill
from services.history import HistoryEntry
from services.message_timeline import MessageStory
from services.telling import Moment, clause, span
from services.timeline import Timeline, skipped_because

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
    Trigger.CATCH_UP: mark("caught up"),
    Trigger.BACKFILL: mark("filled in"),
    Trigger.MANUAL: mark("by hand"),
    Trigger.API: mark("by program"),
}
_DELIVERIES = {
    DeliveryStatus.QUEUED: mark("message queued"),
    DeliveryStatus.SENDING: mark("message sending"),
    DeliveryStatus.SENT: mark("message sent"),
    DeliveryStatus.UNCERTAIN: mark("message perhaps delivered"),
    DeliveryStatus.FAILED: mark("message failed"),
    DeliveryStatus.BOUNCED: mark("message bounced"),
    DeliveryStatus.SUPPRESSED: mark("message suppressed"),
    DeliveryStatus.EXPIRED: mark("message expired"),
    DeliveryStatus.CANCELLED: mark("message cancelled"),
    DeliveryStatus.MERGED: mark("message merged"),
    DeliveryStatus.DEAD: mark("message not delivered"),
}
_ENDINGS = {
    RunStatus.RUNNING: (mark("running"), mark("running after {took}")),
    RunStatus.FAILED: (mark("failed"), mark("failed after {took}")),
    RunStatus.TIMED_OUT: (mark("timed out"), mark("timed out after {took}")),
    RunStatus.UNKNOWN: (mark("unknown"), mark("unknown after {took}")),
    RunStatus.CANCELLED: (mark("cancelled"), mark("cancelled after {took}")),
}


def history(page: Sequence[HistoryEntry], user: User, *, schedule_id: int, more: bool) -> Reply:
    """A page of runs, newest first; each number leads to its story."""
    if not page:
        return Reply(t("There are no runs here yet. /report makes one now."), [[(t("My jobs"), "l:0")]])
    turn = [(t("As a file"), f"h:{schedule_id}:csv")]
    if more:
        turn.append((t("Older ›"), f"h:{schedule_id}:{page[-1].run.id}"))
    title = t("<b>History</b>, newest first")
    if schedule_id:
        title = t("<b>History of {name}</b>, newest first", name=escape(page[0].run.name))
    between = "\n" if schedule_id else "\n\n"
    lines = between.join(entry(each, user.zone, named=not schedule_id) for each in page)
    return Reply(f"{title}\n\n{lines}\n\n{t('Tap a run for its whole story.')}", [*_stories(page), turn])


def failed(page: Sequence[HistoryEntry], user: User, *, more: bool, since: int = 0, everybody: bool = False) -> Reply:
    """A page of what went wrong, newest first; `since` is how many hours ago it begins."""
    scope = f"{since}:{'all' if everybody else ''}"
    if not page and since:
        return Reply(
            tn("✓ Nothing failed in the last {n} hour.", "✓ Nothing failed in the last {n} hours.", since),
            [[(t("History"), "h:0:0")]],
        )
    if not page:
        return Reply(t("✓ Nothing failed, as far as history goes back."), [[(t("History"), "h:0:0")]])
    turn = [(t("Older ›"), f"f:{page[-1].run.id}:{scope}")] if more else []
    lines = "\n\n".join(entry(each, user.zone, named=True) for each in page)
    title = t("<b>What went wrong</b>, newest first")
    if everybody:
        title = t("<b>What went wrong for anybody</b>, newest first")
    buttons = _stories(page, "qu:{}:show:run" if everybody else "w:{}")
    return Reply(f"{title}\n\n{lines}\n\n{t('Tap a run for the reason.')}", [*buttons, turn])


def _stories(page: Sequence[HistoryEntry], data: str = "w:{}") -> list[list[tuple[str, str]]]:
    buttons = [(f"#{each.run.id}", data.format(each.run.id)) for each in page]
    return [buttons[n : n + 4] for n in range(0, len(buttons), 4)]


def entry(each: HistoryEntry, zone: ZoneInfo, *, named: bool) -> str:
    """A run in a list: its mark and when it was due, then what came of it."""
    run = each.run
    about = [f"#{run.id}", *_outcome(run)]
    if run.trigger in _BY:
        about.append(t(_BY[run.trigger]))
    if each.sent_at is not None:
        about.append(t("delivered {clock}", clock=f"{each.sent_at.astimezone(zone):%H:%M:%S}"))
    elif each.delivery_status is not None:
        about.append(t(_DELIVERIES[each.delivery_status]))
    due = when(run.scheduled_for, zone)
    if named:
        return f"{MARKS[run.status]} <b>{escape(run.name)}</b> · {due}\n{' · '.join(about)}"
    return f"{MARKS[run.status]} {due} · {' · '.join(about)}"


def _outcome(run: Run) -> list[str]:
    """What came of it, in a few words; a success needs none but how long it took."""
    took = span(run.took) if run.took is not None and run.status is not RunStatus.CANCELLED else None
    match run.status:
        case RunStatus.SUCCEEDED:
            return [took] if took is not None else []
        case RunStatus.SKIPPED:
            return [t("skipped: {reason}", reason=escape(skipped_because(run)[:140]))]
        case RunStatus.PLANNED | RunStatus.ENQUEUED:
            return [t("waiting")]
    plain, timed = _ENDINGS[run.status]
    ended = t(timed, took=took) if took is not None else t(plain)
    reason = f": {escape(clause(run.error[:120]))}" if run.error and run.status in _AFTER_ALL else ""
    return [f"{ended}{reason}"]


# one run


def story(told: Timeline, zone: ZoneInfo, nonce: str, owner: str | None = None) -> Reply:
    """Why a run is as it is: how it stands, then every step with its time, in the reader's zone.

    `owner` is whose it is, where an admin looks at another's.
    """
    run = told.run
    return Reply(
        shortened(_head(told, zone, owner), steps(told.moments, zone), logs=True), _of_story(run, nonce, owner)
    )


def _head(told: Timeline, zone: ZoneInfo, owner: str | None = None) -> str:
    """A run's number and name, when it was due, whose it is, and how it stands."""
    run = told.run
    lines = [t("<b>Run {number} · {name}</b>", number=run.id, name=escape(run.name))]
    if owner is not None:
        lines.append(t("of {owner}", owner=escape(owner)))
    if run.trigger in (Trigger.CRON, Trigger.CATCH_UP):
        lines.append(t("due {when}", when=when(run.scheduled_for, zone)))
    return "\n".join([*lines, "", escape(told.verdict)])


def steps(moments: Sequence[Moment], zone: ZoneInfo) -> list[str]:
    """What happened, a line for each step with its time, under the name of its day."""
    lines, day = [], None
    for moment in moments:
        local = moment.at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            lines.append(f"\n<b>{format_day(local)}</b>, {zone_letters(local)}")
        lines.append(f"<code>{local:%H:%M:%S}</code> {escape(moment.text)}")
    return lines


def shortened(head: str, lines: Sequence[str], *, logs: bool = False) -> str:
    """As many of the first and last lines as a message holds; `logs` says where the others are."""
    kept = list(lines)
    left_out = 0
    while len(kept) > 4 and len(head) + sum(len(line) + 1 for line in kept) > LONGEST_STORY:
        kept.pop(len(kept) // 2)
        left_out += 1
    if left_out:
        more = tn("… {n} more step …", "… {n} more steps …", left_out)
        if logs:
            more = tn("… {n} more step: /logs shows them all …", "… {n} more steps: /logs shows them all …", left_out)
        kept.insert(len(kept) // 2, f"<i>{more}</i>")
    return f"{head}\n" + "\n".join(kept)


def _of_story(run: Run, nonce: str, owner: str | None) -> list[list[tuple[str, str]]]:
    letter, look = ("x", f"w:{run.id}:{nonce}") if owner is None else ("qu", f"qu:{run.id}:show:run:{nonce}")
    logs = (t("Logs"), f"lg:{run.id}")
    if run.status in ACTIVE:
        first = [(t("Stop it"), f"{letter}:{run.id}:kill:{nonce}"), (t("Refresh"), look), logs]
    elif run.status in _AFTER_ALL:
        first = [(t("Run it now"), f"{letter}:{run.id}:retry:{nonce}"), logs]
    else:
        first = [(t("Run again"), f"{letter}:{run.id}:retry:{nonce}"), logs]
    if owner is not None:
        return [first, [(t("Queue"), "qu:0:show:queue")]]
    job = [(t("Show job"), f"j:{run.schedule_id}:show:0")] if run.schedule_id is not None else []
    return [first, [*job, (t("History"), f"h:{run.schedule_id or 0}:0")]]


def logs(told: Timeline, zone: ZoneInfo) -> tuple[Reply, str | None]:
    """The steps of a run, line by line; what no message holds is also given whole, for a file."""
    lines = steps(told.moments, zone)
    head, story = _head(told, zone), [(t("Why?"), f"w:{told.run.id}")]
    kept = as_many_as_fit([head, *lines])
    if len(kept) > len(lines):
        return Reply("\n".join(kept), [story]), None
    whole = "\n".join(
        [told.verdict, "", *(f"{_in_full(each.at.astimezone(zone))}  {each.text}" for each in told.moments)]
    )
    more = t("The rest is in the file below.")
    return Reply("\n".join([*kept, "", f"<i>{more}</i>"]), [story]), whole


def message_story(told: MessageStory, zone: ZoneInfo) -> Reply:
    """Why a message came, and why when it did."""
    head = f"{t('<b>Message {number}</b>', number=told.message_id)}\n\n{escape(told.verdict)}"
    buttons = [[(t("The run's story"), f"w:{told.run_id}")]] if told.run_id is not None else []
    return Reply(shortened(head, steps(told.moments, zone)), buttons)


def begun(name: str, run_id: int) -> Reply:
    text = t("▶ <b>{name}</b> runs now (run {run}). The result comes here.", name=escape(name), run=run_id)
    return Reply(text, [[(t("How far is it?"), f"w:{run_id}")]])


def again(old: int, run_id: int, owner: str | None = None) -> Reply:
    if owner is not None:
        text = t("▶ Run {old} is done once more, as run {run}. The result goes to {owner}.",
                 old=old, run=run_id, owner=escape(owner))  # fmt: skip
        return Reply(text, [[(t("How far is it?"), f"qu:{run_id}:show:run")]])
    text = t("▶ Run {old} is done once more, as run {run}. The result comes here.", old=old, run=run_id)
    return Reply(text, [[(t("How far is it?"), f"w:{run_id}")]])


def killed(run: Run, owner: str | None = None) -> Reply:
    what = t("It had not started.")
    if run.started_at is not None:
        what = t("Its worker was told to stop, and a late result is refused.")
    text = t("■ Run {number}, <b>{name}</b>, is cancelled.", number=run.id, name=escape(run.name))
    if owner is not None:
        told = t("Its story tells {owner} who stopped it.", owner=escape(owner))
        return Reply(f"{text} {what} {told}", [[(t("Why?"), f"qu:{run.id}:show:run")]])
    buttons = [(t("Why?"), f"w:{run.id}"), (t("Run it again"), f"x:{run.id}:retry:{run.id}")]
    return Reply(f"{text} {what}", [buttons])


def hurried(run: Run) -> Reply:
    text = t("▶ Run {number}, <b>{name}</b>, goes before your others as soon as a worker is free.",
             number=run.id, name=escape(run.name))  # fmt: skip
    return Reply(text, [[(t("How far is it?"), f"w:{run.id}")]])


def left(run: Run) -> Reply:
    text = t("Left: run {number}, <b>{name}</b>, stays in doubt and is not repeated.",
             number=run.id, name=escape(run.name))  # fmt: skip
    return Reply(text, [[(t("Why?"), f"w:{run.id}")]])


# filling in


def backfill(found: Backfill, draft_id: int, zone: ZoneInfo) -> Reply:
    """What filling in would run, before anything is planned."""
    schedule, count = found.schedule, len(found.due)
    shown = [f"• {when(due, zone)}" for due in _ends(found.due)]
    if count > LISTED_DUE:
        more = count - LISTED_DUE
        shown.insert(LISTED_DUE // 2, tn("… {n} more …", "… {n} more …", more))
    notes = []
    if found.left_out:
        notes.append(tn("{n} left out: no session.", "{n} left out: no session.", found.left_out))
    if found.done_before:
        notes.append(
            tn(
                "{n} of these days' runs was filled in before and is not done again.",
                "{n} of these days' runs were filled in before and are not done again.",
                found.done_before,
            )
        )
    lines = [
        tn(
            "<b>{name}</b> would run <b>{n}</b> time for {days}:",
            "<b>{name}</b> would run <b>{n}</b> times for {days}:",
            count,
            name=escape(schedule.name),
            days=_days(found),
        ),
        *shown,
        *notes,
        "",
        t("They run one after the other, oldest first. Nothing is planned yet."),
    ]
    yes = t("Run it") if count == 1 else tn("Run all {n}", "Run all {n}", count)
    return Reply("\n".join(lines), [[(yes, f"b:{draft_id}:yes"), (t("Cancel"), f"b:{draft_id}:no")]])


def _ends(due: Sequence[datetime]) -> Sequence[datetime]:
    half = LISTED_DUE // 2
    return due if len(due) <= LISTED_DUE else [*due[:half], *due[-half:]]


def _days(found: Backfill) -> str:
    def day(one: date) -> str:
        return f"{format_day(one)} {one.year}"

    if found.first == found.last:
        return day(found.first)
    return t("{first} to {last}", first=day(found.first), last=day(found.last))


def filled_in(schedule: Schedule, count: int) -> Reply:
    text = tn(
        "✓ {n} run is planned for <b>{name}</b>, oldest first.",
        "✓ {n} runs are planned for <b>{name}</b>, oldest first.",
        count,
        name=escape(schedule.name),
    )
    if not count:
        text = t("All of that is planned already.")
    return Reply(text, [[(t("History"), f"h:{schedule.id}:0")]])


def _in_full(there: datetime) -> str:
    return f"{there:%Y-%m-%d %H:%M:%S} {zone_letters(there)}"
