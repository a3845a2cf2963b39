"""Schedules and their runs: the rows are the truth, a bell only says that there is something to do."""

from collections.abc import Iterable, Sequence
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
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from db.repository import Base, BaseRepository, Created, Id
from domain.cron import Cron
from domain.ids import RunId, ScheduleId, UserId
from domain.runs import TRANSITIONS, ClaimedRun, Run, RunStatus, Trigger
from domain.schedules import JobType, Schedule

_JOB_TYPES = ", ".join(f"'{kind}'" for kind in JobType)
_STATUSES = ", ".join(f"'{status}'" for status in RunStatus)
_TRIGGERS = ", ".join(f"'{trigger}'" for trigger in Trigger)


class ScheduleRow(Base):
    __tablename__ = "job_schedules"
    __table_args__ = (
        CheckConstraint(f"job_type IN ({_JOB_TYPES})", name="ck_schedules_job_type"),
        CheckConstraint("max_retries BETWEEN 0 AND 20", name="ck_schedules_max_retries"),
        CheckConstraint("timeout_s BETWEEN 1 AND 86400", name="ck_schedules_timeout_s"),
        Index("ux_schedules_user_name", "user_id", text("lower(name)"), unique=True,
              postgresql_where=text("deleted_at IS NULL")),
        Index("idx_schedules_enabled", "enabled"),
        Index("idx_schedules_next_run_at", "next_run_at", postgresql_where=text("enabled AND deleted_at IS NULL")),
        {"comment": "What people scheduled; next_run_at is the cursor, moved from due time to due time."},
    )  # fmt: skip

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    job_type: Mapped[str] = mapped_column(String(32))
    target: Mapped[str | None] = mapped_column(String(255), comment="What the job is about: a symbol, a screener")
    task_params: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    cron: Mapped[str] = mapped_column(String(100))
    timezone: Mapped[str] = mapped_column(Text, comment="IANA name of the zone that cron is read in")
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    next_run_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    catch_up_window_s: Mapped[int] = mapped_column(
        Integer, server_default=text("3600"), comment="A due time older than this is recorded as skipped"
    )
    max_retries: Mapped[int] = mapped_column(SmallInteger, server_default=text("2"))
    timeout_s: Mapped[int] = mapped_column(Integer, server_default=text("120"))
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    consecutive_failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy's own form

    def view(self) -> Schedule:
        return Schedule(
            id=ScheduleId(self.id),
            user_id=UserId(self.user_id),
            name=self.name,
            job_type=JobType(self.job_type),
            params=self.task_params,
            cron=Cron(self.cron),
            timezone=self.timezone,
            enabled=self.enabled,
            next_run_at=self.next_run_at,
            last_run_at=self.last_run_at,
            consecutive_failures=self.consecutive_failures,
        )

    def snapshot(self) -> dict[str, Any]:
        """The schedule as it is now, for a run to keep."""
        return {
            "name": self.name,
            "target": self.target,
            "task_params": self.task_params,
            "cron": self.cron,
            "timezone": self.timezone,
            "max_retries": self.max_retries,
            "timeout_s": self.timeout_s,
        }


class RunRow(Base):
    __tablename__ = "job_schedule_runs"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="ck_runs_status"),
        CheckConstraint(f'"trigger" IN ({_TRIGGERS})', name="ck_runs_trigger"),
        Index("ux_runs_job_scheduled_for", "job_id", "scheduled_for", unique=True),
        Index("ix_runs_user_id", "user_id", "id"),
        Index("ix_runs_waiting", "not_before", postgresql_where=text("status IN ('planned', 'enqueued')")),
        Index("ix_runs_leases", "lease_until", postgresql_where=text("status = 'running'")),
        {
            "comment": "One row for every due time, and what became of it.",
            "postgresql_partition_by": "RANGE (scheduled_for)",
        },
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    scheduled_for: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    job_type: Mapped[str] = mapped_column(Text)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job_schedules.id", ondelete="SET NULL"))
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
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

    def view(self) -> Run:
        return Run(
            id=RunId(self.id),
            schedule_id=ScheduleId(self.job_id) if self.job_id is not None else None,
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
        )


def _sources(target: RunStatus) -> list[str]:
    """The states from which a run may become `target`: every UPDATE below takes its condition from the one table."""
    return [status.value for status, targets in TRANSITIONS.items() if target in targets]


def _seconds(duration: timedelta) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, duration.total_seconds())


