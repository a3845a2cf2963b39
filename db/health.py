"""The health table: one current row for each system and component."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Integer, String, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Id


class HealthRow(Base):
    __tablename__ = "msg_system_health"
    __table_args__ = (
        CheckConstraint("status IN ('HEALTHY', 'DEGRADED', 'DOWN', 'UNKNOWN')", name="ck_system_health_status"),
        Index("ux_system_health_current", "system", "component", unique=True, postgresql_nulls_not_distinct=True),
        {"comment": "The current health of every system; silence is judged by the age of checked_at."},
    )

    id: Mapped[Id]
    system: Mapped[str] = mapped_column(String(50))
    component: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20))
    last_success: Mapped[datetime | None]
    last_failure: Mapped[datetime | None]
    failure_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    avg_response_time_ms: Mapped[int | None] = mapped_column(Integer)
    error_message: Mapped[str | None] = mapped_column(Text)
    metadata_: Mapped[str | None] = mapped_column("metadata", Text)
    checked_at: Mapped[datetime] = mapped_column(server_default=func.now())


class HealthRepo(BaseRepository[HealthRow]):
    model = HealthRow

    def report(
        self, system: str, component: str | None, *, ok: bool, status: str, error: str | None, response_ms: int | None
    ) -> None:
        """Write what a system says of itself now; failures in a row are counted, the mean time moves by a fifth."""
        now = func.now()
        row = insert(HealthRow).values(
            system=system,
            component=component,
            status=status,
            last_success=now if ok else None,
            last_failure=None if ok else now,
            failure_count=0 if ok else 1,
            avg_response_time_ms=response_ms,
            error_message=error,
        )
        mean = func.coalesce((HealthRow.avg_response_time_ms * 4 + row.excluded.avg_response_time_ms) / 5,
                             row.excluded.avg_response_time_ms, HealthRow.avg_response_time_ms)  # fmt: skip
        changed: dict[str, Any] = {
            "status": status,
            "failure_count": 0 if ok else HealthRow.failure_count + 1,
            "avg_response_time_ms": mean,
            "error_message": error,
            "checked_at": now,
            ("last_success" if ok else "last_failure"): now,
        }
        self.session.execute(row.on_conflict_do_update(index_elements=["system", "component"], set_=changed))

    def watched(self) -> list[HealthRow]:
        """Every row that no other watcher holds at this moment, locked."""
        found = select(HealthRow).order_by(HealthRow.id).with_for_update(skip_locked=True)
        return list(self.session.scalars(found))

    def current(self) -> list[tuple[HealthRow, float]]:
        """Every row with its age in seconds, by the database's clock."""
        age = func.extract("epoch", func.now() - HealthRow.checked_at)
        rows = self.session.execute(select(HealthRow, age).order_by(HealthRow.system, HealthRow.component))
        return [(row, float(seconds)) for row, seconds in rows]
