"""Many schedules due at one instant: planned by two threads, each once, and nobody beyond two runs at a time."""

from collections.abc import Iterator

import pytest
import redis

from db.engine import Database, role_url
from db.listen import Listener
from db.roles import PLATFORM
from scheduler.dispatch import Dispatch
from scheduler.leader import Leader
from scheduler.loop import BATCH, FIRST_BATCH, Loop
from tests.factories import Rows
from workers.enqueue import Bells

PEOPLE = 600
EACH = 3

MANY_PEOPLE = """
INSERT INTO usr_users (email, role, verified_at)
SELECT 'person' || n || '@example.com', 'admin', now() FROM generate_series(1, :people) AS n
"""
MANY_SCHEDULES = """
INSERT INTO job_schedules (user_id, name, job_type, cron, timezone, next_run_at, overlap, task_params)
SELECT u.id, 'Job ' || n, 'report', '*/5 * * * *', 'Europe/Berlin', date_trunc('minute', now()), 'allow',
    '{"symbol": "GOLD"}'
FROM usr_users u CROSS JOIN generate_series(1, :each) AS n
"""


@pytest.fixture
def loop(house_database: Database, database_url: str, secret_key: str, valkey_url: str) -> Iterator[Loop]:
    bells = Bells(valkey_url)
    listener = Listener(role_url(database_url, PLATFORM, secret_key), "runs")
    yield Loop(house_database, Dispatch(house_database, bells), listener, Leader(house_database), 12)
    listener.close()
    bells.close()


def test_a_burst_is_planned_once_and_within_everybodys_limit(loop: Loop, rows: Rows, valkey_url: str) -> None:
    assert PEOPLE * EACH > FIRST_BATCH + 2 * BATCH  # so that both threads have more than one batch
    rows.execute(MANY_PEOPLE, people=PEOPLE)
    rows.execute(MANY_SCHEDULES, each=EACH)
    assert loop.tick() == 0.0
    [made] = rows.all("SELECT count(*) AS runs, count(DISTINCT job_id) AS jobs FROM job_schedule_runs "
                      "WHERE job_id IS NOT NULL")  # fmt: skip
    assert (made.runs, made.jobs) == (PEOPLE * EACH, PEOPLE * EACH)
    going = rows.all("SELECT user_id, count(*) FILTER (WHERE status = 'enqueued') AS going FROM job_schedule_runs "
                     "WHERE user_id IS NOT NULL GROUP BY user_id")  # fmt: skip
    assert {row.going for row in going} == {2}
    with redis.Redis.from_url(valkey_url) as client:
        assert client.llen("openbell:reports") == 2 * PEOPLE
    [left] = rows.all("SELECT count(*) AS due FROM job_schedules WHERE next_run_at <= now()")
    assert left.due == 0
