"""Which of several copies of the bot hears: one at a time holds a lease, the others stand by."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from db.engine import Database
from db.offload import Offload
from services.inbox import InboxService

log = structlog.get_logger(__name__)

LENGTH = timedelta(seconds=10)
RENEW_EVERY_S = 3.0
ASK_EVERY_S = 1.0
MARGIN_S = 1.0


class Lease:
    """One copy's right to hear: renewed every three seconds, trusted by the monotonic clock alone.

    It keeps two copies from polling against each other; that nothing is carried out twice is the work of the keys.
    """

    def __init__(
        self, database: Database, offload: Offload, *, name: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._offload = offload
        self._clock = clock
        self._until = float("-inf")
        self._lapse: asyncio.TimerHandle | None = None
        self.name = name or f"{socket.gethostname()} (process {os.getpid()})"
        self.holder: UUID = uuid4()
        self.other: str | None = None
        """Who hears while we stand by."""
        self.held, self.lost = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Take the lease when it is free and renew it, until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(RENEW_EVERY_S if self.held.is_set() else ASK_EVERY_S)

    async def ask(self) -> None:
        """Take or renew it now; a question without an answer changes nothing until the trust is over."""
        begun = self._clock()
        try:
            async with asyncio.timeout(RENEW_EVERY_S):
                self.other = await self._offload.run(self._service().lease, self.holder, self.name, LENGTH)
        except Exception as problem:  # noqa: BLE001  # an outage of the database: trust ends by the clock
            log.warning("lease_not_renewed", error=str(problem) or type(problem).__name__)
            return
        if self.other is None:
            self._trust(begun + LENGTH.total_seconds() - MARGIN_S)
        else:
            self._end()

    async def release(self) -> None:
        """Let another copy hear at once."""
        was = self.held.is_set()
        self._end()
        if was:
            await self._offload.run(self._service().release, self.holder)

    def _service(self) -> InboxService:
        return InboxService(self._database.for_platform())

    def _trust(self, until: float) -> None:
        if self._lapse is not None:
            self._lapse.cancel()
        left = until - self._clock()
        if left <= 0:
            return self._end()
        self._lapse = asyncio.get_running_loop().call_later(left, self._end)
        if not self.held.is_set():
            log.info("bot_hears", name=self.name)
        self.lost.clear()
        self.held.set()
        return None

    def _end(self) -> None:
        if self._lapse is not None:
            self._lapse.cancel()
            self._lapse = None
        if self.held.is_set():
            log.info("bot_hears_no_more", other=self.other)
        self.held.clear()
        self.lost.set()
