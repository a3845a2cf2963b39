"""The limits of the real Telegram: 30 a second for a bot, one a second for a private chat, 20 a minute for a group."""

import math
import time
from collections.abc import Callable

from sandbox.errors import ApiError

COUNTED = frozenset({
    "sendmessage", "sendphoto", "senddocument", "sendmediagroup", "copymessage", "forwardmessage",
    "editmessagetext", "editmessagecaption", "editmessagemedia",
})  # fmt: skip


class Bucket:
    """Lets a number of calls through at once and refills evenly."""

    def __init__(self, burst: float, per_second: float) -> None:
        self.burst = burst
        self.per_second = per_second
        self.level = burst
        self.filled_at = 0.0

    def wait(self, cost: float, now: float) -> float:
        """Seconds until the cost can be paid; 0 when now."""
        self.level = min(self.burst, self.level + (now - self.filled_at) * self.per_second)
        self.filled_at = now
        return max(0.0, (cost - self.level) / self.per_second)


class RateLimits:
    """Refuses calls that come faster than Telegram allows."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bot = Bucket(30, 30)
        self._chats: dict[str, Bucket] = {}

    def check(self, method: str, chat_id: str, cost: int = 1) -> None:
        """Count a call, or refuse it with a 429 that says how long to wait."""
        if method.lower() not in COUNTED:
            return
        now = self._clock()
        fresh = Bucket(20, 20 / 60) if chat_id.startswith("-") else Bucket(5, 1)
        buckets = (self._bot, self._chats.setdefault(chat_id, fresh))
        wait = max(bucket.wait(min(cost, bucket.burst), now) for bucket in buckets)
        if wait > 0:
            seconds = math.ceil(wait)
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        for bucket in buckets:
            bucket.level -= cost
