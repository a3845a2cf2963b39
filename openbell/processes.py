"""Processes by identity: a process id alone may be reused, a process id with its start time may not."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CHILD = Path(__file__).with_name("child.py")
PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessId:
    """One process of this machine since it was booted, and never another."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """The identity of the process that has `pid` now, if any."""
        started = start_time(pid)
        return cls(pid, started) if started else None

    def alive(self) -> bool:
        """Whether it still runs (a zombie does not)."""
        return start_time(self.pid) == self.started

    def send(self, number: int) -> bool:
        """Send it a signal; False when it is gone. Another process with the same id is never hit."""
        try:
            with _handle(self.pid) as handle:
                if not self.alive():
                    return False
                if handle is None:
                    os.kill(self.pid, number)
                else:
                    signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        return True


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """The process held by a descriptor where the system has one, so that its id cannot change hands meanwhile."""
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        os.close(handle)


def start_time(pid: int) -> str:
    """When `pid` started, as the system writes it; empty when nothing runs under it."""
    if not PROC.joinpath("self/stat").exists():
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout.strip()
    try:
        fields = (
            PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def working_in(folder: Path, program: str) -> list[ProcessId]:
    """Processes whose program is named `program` and whose working directory is `folder`: a server's leftovers."""
    found = []
    for entry in PROC.glob("[0-9]*"):
        try:
            matches = (entry / "cwd").readlink() == folder and (entry / "exe").readlink().name.split(" ")[0] == program
        except OSError:
            continue  # gone meanwhile, or another person's
        process = ProcessId.of(int(entry.name)) if matches else None
        if process:
            found.append(process)
    return found


def end(processes: list[ProcessId], *signals: tuple[int, float]) -> list[ProcessId]:
    """Send each signal in turn, waiting up to its seconds for all to end; those that still run."""
    for number, seconds in signals:
        processes = [process for process in processes if process.send(number)]
        wait_until(lambda: not any(process.alive() for process in processes), seconds)  # noqa: B023 - called at once
    return [process for process in processes if process.alive()]


def wait_until(condition: Callable[[], bool], seconds: float, *, every: float = 0.02) -> bool:
    """Whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


KERNEL_TELLS = sys.platform.startswith("linux")
STDIN = subprocess.DEVNULL if KERNEL_TELLS else subprocess.PIPE
"""What a child made `with_parent` must get as standard input: where the kernel does not tell, its end does."""


def with_parent(program: list[str], number: int, account: str = "-") -> list[str]:
    """The command that runs `program` as `account` and ends it by signal `number` when this process ends.

    It must be started from the main thread: Linux counts the end of the starting thread as the parent's end.
    """
    mode = "kernel" if KERNEL_TELLS else "watch"
    shim = [sys.executable, "-I", "-S", str(CHILD), mode, str(os.getpid()), str(number), account, "--"]
    return [*shim, *program]
