"""Waits for a state with a deadline, woken by what happens instead of asking again and again."""

import time
from collections.abc import Callable
from typing import TypeVar

from sandbox.errors import SandboxError
from sandbox.events import Events

T = TypeVar("T")


async def eventually(
    events: Events, look: Callable[[], T | None], timeout: float, otherwise: str | Callable[[], str]
) -> T:
    """What `look` finds, as soon as it finds something; a `SandboxError` with the words when the time is up."""
    until = time.monotonic() + timeout
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        remaining = until - time.monotonic()
        if remaining <= 0:
            words = otherwise if isinstance(otherwise, str) else otherwise()
            raise SandboxError(f"{words} Waited {timeout:g} s.")
        await events.wait(remaining)
