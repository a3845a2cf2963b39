"""Runs: the rows are the truth, a bell only says that there is something to do.

Every conditional UPDATE is made from the step of `domain.runs.STEPS` that it carries out: its guard is the step's
sources, fence and condition, so that the protocol stands in one place.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from db.preferences import SPOKEN
from db.prepared import execute_prepared
from db.repository import Base, BaseRepository, Created
from domain import runs
from domain.ids import RunId, ScheduleId, UserId
from domain.locales import DEFAULT
from domain.runs import STOP_GRACE, ClaimedRun, Condition, Fence, Overlap, Run, RunStatus, Step, Trigger

_STATUSES = ", ".join(f"'{status}'" for status in RunStatus)
_TRIGGERS = ", ".join(f"'{trigger}'" for trigger in Trigger)
_OVERLAPS = ", ".join(f"'{overlap}'" for overlap in Overlap)


class RunRow(Base):
    __tablename__ = "job_schedule_runs"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="ck_runs_status"),
        CheckConstraint(f'"trigger" IN ({_TRIGGERS})', name="ck_runs_trigger"),
        CheckConstraint(f"overlap IN ({_OVERLAPS})", name="ck_runs_overlap"),
        Index("ux_runs_job_scheduled_for", "job_id", "scheduled_for", unique=True),
        Index("ix_runs_user_id", "user_id", "id"),
        Index("ix_runs_planned", "not_before", postgresql_where=text("status = 'planned'")),
        Index("ix_runs_planned_user", "user_id", "not_before", postgresql_where=text("status = 'planned'")),
        Index("ix_runs_enqueued", "enqueued_at", postgresql_where=text("status = 'enqueued'")),
        Index("ix_runs_busy", "user_id", postgresql_where=text("status IN ('enqueued', 'running')")),
        Index("ix_runs_turns", "job_id", "scheduled_for", postgresql_where=text(
            "overlap IN ('queue_one', 'in_turn') AND status IN ('planned', 'enqueued', 'running')")),
        Index("ix_runs_failed", "user_id", "id", postgresql_where=text(
            "status IN ('failed', 'timed_out', 'unknown')")),
        Index("ix_runs_notice", "user_id", postgresql_where=text("notice IS NOT NULL")),
        Index("ix_runs_leases", "lease_until", postgresql_where=text("status = 'running'")),
        {
            "comment": "One row for every due time, and what became of it.",
            "postgresql_partition_by": "RANGE (scheduled_for)",
        },
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    scheduled_for: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    job_type: Mapped[str] = mapped_column(Text)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job_schedules.id", ondelete="SET NULL"))
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("usr_users.id", ondelete="CASCADE"), comment="Whose it is; null for the platform's own"
    )
    status: Mapped[str] = mapped_column(Text, server_default="planned")
    trigger: Mapped[str] = mapped_column(Text, server_default="cron")
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    enqueued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), comment="Raised by every claim: the fence")
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    job_snapshot: Mapped[dict[str, Any]] = mapped_column(JSONB)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[str | None] = mapped_column(Text)
    skip_reason: Mapped[str | None] = mapped_column(Text)
    worker_id: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[Created]
    local_slot: Mapped[str | None] = mapped_column(
        Text, comment="Wall-clock time and zone of a fixed-time schedule: a fold cannot fire it twice"
    )
    overlap: Mapped[str] = mapped_column(
        Text, server_default=text("'allow'"), comment="The rule by which it shares its schedule with other runs"
    )
    covers_until: Mapped[datetime | None] = mapped_column(
        comment="The last of the missed due times that this one row stands for"
    )
    retry_of: Mapped[int | None] = mapped_column(comment="The run that this one repeats, at somebody's wish")
    events: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB,
        server_default=text("'[]'::jsonb"),
        comment="What is not in the columns: rung again, attempts that failed or were lost, who cancelled it",
    )
    notice: Mapped[str | None] = mapped_column(Text, comment="What its owner is still to be told in a digest")
    late_told: Mapped[bool] = mapped_column(
        Boolean, server_default=text("false"), comment="Whether its owner was told that it did not start in time"
    )
    grace_s: Mapped[int] = mapped_column(Integer, server_default=text("120"))

    def view(self) -> Run:
        return Run(
            id=RunId(self.id),
            schedule_id=ScheduleId(self.job_id) if self.job_id is not None else None,
            user_id=UserId(self.user_id) if self.user_id is not None else None,
            name=self.job_snapshot["name"],
            job_type=self.job_type,
            status=RunStatus(self.status),
            trigger=Trigger(self.trigger),
            scheduled_for=self.scheduled_for,
            started_at=self.started_at,
            finished_at=self.finished_at,
            attempt=self.attempt,
            error=self.error,
            skip_reason=self.skip_reason,
            covers_until=self.covers_until,
        )


# the guards, from the table of steps

_FENCES = {Fence.NONE: [], Fence.ATTEMPT: ["r.attempt = given.attempt"], Fence.TOKEN: ["r.token = given.token"]}
_CONDITIONS: Mapping[Condition | None, list[str]] = {
    None: [],
    Condition.DUE: ["r.not_before <= now()"],
    Condition.UNANSWERED: [f"r.enqueued_at < now() - interval '{runs.RING_AGAIN.total_seconds()} s'"],
    Condition.LEASE_OVER: ["r.lease_until < now()"],
    Condition.DEADLINE_OVER: [f"r.deadline_at < now() - interval '{STOP_GRACE.total_seconds()} s'"],
}


def guard(step: Step) -> str:
    """What must be true of row `r` for `step` to be written; `given` holds what the writer knew of it."""
    states = ", ".join(f"'{status}'" for status in sorted(step.sources))
    return " AND ".join([f"r.status IN ({states})", *_FENCES[step.fence], *_CONDITIONS[step.condition]])


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

UPDATES: Mapping[str, tuple[Step, Any]] = {
    step.name: (step, statement)
    for step, statement in (
        (runs.START, START), (runs.KEEP, KEEP), (runs.SUCCEED, SUCCEED), (runs.CANCEL, CANCEL),
        (runs.RING_ONCE_MORE, RING_ONCE_MORE), (runs.ENQUEUE, ENQUEUE),
        *((step, MOVES[step.name]) for step in runs.STEPS if step.name in MOVES),
    )
}  # fmt: skip
"""Every statement that changes a run's state, beside the step it carries out."""

