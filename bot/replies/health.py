"""What is said of the installation's health, and of a person's things at a glance."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from bot.replies.reply import Reply, as_many_as_fit, when
from db.status import Glance
from domain.health import ROLES, Status, name_of
from domain.locales import t, tn
from services.health import ComponentHealth
from services.timeline import span

SILENT = "⚪\ufe0f"
"""With the sign that asks for the colourful form; some fonts draw a small ring without it."""
MARKS = {Status.HEALTHY: "🟢", Status.DEGRADED: "🟡", Status.DOWN: "🔴", Status.UNKNOWN: SILENT}
LONGEST_REASON = 160
MOST_COUNTED = 1000


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
    jobs = _capped(_jobs(mine.active), mine.active)
    lines = [f"<b>{jobs}</b>" + (f", {t('{count} paused', count=mine.paused)}" if mine.paused else "")]
    if mine.next_name is not None and mine.next_at is not None:
        later = f" ({t('in {span}', span=span(mine.next_at - now))})" if mine.next_at > now else ""
        lines.append(t("Next: {name}, {when}", name=escape(mine.next_name), when=when(mine.next_at, zone)) + later)
    elif mine.active:
        lines.append(t("Nothing more is due"))
    if mine.running or mine.waiting:
        waiting = f", {t('{count} wait', count=mine.waiting)}" if mine.waiting else ""
        lines.append(_capped(_under_way(mine.running), mine.running) + waiting)
    if mine.unsent:
        unsent = tn("Waiting to be sent to you: {n} message", "Waiting to be sent to you: {n} messages", mine.unsent)
        lines.append(_capped(unsent, mine.unsent))
    if mine.failed:
        lines.append(tn("✗ {n} run failed in the last day", "✗ {n} runs failed in the last day", mine.failed))
    buttons = [(t("My jobs"), "l:0"), (t("What comes next"), "c:next")]
    trouble = [(t("What went wrong"), "c:failed")] if mine.failed else []
    return Reply("\n".join([*lines, "", *_in_short(found)]), [buttons, trouble])


def _in_short(found: Sequence[ComponentHealth]) -> list[str]:
    down = [each.name for each in found if each.status is Status.DOWN]
    silent = [each.name for each in found if each.status is Status.UNKNOWN and each.is_watched] + _missing(found)
    troubled = [each.name for each in found if each.status is Status.DEGRADED]
    if not (down or silent or troubled):
        return [f"🟢 {t('Everything works.')}"]
    lines = []
    if down:
        lines.append("🔴 " + t("Down: {names}.", names=_named(down)))
    if silent:
        lines.append(f"{SILENT} " + t("Silent: {names}.", names=_named(silent)))
    if troubled:
        lines.append("🟡 " + t("In trouble: {names}.", names=_named(troubled)))
    return [*lines, t("What waits is not lost.")] if down or silent else lines


def _named(names: Sequence[str]) -> str:
    return escape(", ".join(names))


def _part(each: ComponentHealth) -> str:
    name, age = f"{MARKS[each.status]} <b>{escape(each.name)}</b>", _age(each.age)
    if each.status is Status.UNKNOWN:
        return (
            f"{name} · {t('silent for {span}', span=age) if each.is_watched else t('last asked {span} ago', span=age)}"
        )
    line = f"{name} · {age}" + (f" · {each.mean_ms} ms" if each.mean_ms else "")
    said = each.error_message or each.says
    return f"{line}\n<i>{escape(said[:LONGEST_REASON])}</i>" if said else line


def _age(age: timedelta) -> str:
    return span(timedelta(seconds=max(round(age.total_seconds()), 1)))


def _missing(found: Sequence[ComponentHealth]) -> list[str]:
    heard = {each.system for each in found if each.component is None}
    return [name_of(role, None) for role in ROLES if role not in heard]


def _missing_lines(found: Sequence[ComponentHealth]) -> list[str]:
    return [f"{SILENT} <b>{escape(name)}</b> · {t('has not reported yet')}" for name in _missing(found)]


def _capped(said: str, number: int) -> str:
    """Counting ends at a thousand."""
    return t("{count} or more", count=said) if number >= MOST_COUNTED else said


def _jobs(number: int) -> str:
    return tn("{n} job", "{n} jobs", number) if number else t("No jobs")


def _under_way(number: int) -> str:
    return tn("Under way: {n} run", "Under way: {n} runs", number) if number else t("Under way: no runs")
