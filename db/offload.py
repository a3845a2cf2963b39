"""The one crossing from async code to SQL: a bounded pool of threads, and a second try after a passing fault."""

import asyncio
import contextvars
import functools
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import structlog

from db.engine import is_passing
from domain.errors import RetryLater

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 15.0
"""Seconds for which a transaction is repeated: a killed server repairs itself within them, mostly."""
LONGEST_PAUSE = 1.0


class DatabaseUnavailable(RetryLater):
    """The database isn't answering. Nothing was changed; please try again in a minute."""


def with_retries(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work`, a whole transaction, and repeat it after a lost connection, a deadlock or a lock not had in time.

    A lost COMMIT (CommitUnknown) is not repeated. DatabaseUnavailable once PATIENCE is over.
    """
    until = time.monotonic() + PATIENCE
    tries = 0
    while True:
        tries += 1
        try:
            return work(*args, **kwargs)
        except Exception as problem:
            if not is_passing(problem):
                raise
            if time.monotonic() > until:
                raise DatabaseUnavailable from problem
            pause = random.uniform(0.02, min(0.05 * 2**tries, LONGEST_PAUSE))  # noqa: S311  # jitter, no secret
            log.warning("transaction_repeated", tries=tries, pause_s=round(pause, 3), error=type(problem).__name__)
            time.sleep(pause)


class Offload:
    """Runs whole units of work in threads, as many at once as the connection pool carries."""

    def __init__(self, threads: int = 8, name: str = "sql") -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`, done in a thread, with_retries."""
        call = functools.partial(with_retries, work, *args, **kwargs)
        context = contextvars.copy_context()  # the thread speaks the language of whoever asked
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, call)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
