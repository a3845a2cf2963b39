"""The processes under test: started here, known by process id and start time, started again when they die."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from openbell.processes import PROC, STDIN, ProcessId, wait_until, with_parent
from openbell.ready import READY_FD

END_WITHIN_S = 12.0


class NotInjected(Exception):
    """A fault that was claimed did not happen."""


@dataclass
class Member:
    """One role in one process."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    identity: ProcessId | None = None
    stopped: bool = False
    start_at: float | None = None
    ends: list[str] = field(default_factory=list)
    _ready: int = -1

    def start(self) -> None:
        """Start it; whatever happens to the harness, it does not outlive it."""
        self._ready, told = os.pipe()
        os.set_blocking(self._ready, False)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                with_parent([sys.executable, "-m", *self.arguments], signal.SIGKILL),
                stdin=STDIN,
                stdout=log,
                stderr=log,
                env=dict(self.environment) | {READY_FD: str(told)},
                pass_fds=[told],
                start_new_session=True,
                cwd=self.log.parent,
            )
        os.close(told)
        self.identity = ProcessId.of(self.process.pid)
        self.start_at = None

    def is_ready(self) -> bool:
        """Whether it said, since its last start, that it does its work."""
        if self._ready < 0:
            return True
        try:
            said = os.read(self._ready, 1)
        except BlockingIOError:
            return False
        os.close(self._ready)
        self._ready = -1
        return bool(said)

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def may_be_hit(self) -> bool:
        """Whether a fault can be injected now."""
        return self.runs and not self.stopped

    def kill(self) -> str:
        """Kill it with -9; the proof that it is gone."""
        process, identity = self._present()
        identity.send(signal.SIGKILL)
        code = process.wait(10)
        if code != -signal.SIGKILL or identity.alive():
            raise NotInjected(f"{self.name} was to be killed and ended with {code}")
        self.ends.append("killed")
        return f"pid {identity.pid} is gone, ended by signal 9"

    def stop(self) -> str:
        """Stop all its threads; the proof is the state the kernel tells of them."""
        _, identity = self._present()
        identity.send(signal.SIGSTOP)
        if not wait_until(lambda: states(identity.pid) == {"T"}, 5):
            raise NotInjected(f"{self.name} was to be stopped, its threads are {states(identity.pid)}")
        self.stopped = True
        return f"pid {identity.pid} and its {len(list(_tasks(identity.pid)))} threads in state T"

    def go_on(self) -> None:
        """Let it continue."""
        _, identity = self._present()
        identity.send(signal.SIGCONT)
        self.stopped = False
        if not wait_until(lambda: not identity.alive() or "T" not in states(identity.pid), 5):
            raise NotInjected(f"{self.name} does not go on")

    def _present(self) -> tuple[subprocess.Popen[bytes], ProcessId]:
        if self.process is None or self.identity is None:
            raise NotInjected(f"{self.name} does not run")
        return self.process, self.identity

    def end(self) -> None:
        """Ask it to end, then end it."""
        if self.process is None or not self.runs:
            return
        if self.stopped:
            self.go_on()
        self.process.terminate()
        try:
            self.process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._ready)


class Fleet:
    """All members, and what a supervisor would do for them."""

    def __init__(self, chance: random.Random) -> None:
        self.members: list[Member] = []
        self._chance = chance

    def add(self, member: Member) -> None:
        self.members.append(member)
        member.start()

    def until_ready(self, seconds: float) -> None:
        """Wait until every member does its work."""
        waiting = list(self.members)

        def all_ready() -> bool:
            for member in list(waiting):
                if not member.runs:
                    raise RuntimeError(f"{member.name} ended as it started; see {member.log}")
                if member.is_ready():
                    waiting.remove(member)
            return not waiting

        if not wait_until(all_ready, seconds):
            raise RuntimeError(f"not ready within {seconds:.0f} s: {', '.join(m.name for m in waiting)}")

    def alike(self, role: str) -> list[Member]:
        """The members of a role that a fault can hit now."""
        return [member for member in self.members if member.name.rstrip("0123456789") == role and member.may_be_hit]

    def look_after(self) -> None:
        """Start again, after a moment, what has ended by whatever cause."""
        now = time.monotonic()
        for member in self.members:
            if member.runs:
                continue
            if member.start_at is None:
                if not member.ends or member.ends[-1] != "killed" or member.process is None:
                    code = member.process.returncode if member.process else None
                    member.ends.append(f"ended by itself with {code}")
                member.start_at = now + self._chance.uniform(0.3, 4.0)
            elif now >= member.start_at:
                member.start()
                member.ends.append("started again")

    def end(self) -> None:
        """End them all."""
        for member in self.members:
            if member.runs and member.process is not None and not member.stopped:
                member.process.terminate()
        for member in self.members:
            member.end()


def _tasks(pid: int) -> list[Path]:
    with contextlib.suppress(OSError):
        return list((PROC / str(pid) / "task").iterdir())
    return []


def states(pid: int) -> set[str]:
    """The states of all threads of a process, as the kernel tells them."""
    found = set()
    for task in _tasks(pid):
        with contextlib.suppress(OSError):
            found.add((task / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0])
    return found
