"""Lets the system show Python's names of threads, so that one of them can be singled out from outside."""

import ctypes
import threading
from typing import Any

PR_SET_NAME = 15
_libc = ctypes.CDLL(None)
_begin = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]


def _named(self: Any) -> None:
    name = type(self).__name__ if self.name.startswith("Thread-") else self.name
    _libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    _begin(self)


threading.Thread._bootstrap_inner = _named  # type: ignore[attr-defined]
