"""Waiting for word from the database: a commit elsewhere wakes whoever listens, and the clock wakes them anyway."""

import contextlib
import os
import select
import threading
import time
from typing import Any

import psycopg2
import structlog
from sqlalchemy import URL

log = structlog.get_logger(__name__)


class Listener:
    """LISTEN on one channel with a connection of its own; a lost connection only means that the clock decides."""

    def __init__(self, url: URL, channel: str) -> None:
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._channel = f"openbell_{channel}"
        self._connection: Any = None
        self._try_at = 0.0
        self._lock = threading.Lock()
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(self, timeout: float) -> bool:
        """Whether something was told on the channel; False once `wake` was called or `timeout` seconds are over."""
        sources: list[Any] = [self._woken]
        if (connection := self._connected()) is not None:
            if self._told(connection):
                return True
            sources.append(connection)
        ready, _, _ = select.select(sources, [], [], max(timeout, 0))
        if self._woken in ready:
            os.read(self._woken, 4096)
        return connection is not None and connection in ready and self._told(connection)

    def wake(self) -> None:
        """End the wait at once, from any thread."""
        with contextlib.suppress(BlockingIOError):  # the pipe is full of wake-ups already
            os.write(self._wake, b"!")

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connected(self) -> Any:
        with self._lock:
            if self._connection is None and time.monotonic() >= self._try_at:
                self._try_at = time.monotonic() + 2
                try:
                    connection = psycopg2.connect(self._dsn, connect_timeout=5)
                    connection.autocommit = True
                    with connection.cursor() as cursor:
                        cursor.execute(f"LISTEN {self._channel}")
                    self._connection = connection
                except psycopg2.Error as problem:
                    log.warning("listener_not_connected", channel=self._channel, error=str(problem).strip())
            return self._connection

    def _told(self, connection: Any) -> bool:
        try:
            connection.poll()
        except psycopg2.Error as problem:
            log.warning("listener_lost", channel=self._channel, error=str(problem).strip())
            with self._lock, contextlib.suppress(psycopg2.Error):
                connection.close()
            self._connection = None
            return True
        told = bool(connection.notifies)
        connection.notifies.clear()
        return told
