"""Schedules: what people planned, and the cursor that moves from due time to due time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    and_,
    false,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.prepared import execute_prepared
from db.repository import Base, BaseRepository, Created, Id
from domain.ids import ScheduleId, UserId
from domain.job_filters import JobFilter, JobState
from domain.schedules import JOB_TYPE_PATTERN, OWN_JOB_TYPES, CatchUp, Schedule
from domain.timing import Timing

_JOB_TYPES = ", ".join(f"'{kind}'" for kind in OWN_JOB_TYPES)


class ScheduleRow(Base):
    __tablename__ = "job_schedules"
    __table_args__ = (
        CheckConstraint(f"job_type IN ({_JOB_TYPES}) OR job_type ~ '{JOB_TYPE_PATTERN}'", name="ck_schedules_job_type"),
        CheckConstraint("max_retries BETWEEN 0 AND 20", name="ck_schedules_max_retries"),
        CheckConstraint("timeout_s BETWEEN 1 AND 86400", name="ck_schedules_timeout_s"),
        CheckConstraint("catch_up IN ('skip', 'latest', 'all')", name="ck_schedules_catch_up"),
        CheckConstraint("overlap IN ('skip', 'queue_one', 'allow')", name="ck_schedules_overlap"),
        CheckConstraint("jitter_s BETWEEN 0 AND 86400", name="ck_schedules_jitter_s"),
        CheckConstraint("grace_s BETWEEN 10 AND 86400", name="ck_schedules_grace_s"),
        Index("ux_schedules_user_name", "user_id", text("lower(name)"), unique=True,
              postgresql_where=text("deleted_at IS NULL")),
        Index("idx_schedules_enabled", "enabled"),
        Index("idx_schedules_next_run_at", "next_run_at", postgresql_where=text("enabled AND deleted_at IS NULL")),
        Index("ix_schedules_tags", "tags", postgresql_using="gin"),
        Index("ix_schedules_destination_id", "destination_id", postgresql_where=text("destination_id IS NOT NULL")),
        {"comment": "What people scheduled; next_run_at is the cursor, moved from due time to due time.",
         "postgresql_with": {"fillfactor": 85}},
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
    calendar: Mapped[str | None] = mapped_column(
        Text, comment="Exchange on whose session days it runs; null for any day"
    )
    hours_only: Mapped[bool] = mapped_column(
        Boolean, server_default=text("false"), comment="Whether it runs only while that exchange is open"
    )
    catch_up: Mapped[str] = mapped_column(
        Text,
        server_default=text("'latest'"),
        comment="What becomes of due times missed in an outage, inside catch_up_window_s",
    )
    overlap: Mapped[str] = mapped_column(
        Text, server_default=text("'skip'"), comment="What a due time meets while an earlier run is not over"
    )
    jitter_s: Mapped[int] = mapped_column(
        Integer,
        server_default=text("0"),
        comment="A run starts up to this late, by a fixed hash of schedule and due time",
    )
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    grace_s: Mapped[int] = mapped_column(
        Integer, server_default=text("120"), comment="A run that has not started after this is told to its owner"
    )
    repeatable: Mapped[bool] = mapped_column(
        Boolean, server_default=text("true"), comment="Whether an attempt whose outcome is unknown may be repeated"
    )
    last_planned_for: Mapped[datetime | None] = mapped_column(
        comment="The newest due time that was run; a quota counts from it"
    )
    paused_reason: Mapped[str | None] = mapped_column(Text, comment="Why it paused itself; null when a person did")
    failure_told_at: Mapped[datetime | None] = mapped_column(
        comment="When the owner was last told of the present row of failures"
    )

    tags: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Words to find it by, without the #"
    )
    deliver_to: Mapped[list[str] | None] = mapped_column(
        ARRAY(Text), comment="Channels its results go to, all of them; null for what its owner prefers"
    )
    destination_id: Mapped[int | None] = mapped_column(
        ForeignKey("telegram_destinations.id", ondelete="SET NULL", name="fk_schedules_destination"),
        comment="The linked group or topic that its results go to, beside deliver_to",
    )
    paused_until: Mapped[datetime | None] = mapped_column(
        comment="It is planned again from this instant on; its cursor stands behind it already"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy's own form

    @property
    def timing(self) -> Timing:
        return Timing(
            self.cron,
            self.timezone,
            calendar=self.calendar,
            hours_only=self.hours_only,
            jitter_s=self.jitter_s,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            seed=self.id,
        )

    def view(self) -> Schedule:
        return Schedule(
            id=ScheduleId(self.id),
            user_id=UserId(self.user_id),
            name=self.name,
            job_type=self.job_type,
            params=self.task_params,
            timing=self.timing,
            enabled=self.enabled,
            next_run_at=self.next_run_at,
            last_run_at=self.last_run_at,
            consecutive_failures=self.consecutive_failures,
            catch_up=CatchUp(self.catch_up),
            catch_up_window_s=self.catch_up_window_s,
            overlap=self.overlap,
            grace_s=self.grace_s,
            max_retries=self.max_retries,
            timeout_s=self.timeout_s,
            paused_reason=self.paused_reason,
            paused_until=self.paused_until,
            tags=tuple(self.tags or ()),
            deliver_to=tuple(self.deliver_to) if self.deliver_to else None,
            destination_id=self.destination_id,
        )

    def snapshot(self) -> dict[str, Any]:
        """The schedule as it is now, for a run to keep; the planner's SQL builds the same."""
        return {
            "name": self.name,
            "target": self.target,
            "task_params": self.task_params,
            "cron": self.cron,
            "timezone": self.timezone,
            "calendar": self.calendar,
            "max_retries": self.max_retries,
            "timeout_s": self.timeout_s,
            "repeatable": self.repeatable,
            "starts_at": self.starts_at.isoformat() if self.starts_at else None,
            "ends_at": self.ends_at.isoformat() if self.ends_at else None,
        }


