"""What is said on the way to a schedule: how to write one, what a line means, what is missing, what was saved."""

from collections.abc import Sequence
from html import escape

from bot.replies.reply import Buttons, Reply, due_lines, in_pairs, when
from domain.cron import CronRefused
from domain.errors import OpenbellError
from domain.schedules import Proposal, Schedule
from domain.timing import Due, Timing
from services.agenda import first_run

SEVERAL = 5
OFTEN = (
    ("Every weekday 08:30", "30 8 * * 1-5"),
    ("Every day 09:00", "0 9 * * *"),
    ("Every hour", "0 * * * *"),
    ("Mondays 08:00", "0 8 * * 1"),
    ("15 min before NYSE opens", "@open(XNYS)-15m"),
    ("5 min after NYSE closes", "@close(XNYS)+5m"),
)


def preview(proposal: Proposal, due: Sequence[Due], draft_id: int) -> Reply:
    """What would be saved, with its next runs; nothing is saved yet."""
    timing = proposal.timing
    runs = sum(each.left_out is None for each in due)
    head = "Next three runs" if runs == 3 else "The only run" if runs == 1 else "Next runs"
    text = [
        f"New job: <b>{escape(proposal.name)}</b>",
        f"{escape(proposal.words)} · {escape(timing.timezone)}",
        f"<code>{escape(timing.expression)}</code>",
        "",
        f"{head}:",
        *due_lines(due, timing.zone),
        "",
        "It comes to this chat. Nothing is saved yet.",
    ]
    return Reply(
        "\n".join(text),
        [
            [("Save", f"d:{draft_id}:save"), ("Run once now", f"d:{draft_id}:run")],
            [("Another time", f"d:{draft_id}:time"), ("Cancel", f"d:{draft_id}:cancel")],
        ],
    )


def saved(schedule: Schedule, due: Sequence[Due], *, again: bool) -> Reply:
    head, first = "It was saved already" if again else "✓ Saved", first_run(due)
    coming = f"\nFirst run {when(first.at, schedule.zone)}." if first is not None else ""
    return Reply(
        f"{head} as job {schedule.id}: <b>{escape(schedule.name)}</b>, {escape(schedule.words)}.{coming}",
        [[("Show it", f"j:{schedule.id}:show:0"), ("My jobs", "l:0")]],
    )


def usage() -> Reply:
    return Reply(
        "<b>/schedule</b> takes a time and what to do, in words or as a cron line:\n"
        "<code>/schedule every weekday at 8:30 the gold report</code>\n"
        "<code>/schedule every day at 9 remind me to check margins</code>\n"
        "<code>/schedule 15 minutes before NYSE opens AAPL</code>\n"
        "<code>/schedule 30 8 * * 1-5 GOLD</code>\n"
        "<code>/schedule */15 9-17 * * 1-5 on NYSE days EURUSD dark</code>\n\n"
        "The columns of a cron line are minute, hour, day, month, weekday. All times are in your time zone. "
        "Nothing is saved before you say so.\n/test shows what a line means."
    )


def remind_usage() -> Reply:
    return Reply(
        "<b>/remind</b> takes what to remind you of, and when:\n"
        "<code>/remind check margins every day at 9</code>\n"
        "<code>/remind every Friday at 16:30 send the weekly numbers</code>"
    )


def test_usage() -> Reply:
    return Reply(
        "<b>/test</b> shows what a line means and when it is due:\n"
        "<code>/test 30 8 * * 1-5</code>\n"
        "<code>/test first Monday of the month at 9</code>\n"
        "<code>/test @open(XNYS)-15m</code>",
        in_pairs([(label, f"t:{line}") for label, line in OFTEN]),
    )


def ask_when(name: str, draft_id: int) -> Reply:
    """The time is missing: the usual ones as buttons, any other typed."""
    choices = [(label, f"q:{draft_id}:{number}") for number, (label, _) in enumerate(OFTEN)]
    return Reply(
        f"When shall “<b>{escape(name)}</b>” come? Tap a time, or send one: in words, such as "
        "<code>every weekday at 8:30</code>, or as a cron line. /cancel to leave it.",
        in_pairs(choices),
    )


def ask_what(timing: Timing, draft_id: int, symbols: Sequence[str]) -> Reply:
    """What to do is missing: some instruments as buttons, anything else typed."""
    buttons = [(f"{symbol} report", f"k:{draft_id}:{symbol}") for symbol in symbols]
    return Reply(
        f"<b>{escape(timing.words.capitalize())}</b>: and what shall I do then? Tap a report, send a symbol, or write "
        "<code>remind me to check margins</code>. /cancel to leave it.",
        in_pairs(buttons),
    )


def tested(timing: Timing, due: Sequence[Due], *, typed: str) -> Reply:
    """What a line means, and when it is due next."""
    kept = f"\n<code>{escape(timing.expression)}</code>"
    if timing.calendar is not None:
        kept += f" on {'hours' if timing.hours_only else 'days'} of {escape(timing.calendar)}"
    elif timing.expression == typed.strip():
        kept = ""
    head = f"✓ <b>{escape(timing.words)}</b> · {escape(timing.timezone)}{kept}"
    runs = sum(each.left_out is None for each in due)
    title = f"The next {runs} runs" if runs == SEVERAL else "All runs that are left" if runs > 1 else "The only run"
    return Reply(f"{head}\n\n{title}:\n" + "\n".join(due_lines(due, timing.zone)))


def refused(problem: OpenbellError, line: str, buttons: Buttons) -> Reply:
    """Why a time was not understood: the column is pointed at, a suggestion is a button."""
    column = problem.column if isinstance(problem, CronRefused) else None
    return Reply(f"{_pointed(line, column)}{escape(str(problem)[:1200])}", buttons)


def _pointed(line: str, column: int | None) -> str:
    columns = line.split()
    if column is None or not 1 <= column <= len(columns) or len(line) > 60:
        return ""
    before = sum(len(each) + 1 for each in columns[: column - 1])
    return f"<pre>{escape(' '.join(columns))}\n{' ' * before}{'^' * len(columns[column - 1])}</pre>\n"
