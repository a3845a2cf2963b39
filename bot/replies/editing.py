"""What is said once a job was changed, or changed back."""

from collections.abc import Sequence
from html import escape

from bot.replies.reply import Reply, when
from domain.locales import t
from domain.schedules import Schedule
from domain.timing import Due
from services.agenda import first_run


def changed(schedule: Schedule, due: Sequence[Due], draft_id: int, version: int) -> Reply:
    """A job with its changes saved; for ten minutes they can be taken back."""
    text = t(
        "✓ Changed job {number}: {name}, {when}.",
        number=schedule.id,
        name=f"<b>{escape(schedule.name)}</b>",
        when=escape(schedule.words),
    )
    undo = (t("Undo (10 minutes)"), f"ed:{draft_id}:{version}:unsave")
    return Reply(text + _coming(schedule, due), [[undo, (t("Show it"), f"j:{schedule.id}:show:0")]])


def undone(schedule: Schedule, due: Sequence[Due]) -> Reply:
    """A job as it was before."""
    text = t(
        "Job {number} is as it was before: {name}, {when}.",
        number=schedule.id,
        name=f"<b>{escape(schedule.name)}</b>",
        when=escape(schedule.words),
    )
    return Reply(text + _coming(schedule, due), [[(t("Show it"), f"j:{schedule.id}:show:0")]])


def _coming(schedule: Schedule, due: Sequence[Due]) -> str:
    first = first_run(due)
    if first is None or not schedule.enabled:
        return ""
    return "\n" + t("Next run {when}.", when=when(first.at, schedule.zone))