class JobsRepo(BaseRepository[ScheduleRow]):
    model = ScheduleRow

    # what a person asks

    def live(self, schedule_id: int, *, lock: bool = False) -> ScheduleRow | None:
        found = select(ScheduleRow).where(ScheduleRow.id == schedule_id, ScheduleRow.deleted_at.is_(None))
        return self.session.scalar(found.with_for_update() if lock else found)

    def all_live(self, *, after: int = 0, limit: int = 8) -> list[ScheduleRow]:
        """A page of live schedules by their number."""
        page = select(ScheduleRow).where(ScheduleRow.deleted_at.is_(None), ScheduleRow.id > after)
        return list(self.session.scalars(page.order_by(ScheduleRow.id).limit(limit)))

    def count_live(self) -> int:
        return int(self.session.scalar(select(func.count()).where(ScheduleRow.deleted_at.is_(None))) or 0)

    def name_taken(self, name: str) -> bool:
        named = select(ScheduleRow.id).where(
            func.lower(ScheduleRow.name) == name.lower(), ScheduleRow.deleted_at.is_(None)
        )
        return self.session.scalar(named) is not None

    def coming(self, limit: int) -> list[ScheduleRow]:
        """The schedules whose next run comes first."""
        next_first = select(ScheduleRow).where(
            ScheduleRow.enabled, ScheduleRow.deleted_at.is_(None), ScheduleRow.next_run_at.is_not(None)
        )
        return list(self.session.scalars(next_first.order_by(ScheduleRow.next_run_at).limit(limit)))

    def history(self, *, schedule_id: int | None = None, before: int | None = None, limit: int = 8) -> list[RunRow]:
        """A page of runs, newest first, older than run `before`."""
        page = select(RunRow)
        if schedule_id is not None:
            page = page.where(RunRow.job_id == schedule_id)
        if before is not None:
            page = page.where(RunRow.id < before)
        return list(self.session.scalars(page.order_by(RunRow.id.desc()).limit(limit)))

    def run(self, run_id: int) -> RunRow | None:
        return self.session.scalar(select(RunRow).where(RunRow.id == run_id))

    def add_run(self, **values: Any) -> RunRow:
        row = RunRow(**values)
        self.session.add(row)
        self.session.flush()
        self.wake("runs")
        return row

    def active_run(self, schedule_id: int) -> RunRow | None:
        """A run of this schedule that has not come to its end."""
        active = [status.value for status in TRANSITIONS]
        return self.session.scalar(
            select(RunRow).where(RunRow.job_id == schedule_id, RunRow.status.in_(active)).limit(1)
        )

    # what the scheduler asks

    def due(self, limit: int) -> list[ScheduleRow]:
        """Schedules that are due by the database's clock, locked; those another scheduler holds are left to it."""
        due = select(ScheduleRow).where(
            ScheduleRow.enabled, ScheduleRow.deleted_at.is_(None), ScheduleRow.next_run_at <= func.now()
        )
        return list(
            self.session.scalars(due.order_by(ScheduleRow.next_run_at).limit(limit).with_for_update(skip_locked=True))
        )

    def plan(self, rows: Sequence[dict[str, Any]]) -> int:
        """Insert runs; one that stands already (same schedule, same due time) stays as it is."""
        if not rows:
            return 0
        planned = self.session.execute(
            insert(RunRow).on_conflict_do_nothing(index_elements=["job_id", "scheduled_for"]).returning(RunRow.id),
            list(rows),
        )
        return len(planned.all())

    def ring(self, limit: int, again_after: timedelta, at_once: int) -> list[tuple[int, int, str]]:
        """Mark runs that may start as enqueued: (id, attempt, job type). Rung again when nobody started them.

        A user's runs beyond `at_once` wait, so that one person's hundred do not starve the others.
        """
        stale = RunRow.enqueued_at < func.now() - _seconds(again_after)
        order = (RunRow.priority.desc(), RunRow.not_before, RunRow.id)
        waits = (RunRow.status == "planned") | ((RunRow.status == "enqueued") & stale)
        turn = (
            select(RunRow.id, func.row_number().over(partition_by=RunRow.user_id, order_by=order).label("number"))
            .where(RunRow.not_before <= func.now(), waits)
            .subquery()
        )
        other = aliased(RunRow)
        fresh = (other.status == "enqueued") & (other.enqueued_at >= func.now() - _seconds(again_after))
        busy = (
            select(func.count())
            .where(other.user_id == RunRow.user_id, (other.status == "running") | fresh)
            .scalar_subquery()
        )
        ready = (
            select(RunRow.id, RunRow.scheduled_for)
            .join(turn, turn.c.id == RunRow.id)
            .where(waits, turn.c.number + busy <= at_once)
            .order_by(*order)
            .limit(limit)
            .with_for_update(of=RunRow, skip_locked=True)
        )
        rung = self.session.execute(
            update(RunRow)
            .where(tuple_(RunRow.id, RunRow.scheduled_for).in_(ready))
            .where(RunRow.status.in_(_sources(RunStatus.ENQUEUED)))
            .values(status=RunStatus.ENQUEUED, enqueued_at=func.now())
            .returning(RunRow.id, RunRow.attempt, RunRow.job_type)
            .execution_options(synchronize_session=False)
        )
        return [(row.id, row.attempt, row.job_type) for row in rung]

    def ring_again_in(self, wait: timedelta, run_ids: Sequence[int], again_after: timedelta) -> None:
        """Let these enqueued runs be rung again after `wait` instead of `again_after`."""
        self.session.execute(
            update(RunRow)
            .where(RunRow.id.in_(run_ids), RunRow.status == RunStatus.ENQUEUED)
            .values(enqueued_at=func.now() - _seconds(again_after - wait))
            .execution_options(synchronize_session=False)
        )

    def database_now(self) -> datetime:
        """The instant of this transaction by the database's clock, the only one that decides what is due."""
        return self.session.scalars(select(func.now())).one()

    def seconds_to_next(self) -> float | None:
        """Until the next schedule or waiting run is due, by the database's clock."""
        schedule = select(func.min(ScheduleRow.next_run_at)).where(
            ScheduleRow.enabled, ScheduleRow.deleted_at.is_(None)
        )
        waiting = select(func.min(RunRow.not_before)).where(RunRow.status == "planned")
        nearest = func.least(schedule.scalar_subquery(), waiting.scalar_subquery())
        seconds = self.session.scalar(select(func.extract("epoch", nearest - func.clock_timestamp())))
        return float(seconds) if seconds is not None else None

    def stalled(self, limit: int) -> list[RunRow]:
        """Running runs whose worker let the lease lapse, or whose time limit is over, locked."""
        over = (RunRow.lease_until < func.now()) | (RunRow.deadline_at < func.now())
        return list(
            self.session.scalars(
                select(RunRow).where(RunRow.status == "running", over).limit(limit).with_for_update(skip_locked=True)
            )
        )

    def make_partitions(self) -> None:
        """Make the coming months' partitions, where they are missing."""
        self.session.execute(text("SELECT openbell_make_partitions()"))

    # what a worker asks

    def claim(self, run_id: int, attempt: int, worker_id: str, lease: timedelta) -> ClaimedRun | None:
        """Take a run for this worker; None when there is nothing to take, as a repeated bell finds."""
        timeout = func.make_interval(0, 0, 0, 0, 0, 0, RunRow.job_snapshot["timeout_s"].as_integer())
        claimed = self.session.execute(
            update(RunRow)
            .where(RunRow.id == run_id, RunRow.attempt == attempt)
            .where(RunRow.status.in_(_sources(RunStatus.RUNNING)))
            .values(
                status=RunStatus.RUNNING,
                attempt=RunRow.attempt + 1,
                token=RunRow.token + 1,
                worker_id=worker_id,
                started_at=func.now(),
                heartbeat_at=func.now(),
                lease_until=func.now() + _seconds(lease),
                deadline_at=func.now() + timeout,
            )
            .returning(RunRow)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        return _claimed(claimed) if claimed is not None else None

    def heartbeat(self, held: Iterable[tuple[int, int]], lease: timedelta) -> set[int]:
        """Keep the leases of these (run, token) pairs; the runs that are still ours come back."""
        kept = self.session.execute(
            update(RunRow)
            .where(tuple_(RunRow.id, RunRow.token).in_(list(held)), RunRow.status == RunStatus.RUNNING)
            .values(heartbeat_at=func.now(), lease_until=func.now() + _seconds(lease))
            .returning(RunRow.id)
            .execution_options(synchronize_session=False)
        )
        return {row.id for row in kept}

    def finish(self, run_id: int, token: int, status: RunStatus, **values: Any) -> RunRow | None:
        """Move a run of ours on; None when the token is no longer ours, and then nothing was written."""
        if status is not RunStatus.PLANNED:
            values["finished_at"] = func.now()
        return self.session.execute(
            update(RunRow)
            .where(RunRow.id == run_id, RunRow.token == token, RunRow.status.in_(_sources(status)))
            .values(status=status, lease_until=None, **values)
            .returning(RunRow)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()

    def record_outcome(self, schedule_id: int, *, failed: bool) -> None:
        failures = ScheduleRow.consecutive_failures + 1 if failed else 0
        self.session.execute(
            update(ScheduleRow)
            .where(ScheduleRow.id == schedule_id)
            .values(consecutive_failures=failures, last_run_at=func.now())
            .execution_options(synchronize_session=False)
        )

    def wake(self, channel: str) -> None:
        """Tell whoever listens on `channel`, once this transaction is committed."""
        self.session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": f"openbell_{channel}"})


def _claimed(row: RunRow) -> ClaimedRun:
    snapshot = row.job_snapshot
    if row.deadline_at is None:  # the claim has just set it
        raise AssertionError("a claimed run has a deadline")
    return ClaimedRun(
        id=RunId(row.id),
        scheduled_for=row.scheduled_for,
        token=row.token,
        attempt=row.attempt,
        max_retries=snapshot["max_retries"],
        job_type=row.job_type,
        user_id=UserId(row.user_id),
        schedule_id=ScheduleId(row.job_id) if row.job_id is not None else None,
        name=snapshot["name"],
        params=snapshot["task_params"],
        timezone=snapshot["timezone"],
        trigger=Trigger(row.trigger),
        deadline_at=row.deadline_at,
    )