SUCCEEDED = text("""
UPDATE job_schedules SET last_run_at = now(), consecutive_failures = 0, failure_told_at = NULL
WHERE id = ANY(CAST(:ids AS bigint[]))
""")


_OVER = and_(ScheduleRow.next_run_at.is_(None), func.coalesce(ScheduleRow.ends_at < func.now(), false()))
"""It was to run once, or until a day, and nothing of it is due any more."""
_RESTS = or_(ScheduleRow.enabled.is_(False), func.coalesce(ScheduleRow.paused_until > func.now(), false()))


def _stands(state: JobState | None) -> ColumnElement[bool]:
    """The condition that a schedule stands so."""
    match state:
        case JobState.DONE:
            return _OVER
        case JobState.PAUSED:
            return and_(_RESTS, ~_OVER)
        case JobState.FAILED:
            return and_(ScheduleRow.consecutive_failures > 0, ~_OVER)
        case None:
            return ~_OVER


class JobsRepo(BaseRepository[ScheduleRow]):
    model = ScheduleRow

    def live(self, schedule_id: int, *, lock: bool = False) -> ScheduleRow | None:
        found = select(ScheduleRow).where(ScheduleRow.id == schedule_id, ScheduleRow.deleted_at.is_(None))
        return self.session.scalar(found.with_for_update() if lock else found)

    def all_live(self, *, after: int = 0, limit: int = 8, user_id: int | None = None) -> list[ScheduleRow]:
        """A page of live schedules by their number."""
        page = select(ScheduleRow).where(ScheduleRow.deleted_at.is_(None), ScheduleRow.id > after)
        if user_id is not None:
            page = page.where(ScheduleRow.user_id == user_id)
        return list(self.session.scalars(page.order_by(ScheduleRow.id).limit(limit)))

    def listed(
        self,
        wanted: JobFilter,
        *,
        after: int = 0,
        limit: int = 8,
        user_id: int | None = None,
        destination_ids: Sequence[int] | None = None,
    ) -> list[ScheduleRow]:
        """A page of live schedules by their number, as `wanted` says; without a state those that are over stay out."""
        page = select(ScheduleRow).where(
            ScheduleRow.deleted_at.is_(None), ScheduleRow.id > after, _stands(wanted.state)
        )
        if user_id is not None:
            page = page.where(ScheduleRow.user_id == user_id)
        if destination_ids is not None:
            page = page.where(ScheduleRow.destination_id.in_(destination_ids))
        if wanted.tag:
            page = page.where(ScheduleRow.tags.contains([wanted.tag]))
        if wanted.text:
            page = page.where(
                ScheduleRow.name.icontains(wanted.text, autoescape=True)
                | ScheduleRow.target.icontains(wanted.text, autoescape=True)
            )
        return list(self.session.scalars(page.order_by(ScheduleRow.id).limit(limit)))

    def pausable(self, user_id: int) -> list[ScheduleRow]:
        """A person's live schedules that are not paused and not over, locked."""
        running = select(ScheduleRow).where(
            ScheduleRow.user_id == user_id,
            ScheduleRow.deleted_at.is_(None),
            ScheduleRow.enabled,
            func.coalesce(ScheduleRow.paused_until, func.now()) <= func.now(),
            ~_OVER,
        )
        return list(self.session.scalars(running.order_by(ScheduleRow.id).with_for_update()))

    def paused(self, user_id: int) -> list[ScheduleRow]:
        """A person's live schedules that are paused, locked."""
        resting = select(ScheduleRow).where(
            ScheduleRow.user_id == user_id, ScheduleRow.deleted_at.is_(None), _stands(JobState.PAUSED)
        )
        return list(self.session.scalars(resting.order_by(ScheduleRow.id).with_for_update()))

    def count_live(self) -> int:
        return int(self.session.scalar(select(func.count()).where(ScheduleRow.deleted_at.is_(None))) or 0)

    def named(self, name: str, user_id: int) -> ScheduleRow | None:
        """A person's live schedule of this name, whatever its letters' case."""
        return self.session.scalar(
            select(ScheduleRow).where(
                ScheduleRow.user_id == user_id,
                func.lower(ScheduleRow.name) == name.lower(),
                ScheduleRow.deleted_at.is_(None),
            )
        )

    def name_taken(self, name: str) -> bool:
        named = select(ScheduleRow.id).where(
            func.lower(ScheduleRow.name) == name.lower(), ScheduleRow.deleted_at.is_(None)
        )
        return self.session.scalar(named) is not None

    def coming(
        self,
        limit: int,
        before: datetime | None = None,
        *,
        user_id: int | None = None,
        destination_ids: Sequence[int] | None = None,
    ) -> list[ScheduleRow]:
        """The schedules whose next run comes first."""
        next_first = select(ScheduleRow).where(
            ScheduleRow.enabled, ScheduleRow.deleted_at.is_(None), ScheduleRow.next_run_at.is_not(None)
        )
        if before is not None:
            next_first = next_first.where(ScheduleRow.next_run_at < before)
        if user_id is not None:
            next_first = next_first.where(ScheduleRow.user_id == user_id)
        if destination_ids is not None:
            next_first = next_first.where(ScheduleRow.destination_id.in_(destination_ids))
        return list(self.session.scalars(next_first.order_by(ScheduleRow.next_run_at).limit(limit)))

    def without_cursor(self) -> list[ScheduleRow]:
        """Enabled schedules by an exchange's sessions without a due time, as no sessions were known that far."""
        waiting = select(ScheduleRow).where(
            ScheduleRow.enabled,
            ScheduleRow.deleted_at.is_(None),
            ScheduleRow.next_run_at.is_(None),
            ScheduleRow.calendar.is_not(None) | ScheduleRow.cron.like("@%(%"),
            func.coalesce(ScheduleRow.ends_at, func.now()) >= func.now(),
        )
        return list(self.session.scalars(waiting.limit(500).with_for_update(skip_locked=True)))

    def record_success(self, schedule_ids: Sequence[int]) -> None:
        """These schedules' runs succeeded: a row of failures is over."""
        if schedule_ids:
            execute_prepared(self.session, SUCCEEDED, {"ids": list(schedule_ids)})

    def wake(self, channel: str) -> None:
        """Tell whoever listens on `channel`, once this transaction is committed."""
        self.session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": f"openbell_{channel}"})
