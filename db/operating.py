"""What an admin asks of everybody's runs: what goes, what waits, what is late, and which worker has it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

MOST_COUNTED = 10_000

QUEUE = text("""
SELECT r.id, r.status, r.attempt, r.job_snapshot ->> 'name' AS name, r.scheduled_for, r.not_before, r.started_at,
    r.worker_id, u.email AS owner,
    (r.status <> 'running' AND r.attempt = 0 AND r.not_before + make_interval(secs => r.grace_s) < now()) AS late
FROM job_schedule_runs r LEFT JOIN usr_users u ON u.id = r.user_id
WHERE (r.status IN ('enqueued', 'running') OR (r.status = 'planned' AND r.not_before <= now())) AND r.id > :after
ORDER BY r.id LIMIT :limit
""")

COUNTS = text("""
SELECT count(*) FILTER (WHERE status = 'running') AS running, count(*) FILTER (WHERE status <> 'running') AS waiting,
    count(*) FILTER (WHERE late) AS late
FROM (SELECT r.status,
    (r.status <> 'running' AND r.attempt = 0 AND r.not_before + make_interval(secs => r.grace_s) < now()) AS late
    FROM job_schedule_runs r
    WHERE (r.status IN ('enqueued', 'running') OR (r.status = 'planned' AND r.not_before <= now()))
    LIMIT :most) AS under_way
""")

WORKERS = text("""
SELECT coalesce(r.worker_id, '') AS worker_id, extract(epoch FROM now() - max(r.heartbeat_at)) AS silent_s,
    json_agg(json_build_object('id', r.id, 'name', r.job_snapshot ->> 'name', 'owner', u.email,
        'for_s', extract(epoch FROM now() - r.started_at)) ORDER BY r.id) AS runs
FROM (SELECT * FROM job_schedule_runs WHERE status = 'running' ORDER BY id LIMIT :most) AS r
    LEFT JOIN usr_users u ON u.id = r.user_id
GROUP BY r.worker_id ORDER BY r.worker_id
""")


def queue(session: Session, after: int, limit: int) -> Sequence[Any]:
    """A page of the runs of everybody that go or wait, by their number."""
    return session.execute(QUEUE, {"after": after, "limit": limit}).all()


def counts(session: Session) -> tuple[int, int, int]:
    """How many runs go, wait and are late; counting ends at 10,000."""
    row = session.execute(COUNTS, {"most": MOST_COUNTED}).one()
    return row.running, row.waiting, row.late


def workers(session: Session, most: int) -> Sequence[Any]:
    """The workers that hold a run, each with its runs."""
    return session.execute(WORKERS, {"most": most}).all()
