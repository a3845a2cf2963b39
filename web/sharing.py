"""One answer for all who ask at the same time: however many ask, the work is done once and by one thread."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """The result of `work`, done in a thread and kept for `fresh_s` seconds; a failure is not kept."""

    def __init__(self, work: Callable[[], T], pool: Executor, fresh_s: float) -> None:
        self._work = work
        self._pool = pool
        self._fresh_s = fresh_s
        self._doing: asyncio.Future[T] | None = None
        self._done_at = float("-inf")

    async def get(self, within_s: float) -> T:
        """The result; TimeoutError when it takes longer, and then whoever asks next waits for the same work."""
        if self._doing is None or self._is_over(self._doing):
            self._doing = asyncio.get_running_loop().run_in_executor(self._pool, self._work)
            self._doing.add_done_callback(self._note)
        async with asyncio.timeout(within_s):
            return await asyncio.shield(self._doing)

    def _is_over(self, doing: "asyncio.Future[T]") -> bool:
        if not doing.done():
            return False
        failed = doing.cancelled() or doing.exception() is not None
        return failed or time.monotonic() - self._done_at > self._fresh_s

    def _note(self, doing: "asyncio.Future[T]") -> None:
        self._done_at = time.monotonic()
        if not doing.cancelled():
            doing.exception()  # looked at, also when everybody who asked has left
