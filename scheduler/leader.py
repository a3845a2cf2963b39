"""Which of several schedulers works: a lease that saves work and decides nothing, for the unique keys keep it right."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from db.engine import Database
from db.offload import with_retries

log = structlog.get_logger(__name__)

LENGTH = timedelta(seconds=10)
RENEW_AFTER_S = 3.0
MARGIN_S = 1.0


@dataclass
class Leader:
    """One scheduler's claim to lead: its own identity, a term from the database, trusted by the monotonic clock."""

    database: Database
    clock: Callable[[], float] = time.monotonic
    holder: UUID = field(default_factory=uuid4)
    term: int = 0
    _until: float = float("-inf")
    _asked: float = float("-inf")

    def leads(self) -> bool:
        """Whether this scheduler works now; the lease is asked for or renewed every three seconds.

        A failed question means no: trust ends by the monotonic clock, whatever the last answer was.
        """
        begun = self.clock()
        if begun - self._asked >= RENEW_AFTER_S:
            self._asked = begun
            self._ask(begun)
        return self.clock() < self._until

    def _ask(self, begun: float) -> None:
        was = self.clock() < self._until
        term = with_retries(self._lease)
        if term is None:
            self._until = float("-inf")
        else:
            self._until = begun + LENGTH.total_seconds() - MARGIN_S
            if term != self.term or not was:
                log.info("scheduler_leads", term=term)
            self.term = term
        if was and term is None:
            log.warning("scheduler_leads_no_more", term=self.term)

    def release(self) -> None:
        """Let another scheduler take over at once."""
        if self.clock() < self._until:
            with self.database.for_platform() as uow:
                uow.planning.release(self.holder, self.term)
                uow.commit()
        self._until = float("-inf")

    def _lease(self) -> int | None:
        with self.database.for_platform() as uow:
            term = uow.planning.lease(self.holder, self.term, LENGTH)
            uow.commit()
            return term
