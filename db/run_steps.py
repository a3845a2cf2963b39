"""The statements that carry out the steps of a run's life.

Every conditional UPDATE is made from the step of `domain.runs.STEPS` that it carries out: its guard is the step's
sources, fence and condition, so that the protocol stands in one place.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from db.preferences import SPOKEN
from domain import runs
from domain.runs import STOP_GRACE, Condition, Fence, RunStatus, Step

_FENCES = {Fence.NONE: [], Fence.ATTEMPT: ["r.attempt = given.attempt"], Fence.TOKEN: ["r.token = given.token"]}
CONDITIONS: Mapping[Condition | None, list[str]] = {
    None: [],
    Condition.DUE: ["r.not_before <= now()"],
    Condition.UNANSWERED: [f"r.enqueued_at < now() - interval '{runs.RING_AGAIN.total_seconds()} s'"],
    Condition.LEASE_OVER: ["r.lease_until < now()"],
    Condition.DEADLINE_OVER: [f"r.deadline_at < now() - interval '{STOP_GRACE.total_seconds()} s'"],
}


def guard(step: Step) -> str:
    """What must be true of row `r` for `step` to be written; `given` holds what the writer knew of it."""
    states = ", ".join(f"'{status}'" for status in sorted(step.sources))
    return " AND ".join([f"r.status IN ({states})", *_FENCES[step.fence], *CONDITIONS[step.condition]])


def change(step: Step) -> str:
    """The columns that every carrying-out of `step` sets."""
    changed = [f"status = '{step.target}'"]
    if step.raises_attempt:
        changed.append("attempt = r.attempt + 1")
    if step.raises_token:
        changed.append("token = r.token + 1")
    if step.target in runs.FINAL:
        changed.append("finished_at = now()")
    if step.target is not RunStatus.RUNNING:
        changed.append("lease_until = NULL")
    return ", ".join(changed)


_NOBODY_ELSES_TURN = """(r.overlap NOT IN ('queue_one', 'in_turn') OR NOT EXISTS (
    SELECT FROM job_schedule_runs o WHERE o.job_id = r.job_id AND o.overlap IN ('queue_one', 'in_turn')
        AND o.status = 'running'))"""

_ITS_TURN = """(r.overlap NOT IN ('queue_one', 'in_turn') OR NOT EXISTS (
    SELECT FROM job_schedule_runs o WHERE o.job_id = r.job_id AND o.overlap IN ('queue_one', 'in_turn')
        AND (o.status IN ('enqueued', 'running')
             OR o.status = 'planned' AND (o.scheduled_for, o.id) < (r.scheduled_for, r.id))))"""

START = text(f"""
WITH given AS (SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:attempts AS integer[])) AS g (id, attempt))
UPDATE job_schedule_runs r
SET {change(runs.START)}, worker_id = :worker_id, started_at = now(), heartbeat_at = now(),
    lease_until = now() + make_interval(secs => :lease),
    deadline_at = now() + make_interval(secs => (r.job_snapshot ->> 'timeout_s')::integer)
FROM given WHERE r.id = given.id AND {guard(runs.START)} AND {_NOBODY_ELSES_TURN}
RETURNING r.id, r.scheduled_for, r.token, r.attempt, r.job_type, r.user_id, r.job_id, r."trigger",
    r.started_at, r.deadline_at, r.job_snapshot,
    (SELECT {SPOKEN} FROM usr_users u WHERE u.id = r.user_id) AS locale
""")

KEEP = text(f"""
WITH given AS (SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS bigint[])) AS g (id, token))
UPDATE job_schedule_runs r
SET {change(runs.KEEP)}, heartbeat_at = now(), lease_until = now() + make_interval(secs => :lease)
FROM given WHERE r.id = given.id AND {guard(runs.KEEP)}
RETURNING r.id
""")

SUCCEED = text(f"""
WITH given AS (SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:due AS timestamptz[]), CAST(:tokens AS bigint[]),
    CAST(:results AS text[])) AS g (id, scheduled_for, token, result))
