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


class Instance:
    """One supervisor on a data directory; the sandbox takes any free ports."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.output = data_dir.with_suffix(".out")
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        self.environment = kept | {
            "DATA_DIR": str(data_dir),
            "SANDBOX_ADDR": "127.0.0.1:0",
            "SANDBOX_SMTP_ADDR": "127.0.0.1:0",
            **environment,
        }
        self.process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "openbell", "up"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until_ready(self, *names: str, seconds: float = 60) -> None:
        """Wait until the named children do their work (all of them, when none is named)."""
        done = wait_until(lambda: self.process.poll() is not None or self._ready(names), seconds)
        assert done, f"not up in time: {self.states()}\n{self.said()}"
        assert self.process.poll() is None, f"ended with {self.process.poll()}\n{self.said()}"

    def _ready(self, names: tuple[str, ...]) -> bool:
        children = self.children()
        return "worker" in children and all(
            child["ready"] for name, child in children.items() if not names or name in names
        )

    def children(self) -> dict[str, dict[str, Any]]:
        """What the supervisor recorded of its children."""
        try:
            recorded = json.loads((self.data_dir / "run/processes.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
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

    def said(self) -> str:
        """All that it wrote so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

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
        )

    def stop(self, number: int = signal.SIGINT, seconds: float = 15) -> int:
        """Ask it to stop as Ctrl-C does; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


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
