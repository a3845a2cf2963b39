"""What a person sees while Openbell runs: steps, a few lines where to go, then the children's lines."""

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TextIO

STEPS_BEFORE = 2
COLOURS = {"core": 36, "worker": 35, "sandbox": 33, "postgres": 34, "valkey": 32}
LONGEST_QUEUE = 2_000
HIDDEN = {"event", "level", "timestamp", "role", "logger"}


class Terminal:
    """Writes lines from a thread of its own, so that a stopped terminal never stops the supervisor."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.for_people = self._out.isatty()
        self._lines: queue.Queue[str | None] = queue.Queue(LONGEST_QUEUE)
        self._held: list[str] | None = []
        self._steps = int(os.environ.get("OPENBELL_STEPS", "2"))
        self._step = self._steps - STEPS_BEFORE
        self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._thread.start()

    def say(self, text: str = "") -> None:
        """One line of ours."""
        self._put(text + "\n")

    @contextmanager
    def step(self, label: str) -> Iterator[list[str]]:
        """One numbered step; the block appends how it went, and the seconds follow."""
        self._step += 1
        self._put(f"[{self._step}/{self._steps}] {label} ".ljust(50, ".") + " ")
        began = monotonic()
        outcome: list[str] = []
        try:
            yield outcome
        except BaseException:
            self._put("failed\n")
            raise
        self._put(f"{', '.join(outcome) or 'ok'} ({monotonic() - began:.1f} s)\n")

    def child_line(self, name: str, line: str) -> None:
        """A line that a child wrote; kept back until `release`."""
        if self.for_people:
            shown = f"{name:<9}| {readable(line)}\n"
            colour = COLOURS.get(name, 37)
            shown = f"\033[{colour}m{shown[:10]}\033[0m{shown[10:]}"
        else:
            shown = line + "\n"
        if self._held is None:
            self._put(shown)
        elif len(self._held) < LONGEST_QUEUE:
            self._held.append(shown)

    def release(self) -> None:
        """From now on children's lines are shown as they come."""
        held, self._held = self._held or [], None
        for line in held:
            self._put(line)

    def close(self) -> None:
        """Write what is left, unless the terminal takes nothing."""
        self._put(None)
        self._thread.join(1.0)

    def _put(self, text: str | None) -> None:
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            return  # the terminal stands still; the log files have every line

    def _write(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                self._out.write(text)
                self._out.flush()
            except (OSError, ValueError):
                return  # the terminal is gone


def readable(line: str) -> str:
    """A JSON log line as a person reads it; any other line as it is."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict) or "event" not in event:
        return line
    level = str(event.get("level", "info"))
    head = [str(event.get("timestamp", ""))[11:19], *([level.upper()] if level not in ("info", "debug") else [])]
    rest = [_pair(key, value) for key, value in event.items() if key not in HIDDEN]
    trace = str(event.get("exception", ""))
    return " ".join([*head, str(event["event"]), *rest]).strip() + (f"\n{trace}" if trace else "")


def _pair(key: str, value: Any) -> str:
    return "" if key == "exception" else f"{key}={value}"
