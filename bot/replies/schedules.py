"""What is said of a time alone: what a line means, when it is due, and why one was not understood."""

from collections.abc import Sequence
from html import escape

from bot.replies.reply import Buttons, Reply, due_lines, in_pairs
from domain.cron import CronRefused
from domain.errors import OpenbellError
from domain.locales import t, tn
from domain.timing import Due, Timing
from services.times import USUAL

SEVERAL = 5


def test_usage() -> Reply:
    return Reply(
        t(
            "{command} shows what a line means and when it is due:\n{examples}",
            command="<b>/test</b>",
            examples="<code>/test 30 8 * * 1-5</code>\n<code>/test first Monday of the month at 9</code>\n"
            "<code>/test @open(XNYS)-15m</code>",
        ),
        in_pairs([(t(label), f"t:{line}") for label, line in USUAL]),
    )


def tested(timing: Timing, due: Sequence[Due], *, typed: str) -> Reply:
    """What a line means, and when it is due next."""
    head = f"✓ <b>{escape(timing.words)}</b> · {escape(timing.timezone)}{_kept(timing, typed)}"
    runs = sum(each.left_out is None for each in due)
    title = (
        tn("The next run:", "The next {n} runs:", runs)
        if runs == SEVERAL
        else tn("The only run:", "All {n} runs that are left:", runs)
    )
    return Reply(f"{head}\n\n{title}\n" + "\n".join(due_lines(due, timing.zone)))


def _kept(timing: Timing, typed: str) -> str:
    """The line as it is kept, where it is not what was typed."""
    line = f"<code>{escape(timing.expression)}</code>"
    if timing.calendar is not None:
        values = {"line": line, "exchange": escape(timing.calendar)}
        in_hours, on_days = t("{line} on hours of {exchange}", **values), t("{line} on days of {exchange}", **values)
        return "\n" + (in_hours if timing.hours_only else on_days)
    return "" if timing.expression == typed.strip() else f"\n{line}"


def refused(problem: OpenbellError, line: str, buttons: Buttons) -> Reply:
    """Why a time was not understood: the column is pointed at, a suggestion is a button."""
    column = problem.column if isinstance(problem, CronRefused) else None
    return Reply(f"{pointed(line, column)}{escape(str(problem)[:1200])}", buttons)


def pointed(line: str, column: int | None) -> str:
    """A cron line with a mark below its column; nothing where there is none to point at."""
    columns = line.split()
    if column is None or not 1 <= column <= len(columns) or len(line) > 60:
        return ""
    before = sum(len(each) + 1 for each in columns[: column - 1])
    return f"<pre>{escape(' '.join(columns))}\n{' ' * before}{'^' * len(columns[column - 1])}</pre>\n"
