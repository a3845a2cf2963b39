"""One person's affairs at a glance, in one bounded statement."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

MOST = 1_000

GLANCE = text("""
SELECT
    (SELECT count(*) FROM job_schedules WHERE user_id = :user AND deleted_at IS NULL AND enabled
        AND coalesce(paused_until <= now(), true)) AS active,
    (SELECT count(*) FROM job_schedules WHERE user_id = :user AND deleted_at IS NULL
        AND (NOT enabled OR paused_until > now())) AS paused,
    (SELECT count(*) FROM (SELECT FROM job_schedule_runs
        WHERE user_id = :user AND status IN ('enqueued', 'running') LIMIT :most) AS busy) AS running,
    (SELECT count(*) FROM (SELECT FROM job_schedule_runs
        WHERE user_id = :user AND status = 'planned' AND not_before <= now() LIMIT :most) AS waiting) AS waiting,
    (SELECT count(*) FROM (SELECT finished_at FROM job_schedule_runs
        WHERE user_id = :user AND status IN ('failed', 'timed_out', 'unknown') ORDER BY id DESC LIMIT :most) AS failed
        WHERE finished_at > now() - interval '1 day') AS failed,
    (SELECT count(*) FROM (SELECT FROM msg_delivery_status
        WHERE user_id = :user AND status IN ('queued', 'sending') LIMIT :most) AS unsent) AS unsent,
    next.name AS next_name, next.next_run_at AS next_at
FROM (VALUES (1)) AS one (row) LEFT JOIN LATERAL (
    SELECT name, next_run_at FROM job_schedules
    WHERE user_id = :user AND deleted_at IS NULL AND enabled AND next_run_at IS NOT NULL
    ORDER BY next_run_at LIMIT 1) AS next ON true
""")


@dataclass(frozen=True)
class Glance:
    """How many jobs somebody has, what is under way and what comes next; counts end at 1000."""

    active: int
    paused: int
    running: int
    waiting: int
    failed: int
    """In the last day."""
    unsent: int
    next_name: str | None
    next_at: datetime | None


def glance(session: Session, user_id: int) -> Glance:
    """As of now, of this person."""
    row = session.execute(GLANCE, {"user": user_id, "most": MOST}).one()
    return Glance(**row._mapping)
