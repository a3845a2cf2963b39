"""The bare floor: one select, one insert, one update and one pipeline for a thousand schedules, and nothing else.

No policies, no quotas, no snapshot, no history to index: what any scheduler on this stack must do at least. Next times
come from croniter through a memo, as ours do.
"""

import json
import time
import uuid
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import redis
from croniter import croniter
from psycopg2.extras import execute_values

from bench.house import House
from bench.rows import CRONS, ZONES

BATCH = 1000
QUEUE = "openbell_floor"
TABLES = """
DROP TABLE IF EXISTS floor_runs, floor_schedules;
CREATE TABLE floor_schedules (id bigint PRIMARY KEY, cron text, timezone text, next_run_at timestamptz,
    enabled boolean DEFAULT true, params jsonb DEFAULT '{}');
CREATE TABLE floor_runs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job_id bigint, scheduled_for timestamptz,
    status text, UNIQUE (job_id, scheduled_for));
"""
FILL = """
INSERT INTO floor_schedules (id, cron, timezone, next_run_at)
SELECT n, (%(crons)s::text[])[1 + n / 10 %% 10], (%(zones)s::text[])[1 + n / 100 %% 5],
    now() + make_interval(hours => 24, secs => (n::bigint * 7919 %% 86400))
FROM generate_series(0, %(last)s) AS n
"""
SELECT = """
SELECT id, cron, timezone, next_run_at FROM floor_schedules WHERE enabled AND next_run_at <= now()
ORDER BY next_run_at LIMIT %s FOR UPDATE SKIP LOCKED
"""


def fill(house: House, schedules: int) -> None:
    """The floor's own tables, as many rows as the others have."""
    connection = house.master()
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.execute(FILL, {"crons": list(CRONS), "zones": list(ZONES), "last": schedules - 1})
        cursor.execute("CREATE INDEX ON floor_schedules (next_run_at) WHERE enabled")
        cursor.execute("VACUUM (ANALYZE) floor_schedules")
    connection.close()


def let_be_due(house: House, schedules: int, count: int, at: float) -> None:
    """Let `count` of them be due at `at`, seconds of the epoch, and none of the others."""
    connection = house.master()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE floor_runs")
        cursor.execute(
            "UPDATE floor_schedules SET next_run_at = to_timestamp(%s) WHERE id %% %s = 0 AND id < %s",
            (at, schedules // count, schedules // count * count),
        )
        cursor.execute("VACUUM floor_schedules")
    connection.close()


def dispatch(database_url: str, redis_url: str, count: int, ready: Any, at: Any) -> None:
    """Wait for the instant that comes through `at`, then plan and ring until `count` are rung."""
    connection = psycopg2.connect(database_url)
    client = redis.Redis.from_url(redis_url)
    memo: dict[tuple[str, str, float], datetime] = {}
    ready.set()
    time.sleep(max(at.recv() - time.time(), 0))
    done = 0
    while done < count:
        done += _batch(connection, client, memo)


def _batch(connection: Any, client: redis.Redis, memo: dict[tuple[str, str, float], datetime]) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute(SELECT, (BATCH,))
        due = cursor.fetchall()
        if not due:
            return 0
        following = [(row[0], _next(memo, *row[1:])) for row in due]
        made = execute_values(
            cursor,
            "INSERT INTO floor_runs (job_id, scheduled_for, status) VALUES %s ON CONFLICT DO NOTHING RETURNING id",
            [(row[0], row[3], "enqueued") for row in due],
            page_size=BATCH,
            fetch=True,
        )
        execute_values(
            cursor,
            "UPDATE floor_schedules s SET next_run_at = g.at FROM (VALUES %s) AS g (id, at) WHERE s.id = g.id",
            following,
            page_size=BATCH,
        )
    pipeline = client.pipeline(transaction=False)
    messages = {str(uuid.uuid4()): run_id for (run_id,) in made}
    pipeline.hset(f"dramatiq:{QUEUE}.msgs", mapping={name: _message(name, run) for name, run in messages.items()})
    pipeline.rpush(f"dramatiq:{QUEUE}", *messages)
    pipeline.execute()
    return len(due)


def _next(memo: dict[tuple[str, str, float], datetime], cron: str, zone: str, at: datetime) -> datetime:
    key = (cron, zone, at.timestamp())
    if key not in memo:
        memo[key] = croniter(cron, at.astimezone(ZoneInfo(zone))).get_next(datetime)
    return memo[key]


def _message(name: str, run_id: int) -> str:
    return json.dumps(
        {
            "queue_name": QUEUE, "actor_name": "noop", "args": [run_id], "kwargs": {},
            "options": {"redis_message_id": name}, "message_id": name, "message_timestamp": int(time.time() * 1000),
        },
        separators=(",", ":"),
    )  # fmt: skip
