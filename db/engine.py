"""Connections: two database roles, a deadline on every wait, and no SQL on an event loop."""

import asyncio
import os
import select
import socket
import time
from dataclasses import dataclass
from typing import Any, Literal

import psycopg2
import psycopg2.extensions
import structlog
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from db.roles import APP, PLATFORM, password_of
from db.unit_of_work import UnitOfWork
from domain.ids import UserId

log = structlog.get_logger(__name__)

ANSWER_WITHIN = 20.0
"""Seconds after which a server that says nothing counts as gone; above every statement_timeout of the roles."""


ON_LOOP: Literal["raise", "log"] = "log"
"""What SQL on an event loop comes to where nothing else is said; the tests let it raise."""


class SqlOnEventLoop(RuntimeError):
    """SQL was run on the event loop's thread: it would stop every chat. Cross over with `context.run`."""


@dataclass(frozen=True)
class Way:
    """One way in: the engine of a role, and its sessions."""

    engine: Engine
    sessions: sessionmaker[Session]

    @classmethod
    def of(cls, engine: Engine) -> "Way":
        return cls(engine, sessionmaker(engine, autoflush=False, expire_on_commit=False))


@dataclass(frozen=True)
class Database:
    """The two ways in: as a person, who sees only their own rows, and as the platform's own processes."""

    _app: Way
    _platform: Way

    @classmethod
    def connect(
        cls, db_url: str, secret_key: str, *, pool_size: int = 8, on_loop: Literal["raise", "log"] | None = None
    ) -> "Database":
        """Engines for the two roles of the database behind `db_url`; nothing is connected before it is used."""
        psycopg2.extensions.set_wait_callback(_wait)
        rule = on_loop or ON_LOOP
        ways = [Way.of(_engine(role_url(db_url, role, secret_key), pool_size, rule)) for role in (APP, PLATFORM)]
        return cls(*ways)

    @property
    def app(self) -> Engine:
        return self._app.engine

    @property
    def platform(self) -> Engine:
        return self._platform.engine

    def for_user(self, user_id: UserId) -> UnitOfWork:
        """A unit of work that sees and changes only what belongs to this person, whatever the WHERE says."""
        return UnitOfWork(self._app.sessions, user_id)

    def for_platform(self) -> UnitOfWork:
        """A unit of work of the platform's own: planning, delivering, identifying who speaks."""
        return UnitOfWork(self._platform.sessions, None)

    def close(self) -> None:
        self.app.dispose()
        self.platform.dispose()


def role_url(db_url: str, role: str, secret_key: str) -> URL:
    """`db_url` with its user replaced by one of our roles, whose password follows from the secret key."""
    url = make_url(db_url).set(drivername="postgresql+psycopg2")
    return url.set(username=role, password=password_of(role, secret_key))


def _engine(url: URL, pool_size: int, on_loop: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=10,
        pool_recycle=1800,  # no ping before each use: a lost connection shows itself, and the transaction is repeated
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": f"openbell {os.getpid()}",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15000,
        },
    )

    @event.listens_for(engine, "before_cursor_execute")
    def _off_the_loop(*_: Any) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        if on_loop == "raise":
            raise SqlOnEventLoop((SqlOnEventLoop.__doc__ or "").strip())
        log.error("sql_ran_on_event_loop", stack_info=True)

    return engine


def _wait(connection: Any) -> None:
    """Wait for the server, but not for ever: a frozen one answers no ping and obeys no statement_timeout."""
    deadline = time.monotonic() + ANSWER_WITHIN
    poller = select.poll()
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        wanted = select.POLLIN if state == psycopg2.extensions.POLL_READ else select.POLLOUT
        fd = connection.fileno()
        poller.register(fd, wanted)
        left = deadline - time.monotonic()
        ready = poller.poll(max(left, 0) * 1000)
        poller.unregister(fd)
        if not ready and left <= 0:
            _hang_up(fd)  # closing the connection in here would deadlock; without its socket it ends by itself
            raise psycopg2.OperationalError(f"the database has not answered for {ANSWER_WITHIN:.0f} s")


def _hang_up(fd: int) -> None:
    with socket.socket(fileno=os.dup(fd)) as line:
        line.shutdown(socket.SHUT_RDWR)


def is_passing(problem: BaseException) -> bool:
    """Whether the same transaction may succeed when repeated: a lost connection, a deadlock, a lock not had in time."""
    if not isinstance(problem, DBAPIError):
        return False
    code = getattr(problem.orig, "pgcode", None) or ""
    refused = isinstance(problem.orig, psycopg2.OperationalError | psycopg2.InterfaceError) and not code
    return problem.connection_invalidated or refused or code[:2] in {"08", "57"} or code in {"40001", "40P01", "55P03"}


__all__ = ["Database", "Session", "SqlOnEventLoop", "is_passing", "role_url"]
