"""A whole `openbell up` as a process of its own, for tests from outside."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openbell.processes import PROC, ProcessId, end, wait_until

OURS = {"DB_URL", "REDIS_URL", "TELEGRAM_TOKEN", "SMTP_URL", "SECRET_KEY", "SANDBOX"}


class Program:
    """One `openbell` command that runs until it is asked to stop, its output in a file."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], output: Path) -> None:
        self.output = output
        self.environment = environment
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "openbell", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=output.parent,  # away from a developer's own .env
            )

    def said(self) -> str:
        """All that it wrote so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def stop(self, number: int = signal.SIGINT, seconds: float = 15) -> int:
        """Ask it to stop as Ctrl-C does; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


class Instance(Program):
    """One supervisor on a data directory; the sandbox takes any free ports."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        own = {
            "DATA_DIR": str(data_dir),
            "SANDBOX_ADDR": "127.0.0.1:0",
            "SANDBOX_SMTP_ADDR": "127.0.0.1:0",
            "HTTP_ADDR": "127.0.0.1:0",
        }
        super().__init__(("up",), kept | own | environment, data_dir.with_suffix(".out"))

    def until_ready(self, *names: str, seconds: float = 60) -> None:
        """Wait until the named children do their work (all of them, when none is named)."""
        done = wait_until(lambda: self.process.poll() is not None or self._ready(names), seconds)
        assert done, f"not up in time: {self.states()}\n{self.said()}"
        assert self.process.poll() is None, f"ended with {self.process.poll()}\n{self.said()}"

    def until_healthy(self, seconds: float = 30) -> None:
        """Wait until `openbell doctor` is satisfied."""
        answers: list[str] = []

        def healthy() -> bool:
            answered = self.command("doctor")
            answers.append(answered.stdout + answered.stderr)
            return answered.returncode == 0

        assert wait_until(healthy, seconds), answers[-1]

    def _ready(self, names: tuple[str, ...]) -> bool:
        children = self.children()
        return "worker" in children and all(
            child["ready"] for name, child in children.items() if not names or name in names
        )

    def children(self) -> dict[str, dict[str, Any]]:
        """What this supervisor recorded of its children; the record of a killed one before it tells nothing."""
        try:
            recorded = json.loads((self.data_dir / "run/processes.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if recorded["up"]["pid"] != self.process.pid:
            return {}
        return {child["name"]: child for child in recorded["children"]}

    def states(self) -> dict[str, bool]:
        """Which children are ready."""
        return {name: child["ready"] for name, child in self.children().items()}

    def pids(self) -> dict[str, int | None]:
        """The children's process ids."""
        return {name: child["pid"] for name, child in self.children().items()}

    def family(self) -> list[ProcessId]:
        """All processes below the supervisor."""
        parents = {int(entry.name): _parent(entry) for entry in PROC.glob("[0-9]*")}
        family, grown = {self.process.pid}, True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in family} - family
            family |= more
            grown = bool(more)
        found = [ProcessId.of(pid) for pid in family - {self.process.pid}]
        return [process for process in found if process]

    def beside(self, *arguments: str) -> Program:
        """Start another long-lived `openbell` command on the same data directory; the caller stops it."""
        return Program(arguments, self.environment, self.data_dir.with_suffix(f".{'-'.join(arguments)}.out"))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another `openbell` command beside it."""
        return subprocess.run(
            [sys.executable, "-m", "openbell", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.output.parent,
        )


def _parent(entry: Path) -> int:
    with contextlib.suppress(OSError):
        return int((entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    return 0


@contextlib.contextmanager
def running_instance(data_dir: Path, **environment: str) -> Iterator[Instance]:
    """An instance for the block; whatever happens, nothing of it stays."""
    instance = Instance(data_dir, **environment)
    try:
        yield instance
    finally:
        family = instance.family()
        if instance.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                instance.stop()
        if instance.process.poll() is None:
            instance.process.kill()
            instance.process.wait()
        end(family, (signal.SIGKILL, 5.0))
