"""What must be true in the end, asked of the database in SQL: a question answered with rows is a broken promise."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim
from psycopg2.extras import execute_values

from chaos.house import House
from domain.runs import FINAL, TRANSITIONS

MOST_SHOWN = 10
FINAL_DELIVERY = ("sent", "uncertain", "failed", "suppressed", "expired", "dead", "cancelled", "merged", "bounced")


@dataclass(frozen=True)
class Proof:
    """A promise, how often it was put to the test, and the rows that break it."""

    promise: str
    looked_at: int
    broken: list[tuple[Any, ...]]


QUESTIONS: dict[str, tuple[str, str]] = {
    "every due time has a row": (
        "SELECT count(*) FROM chaos.expected",
        """SELECT e.job_id, e.due FROM chaos.expected e WHERE NOT EXISTS (
            SELECT FROM job_schedule_runs r WHERE r.job_id = e.job_id
            AND (r.scheduled_for = e.due OR e.due BETWEEN r.scheduled_for AND r.covers_until))""",
    ),
    "no due time has two": (
        "SELECT count(*) FROM job_schedule_runs",
        """SELECT e.job_id, e.due, count(*) FROM chaos.expected e JOIN job_schedule_runs r ON r.job_id = e.job_id
            AND (r.scheduled_for = e.due OR e.due BETWEEN r.scheduled_for AND r.covers_until)
            GROUP BY 1, 2 HAVING count(*) > 1""",
    ),
    "no run has a due time that is none": (
        "SELECT count(*) FROM job_schedule_runs WHERE scheduled_for <= %(cutoff)s",
        """SELECT r.id, r.job_id, r.scheduled_for FROM job_schedule_runs r
            WHERE r.scheduled_for <= %(cutoff)s AND r.job_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM chaos.expected e WHERE e.job_id = r.job_id AND e.due = r.scheduled_for)""",
    ),
    "every run is in a final state": (
        "SELECT count(*) FROM job_schedule_runs WHERE scheduled_for <= %(cutoff)s AND job_id IS NOT NULL",
        """SELECT id, job_id, scheduled_for, status, attempt FROM job_schedule_runs
            WHERE scheduled_for <= %(cutoff)s AND job_id IS NOT NULL AND NOT (status = ANY(%(final)s))""",
    ),
    "every skipped run says why": (
        "SELECT count(*) FROM job_schedule_runs WHERE status = 'skipped'",
        "SELECT id, job_id, scheduled_for FROM job_schedule_runs WHERE status = 'skipped' AND skip_reason IS NULL",
    ),
    "every succeeded run has its message, of the attempt that stored the result": (
        "SELECT count(*) FROM job_schedule_runs WHERE status = 'succeeded' AND job_id IS NOT NULL",
        """SELECT r.id, r.result ->> 'mark', count(m.id) FROM job_schedule_runs r
            LEFT JOIN msg_messages m ON m.run_id = r.id AND m.category = 'report'
                AND m.payload ->> 'text' LIKE '%%' || (r.result ->> 'mark')
            WHERE r.status = 'succeeded' AND r.job_id IS NOT NULL GROUP BY r.id, r.result HAVING count(m.id) <> 1""",
    ),
    "no other run has one": (
        "SELECT count(*) FROM msg_messages WHERE category = 'report'",
        """SELECT m.id, m.run_id, r.status FROM msg_messages m LEFT JOIN job_schedule_runs r ON r.id = m.run_id
            WHERE m.category = 'report' AND r.status IS DISTINCT FROM 'succeeded'""",
    ),
    "every message came to its end": (
        "SELECT count(*) FROM msg_messages",
        """SELECT m.id, m.run_id, d.status FROM msg_messages m
            LEFT JOIN msg_delivery_status d ON d.message_id = m.id
            LEFT JOIN job_schedule_runs r ON r.id = m.run_id
            WHERE (m.created_at <= %(cutoff)s OR r.scheduled_for <= %(cutoff)s)
                AND (d.status IS NULL OR NOT (d.status = ANY(%(final_delivery)s)))""",
    ),
    "a result belongs to exactly one effect": (
        "SELECT count(*) FROM job_schedule_runs WHERE status = 'succeeded' AND job_id IS NOT NULL",
        """SELECT r.id, r.result ->> 'mark', count(f.*) FROM job_schedule_runs r
            LEFT JOIN chaos.effects f ON f.run_id = r.id AND f.mark = r.result ->> 'mark'
            WHERE r.status = 'succeeded' AND r.job_id IS NOT NULL GROUP BY r.id, r.result HAVING count(f.*) <> 1""",
    ),
    "no attempt had its effect twice": (
        "SELECT count(*) FROM chaos.effects",
        "SELECT run_id, attempt, count(*) FROM chaos.effects GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    "no effect without an attempt of its run": (
        "SELECT count(*) FROM chaos.effects",
        """SELECT f.run_id, f.attempt, r.attempt FROM chaos.effects f
            LEFT JOIN job_schedule_runs r ON r.id = f.run_id WHERE r.id IS NULL OR f.attempt > r.attempt""",
    ),
    "work that may not be repeated had its effect at most once": (
        "SELECT count(*) FROM job_schedule_runs WHERE job_type = 'chaos.once' AND attempt > 0",
        """SELECT r.id, r.status, r.attempt, count(f.*) FROM job_schedule_runs r
            LEFT JOIN chaos.effects f ON f.run_id = r.id WHERE r.job_type = 'chaos.once'
            GROUP BY r.id, r.status, r.attempt HAVING count(f.*) > 1 OR r.attempt > 1""",
    ),
    "no state changed in a way that is not drawn": (
        "SELECT count(*) FROM chaos.trail",
        """SELECT run_id, was, became, at FROM chaos.trail
            WHERE was IS NULL AND became NOT IN ('planned', 'enqueued', 'skipped')
               OR was IS NOT NULL AND was <> became AND NOT (was || ' ' || became = ANY(%(drawn)s))""",
    ),
    "no schedule paused itself": (
        "SELECT count(*) FROM job_schedules",
        "SELECT id, paused_reason FROM job_schedules WHERE NOT enabled",
    ),
}


def write_expected(house: House, cutoff: datetime) -> int:
    """Every due time up to `cutoff`, found by a cron library that the product does not use."""
    rows = [
        (schedule, due)
        for schedule, (wish, after) in house.due_after.items()
        for due in _due_times(wish.cron, wish.zone, after, cutoff)
    ]
    with house.superuser() as cursor:
        execute_values(cursor, "INSERT INTO chaos.expected (job_id, due) VALUES %s", rows, page_size=1000)
    return len(rows)


def _due_times(cron: str, zone: str, after: datetime, cutoff: datetime) -> Iterator[datetime]:
    for due in CronSim(cron, after.astimezone(ZoneInfo(zone))):
        if due > cutoff:
            return
        yield due


def prove(house: House, cutoff: datetime) -> list[Proof]:
    """Put every question; also to the people's chats, whether what counts as sent is there."""
    values = {
        "cutoff": cutoff,
        "final": [str(status) for status in FINAL],
        "final_delivery": list(FINAL_DELIVERY),
        "drawn": [f"{was} {became}" for was, after in TRANSITIONS.items() for became in after],
    }
    proofs = []
    with house.superuser() as cursor:
        for promise, (count, question) in QUESTIONS.items():
            cursor.execute(count, values)
            looked_at = int(cursor.fetchone()[0])
            cursor.execute(question, values)
            proofs.append(Proof(promise, looked_at, cursor.fetchall()))
    proofs.append(_arrived(house))
    return proofs


