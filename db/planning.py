"""What the scheduler asks of the database: what is due, what to plan, whom to tell, and when to look again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.prepared import execute_prepared
from db.repository import Base
from domain import runs
from domain.runs import RunStatus


class LeaseRow(Base):
    __tablename__ = "job_scheduler_leases"
    __table_args__ = (
        {"comment": "Which scheduler does the work at present; it saves work, the unique keys keep it right."},
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    holder: Mapped[UUID] = mapped_column(Uuid)
    term: Mapped[int] = mapped_column(BigInteger)
    lease_until: Mapped[datetime]


DUE = text("""
SELECT s.id, s.user_id, s.job_type, s.cron, s.timezone, s.calendar, s.hours_only, s.jitter_s, s.starts_at, s.ends_at,
    s.next_run_at, s.catch_up, s.catch_up_window_s, s.overlap, s.last_planned_for, u.role,
    u.is_active AND u.verified_at IS NOT NULL AS owner_active
FROM job_schedules s JOIN usr_users u ON u.id = s.user_id
WHERE s.enabled AND s.deleted_at IS NULL AND s.next_run_at <= now()
    AND s.user_id % CAST(:shares AS bigint) = :share
ORDER BY s.next_run_at LIMIT :limit FOR UPDATE OF s SKIP LOCKED
""")

BUSY = text("""
SELECT user_id, count(*) AS runs FROM job_schedule_runs
WHERE user_id = ANY(CAST(:users AS bigint[])) AND status IN ('enqueued', 'running') GROUP BY user_id
""")

# Each half matches a partial index; the schedules are locked, so that nobody else plans for them meanwhile.
ACTIVE = text("""
SELECT job_id, status, attempt FROM job_schedule_runs
WHERE job_id = ANY(CAST(:jobs AS bigint[])) AND overlap = 'skip' AND status IN ('planned', 'enqueued', 'running')
UNION ALL
SELECT job_id, status, attempt FROM job_schedule_runs
WHERE job_id = ANY(CAST(:jobs AS bigint[])) AND overlap IN ('queue_one', 'in_turn')
    AND status IN ('planned', 'enqueued', 'running')
""")

PLAN = text("""
WITH given AS (SELECT * FROM unnest(
        CAST(:job_id AS bigint[]), CAST(:scheduled_for AS timestamptz[]), CAST(:not_before AS timestamptz[]),
        CAST(:local_slot AS text[]), CAST(:status AS text[]), CAST(:trigger AS text[]), CAST(:overlap AS text[]),
        CAST(:skip_reason AS text[]), CAST(:error AS text[]), CAST(:covers_until AS timestamptz[]),
        CAST(:notice AS text[]))
    AS g (job_id, scheduled_for, not_before, local_slot, status, trigger, overlap, skip_reason, error, covers_until,
          notice))
INSERT INTO job_schedule_runs (job_id, user_id, job_type, scheduled_for, not_before, local_slot, status, "trigger",
    overlap, priority, grace_s, enqueued_at, finished_at, skip_reason, error, covers_until, notice, job_snapshot)
SELECT s.id, s.user_id, s.job_type, g.scheduled_for, g.not_before, g.local_slot, g.status, g.trigger, g.overlap,
    s.priority, s.grace_s, CASE WHEN g.status = 'enqueued' THEN now() END,
    CASE WHEN g.status = 'skipped' THEN now() END, g.skip_reason, g.error, g.covers_until, g.notice,
    jsonb_build_object('name', s.name, 'target', s.target, 'task_params', s.task_params, 'cron', s.cron,
        'timezone', s.timezone, 'calendar', s.calendar, 'max_retries', s.max_retries, 'timeout_s', s.timeout_s,
        'repeatable', s.repeatable, 'starts_at', s.starts_at, 'ends_at', s.ends_at)
FROM given g JOIN job_schedules s ON s.id = g.job_id
ON CONFLICT DO NOTHING
RETURNING id, job_id, scheduled_for, status, job_type
""")

STANDING = text("""
SELECT g.job_id, g.scheduled_for FROM unnest(CAST(:job_id AS bigint[]), CAST(:scheduled_for AS timestamptz[]),
    CAST(:local_slot AS text[])) AS g (job_id, scheduled_for, local_slot)
