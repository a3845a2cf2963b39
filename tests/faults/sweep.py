"""Killing a real process at its N-th write to the network, for one N after another, and letting another one go on.

Two processes of a role are there: the victim, and another one that waits (stopped, or without the lease). The victim
is stopped while the work is given out and strace attaches to it; as it goes on, strace counts its writes and kills it
as the N-th begins. Then the other one has to finish the work, and is the next victim. Waiting for a lease is shortened:
once the victim is gone, its leases are made old in the database.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos.fleet import Member
from chaos.house import House
from openbell.processes import PROC, wait_until

WRITES = "sendto,sendmsg"
NAMES = Path(__file__).parent / "names"
WITHIN_S = 30.0
MOST = 80
MOST_TRIES = 4
QUIET_S = 0.1


def cannot() -> str | None:
    """Why no sweep can be made here, if so."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        tried = subprocess.run([strace, "-o", os.devnull, "-p", str(sleeper.pid)], timeout=0.7, capture_output=True)
        said = tried.stderr.decode()
        return f"strace may not attach here: {said.strip()}"
    except subprocess.TimeoutExpired:
        return None
    finally:
        sleeper.kill()
        sleeper.wait()


@dataclass
class Point:
    """Where a victim was killed."""

    threads: str
    number: int
    write: str
    before: str
    beside: bool


@dataclass
class Flow:
    """One role's work, to be interrupted at every write of the threads that do it."""

    house: House
    role: str
    threads: tuple[str, ...]
    """Names of threads; each name is swept by itself. An empty one stands for the main thread."""
    give_out: Callable[[], None]
    is_done: Callable[[], bool]
    make_old: Callable[[], None]
    check: Callable[[Point], None]
    beside: tuple[str, ...] = ()
    """What tells a write that the process makes by the clock, whatever work there is: such a count is made again."""
    stops_the_other: bool = True
    most: dict[str, int] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    _number: int = 0

    def sweep(self) -> None:
        """Kill at every write there is."""
        victim, other = self._fresh(), None
        try:
            for threads in self.threads:
                number, tries = 1, 0
                while number <= self.most.get(threads, MOST):
                    other = other or self._waiting()
                    killed = self._kill_at(victim, threads, number)
                    if killed is None:
                        break  # the work was done with fewer writes: this thread is through
                    self.points.append(killed)
                    victim, other = self._take_over(other, killed), None
                    tries += 1
                    if not killed.beside or tries == MOST_TRIES:
                        number, tries = number + 1, 0
        finally:
            for member in (victim, other):
                if member is not None:
                    member.end()

    def _fresh(self) -> Member:
        member = self._started()
        assert wait_until(member.is_ready, WITHIN_S), member.log.read_text(encoding="utf-8")
        return member

    def _started(self) -> Member:
        self._number += 1
        member = self.house.member(f"{self.role}{self._number}", (NAMES,))
        member.start()
        return member

    def _waiting(self) -> Member:
        """Another process; one that need not be stopped becomes ready while the victim works."""
        if not self.stops_the_other:
            return self._started()
        member = self._fresh()
        member.stop()
        return member

    def _kill_at(self, victim: Member, threads: str, number: int) -> Point | None:
        """Let the victim work and be killed at that write; None when it came to the end before."""
        log = victim.log.with_suffix(".strace")
        # one that had nothing to take over may still be starting, and its first writes are not those of its work
        assert wait_until(victim.is_ready, WITHIN_S), victim.log.read_text(encoding="utf-8")
        self._stop_asleep(victim)
        self.give_out()
        tracer = attach(victim, threads, number, log)
        try:
            victim.go_on()
            over = wait_until(lambda: not victim.runs or self.is_done(), WITHIN_S)
            assert over, f"neither killed nor done at write {number} of {threads or 'main'}"
            if self.is_done() and not wait_until(lambda: not victim.runs, 0.3):
                return None
        finally:
            tracer.send_signal(signal.SIGINT)  # it lets the victim go
            tracer.wait(5)
        assert victim.process is not None
        assert victim.process.returncode == -signal.SIGKILL
        writes = log.read_text(encoding="utf-8", errors="replace")
        beside = any(word in writes for word in self.beside)
        return Point(threads or "main", number, *_last_writes(writes), beside)

    def _stop_asleep(self, victim: Member) -> None:
        """Stop it at a moment at which none of its connections is at work."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            assert time.monotonic() < deadline, f"{victim.name} is never idle"
            if self._quiet_s(victim) > QUIET_S:
                victim.stop()
                if self._quiet_s(victim) > QUIET_S:
                    return
                victim.go_on()
            time.sleep(0.03)

    def _quiet_s(self, victim: Member) -> float:
        """For how long its connections have all been idle."""
        assert victim.process is not None
        with self.house.superuser() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM min(CASE WHEN state = 'idle' THEN clock_timestamp() - state_change "
                "ELSE interval '0' END)) FROM pg_stat_activity WHERE application_name = %s",
                (f"openbell {victim.process.pid}",),
            )
            return float(cursor.fetchone()[0] or QUIET_S * 2)

    def _take_over(self, other: Member, point: Point) -> Member:
        self.make_old()
        if other.stopped:
            other.go_on()
        began = time.monotonic()
        while not self.is_done():
            assert time.monotonic() < began + WITHIN_S, f"nobody finished what was interrupted at {point}"
            time.sleep(0.05)
            if time.monotonic() > began + 1:
                self.make_old()
        self.check(point)
        return other


def attach(victim: Member, threads: str, number: int, log: Path) -> "subprocess.Popen[bytes]":
    """strace on some threads of the victim; they are killed as they begin their N-th write from now."""
    assert victim.process is not None
    pids = thread_ids(victim.process.pid, threads)
    assert pids, f"no thread is named {threads}"
    arguments = [part for pid in pids for part in ("-p", str(pid))]
    injection = f"inject={WRITES}:signal=KILL:when={number}"
    log.write_bytes(b"")
    said = log.with_suffix(".attached")
    with said.open("wb") as errors:
        tracer = subprocess.Popen(
            ["strace", "-s", "100", "-o", str(log), "-e", f"trace={WRITES}", "-e", injection, *arguments],
            stderr=errors,
            stdin=subprocess.DEVNULL,
        )
    attached = wait_until(lambda: said.read_bytes().count(b"attached") >= len(pids), 10)
    assert attached, said.read_text(encoding="utf-8")
    return tracer


def thread_ids(pid: int, name: str) -> list[int]:
    """The threads of that name; for an empty one the main thread."""
    if not name:
        return [pid]
    found = []
    for task in (PROC / str(pid) / "task").iterdir():
        called = (task / "comm").read_text(encoding="utf-8").strip()
        if called == name[:15] or (name.endswith("*") and called.startswith(name[:-1])):
            found.append(int(task.name))
    return found


def _last_writes(log: str) -> tuple[str, str]:
    """The write that was not made, and the one before it in the same threads."""
    lines = [line for line in log.splitlines() if "send" in line]
    told = ["", "", *(line.split(" ", 1)[-1].strip()[:150] for line in lines)]
    return told[-1], told[-2]
