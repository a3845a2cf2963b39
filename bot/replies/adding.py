"""What is said once a job was made."""

from collections.abc import Sequence
from html import escape

from bot.replies.reply import Reply, when
from domain.locales import t
from domain.schedules import Schedule
from domain.timing import Due
from services.agenda import first_run


def saved(schedule: Schedule, due: Sequence[Due], *, again: bool) -> Reply:
    """The new job, and its first run."""
    values = {"number": schedule.id, "name": f"<b>{escape(schedule.name)}</b>", "when": escape(schedule.words)}
    head = (
        t("It was saved already as job {number}: {name}, {when}.", **values)
        if again
        else t("✓ Saved as job {number}: {name}, {when}.", **values)
    )
    first = first_run(due)
    coming = "\n" + t("First run {when}.", when=when(first.at, schedule.zone)) if first is not None else ""
    return Reply(
        head + coming,
        [[(t("Show it"), f"j:{schedule.id}:show:0"), (t("Change it"), f"ed:{schedule.id}:0:open"),
          (t("My jobs"), "l:0")]],
    )  # fmt: skip
