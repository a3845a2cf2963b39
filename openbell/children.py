"""One child of the supervisor: started, watched, started again when it dies, and ended when asked."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from time import monotonic, time
from typing import Protocol

from openbell.processes import STDIN, ProcessId, with_parent
from openbell.ready import READY_FD
from openbell.servers import LONGEST_LOG, Server, launch

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
LIVED_LONG_S = 30.0
LONGEST_LINE = 16_384


class Pauses:
    """How long to wait before the next start: short after a long life, doubling while a child dies young."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE_S

    def after(self, lived_s: float) -> float:
        """The pause after a life of `lived_s` seconds."""
        if lived_s >= LIVED_LONG_S:
            self._next = FIRST_PAUSE_S
        pause, self._next = self._next, min(self._next * 2, LONGEST_PAUSE_S)
        return pause


class Program(Protocol):
    """What a child runs, and how one sees that it works."""

    name: str
    stop_signal: int

    async def prepare(self) -> None:
        """Make ready for the next start."""

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; called in the main thread."""

    async def until_ready(self, process: subprocess.Popen[bytes], /) -> None:
        """Return once it does its work, or once it is clear that it never will."""


Line = Callable[[str, str], None]


@dataclass
class Child:
    """A program that is kept running until `stop`."""

    program: Program
    say: Callable[[str], None]
    changed: Callable[[], None]
    process: subprocess.Popen[bytes] | None = None
    identity: ProcessId | None = None
    started_at: float = 0.0
    restarts: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _life: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.program.name

    def begin(self) -> "asyncio.Task[None]":
        """Start it and keep it running; the task ends after `stop`."""
        self._life = asyncio.create_task(self._live(), name=self.name)
        return self._life

    async def _live(self) -> None:
        pauses = Pauses()
        while not self._stopping.is_set():
            born = monotonic()
            try:
                await self.program.prepare()
                if self._stopping.is_set():
                    return
                code = await self._one_life()
                how = describe_exit(code)
            except OSError as problem:
                how = f"could not be started: {problem}"
            except Exception as problem:  # noqa: BLE001 - one child's trouble is said and tried again, never the others'
                how = f"did not start: {problem}"
            if self._stopping.is_set():
                return
            self.restarts += 1
            pause = pauses.after(monotonic() - born)
            self.say(f"{self.name} {how}; it is started again in {pause:.1f} s.")
            self.changed()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _one_life(self) -> int:
        process = self.process = self.program.start()
        self.identity = ProcessId.of(process.pid)
        self.started_at = time()
        self.changed()
        ended = asyncio.create_task(wait_for(process))
        ready = asyncio.create_task(self.program.until_ready(process))
        try:
            await asyncio.wait([ended, ready], return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and not ready.exception() and process.poll() is None:
                self.ready.set()
                self.changed()
            elif ready.done() and ready.exception():
                process.kill()
            code = await ended
            if ready.done() and (problem := ready.exception()):
                raise problem
            return code
        finally:
            ready.cancel()
            self.ready.clear()
            self.identity = None

    def signal(self, number: int) -> None:
        """Send the present process a signal."""
        if self.identity:
            self.identity.send(number)

    async def stop(self, deadline: "Deadline") -> None:
        """End it in its own way within the deadline, then by force."""
        self._stopping.set()
        if self._life is None:
            return
        self.signal(self.program.stop_signal)
        if not await deadline.done(self._life):
            if self.stop_signal_is_kind:
                self.signal(signal.SIGQUIT)
                await asyncio.wait([self._life], timeout=0.5)
            self.signal(signal.SIGKILL)
            await asyncio.wait([self._life], timeout=2)

    @property
    def stop_signal_is_kind(self) -> bool:
        """PostgreSQL by force still means SIGQUIT first: its processes then go with it."""
        return self.program.stop_signal == signal.SIGINT


class Deadline:
    """Seconds to wait, cut short by `hurry`."""

    def __init__(self, seconds: float, hurry: asyncio.Event) -> None:
        self._seconds = seconds
        self._hurry = hurry

    async def done(self, work: "asyncio.Task[None]") -> bool:
        """Whether `work` ended in time."""
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([work, hurried], timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        return work.done()


async def wait_for(process: subprocess.Popen[bytes]) -> int:
    """The exit code, as soon as there is one."""
    if hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(process.pid)  # its end is an event, not something to ask for again and again
        try:
            await _readable(handle)
        finally:
            os.close(handle)
    while process.poll() is None:  # noqa: ASYNC110 - where there are no process handles, asking is all there is
        await asyncio.sleep(0.05)
    return int(process.returncode)


async def _readable(descriptor: int) -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(descriptor)


def describe_exit(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


class ServerProgram:
    """An embedded server as a supervised program."""

    def __init__(self, server: Server, prepared: bool = False) -> None:
        self.name = server.name
        self.stop_signal = server.stop_signal
        self._server = server
        self._prepared = prepared

    async def prepare(self) -> None:
        """Clear away what the last life left; the first time the caller has done it."""
        if not self._prepared:
            await asyncio.to_thread(self._server.prepare)
        self._prepared = False

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server's process."""
        return launch(self._server)

    async def until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return once it serves and has what it needs."""
        while not await asyncio.to_thread(self._server.ready, process.pid):  # noqa: ASYNC110 - it tells nobody itself
            await asyncio.sleep(0.02)
        await asyncio.to_thread(self._server.started)


class PythonProgram:
    """A Python process of ours: its lines are prefixed and logged, and it says itself when it is ready."""

    stop_signal: int = signal.SIGTERM

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        *,
        logs: Path,
        show: Line,
        port_file: Path | None = None,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self._environment = dict(environment)
        self._show = show
        self._log = RotatingFileHandler(
            logs / f"{name}.log", maxBytes=LONGEST_LOG, backupCount=2, encoding="utf-8", delay=True
        )
        self._port_file = port_file
        self._ready_pipe = -1
        self._readers: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Forget the last life's word that it was ready."""
        if self._port_file:
            self._port_file.unlink(missing_ok=True)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process with a pipe for its lines and another for the word that it is ready."""
        self._ready_pipe, told = os.pipe()
        lines, written = os.pipe()
        try:
            process = subprocess.Popen(
                with_parent([sys.executable, "-m", *self.arguments], signal.SIGKILL),
                stdin=STDIN,
                stdout=written,
                stderr=written,
                env=self._environment | {READY_FD: str(told)},
                pass_fds=[told],
                start_new_session=True,
            )
        except OSError:
            os.close(self._ready_pipe)
            os.close(lines)
            raise
        finally:
            os.close(told)
            os.close(written)
        reader = asyncio.get_running_loop().create_task(self._read(lines))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        return process

    async def until_ready(self, _: subprocess.Popen[bytes]) -> None:
        """Return when the process has said that it is ready; never, when it ends without a word."""
        if self._port_file:
            os.close(self._ready_pipe)
            while not self._port_file.exists():  # noqa: ASYNC110 - a file cannot be awaited
                await asyncio.sleep(0.02)
            return
        pipe = self._ready_pipe
        try:
            await _readable(pipe)
            said = os.read(pipe, 1)
        finally:
            os.close(pipe)
        if not said:
            await asyncio.Event().wait()  # it closed the pipe without a word: its end decides

    async def _read(self, pipe: int) -> None:
        rest = b""
        os.set_blocking(pipe, False)
        while True:
            await _readable(pipe)
            try:
                got = os.read(pipe, 65_536)
            except BlockingIOError:
                continue
            if not got:
                break
            *lines, rest = (rest + got).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._take(line)
        if rest:
            self._take(rest)
        os.close(pipe)

    def _take(self, line: bytes) -> None:
        text = line[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
        self._log.emit(logging.LogRecord(self.name, logging.INFO, "", 0, text, None, None))
        self._show(self.name, text)
