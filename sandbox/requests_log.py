"""What the bot asked for lately: method, parameters, answer and time."""

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 10_000
LONGEST = 20_000


@dataclass(frozen=True)
class Call:
    """One call of the Bot API."""

    method: str
    params: dict[str, Any]
    files: dict[str, int]
    code: int
    description: str
    at: float
    seconds: float
    fault: str | None = None


class RequestsLog:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)

    def add(self, call: Call) -> None:
        """Keep a call; a second answerless poll adds nothing worth reading, so those with no news are left out."""
        self._calls.append(call)

    def calls(self, method: str | None = None) -> list[Call]:
        """The calls of a method, or all."""
        return [call for call in self._calls if method is None or call.method.lower() == method.lower()]

    def listed(self, limit: int = 200) -> list[dict[str, Any]]:
        """The newest calls as JSON."""
        return [asdict(call) for call in list(self._calls)[-limit:]]

    def clear(self) -> None:
        """Forget all of them."""
        self._calls.clear()

    @staticmethod
    def shortened(values: dict[str, Any]) -> dict[str, Any]:
        """Parameters fit to be kept."""
        return {name: v[:LONGEST] if isinstance(v, str) else v for name, v in values.items()}

    @staticmethod
    def now() -> float:
        """The time of a call."""
        return time.time()
