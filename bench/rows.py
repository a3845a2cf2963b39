"""People and schedules by the hundred thousand, and the moment at which some of them are due."""

import time
from datetime import datetime, timedelta
from typing import Any

from bench.house import House
from domain.calendars import EXCHANGES

CRONS = (
    "*/5 * * * *", "*/15 9-17 * * 1-5", "0 * * * *", "30 8 * * 1-5", "0 9 * * *",
    "0 0 1 * *", "*/30 * * * *", "45 16 * * 1-5", "15 7 * * 1", "0 18 * * 5",
)  # fmt: skip
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Europe/London", "UTC")

PEOPLE = """
INSERT INTO usr_users (email, role, timezone, verified_at)
SELECT 'person' || n || '@example.com', 'admin', 'UTC', now() FROM generate_series(%(first)s, %(last)s) AS n
"""
CHATS = """
INSERT INTO usr_auth_identities (user_id, provider, external_id, metadata)
SELECT id, 'telegram', id::text, jsonb_build_object('chat_id', id) FROM usr_users
ON CONFLICT DO NOTHING
"""
SCHEDULES = """
INSERT INTO job_schedules (user_id, name, job_type, cron, timezone, next_run_at, catch_up, overlap)
SELECT (SELECT min(id) FROM usr_users) + n / 2, 'Job ' || n, 'bench.noop',
    (%(crons)s::text[])[1 + n / 10 %% 10], (%(zones)s::text[])[1 + n / 100 %% 5],
    now() + make_interval(hours => 24, secs => (n::bigint * 7919 %% 86400)), 'latest', 'skip'
FROM generate_series(%(first)s, %(last)s) AS n
"""
DUE = """
UPDATE job_schedules SET next_run_at = %(at)s, last_planned_for = NULL, consecutive_failures = 0
WHERE id IN (SELECT id FROM job_schedules WHERE id %% %(step)s = 0 ORDER BY id LIMIT %(count)s)
"""

FOLLOW = """
UPDATE job_schedules s SET last_planned_for = NULL,
    next_run_at = date_trunc('second', now()) + make_interval(secs => 1 + g.place)
FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM job_schedules WHERE id %% 2 = 0 ORDER BY id
      LIMIT %(count)s) AS g
WHERE s.id = g.id
"""

KNOWN = """
INSERT INTO market_sessions (exchange, session_date, opens_at, closes_at)
SELECT name, current_date + 330, now() + interval '330 days', now() + interval '330 days 8 hours'
FROM unnest(%(exchanges)s::text[]) AS name ON CONFLICT DO NOTHING
"""
"""So that no worker is busy with learning the sessions of a year."""


def fill(house: House, schedules: int) -> None:
    """Let there be so many schedules, two for each person, none of them due today."""
    connection = house.master()
    with connection.cursor() as cursor:
        there = int(_one(cursor, "SELECT count(*) FROM job_schedules"))
        people = int(_one(cursor, "SELECT count(*) FROM usr_users"))
        wanted = schedules // 2 + 1
        if people < wanted:
            cursor.execute(PEOPLE, {"first": people, "last": wanted - 1})
            cursor.execute(CHATS)
        given = {"crons": list(CRONS), "zones": list(ZONES), "first": there, "last": schedules - 1}
        if there < schedules:
            cursor.execute(SCHEDULES, given)
        cursor.execute(KNOWN, {"exchanges": list(EXCHANGES)})
        cursor.execute("VACUUM (ANALYZE) job_schedules")
        cursor.execute("VACUUM (ANALYZE) usr_users")
        cursor.execute("VACUUM (ANALYZE) usr_auth_identities")
        cursor.execute("CHECKPOINT")
    connection.close()


def clear(house: House) -> None:
    """No runs, no messages, nothing due, nothing in the queues."""
    connection = house.master()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE job_schedule_runs, msg_messages CASCADE")
        cursor.execute("UPDATE job_schedules SET next_run_at = now() + interval '30 hours' "
                       "WHERE next_run_at < now() + interval '20 hours'")  # fmt: skip
        cursor.execute("VACUUM job_schedules")
    connection.close()
    client = house.valkey()
    client.flushall()
    client.close()


def let_be_due(house: House, schedules: int, count: int, ahead: float = 3.0) -> datetime:
    """Let `count` of the schedules, each of another person, be due at one instant to come; that instant."""
    connection = house.master()
    with connection.cursor() as cursor:
        far = _one(cursor, "SELECT now() + interval '20 hours'")
        given: dict[str, Any] = {"step": max(schedules // count, 1), "count": count}
        cursor.execute(DUE, given | {"at": far})  # the slow part, before the instant is chosen
        cursor.execute("VACUUM job_schedules")
        at: datetime = _one(cursor, "SELECT date_trunc('second', now())") + timedelta(seconds=ahead)
        cursor.execute(
            "UPDATE job_schedules SET next_run_at = %(at)s WHERE next_run_at = %(far)s", {"at": at, "far": far}
        )
        cursor.execute("ANALYZE job_schedules")
        cursor.execute("SELECT pg_notify('openbell_runs', '')")
    connection.close()
    if time.time() > at.timestamp() - 0.2:
        return let_be_due(house, schedules, count, ahead * 2)
    return at


def let_follow(house: House, count: int) -> None:
    """Let `count` schedules, each of another person, be due one after the other, a second apart."""
    connection = house.master()
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, {"count": count})
        cursor.execute("SELECT pg_notify('openbell_runs', '')")
    connection.close()


def _one(cursor: Any, statement: str) -> Any:
    cursor.execute(statement)
    return cursor.fetchone()[0]
