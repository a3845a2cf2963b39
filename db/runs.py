"""Runs: the rows are the truth, a bell only says that there is something to do. `db.run_steps` changes their state."""

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

from db import run_steps
from db.deliveries import DeliveryRow
from db.messages import MessageRow
from db.prepared import execute_prepared
from db.repository import Base, BaseRepository, Created
from domain import runs
from domain.ids import RunId, ScheduleId, UserId
from domain.locales import DEFAULT
from domain.runs import ClaimedRun, Condition, Overlap, Run, RunStatus, Step, Trigger

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
        done = self.session.execute(run_steps.CANCEL, {"id": run_id, "error": error, "event": as_json([event])}).first()
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
        return [_claimed(row) for row in execute_prepared(self.session, run_steps.START, given)]

    def keep(self, held: Mapping[int, int], lease: timedelta) -> set[int]:
        """Renew the leases of these runs (by their tokens); those no longer ours are missing in the answer."""
        given = {"ids": list(held), "tokens": list(held.values()), "lease": lease.total_seconds()}
        return {row.id for row in execute_prepared(self.session, run_steps.KEEP, given)}

    def succeed(self, ended: Sequence[tuple[ClaimedRun, str]]) -> set[int]:
        """Store these results (JSON texts); the runs that were no longer ours are missing in the answer."""
        given = {
            "ids": [claimed.id for claimed, _ in ended],
            "due": [claimed.scheduled_for for claimed, _ in ended],
            "tokens": [claimed.token for claimed, _ in ended],
            "results": [result for _, result in ended],
        }
        return {row.id for row in execute_prepared(self.session, run_steps.SUCCEED, given)}

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
        return execute_prepared(self.session, run_steps.MOVES[step.name], given).first() is not None

    def wake_for_waiting(self, user_ids: Sequence[int]) -> None:
        """Wake the scheduler when one of these people has a run that waits for room."""
        if user_ids:
            execute_prepared(self.session, WAKE_FOR_WAITING, {"users": list(user_ids)})

    # what the scheduler asks

    def ring(self, limit: int, at_once: int, event: Mapping[str, Any]) -> list[tuple[int, int, str]]:
        """Mark what may start as enqueued, and what was rung in vain once more: (id, attempt, job type)."""
        rung = {"limit": limit, "event": as_json([event])}
        again = execute_prepared(self.session, run_steps.RING_ONCE_MORE, rung).all()
        fresh = execute_prepared(self.session, run_steps.ENQUEUE, {"limit": limit, "at_once": at_once}).all()
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
        late = run_steps.CONDITIONS[Condition.DEADLINE_OVER][0]
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
