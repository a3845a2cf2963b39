"""The history of runs as a file that spreadsheets open."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.cells import as_csv, text_cell
from services.history import HistoryEntry
from services.timeline import skipped_because

HEAD = ("run", "job", "name", "kind", "status", "trigger", "due_at", "started_at", "finished_at", "took_s", "attempts",
        "reason", "delivery", "delivered_at")  # fmt: skip


def history_csv(entries: Sequence[HistoryEntry], zone: ZoneInfo) -> bytes:
    """A row for each run, instants with their offset in that zone; texts can't be taken for formulas."""
    return as_csv(HEAD, (_row(each, zone) for each in entries))


def file_name(schedule_id: int, now: datetime, zone: ZoneInfo) -> str:
    """What the file is called; nothing that a person wrote is in it."""
    what = f"job-{schedule_id}" if schedule_id else "all-jobs"
    return f"history-{what}-{now.astimezone(zone):%Y-%m-%d}.csv"


def _row(each: HistoryEntry, zone: ZoneInfo) -> list[str | int | float | None]:
    run = each.run
    return [
        run.id,
        run.schedule_id,
        text_cell(run.name),
        text_cell(run.job_type),
        run.status.value,
        run.trigger.value,
        _stamp(run.scheduled_for, zone),
        _stamp(run.started_at, zone),
        _stamp(run.finished_at, zone),
        round(run.took.total_seconds(), 3) if run.took is not None else None,
        run.attempt,
        text_cell(skipped_because(run) if run.skip_reason else run.error),
        each.delivery_status.value if each.delivery_status is not None else None,
        _stamp(each.sent_at, zone),
    ]


def _stamp(instant: datetime | None, zone: ZoneInfo) -> str | None:
    return instant.astimezone(zone).isoformat(timespec="seconds") if instant is not None else None
