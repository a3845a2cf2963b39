"""What is said of the installation's health, and of a person's things at a glance."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply, as_many_as_fit, when
from db.status import Glance
from domain.health import ROLES, Status, name_of
from services.health import ComponentHealth
from services.timeline import span

SILENT = "⚪\ufe0f"
"""With the sign that asks for the colourful form; some fonts draw a small ring without it."""
MARKS = {Status.HEALTHY: "🟢", Status.DEGRADED: "🟡", Status.DOWN: "🔴", Status.UNKNOWN: SILENT}
LONGEST_REASON = 160


def in_short(found: Sequence[ComponentHealth]) -> Reply:
    """For everybody: whether it works, and if not, which part."""
    return Reply("\n".join(_in_short(found)))


def every_part(found: Sequence[ComponentHealth]) -> Reply:
    """For admins: each part, how long ago it spoke, and its trouble."""
    worst_first = sorted(found, key=lambda each: (list(Status).index(each.status) in (0,), each.name))
    lines = [*_in_short(found), "", *(_part(each) for each in worst_first), *_missing_lines(found)]
    return Reply("\n".join(as_many_as_fit(lines)))


def glance(mine: Glance, found: Sequence[ComponentHealth], zone: ZoneInfo, now: datetime) -> Reply:
    """How somebody's things stand, and below, how the installation is."""
    paused = f", {mine.paused} paused" if mine.paused else ""
    lines = [f"<b>{_count(mine.active, 'job')}</b>{paused}"]
    if mine.next_name is not None and mine.next_at is not None:
        later = f" (in {span(mine.next_at - now)})" if mine.next_at > now else ""
        lines.append(f"Next: {escape(mine.next_name)}, {when(mine.next_at, zone)}{later}")
    elif mine.active:
        lines.append("Nothing more is due")
    if mine.running or mine.waiting:
        lines.append(f"Under way: {_count(mine.running, 'run')}" + (f", {mine.waiting} wait" if mine.waiting else ""))
    if mine.unsent:
        lines.append(f"Waiting to be sent to you: {_count(mine.unsent, 'message')}")
    if mine.failed:
        lines.append(f"✗ {_count(mine.failed, 'run')} failed in the last day")
    buttons = [("My jobs", "l:0"), ("What comes next", "c:next")]
    trouble = [("What went wrong", "c:failed")] if mine.failed else []
    return Reply("\n".join([*lines, "", *_in_short(found)]), [buttons, trouble])


def _in_short(found: Sequence[ComponentHealth]) -> list[str]:
    down = [each.name for each in found if each.status is Status.DOWN]
    silent = [each.name for each in found if each.status is Status.UNKNOWN and each.is_watched] + _missing(found)
    troubled = [each.name for each in found if each.status is Status.DEGRADED]
    if not (down or silent or troubled):
        return ["🟢 Everything works."]
    lines = [f"{mark} {words}: {escape(', '.join(names))}." for mark, words, names in (
        ("🔴", "Down", down), (SILENT, "Silent", silent), ("🟡", "In trouble", troubled)) if names]  # fmt: skip
    return [*lines, "What waits is not lost."] if down or silent else lines


def _part(each: ComponentHealth) -> str:
    name, age = f"{MARKS[each.status]} <b>{escape(each.name)}</b>", _age(each.age)
    if each.status is Status.UNKNOWN:
        return f"{name} · silent for {age}" if each.is_watched else f"{name} · last asked {age} ago"
    line = f"{name} · {age}" + (f" · {each.mean_ms} ms" if each.mean_ms else "")
    return f"{line}\n<i>{escape(each.error_message[:LONGEST_REASON])}</i>" if each.error_message else line


def _age(age: timedelta) -> str:
    return span(timedelta(seconds=max(round(age.total_seconds()), 1)))


def _missing(found: Sequence[ComponentHealth]) -> list[str]:
    heard = {each.system for each in found if each.component is None}
    return [name_of(role, None) for role in ROLES if role not in heard]


def _missing_lines(found: Sequence[ComponentHealth]) -> list[str]:
    return [f"{SILENT} <b>{escape(name)}</b> · has not reported yet" for name in _missing(found)]


def _count(number: int, noun: str) -> str:
    many = "1000 or more" if number >= 1000 else str(number)
    return f"{many if number else 'No'} {noun}{'s' if number != 1 else ''}"
