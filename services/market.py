"""Market time: which sessions are known, and the order to learn more of them."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.calendars import EXCHANGES, Session, Sessions
from domain.ids import RunId
from domain.runs import Overlap, Trigger
from domain.schedules import JobType
from services.job_kinds import check_params, kind_of

ENOUGH_AHEAD = timedelta(days=300)


class MarketService:
    """Use cases around sessions; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def sessions(self) -> Sessions:
        """The sessions of every exchange that are known."""
        with self.uow as uow:
            return uow.market.sessions()

    def known_until(self) -> dict[str, date]:
        """The last session known of each exchange; one that nothing is known of is missing."""
        with self.uow as uow:
            return uow.market.known_until()

    def store_sessions(self, sessions: Iterable[Session], holidays: Mapping[str, Mapping[date, str]]) -> int:
        """Keep these in place of what was known of the same days; schedules that waited for them are woken."""
        with self.uow as uow:
            stored = uow.market.store(sessions, holidays)
            uow.jobs.wake("runs")
            uow.commit()
            return stored

    def order_fill(self) -> RunId | None:
        """Plan a run of the platform's own that learns sessions, when less than 300 days ahead are known."""
        with self.uow as uow:
            now = uow.planning.database_now()
            if not lacking(uow.market.known_until(), now) or not uow.market.fill_may_be_ordered():
                return None
            row = uow.runs.add_run(**_fill(now))
            uow.commit()
            return RunId(row.id)


def lacking(known_until: Mapping[str, date], now: datetime) -> list[str]:
    """The exchanges of which too few sessions ahead are known."""
    needed = (now + ENOUGH_AHEAD).date()
    return [exchange for exchange in EXCHANGES if known_until.get(exchange, date.min) < needed]


def _fill(now: datetime) -> dict[str, Any]:
    kind = kind_of(JobType.DATA_PROCESSING)
    return {
        "job_id": None,
        "user_id": None,
        "job_type": kind.name,
        "trigger": Trigger.CRON,
        "scheduled_for": now,
        "not_before": now,
        "overlap": Overlap.ALLOW,
        "job_snapshot": {
            "name": "Market sessions",
            "target": None,
            "task_params": check_params(kind, {"task": "sessions"}),
            "cron": None,
            "timezone": "UTC",
            "max_retries": kind.retries,
            "timeout_s": int(kind.timeout.total_seconds()),
            "repeatable": kind.repeatable,
        },
    }
