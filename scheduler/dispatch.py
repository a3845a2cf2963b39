"""Ringing the bells of the runs that wait, after their rows say so."""

from dataclasses import dataclass

import structlog

from db.engine import Database
from db.offload import with_retries
from services.health import HealthService
from services.jobs import JobsService
from workers.enqueue import Bells, BrokerUnavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Dispatch:
    """Marks runs as enqueued, then rings; what the broker did not take is rung again soon."""

    database: Database
    bells: Bells

    def ring(self) -> int:
        """How many bells were rung. A lost or doubled bell does no harm: the row is the truth."""
        jobs = JobsService(self.database.for_platform())
        waiting = with_retries(jobs.ring_waiting)
        if not waiting:
            return 0
        try:
            self.bells.ring(waiting)
        except BrokerUnavailable as problem:
            log.warning("bells_not_rung", runs=len(waiting), error=str(problem))
            with_retries(JobsService(self.database.for_platform()).ring_again_soon, waiting)
            return 0
        return len(waiting)

    def report(self) -> None:
        """Write into the health table whether the broker answers."""
        error = None
        try:
            self.bells.ping()
        except BrokerUnavailable as problem:
            error = str(problem)
        with_retries(HealthService(self.database.for_platform()).report, "valkey", error=error)
