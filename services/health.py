"""How the systems are, as they said themselves, and how long ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.unit_of_work import UnitOfWork
from domain.health import SELDOM, Status, name_of, status_now
from notifications.health import Outcome, write

FORGOTTEN_AFTER = timedelta(days=2)
"""A channel or feed that was not heard of for so long is not in use any more."""


@dataclass(frozen=True)
class ComponentHealth:
    """One system's health; UNKNOWN when it has been silent for too long."""

    system: str
    component: str | None
    status: Status
    checked_at: datetime
    age: timedelta
    error_message: str | None
    mean_ms: int | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return name_of(self.system, self.component)

    @property
    def is_watched(self) -> bool:
        """Whether its silence means that something is wrong."""
        return self.system not in SELDOM


class HealthService:
    """Reports health and reads it."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def report(
        self, system: str, component: str | None = None, *, error: str | None = None, response_ms: int | None = None
    ) -> None:
        """Say that a system is well, or with `error` why it is not."""
        took_s = None if response_ms is None else response_ms / 1000
        with self.uow as uow:
            write(uow, system, component, [Outcome.of(took_s, error)])
            uow.commit()

    def happened(self, system: str, component: str | None, outcomes: Sequence[Outcome]) -> None:
        """Write what became of several calls, in their order."""
        with self.uow as uow:
            write(uow, system, component, outcomes)
            uow.commit()

    def current(self) -> list[ComponentHealth]:
        """Every system's health; silence is judged by the database's clock."""
        with self.uow as uow:
            return [
                ComponentHealth(
                    row.system,
                    row.component,
                    status_now(row.system, row.status, timedelta(seconds=age)),
                    row.checked_at,
                    timedelta(seconds=age),
                    row.error_message,
                    row.avg_response_time_ms,
                )
                for row, age in uow.health.current()
                if row.component is None or timedelta(seconds=age) < FORGOTTEN_AFTER
            ]
