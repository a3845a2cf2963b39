"""The health table: one current row for each system and component."""

import json
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

    @property
    def notes(self) -> dict[str, Any]:
        """What is kept in `metadata`: the breaker's record, what was told of it, what senders counted."""
        try:
            found = json.loads(self.metadata_ or "{}")
        except ValueError:  # somebody else's words
            return {}
        return found if isinstance(found, dict) else {}

    def note(self, name: str, what: Any) -> None:
        """Keep `what` under that name beside the others."""
        self.metadata_ = json.dumps(self.notes | {name: what})


class HealthRepo(BaseRepository[HealthRow]):
    model = HealthRow

    def held(self, system: str, component: str | None) -> HealthRow:
        """The row of a system, locked until the transaction ends; made when it is the first word of it."""
        first = insert(HealthRow).values(system=system, component=component, status="HEALTHY")
        self.session.execute(first.on_conflict_do_nothing(index_elements=["system", "component"]))
        which = HealthRow.component.is_not_distinct_from(component)
        return self.session.scalars(select(HealthRow).where(HealthRow.system == system, which).with_for_update()).one()

    def round_trip(self) -> None:
        """Ask the database nothing, and wait for its answer."""
        self.session.execute(text("SELECT 1"))

    def of_system(self, system: str) -> list[HealthRow]:
        """The rows of a system's components."""
        return list(self.session.scalars(select(HealthRow).where(HealthRow.system == system)))

    def watched(self) -> list[HealthRow]:
        """Every row that no other watcher holds at this moment, locked."""
        found = select(HealthRow).order_by(HealthRow.id).with_for_update(skip_locked=True)
        return list(self.session.scalars(found))

    def current(self) -> list[tuple[HealthRow, float]]:
        """Every row with its age in seconds, by the database's clock."""
        age = func.extract("epoch", func.now() - HealthRow.checked_at)
        rows = self.session.execute(select(HealthRow, age).order_by(HealthRow.system, HealthRow.component))
        return [(row, float(seconds)) for row, seconds in rows]
