"""Ringing the bells of the runs that may start, after their rows say so."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from db.engine import Database
from db.offload import with_retries
from domain.runs import Bell
from services.health import HealthService
from services.planning import PlanningService
from workers.enqueue import Bells, BrokerUnavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Dispatch:
    """Rings what was marked as enqueued; what the broker did not take is rung again soon."""

    database: Database
    bells: Bells

    def ring(self, waiting: Sequence[Bell]) -> int:
        """How many bells were rung. A lost or doubled bell does no harm: the row is the truth."""
        if not waiting:
            return 0
        try:
            self.bells.ring(waiting)
        except BrokerUnavailable as problem:
            log.warning("bells_not_rung", runs=len(waiting), error=str(problem))
            with_retries(PlanningService(self.database.for_platform()).ring_again_soon, waiting)
            return 0
        return len(waiting)

    def report(self) -> None:
        """Write into the health table whether the broker answers."""
        error, begun = None, time.monotonic()
        try:
            self.bells.ping()
        except BrokerUnavailable as problem:
            error = str(problem)
        took_ms = int((time.monotonic() - begun) * 1000)
        with_retries(HealthService(self.database.for_platform()).report, "valkey", error=error, response_ms=took_ms)
