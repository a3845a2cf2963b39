"""A message to somebody: what it says, how urgent it is, and the states its delivery goes through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.ids import RunId, UserId

CAPTION_LIMIT = 1024
TEXT_LIMIT = 4096
LEASE = timedelta(seconds=60)
BULK_LANE = 3


class Category(StrEnum):
    """Why it is sent; it decides the lane, how long it keeps and what follows an unknown outcome."""

    CODE = "code"
    ALERT = "alert"
    FILL = "fill"
    REPORT = "report"
    FAILURE = "failure"
    HEALTH = "health"
    REMINDER = "reminder"
    BROADCAST = "broadcast"
    DIGEST = "digest"

    @property
    def lane(self) -> int:
        lanes = {Category.CODE: 0, Category.REPORT: 2, Category.FILL: 2, Category.DIGEST: 2, Category.BROADCAST: 3}
        return lanes.get(self, 1)

    @property
    def keeps(self) -> timedelta:
        return timedelta(minutes=10) if self is Category.CODE else timedelta(hours=24)

    @property
    def is_urgent(self) -> bool:
        """Whether it passes quiet hours and is never folded into a digest."""
        return self in (Category.CODE, Category.ALERT, Category.FILL, Category.HEALTH)

    @property
    def resends_when_uncertain(self) -> bool:
        """Whether a call of unknown outcome is made once more; codes are dropped, broadcasts held and shown."""
        return self not in (Category.CODE, Category.BROADCAST, Category.DIGEST)


class DeliveryStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    DEAD = "dead"
    BOUNCED = "bounced"
    CANCELLED = "cancelled"
    MERGED = "merged"


@dataclass(frozen=True)
class ChannelConfig:
    """What an admin set for a channel; None: as it comes."""

    enabled: bool = True
    per_minute: int | None = None
    retries: int | None = None
    timeout_s: int | None = None

    @property
    def per_day(self) -> None:
        """A day has no limit of its own."""
        return None


@dataclass(frozen=True)
class Button:
    """A button under a message: it answers the bot with `data`, or opens `url`."""

    text: str
    data: str | None = None
    url: str | None = None


Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True)
class Attachment:
    """A file that travels with a message."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Outgoing:
    """A message to be queued: `text` is Telegram HTML, `params` feed a mail template."""

    category: Category
    user_id: UserId
    text: str
    buttons: Rows = ()
    attachments: tuple[Attachment, ...] = ()
    run_id: RunId | None = None
    dedupe_key: str | None = None
    template: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    not_before: datetime | None = None
    channels: tuple[str, ...] = ()
    """Where it goes, all of them; none named: the first of those that the person prefers."""
    subject: str | None = None
    supersede_key: str | None = None
    """A newer message of this key takes the place of one that is not sent yet."""
    timed_by_user: bool = False
    """Whether the person chose the hour, so that quiet hours let it pass."""
    silent: bool = False
    edits: str | None = None
    """The provider's number of an earlier message that this one replaces in place."""
    replies_to: int | None = None
    """The message in the person's chat that this one answers, where the channel is that chat."""
    destination_id: int | None = None
    """The linked group or topic that it goes to, beside `channels`; where that can't be used, the person gets it."""


def back_off(attempt: int) -> timedelta:
    """How long a delivery waits after its n-th definite temporary failure."""
    steps = (1, 5, 30, 120, 600)
    return timedelta(seconds=steps[min(attempt, len(steps)) - 1])
