"""Groups and topics that were linked, so that jobs may be told there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.jobs import ScheduleRow
from db.prepared import execute_prepared
from db.repository import Base, BaseRepository, Created, Id
from domain.destinations import Destination, Place, State, Trouble
from domain.ids import UserId


class DestinationRow(Base):
    __tablename__ = "telegram_destinations"
    __table_args__ = (
        UniqueConstraint("chat_id", "thread_id", "user_id", name="ux_destinations_place"),
        CheckConstraint("state IN ('active', 'degraded', 'disabled')", name="ck_destinations_state"),
        Index("ix_destinations_user_id", "user_id"),
        {"comment": "Groups and topics that verified group admins linked, so that jobs may be told there."},
    )

    id: Mapped[Id]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"), comment="Who linked it")
    chat_id: Mapped[int]
    thread_id: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), comment="The topic in the group; 0 for the group itself"
    )
    title: Mapped[str] = mapped_column(Text, server_default="")
    topic: Mapped[str | None] = mapped_column(Text)
    acting: Mapped[bool] = mapped_column(
        Boolean,
        server_default=text("false"),
        comment="Whether verified members may act there, which an admin switched on",
    )
    state: Mapped[str] = mapped_column(
        Text,
        server_default="active",
        comment="degraded: its topic is gone, so the group itself is used; disabled: nothing can be sent there",
    )
    reason: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[Created]

    def view(self) -> Destination:
        return Destination(
            id=self.id,
            user_id=UserId(self.user_id) if self.user_id is not None else None,
            chat_id=self.chat_id,
            thread_id=self.thread_id,
            title=self.title,
            topic=self.topic,
            acting=self.acting,
            state=State(self.state),
            reason=Trouble(self.reason) if self.reason else None,
        )


# Where the results of these jobs go, of those whose owner said so.
WAYS = text("""
SELECT id, deliver_to, destination_id FROM job_schedules
WHERE id = ANY(CAST(:ids AS bigint[])) AND (deliver_to IS NOT NULL OR destination_id IS NOT NULL)
""")


@dataclass(frozen=True)
class Way:
    """Where a job's results go: by these channels to its owner, and to this destination."""

    channels: tuple[str, ...]
    destination_id: int | None


class DestinationsRepo(BaseRepository[DestinationRow]):
    model = DestinationRow

    def linked(self, user_id: int) -> list[DestinationRow]:
        """What this person linked, oldest first."""
        found = select(DestinationRow).where(DestinationRow.user_id == user_id).order_by(DestinationRow.id)
        return list(self.session.scalars(found))

    def all(self) -> list[DestinationRow]:
        """What everybody linked, oldest first."""
        return list(self.session.scalars(select(DestinationRow).order_by(DestinationRow.id)))

    def by_ids(self, numbers: Iterable[int]) -> dict[int, Destination]:
        """These destinations by their numbers."""
        found = self.session.scalars(select(DestinationRow).where(DestinationRow.id.in_(set(numbers))))
        return {row.id: row.view() for row in found}

    def at(self, place: Place, *, lock: bool = False) -> list[DestinationRow]:
        """What was linked at a place, oldest first."""
        found = (
            select(DestinationRow)
            .where(DestinationRow.chat_id == place.chat_id, DestinationRow.thread_id == place.thread_id)
            .order_by(DestinationRow.id)
        )
        return list(self.session.scalars(found.with_for_update() if lock else found))

    def in_chat(self, chat_id: int) -> list[DestinationRow]:
        """What was linked in a group, its topics too, locked."""
        found = select(DestinationRow).where(DestinationRow.chat_id == chat_id).order_by(DestinationRow.id)
        return list(self.session.scalars(found.with_for_update()))

    def lock_place(self, chat_id: int) -> None:
        """One at a time may link or move what is in this group."""
        self.session.execute(
            text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"openbell:destination:{chat_id}"}
        )

    def jobs_told(self, destination_id: int) -> int:
        """How many live jobs have their results sent there."""
        counted = select(func.count()).where(
            ScheduleRow.destination_id == destination_id, ScheduleRow.deleted_at.is_(None)
        )
        return int(self.session.scalar(counted) or 0)

    def told_at(self, user_id: int, job_id: int, place: Place) -> bool:
        """Whether the results of this person's live job go to that place."""
        found = (
            select(ScheduleRow.id)
            .join(DestinationRow, DestinationRow.id == ScheduleRow.destination_id)
            .where(ScheduleRow.id == job_id, ScheduleRow.user_id == user_id, ScheduleRow.deleted_at.is_(None))
            .where(DestinationRow.chat_id == place.chat_id, DestinationRow.thread_id == place.thread_id)
        )
        return self.session.scalar(found) is not None

    def send_elsewhere(self, old: int, new: int) -> None:
        """The results that went to one destination go to another from now on."""
        self.session.execute(
            update(ScheduleRow)
            .where(ScheduleRow.destination_id == old)
            .values(destination_id=new)
            .execution_options(synchronize_session=False)
        )

    def ways_of(self, schedule_ids: Sequence[int]) -> dict[int, Way]:
        """The ways of those of these jobs whose owner named one."""
        if not schedule_ids:
            return {}
        rows = execute_prepared(self.session, WAYS, {"ids": list(schedule_ids)})
        return {row.id: Way(tuple(row.deliver_to or ()), row.destination_id) for row in rows}
