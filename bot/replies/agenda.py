"""What is said about what comes next: of all jobs within some hours, of one job, or in a group."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from zoneinfo import ZoneInfo

from bot.replies.jobs import coming, head
from bot.replies.reply import Buttons, Reply, as_many_as_fit, due_line, worth_naming
from domain.locales import format_day, t, tn, zone_letters
from domain.schedules import Schedule
from domain.timing import Due
from services.agenda import Agenda

MOST_LINES = 60
OFTEN = 3
"""More due times than this of one job and day are one line of the agenda."""
LENGTHS = (12, 24, 72, 168)


def agenda(found: Agenda, hours: int, zone: ZoneInfo, *, in_group: bool = False) -> Reply:
    """What is due within these hours, a heading for each day."""
    others: Buttons = [[(_short(each), f"n:{each}") for each in LENGTHS]]
    shown = [(schedule, due) for schedule, due in found.due if worth_naming(due)]
    if not shown:
        return Reply(_nothing(hours, in_group=in_group), others)
    lines = [f"<b>{_title(hours)}</b>"]
    for _, of_day in groupby(shown, key=lambda item: item[1].at.astimezone(zone).date()):
        of_this = list(of_day)
        first = of_this[0][1].at.astimezone(zone)
        lines += ["", f"<b>{format_day(first)}</b>, {zone_letters(first)}", *_day_lines(of_this, zone)]
    listed = as_many_as_fit(lines[:MOST_LINES])
    if found.more or len(listed) < len(lines):
        listed += ["", t("There is more than I list here; ask for fewer hours, such as /next 6h.")]
    return Reply("\n".join(listed), others)


def _in_days(hours: int) -> int | None:
    return hours // 24 if hours > 24 and hours % 24 == 0 else None


def _short(hours: int) -> str:
    days = _in_days(hours)
    return t("{n}d", n=days) if days else t("{n}h", n=hours)


def _title(hours: int) -> str:
    if days := _in_days(hours):
        return tn("The next {n} day", "The next {n} days", days)
    return tn("The next {n} hour", "The next {n} hours", hours)


def _nothing(hours: int, *, in_group: bool) -> str:
    days = _in_days(hours)
    if days:
        text = tn("Nothing is due within {n} day.", "Nothing is due within {n} days.", days)
    else:
        text = tn("Nothing is due within {n} hour.", "Nothing is due within {n} hours.", hours)
    more = t("Only what is told here counts.") if in_group else t("/schedule makes a plan, /jobs shows what is paused.")
    return f"{text} {more}"


def _day_lines(of_day: Sequence[tuple[Schedule, Due]], zone: ZoneInfo) -> list[str]:
    """A line for each due time, by its time; what comes often in one day is one line."""
    alike: dict[tuple[int, str | None, str | None], list[tuple[Schedule, Due]]] = {}
    for schedule, due in of_day:
        alike.setdefault((schedule.id, due.left_out, due.mark), []).append((schedule, due))
    found: list[tuple[datetime, str]] = []
    for group in alike.values():
        schedule, first = group[0]
        if len(group) > OFTEN:
            found.append((first.at, _line(schedule, first, zone, group[-1][1], len(group))))
        else:
            found += [(due.at, _line(schedule, due, zone)) for _, due in group]
    return [line for _, line in sorted(found, key=lambda item: item[0])]


def _line(schedule: Schedule, due: Due, zone: ZoneInfo, last: Due | None = None, count: int = 1) -> str:
    name = f"{escape(schedule.name)} ({schedule.id})"
    clock = f"{due.at.astimezone(zone):%H:%M}" + (f"–{last.at.astimezone(zone):%H:%M}" if last is not None else "")
    if last is not None:
        name = tn("{name}, {n} time", "{name}, {n} times", count, name=name)
    if due.left_out is not None:
        return f"<s>{clock}</s>  {name}, {escape(due.left_out)}"
    return f"{clock}  {name}" + (f" <i>({escape(due.mark)})</i>" if due.mark else "")


def next_of(schedule: Schedule, due: Sequence[Due], now: datetime) -> Reply:
    """What comes next of one job."""
    lines = [due_line(due[0], schedule.zone)] if len(due) == 1 else coming(schedule, due, now)
    return Reply("\n".join([head(schedule), *lines]), [[(t("Show job"), f"j:{schedule.id}:show:0")]])
