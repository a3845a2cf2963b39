"""The core process: bot, notifications and web on one event loop, the scheduler's loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from domain.errors import OpenbellError
from openbell.ready import Gate
from openbell.settings import Settings

DOORS_CLOSE_WITHIN_S = 8.0


class DoorClosedError(OpenbellError):
    """A part of the core ended without being asked to."""


class AsyncDoor(Protocol):
    """A door on the event loop; it returns soon after `stop` is set."""

    def __call__(
        self, settings: Settings, *, stop: asyncio.Event, ready: Callable[[], None]
    ) -> Coroutine[Any, Any, None]: ...


class SyncDoor(Protocol):
    """A door with a thread of its own; it returns soon after `stop` is set."""

    def __call__(self, settings: Settings, *, stop: threading.Event, ready: Callable[[], None]) -> None: ...


async def run(settings: Settings, *, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Keep bot, notifications, web and scheduler at work until `stop`; the first to fail ends all with its error."""
    from bot.__main__ import run as bot
    from notifications.__main__ import run as notifications
    from scheduler.__main__ import run as scheduler
    from web.__main__ import run_beside as web

    await run_doors(
        settings,
        {"bot": bot, "notifications": notifications, "web": web},
        {"scheduler": scheduler},
        stop=stop,
        ready=ready,
    )


async def run_doors(
    settings: Settings,
    async_doors: dict[str, AsyncDoor],
    sync_doors: dict[str, SyncDoor],
    *,
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Run the doors side by side; `ready` is called when all of them are."""
    gate = Gate([*async_doors, *sync_doors], ready)
    halt = threading.Event()
    running: dict[asyncio.Future[None], str] = {}
    for name, door in async_doors.items():
        running[asyncio.ensure_future(door(settings, stop=stop, ready=gate.passed_by(name)))] = name
    for name, sync_door in sync_doors.items():
        running[_in_thread(name, sync_door, settings, halt, gate.passed_by(name))] = name
    asked = asyncio.ensure_future(stop.wait())
    everything: list[asyncio.Future[Any]] = [asked, *running]
    await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
    on_request = stop.is_set()
    ended = [work for work in running if work.done()]
    stop.set()
    halt.set()
    await asyncio.wait(everything, timeout=DOORS_CLOSE_WITHIN_S)
    _raise_first([work for work in running if work.done() and work not in ended], running, ended, on_request)


def _raise_first(
    others: list["asyncio.Future[None]"],
    names: dict["asyncio.Future[None]", str],
    ended: list["asyncio.Future[None]"],
    on_request: bool,
) -> None:
    for work in [*ended, *others]:
        problem = work.exception()
        if problem is not None:
            raise problem
    if ended and not on_request:
        raise DoorClosedError(f"{names[ended[0]]} ended without being asked to.")


def _in_thread(
    name: str, door: SyncDoor, settings: Settings, halt: threading.Event, ready: Callable[[], None]
) -> "asyncio.Future[None]":
    """The door in a daemon thread: one that hangs does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[None] = loop.create_future()

    def settle(problem: BaseException | None) -> None:
        if not outcome.done():
            outcome.set_exception(problem) if problem else outcome.set_result(None)

    def work() -> None:
        problem: BaseException | None = None
        try:
            door(settings, stop=halt, ready=ready)
        except BaseException as found:  # noqa: BLE001 - it is handed to the loop, which ends the process with it
            problem = found
        loop.call_soon_threadsafe(settle, problem)

    threading.Thread(target=work, name=name, daemon=True).start()
    return outcome
