"""`openbell run ROLE`: one door, or the core's four, in this process until a signal."""

import asyncio
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import structlog

from domain.errors import OpenbellError
from openbell import logs
from openbell.ready import announcer
from openbell.settings import Settings, SettingsError

ASYNC_ROLES = {
    "core": "openbell.core",
    "bot": "bot.__main__",
    "notifications": "notifications.__main__",
    "web": "web.__main__",
}
SYNC_ROLES = {"scheduler": "scheduler.__main__", "worker": "workers.__main__"}
ROLES = (*ASYNC_ROLES, *SYNC_ROLES)
END_WITHIN_S = 9.0
"""After a signal; the doors promise 8 s, and a role that hangs must not wait for ever."""


def run_role(role: str, settings: Settings) -> None:
    """Run one role until SIGTERM or SIGINT; its failure is raised."""
    logs.configure(settings.log_level, role=role, secrets=secrets_of(settings))
    log = structlog.get_logger()
    ready = announcer()

    def announce() -> None:
        log.info("role_ready", pid=os.getpid())
        ready()

    try:
        if role in ASYNC_ROLES:
            asyncio.run(_run_async(importlib.import_module(ASYNC_ROLES[role]).run, settings, announce))
        else:
            _run_sync(importlib.import_module(SYNC_ROLES[role]).run, settings, announce)
    except (OpenbellError, SettingsError):
        raise  # a sentence for people; the command shows it
    except Exception:
        log.exception("role_failed")
        sys.exit(1)
    log.info("role_stopped")


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Every secret of the settings, for the logs to mask."""
    values = (settings.db_url, settings.redis_url, settings.telegram_token, settings.smtp_url, settings.secret_key)
    return tuple(value.get_secret_value() for value in values if value)


async def _run_async(door: Any, settings: Settings, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()

    def ask() -> None:
        stop.set()
        _end_soon()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ask)
    await door(settings, stop=stop, ready=ready)
    _end_soon()  # what is left is asyncio's own tidying, which waits for threads without a limit


def _run_sync(door: Any, settings: Settings, ready: Callable[[], None]) -> None:
    stop = threading.Event()

    def ask(*_: object) -> None:
        # The main thread may hold the event's lock at this very moment, so another thread sets it.
        threading.Thread(target=stop.set, daemon=True).start()
        _end_soon()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    door(settings, stop=stop, ready=ready)


def _end_soon() -> None:
    """End the process by force when it is still there after the deadline."""
    timer = threading.Timer(END_WITHIN_S, os._exit, [1])
    timer.daemon = True
    timer.start()
