"""Work: runs of a job that does nothing, through start, finish and one message each, beside bare queues."""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from bench import peer_dramatiq, peer_procrastinate, rows
from bench.house import House, until
from bench.table import Section
from domain.ids import RunId
from domain.runs import Bell
from workers.enqueue import Bells

QUEUED = """
INSERT INTO job_schedule_runs (job_id, user_id, job_type, scheduled_for, status, enqueued_at, overlap, job_snapshot)
SELECT s.id, s.user_id, s.job_type, now(), 'enqueued', now(), 'skip', jsonb_build_object('name', s.name, 'target', null,
    'task_params', s.task_params, 'cron', s.cron, 'timezone', s.timezone, 'calendar', null,
    'max_retries', s.max_retries, 'timeout_s', s.timeout_s, 'repeatable', s.repeatable)
FROM job_schedules s ORDER BY id LIMIT %s RETURNING id
"""
DONE = "SELECT count(*) FROM job_schedule_runs WHERE status = 'succeeded'"
MESSAGES = "SELECT count(*) FROM msg_messages"


@dataclass(frozen=True)
class Size:
    """How many runs, and how often."""

    runs: int
    rounds: int


FULL = Size(3000, 5)
QUICK = Size(200, 1)


def measure(house: House, size: Size) -> Section:
    """Runs a second with one and with two worker processes of eight threads, beside bare Dramatiq and procrastinate."""
    section = Section("Work: runs of a job that does nothing, with start, finish and one message each")
    rows.fill(house, max(size.runs, 1000))
    found: dict[str, dict[int, Any]] = {"ours": {}, "theirs": {}}
    for processes in (1, 2):
        name = f"{processes} process{'es' if processes > 1 else ''}"
        rates = [throughput(house, size.runs, processes) for _ in range(size.rounds)]
        found["ours"][processes] = section.add(f"Openbell, {name}", "/s", rates)
        rates = [peer_procrastinate.throughput(house, size.runs, processes) for _ in range(size.rounds)]
        found["theirs"][processes] = section.add(f"procrastinate, {name}", "/s", rates)
        rates = [peer_dramatiq.throughput(house, size.runs, processes) for _ in range(size.rounds)]
        section.add(f"bare Dramatiq, {name}", "/s", rates, "nothing is recorded")
    rate = found["ours"][2].median
    ratio = rate / found["theirs"][2].median
    section.expect("1,400/s with two processes", f"{rate:,.0f}/s", rate >= 1400)
    section.expect("twice procrastinate", f"{ratio:.1f} times", ratio >= 2)
    return section


def throughput(house: House, count: int, processes: int) -> float:
    """Runs a second, rung all at once to workers that are idle; every one is checked to have its message."""
    rows.clear(house)
    connection = house.master()
    with contextlib.closing(connection), connection.cursor() as cursor, house.workers(processes):
        cursor.execute(QUEUED, (count,))
        bells = [Bell(RunId(run_id), 0, "reports") for (run_id,) in cursor.fetchall()]
        cursor.execute("ANALYZE job_schedule_runs")
        ringing = Bells(house.valkey_url)
        begun = time.monotonic()
        ringing.ring(bells)
        until(lambda: _count(cursor, DONE) == count, 180, "not all runs came to their end")
        took = time.monotonic() - begun
        ringing.close()
        if _count(cursor, MESSAGES) != count:
            raise RuntimeError(f"{count} runs, but {_count(cursor, MESSAGES)} messages")
        return count / took


def _count(cursor: Any, statement: str) -> int:
    cursor.execute(statement)
    return int(cursor.fetchone()[0])
