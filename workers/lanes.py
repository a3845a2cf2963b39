"""The one line in front of a process's threads: by priority, and with threads kept free for what is urgent."""

import time
from collections.abc import Callable
from queue import Empty, PriorityQueue
from threading import Condition
from typing import Any

URGENT = 0


class Lanes(PriorityQueue[Any]):
    """Dramatiq's queue of work in memory, lowest priority value first.

    `reserved` is a second end of it that gives out urgent items alone: threads that take from there are free for an
    alert however many reports are being written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.urgent = Condition(self.mutex)
        self.reserved = _Reserved(self)
        self._closed = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002  # it never fills
        with self.mutex:
            self._put(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()
            if item.priority <= URGENT:  # both kinds of thread are woken: each alone may be on its way to another item
                self.urgent.notify()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next item; Empty when there is none for so long."""
        return self._take(self.not_empty, lambda: bool(self.queue), timeout if block else 0.0)

    def take_urgent(self, timeout: float | None) -> Any:
        """The next urgent item; Empty when there is none for so long."""
        return self._take(self.urgent, lambda: bool(self.queue) and self.queue[0].priority <= URGENT, timeout)

    def close(self) -> None:
        """Let nobody wait any longer; what is left can still be taken."""
        with self.mutex:
            self._closed = True
            self.not_empty.notify_all()
            self.urgent.notify_all()

    def _take(self, told: Condition, there: Callable[[], bool], timeout: float | None) -> Any:
        until = None if timeout is None else time.monotonic() + timeout
        with self.mutex:
            while not there():
                left = None if until is None else until - time.monotonic()
                if self._closed or (left is not None and left <= 0):
                    raise Empty
                told.wait(left)
            return self._get()


class _Reserved:
    """The end of the line for urgent items, as a worker thread uses it."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    def get(self, timeout: float) -> Any:
        return self._lanes.take_urgent(timeout)

    def task_done(self) -> None:
        self._lanes.task_done()