def unfinished(house: House, cutoff: datetime) -> int:
    """How many runs up to `cutoff`, and messages of theirs, have not come to their end."""
    with house.superuser() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM job_schedule_runs WHERE scheduled_for <= %(cutoff)s AND job_id IS NOT NULL "
            "        AND status IN ('planned', 'enqueued', 'running'))"
            "     + (SELECT count(*) FROM msg_delivery_status d JOIN msg_messages m ON m.id = d.message_id "
            "        JOIN job_schedule_runs r ON r.id = m.run_id "
            "        WHERE r.scheduled_for <= %(cutoff)s AND d.status IN ('queued', 'sending'))"
            "     + (SELECT count(*) FROM msg_delivery_status d JOIN msg_messages m ON m.id = d.message_id "
            "        WHERE m.created_at <= %(cutoff)s AND d.status IN ('queued', 'sending'))"
            "     + (SELECT count(*) FROM job_schedules WHERE enabled AND next_run_at <= %(cutoff)s)",
            {"cutoff": cutoff},
        )
        return int(cursor.fetchone()[0])


def _arrived(house: House) -> Proof:
    """Each report that counts as sent is in its person's chat: once, or twice where it was marked as a repeat."""
    with house.superuser() as cursor:
        cursor.execute(
            "SELECT d.address, split_part(m.payload ->> 'text', 'mark ', 2), d.possible_repeat "
            "FROM msg_delivery_status d JOIN msg_messages m ON m.id = d.message_id "
            "WHERE d.status = 'sent' AND m.category = 'report'"
        )
        sent = cursor.fetchall()
    seen: Counter[str] = Counter()
    for address in {row[0] for row in sent}:
        seen.update(_marks(house, int(address)))
    broken = [
        (address, mark, repeat, seen[mark])
        for address, mark, repeat in sent
        if not 1 <= seen[mark] <= (2 if repeat else 1)
    ]
    return Proof("every message that counts as sent arrived, once or marked as a repeat", len(sent), broken)


def _marks(house: House, chat: int) -> Iterator[str]:
    before = ""
    while True:
        page = house.ask(f"/api/chats/{chat}/messages{before}")
        for message in page["messages"]:
            text = json.dumps(message)
            if "mark " in text:
                yield text.split("mark ", 1)[1][:16]
        if not page["more"]:
            return
        before = f"?before={min(message['message_id'] for message in page['messages'])}"
