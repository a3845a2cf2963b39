"""How much one person may ask at once: whoever is faster than that waits, and nobody else does."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from telegram import Update
from telegram.constants import ChatType

from domain.chat_settings import ChatSettings

NOTICE_EVERY_S = 60.0
MOST_KNOWN = 10_000
LONGEST_BACKLOG_S = 2 * 86400.0


@dataclass
class Bucket:
    """What a person may still ask, as of an instant."""

    tokens: float
    at: float
    noticed_at: float = float("-inf")

    def take(self, at: float, settings: ChatSettings) -> bool:
        """Whether one more is allowed at this instant."""
        at = max(at, self.at)
        refilled = self.tokens + (at - self.at) * settings.commands_per_minute / 60
        self.tokens, self.at = min(refilled, settings.command_burst), at
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Throttle:
    """A bucket for each person, in memory: a burst, then so many a minute, by the time at which it was written.

    What was sent while the bot was away is counted when it was sent, so a backlog is no burst.
    """

    def __init__(self, settings: Callable[[], ChatSettings], clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: dict[int, Bucket] = {}

    def allows(self, update: Update) -> bool:
        """Whether this update is within what its sender may ask."""
        if update.effective_user is None or not _counts(update):
            return True
        settings, now = self._settings(), self._clock()
        bucket = self._bucket(update.effective_user.id, now, settings)
        return bucket.take(min(_written_at(update) or now, now), settings)

    def notices(self, telegram_user_id: int) -> bool:
        """Whether it is time to tell this person; asked once, it is not for another minute."""
        bucket, now = self._buckets.get(telegram_user_id), self._clock()
        if bucket is None or now - bucket.noticed_at < NOTICE_EVERY_S:
            return False
        bucket.noticed_at = now
        return True

    def _bucket(self, telegram_user_id: int, now: float, settings: ChatSettings) -> Bucket:
        found = self._buckets.get(telegram_user_id)
        if found is None:
            if len(self._buckets) >= MOST_KNOWN:
                self._forget(now)
            found = self._buckets[telegram_user_id] = Bucket(settings.command_burst, now - LONGEST_BACKLOG_S)
        return found

    def _forget(self, now: float) -> None:
        """Those who were quiet for a minute have a full bucket again, or nearly; else the longest quiet half."""
        by_age = sorted(self._buckets, key=lambda each: self._buckets[each].at)
        quiet = [each for each in by_age if now - self._buckets[each].at > NOTICE_EVERY_S]
        for each in quiet or by_age[: MOST_KNOWN // 2]:
            del self._buckets[each]


def _counts(update: Update) -> bool:
    """What is answered counts: everything in a private chat, commands and presses in a group."""
    if update.callback_query is not None:
        return True
    message = update.message or update.edited_message
    if message is None:
        return False
    private = message.chat.type == ChatType.PRIVATE
    return private or (message.text or message.caption or "").startswith("/")


def _written_at(update: Update) -> float | None:
    return update.message.date.timestamp() if update.message is not None else None