UPDATE job_schedule_runs r
SET {change(runs.SUCCEED)}, result = CAST(given.result AS jsonb), error = NULL
FROM given WHERE r.id = given.id AND r.scheduled_for = given.scheduled_for AND {guard(runs.SUCCEED)}
RETURNING r.id
""")


def _moving(step: Step) -> Any:
    """One run moved on by its holder or its rescuer, with the reason and what is to be remembered of the attempt."""
    return text(f"""
    WITH given AS (SELECT CAST(:id AS bigint) AS id, CAST(:token AS bigint) AS token)
    UPDATE job_schedule_runs r
    SET {change(step)}, error = :error, events = r.events || CAST(:event AS jsonb),
        not_before = coalesce(now() + make_interval(secs => :after), r.not_before)
    FROM given WHERE r.id = given.id AND {guard(step)}
    RETURNING r.id
    """)


MOVES = {step.name: _moving(step) for step in runs.STEPS if step.fence is Fence.TOKEN and step not in
         (runs.KEEP, runs.SUCCEED)}  # fmt: skip

CANCEL = text(f"""
UPDATE job_schedule_runs r
SET {change(runs.CANCEL)}, error = :error, events = r.events || CAST(:event AS jsonb)
WHERE r.id = :id AND {guard(runs.CANCEL)}
RETURNING r.id
""")

RING_ONCE_MORE = text(f"""
WITH given AS (
    SELECT r.id, r.scheduled_for FROM job_schedule_runs r WHERE {guard(runs.RING_ONCE_MORE)}
    ORDER BY r.enqueued_at LIMIT :limit FOR UPDATE SKIP LOCKED)
UPDATE job_schedule_runs r
SET {change(runs.RING_ONCE_MORE)}, enqueued_at = now(), events = r.events || CAST(:event AS jsonb)
FROM given WHERE r.id = given.id AND r.scheduled_for = given.scheduled_for AND {guard(runs.RING_ONCE_MORE)}
RETURNING r.id, r.attempt, r.job_type
""")

# The users who have something waiting are walked along the index, one probe each; of each as many as they may start.
ENQUEUE = text(f"""
WITH RECURSIVE waiting AS (
    (SELECT user_id FROM job_schedule_runs WHERE status = 'planned' AND user_id IS NOT NULL ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.user_id FROM job_schedule_runs r WHERE r.status = 'planned' AND r.user_id > waiting.user_id
            ORDER BY r.user_id LIMIT 1)
    FROM waiting WHERE waiting.user_id IS NOT NULL),
may_start AS (
    SELECT one.id, one.scheduled_for FROM waiting CROSS JOIN LATERAL (
        SELECT r.id, r.scheduled_for, r.priority, r.not_before FROM job_schedule_runs r
        WHERE r.user_id = waiting.user_id AND {guard(runs.ENQUEUE)} AND {_ITS_TURN}
        ORDER BY r.priority DESC, r.not_before, r.id
        LIMIT greatest(:at_once - (SELECT count(*) FROM job_schedule_runs b WHERE b.user_id = waiting.user_id
                                   AND b.status IN ('enqueued', 'running')), 0)) AS one
    UNION ALL
    (SELECT r.id, r.scheduled_for FROM job_schedule_runs r WHERE r.user_id IS NULL AND {guard(runs.ENQUEUE)}
     ORDER BY r.not_before LIMIT 10)),
given AS (
    SELECT r.id, r.scheduled_for FROM job_schedule_runs r JOIN may_start USING (id, scheduled_for)
    WHERE {guard(runs.ENQUEUE)} LIMIT :limit FOR UPDATE OF r SKIP LOCKED)
UPDATE job_schedule_runs r
SET {change(runs.ENQUEUE)}, enqueued_at = now()
FROM given WHERE r.id = given.id AND r.scheduled_for = given.scheduled_for AND {guard(runs.ENQUEUE)}
RETURNING r.id, r.attempt, r.job_type
""")