WAKE_FOR_WAITING = text("""
SELECT pg_notify('openbell_runs', '') WHERE EXISTS (
    SELECT FROM job_schedule_runs WHERE user_id = ANY(CAST(:users AS bigint[])) AND status = 'planned'
        AND not_before <= now())
""")


@dataclass(frozen=True)
class Stalled:
    """A run whose worker let its lease lapse, or whose time limit is over."""

    id: int
    token: int
    attempt: int
    late: bool
    repeatable: bool
    max_retries: int
    user_id: int | None
    job_id: int | None
    name: str
    worker_id: str | None
    started_at: datetime


class RunsRepo(BaseRepository[RunRow]):
    model = RunRow

    # what a person asks

    def run(self, run_id: int) -> RunRow | None:
        return self.session.scalar(select(RunRow).where(RunRow.id == run_id))

    def history(
        self,
        *,
        schedule_id: int | None = None,
        before: int | None = None,
        limit: int = 8,
        user_id: int | None = None,
        statuses: Sequence[str] = (),
        since: datetime | None = None,
    ) -> list[RunRow]:
        """A page of runs, newest first, older than run `before`; those of one schedule by their due times."""
        page = select(RunRow)
        if user_id is not None:
            page = page.where(RunRow.user_id == user_id)
        if statuses:
            page = page.where(RunRow.status.in_(statuses))
        if since is not None:
            page = page.where(RunRow.scheduled_for >= since)
        if schedule_id is not None:
            page = page.where(RunRow.job_id == schedule_id)
            if before is not None:
                last = select(RunRow.scheduled_for).where(RunRow.id == before).scalar_subquery()
                page = page.where(RunRow.scheduled_for < last)
            return list(self.session.scalars(page.order_by(RunRow.scheduled_for.desc()).limit(limit)))
        if before is not None:
            page = page.where(RunRow.id < before)
        return list(self.session.scalars(page.order_by(RunRow.id.desc()).limit(limit)))

    def add_run(self, **values: Any) -> RunRow:
        row = RunRow(**values)
        self.session.add(row)
        self.session.flush()
        self.session.execute(text("SELECT pg_notify('openbell_runs', '')"))
        return row

    def active_run(self, schedule_id: int, besides: int = 0) -> RunRow | None:
        """The oldest run of this schedule that has not come to its end, but for run `besides`."""
        active = [status.value for status in runs.ACTIVE]
        found = select(RunRow).where(RunRow.job_id == schedule_id, RunRow.status.in_(active), RunRow.id != besides)
        return self.session.scalar(found.order_by(RunRow.scheduled_for).limit(1))

    def told(self, run_id: int) -> list[tuple[MessageRow, DeliveryRow]]:
        """The messages of a run with their deliveries, oldest first."""
        rows = self.session.execute(
            select(MessageRow, DeliveryRow)
            .join(DeliveryRow, DeliveryRow.message_id == MessageRow.id)
            .where(MessageRow.run_id == run_id)
            .order_by(DeliveryRow.id)
        )
        return [(message, delivery) for message, delivery in rows]

    def remember(self, run_id: int, event: Mapping[str, Any]) -> None:
        """Add to what is remembered of a run; its state stays as it is."""
        self.session.execute(
            text("UPDATE job_schedule_runs SET events = events || CAST(:event AS jsonb) WHERE id = :id"),
            {"id": run_id, "event": as_json([event])},
        )

    def hurry(self, run_id: int) -> bool:
        """Let a waiting run start now and before all others of its person; False when it waits no more."""
        hurried = self.session.execute(
            text(
                "UPDATE job_schedule_runs SET priority = 9, not_before = least(not_before, now()), enqueued_at = "
                "CASE status WHEN 'enqueued' THEN now() - make_interval(secs => :unanswered) ELSE enqueued_at END "
                "WHERE id = :id AND status IN ('planned', 'enqueued') RETURNING id"
            ),
            {"id": run_id, "unanswered": runs.RING_AGAIN.total_seconds() + 1},
        ).first()
        self.session.execute(text("SELECT pg_notify('openbell_runs', '')"))
        return hurried is not None

    def taken_slots(self, schedule_id: int, start: datetime, end: datetime) -> dict[datetime, RunRow]:
        """The runs of a schedule with due times in [start, end], by due time."""
        found = select(RunRow).where(
            RunRow.job_id == schedule_id, RunRow.scheduled_for >= start, RunRow.scheduled_for <= end
        )
        return {row.scheduled_for: row for row in self.session.scalars(found)}

    def cancel(self, run_id: int, *, error: str, event: Mapping[str, Any]) -> bool:
        """End a run that is not over; False when it is. Its worker, if it has one, is told."""
        done = self.session.execute(CANCEL, {"id": run_id, "error": error, "event": as_json([event])}).first()
        if done is not None:
            self.session.execute(text("SELECT pg_notify('openbell_cancel', ''), pg_notify('openbell_runs', '')"))
        return done is not None

    # what a worker asks

    def start(self, bells: Sequence[tuple[int, int]], worker_id: str, lease: timedelta) -> list[ClaimedRun]:
        """Take these (run, attempt) for this worker; those missing in the answer had nothing to take."""
        given = {
            "ids": [run_id for run_id, _ in bells],
            "attempts": [attempt for _, attempt in bells],
            "worker_id": worker_id,
            "lease": lease.total_seconds(),
        }
        return [_claimed(row) for row in execute_prepared(self.session, START, given)]

    def keep(self, held: Mapping[int, int], lease: timedelta) -> set[int]:
        """Renew the leases of these runs (by their tokens); those no longer ours are missing in the answer."""
        given = {"ids": list(held), "tokens": list(held.values()), "lease": lease.total_seconds()}
        return {row.id for row in execute_prepared(self.session, KEEP, given)}

    def succeed(self, ended: Sequence[tuple[ClaimedRun, str]]) -> set[int]:
        """Store these results (JSON texts); the runs that were no longer ours are missing in the answer."""
        given = {
            "ids": [claimed.id for claimed, _ in ended],
            "due": [claimed.scheduled_for for claimed, _ in ended],
            "tokens": [claimed.token for claimed, _ in ended],
            "results": [result for _, result in ended],
        }
        return {row.id for row in execute_prepared(self.session, SUCCEED, given)}

    def move(
        self,
        step: Step,
        run_id: int,
        token: int,
        *,
        error: str,
        event: Mapping[str, Any],
        after: timedelta | None = None,
    ) -> bool:
        """Carry out `step`; False when the row is no longer as it must be, and then nothing was written."""
        given = {
            "id": run_id,
            "token": token,
            "error": error,
            "event": as_json([event]),
            "after": after.total_seconds() if after is not None else None,
        }
        return execute_prepared(self.session, MOVES[step.name], given).first() is not None

    def wake_for_waiting(self, user_ids: Sequence[int]) -> None:
        """Wake the scheduler when one of these people has a run that waits for room."""
        if user_ids:
            execute_prepared(self.session, WAKE_FOR_WAITING, {"users": list(user_ids)})

    # what the scheduler asks

    def ring(self, limit: int, at_once: int, event: Mapping[str, Any]) -> list[tuple[int, int, str]]:
        """Mark what may start as enqueued, and what was rung in vain once more: (id, attempt, job type)."""
        again = execute_prepared(self.session, RING_ONCE_MORE, {"limit": limit, "event": as_json([event])}).all()
        fresh = execute_prepared(self.session, ENQUEUE, {"limit": limit, "at_once": at_once}).all()
        return [(row.id, row.attempt, row.job_type) for row in (*again, *fresh)]

    def ring_again_in(self, wait: timedelta, run_ids: Sequence[int]) -> None:
        """Let these enqueued runs be rung again after `wait`, sooner than the others."""
        sooner = (runs.RING_AGAIN - wait).total_seconds()
        self.session.execute(
            text("UPDATE job_schedule_runs SET enqueued_at = now() - make_interval(secs => :sooner) "
                 "WHERE id = ANY(CAST(:ids AS bigint[])) AND status = 'enqueued'"),
            {"sooner": sooner, "ids": list(run_ids)},
        )  # fmt: skip

    def stalled(self, limit: int) -> list[Stalled]:
        """Running runs whose worker let the lease lapse, or whose time limit is over, locked."""
        late = _CONDITIONS[Condition.DEADLINE_OVER][0]
        rows = self.session.execute(
            text(f"""SELECT r.id, r.token, r.attempt, coalesce({late}, false) AS late, r.user_id, r.job_id,
                r.job_snapshot, r.worker_id, r.started_at
            FROM job_schedule_runs r WHERE r.status = 'running' AND (r.lease_until < now() OR {late})
            LIMIT :limit FOR UPDATE SKIP LOCKED"""),  # made of constants
            {"limit": limit},
        )
        return [
            Stalled(
                row.id,
                row.token,
                row.attempt,
                row.late,
                row.job_snapshot.get("repeatable", True),
                row.job_snapshot["max_retries"],
                row.user_id,
                row.job_id,
                row.job_snapshot["name"],
                row.worker_id,
                row.started_at,
            )
            for row in rows
        ]


def as_json(value: Any) -> str:
    """JSON for a column; TypeError for what has none."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _claimed(row: Any) -> ClaimedRun:
    snapshot = row.job_snapshot
    return ClaimedRun(
        id=RunId(row.id),
        scheduled_for=row.scheduled_for,
        token=row.token,
        attempt=row.attempt,
        max_retries=snapshot["max_retries"],
        repeatable=snapshot.get("repeatable", True),
        job_type=row.job_type,
        user_id=UserId(row.user_id) if row.user_id is not None else None,
        schedule_id=ScheduleId(row.job_id) if row.job_id is not None else None,
        name=snapshot["name"],
        params=snapshot["task_params"],
        timezone=snapshot["timezone"],
        locale=row.locale or DEFAULT,
        trigger=Trigger(row.trigger),
        started_at=row.started_at,
        deadline_at=row.deadline_at,
    )
