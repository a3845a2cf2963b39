"""How the systems are, as they said themselves, and how long ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.health import SELDOM, SILENT_AFTER, Status, name_of, status_now
from domain.locales import t
from notifications.health import Outcome, write

STANDBY = "standby"
"""The note under which the copies that stand by are kept, each with the time at which it said so."""
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
    says: str | None = None
    """What it tells of its work when all is well."""

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
        self,
        system: str,
        component: str | None = None,
        *,
        error: str | None = None,
        response_ms: int | None = None,
        says: str | None = None,
    ) -> None:
        """Say that a system is well, or with `error` why it is not; `says` tells of its work."""
        took_s = None if response_ms is None else response_ms / 1000
        with self.uow as uow:
            write(uow, system, component, [Outcome.of(took_s, error)])
            if says is not None:
                uow.health.held(system, component).note("says", says)
            uow.commit()

    def stands_by(self, system: str, name: str) -> None:
        """Say that another copy of a system is ready to take over; what the working one said stays."""
        with self.uow as uow:
            row = uow.health.held(system, None)
            now = uow.planning.database_now()
            known = {each: at for each, at in row.notes.get(STANDBY, {}).items() if _is_there(at, now)}
            row.note(STANDBY, known | {name: now.isoformat()})
            uow.commit()

    def happened(self, system: str, component: str | None, outcomes: Sequence[Outcome]) -> None:
        """Write what became of several calls, in their order."""
        with self.uow as uow:
            write(uow, system, component, outcomes)
            uow.commit()

    def current(self) -> list[ComponentHealth]:
        """Every system's health; silence is judged by the database's clock."""
        with self.uow as uow:
            now = uow.planning.database_now()
            return [
                ComponentHealth(
                    row.system,
                    row.component,
                    status_now(row.system, row.status, timedelta(seconds=age)),
                    row.checked_at,
                    timedelta(seconds=age),
                    row.error_message,
                    row.avg_response_time_ms,
                    _says(row.notes, now),
                )
                for row, age in uow.health.current()
                if row.component is None or timedelta(seconds=age) < FORGOTTEN_AFTER
            ]


def _says(notes: dict[str, Any], now: datetime) -> str | None:
    others = sorted(each for each, at in notes.get(STANDBY, {}).items() if _is_there(at, now))
    standing = t("stands by: {names}", names=", ".join(others)) if others else ""
    return "; ".join(filter(None, [notes.get("says"), standing])) or None


def _is_there(said_at: str, now: datetime) -> bool:
    return now - datetime.fromisoformat(said_at) < SILENT_AFTER
