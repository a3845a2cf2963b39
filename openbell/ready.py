"""Telling the supervisor, through an inherited pipe, that a role does its work."""

import os
import threading
from collections.abc import Callable, Iterable

READY_FD = "OPENBELL_READY_FD"


def announcer() -> Callable[[], None]:
    """A function that tells whoever started this process, once, that it is ready; of no effect without a supervisor."""
    number = os.environ.pop(READY_FD, "")
    if not number.isdigit():
        return lambda: None
    pipe = int(number)
    os.set_inheritable(pipe, False)  # a grandchild that held it would hide our end from the supervisor
    told = threading.Event()

    def announce() -> None:
        if not told.is_set():
            told.set()
            os.write(pipe, b"1")
            os.close(pipe)

    return announce


class Gate:
    """Calls `ready` when every one of `names` has said so, in whatever thread."""

    def __init__(self, names: Iterable[str], ready: Callable[[], None]) -> None:
        self._missing = set(names)
        self._ready = ready
        self._lock = threading.Lock()

    def passed_by(self, name: str) -> Callable[[], None]:
        """The function that `name` calls when it is ready."""

        def passed() -> None:
            with self._lock:
                last = self._missing == {name}
                self._missing.discard(name)
            if last:
                self._ready()

        return passed