WHERE EXISTS (SELECT FROM job_schedule_runs r WHERE r.job_id = g.job_id
    AND (r.scheduled_for = g.scheduled_for OR r.local_slot = g.local_slot))
""")

MOVE_CURSORS = text("""
UPDATE job_schedules s
SET next_run_at = g.next_run_at, last_planned_for = coalesce(g.planned, s.last_planned_for)
FROM unnest(CAST(:ids AS bigint[]), CAST(:next AS timestamptz[]), CAST(:planned AS timestamptz[]))
    AS g (id, next_run_at, planned)
WHERE s.id = g.id
""")

NEXT = text("""
SELECT extract(epoch FROM least(
    (SELECT min(next_run_at) FROM job_schedules WHERE enabled AND deleted_at IS NULL),
    (SELECT min(not_before) FROM job_schedule_runs WHERE status = 'planned' AND not_before > now()),
    (SELECT min(enqueued_at) FROM job_schedule_runs WHERE status = 'enqueued') + make_interval(secs => :again_after)
) - clock_timestamp())
""")

LATE = text("""
UPDATE job_schedule_runs r SET late_told = true
WHERE (r.id, r.scheduled_for) IN (
    SELECT id, scheduled_for FROM job_schedule_runs
    WHERE status IN ('planned', 'enqueued') AND NOT late_told AND attempt = 0 AND user_id IS NOT NULL
        AND overlap <> 'in_turn' AND not_before + make_interval(secs => grace_s) < now()
    ORDER BY user_id, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    AND r.status IN ('planned', 'enqueued')
RETURNING r.id, r.user_id, r.job_id, r.job_snapshot ->> 'name' AS name, r.scheduled_for, r.status, r.grace_s,
    r.job_snapshot ->> 'timezone' AS timezone,
    (SELECT count(*) FROM job_schedule_runs b WHERE b.user_id = r.user_id AND b.status = 'running') AS running
""")

MISSED = text("""
UPDATE job_schedule_runs r SET notice = NULL
WHERE r.notice IS NOT NULL AND r.user_id IN (
    SELECT DISTINCT user_id FROM job_schedule_runs WHERE notice IS NOT NULL ORDER BY user_id LIMIT :users)
RETURNING r.id, r.user_id, r.job_id, r.job_snapshot ->> 'name' AS name, r.scheduled_for, r.status, r.covers_until
""")

LEASE = text("""
INSERT INTO job_scheduler_leases AS l (name, holder, term, lease_until)
VALUES ('scheduler', CAST(:holder AS uuid), 1, now() + make_interval(secs => :seconds))
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, lease_until = excluded.lease_until,
    term = l.term + CASE WHEN l.holder = excluded.holder AND l.term = :term THEN 0 ELSE 1 END
WHERE l.lease_until < now() OR (l.holder = excluded.holder AND l.term = :term)
RETURNING term
""")


@dataclass
class PlannedRows:
    """Rows to be planned, as columns, the way one statement takes them all."""

    job_id: list[int] = field(default_factory=list)
    scheduled_for: list[datetime] = field(default_factory=list)
    not_before: list[datetime] = field(default_factory=list)
    local_slot: list[str | None] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    trigger: list[str] = field(default_factory=list)
    overlap: list[str] = field(default_factory=list)
    skip_reason: list[str | None] = field(default_factory=list)
    error: list[str | None] = field(default_factory=list)
    covers_until: list[datetime | None] = field(default_factory=list)
    notice: list[str | None] = field(default_factory=list)

    def add(self, **row: Any) -> None:
        """One more row; what is not named is null."""
        for name, column in vars(self).items():
            column.append(row.get(name))

    def __len__(self) -> int:
        return len(self.job_id)


class PlanningRepo:
    """The scheduler's questions; every decision about time is made by the database's clock."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def database_now(self) -> datetime:
        """The instant of this transaction by the database's clock, the only one that decides what is due."""
        found: datetime = self.session.execute(text("SELECT now()")).scalar_one()
        return found

    def due(self, limit: int, share: int = 0, shares: int = 1) -> Sequence[Any]:
        """Schedules that are due by the database's clock, locked; those another scheduler holds are left to it.

        With several `shares`, only those of one share of the people: nobody is in two of them.
        """
        return execute_prepared(self.session, DUE, {"limit": limit, "share": share, "shares": shares}).all()

    def busy(self, user_ids: Sequence[int]) -> dict[int, int]:
        """How many runs each of these people has enqueued or running."""
        return {row.user_id: row.runs for row in execute_prepared(self.session, BUSY, {"users": list(user_ids)})}

    def active(self, job_ids: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
        """The runs of these locked schedules that are not over: (status, attempt)."""
        found: dict[int, list[tuple[str, int]]] = {}
        for row in execute_prepared(self.session, ACTIVE, {"jobs": list(job_ids)}):
            found.setdefault(row.job_id, []).append((row.status, row.attempt))
        return found

    def plan(self, rows: PlannedRows) -> list[tuple[int, str]]:
        """Insert runs and give back (id, job type) of those to ring.

        A row that stands already (same due time, or same wall-clock slot) stays as it is. One that only an overlap
        rule kept out is recorded as skipped for it, so that no due time is without its row.
        """
        if not len(rows):
            return []
        made = execute_prepared(self.session, PLAN, vars(rows)).all()
        if len(made) < len(rows):
            self._record_collisions(rows, {(row.job_id, row.scheduled_for) for row in made})
        return [(row.id, row.job_type) for row in made if row.status == RunStatus.ENQUEUED]

    def _record_collisions(self, rows: PlannedRows, made: set[tuple[int, datetime]]) -> None:
        slots = {"job_id": rows.job_id, "scheduled_for": rows.scheduled_for, "local_slot": rows.local_slot}
        standing = {(row.job_id, row.scheduled_for) for row in self.session.execute(STANDING, slots)}
        left_out = PlannedRows()
        for number, key in enumerate(zip(rows.job_id, rows.scheduled_for, strict=True)):
            if key in made or key in standing:
                continue
            row = {name: column[number] for name, column in vars(rows).items()}
            left_out.add(**(row | {"status": RunStatus.SKIPPED, "skip_reason": runs.SkipReason.OVERLAP}))
        if len(left_out):
            execute_prepared(self.session, PLAN, vars(left_out))

    def move_cursors(self, moved: Sequence[tuple[int, datetime | None, datetime | None]]) -> None:
        """Set (schedule, its next due time, the newest due time that was run)."""
        given = {
            "ids": [schedule_id for schedule_id, _, _ in moved],
            "next": [cursor for _, cursor, _ in moved],
            "planned": [planned for _, _, planned in moved],
        }
        execute_prepared(self.session, MOVE_CURSORS, given)

    def seconds_to_next(self) -> float | None:
        """Until the next schedule or waiting run is due, by the database's clock."""
        seconds = execute_prepared(self.session, NEXT, {"again_after": runs.RING_AGAIN.total_seconds()}).scalar_one()
        return float(seconds) if seconds is not None else None

    def late(self, limit: int) -> Sequence[Any]:
        """Runs that have not started within their grace time and were not told of, marked as told."""
        return execute_prepared(self.session, LATE, {"limit": limit}).all()

    def missed(self, users: int) -> Sequence[Any]:
        """What an outage left out or made late, for as many people, marked as told."""
        return self.session.execute(MISSED, {"users": users}).all()

    def lease(self, holder: UUID, term: int, length: timedelta) -> int | None:
        """Take or renew the scheduler's lease; its term, or None while somebody else holds it."""
        given = {"holder": str(holder), "term": term, "seconds": length.total_seconds()}
        found: int | None = execute_prepared(self.session, LEASE, given).scalar_one_or_none()
        return found

    def release(self, holder: UUID, term: int) -> None:
        """Give the lease back, if it is still this one, and wake whoever waits for it."""
        self.session.execute(
            text("UPDATE job_scheduler_leases SET lease_until = now() - interval '1 s' "
                 "WHERE holder = CAST(:holder AS uuid) AND term = :term"),
            {"holder": str(holder), "term": term},
        )  # fmt: skip
        self.session.execute(text("SELECT pg_notify('openbell_runs', '')"))

    def make_partitions(self) -> None:
        """Make the coming months' partitions, where they are missing."""
        self.session.execute(text("SELECT openbell_make_partitions()"))

    def drop_partitions(self, months_kept: int) -> int:
        """Drop the months of history that lie before the ones to keep; how many that were."""
        return int(self.session.execute(text("SELECT openbell_drop_partitions(:months)"),
                                        {"months": months_kept}).scalar_one())  # fmt: skip
