"""Switches that make the simulated Telegram fail on purpose, a given number of times."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from sandbox.errors import SandboxError

Kind = Literal[
    "throttled",  # 429 with parameters.retry_after
    "throttled_bare",  # 429 without parameters
    "blocked",  # 403: bot was blocked by the user
    "error",  # 500
    "bad_gateway",  # 502 with an HTML page
    "timeout_before",  # taken, nothing delivered, never answered
    "timeout_after",  # delivered, never answered
    "dropped_before",  # nothing delivered, connection cut
    "dropped_after",  # delivered, connection cut
]


@dataclass
class Fault:
    """One planned failure."""

    kind: Kind
    method: str | None = None
    chat_id: int | None = None
    times: int = 1
    retry_after: int = 1

    def fits(self, method: str, chat_id: str) -> bool:
        """Whether a call is one that shall fail."""
        same_method = self.method is None or self.method.lower() == method.lower()
        return same_method and (self.chat_id is None or str(self.chat_id) == chat_id)


class Faults:
    """The planned failures, in the order they were asked for."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(
        self,
        kind: Kind,
        *,
        method: str | None = None,
        chat_id: int | None = None,
        times: int = 1,
        retry_after: int = 1,
    ) -> Fault:
        """Let the next fitting calls fail; without a method, every method but getUpdates."""
        if kind not in get_args(Kind):
            raise SandboxError(f"There is no fault {kind!r}; known are {', '.join(get_args(Kind))}.")
        fault = Fault(kind, method, chat_id, int(times), int(retry_after))
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Back to normal."""
        self._planned.clear()

    def take(self, method: str, chat_id: str) -> Fault | None:
        """The failure that this call gets, if any; it is used up by one."""
        for fault in self._planned:
            if fault.method is None and method.lower() == "getupdates":
                continue
            if fault.fits(method, chat_id):
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
                return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        """What is still planned."""
        return [vars(fault) for fault in self._planned]
