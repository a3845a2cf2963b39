"""What a job is given: everything it may read, a word when it must stop, and no way to send or to store its result."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from db.engine import Database
from domain.errors import GiveUp, OpenbellError
from domain.ids import RunId, ScheduleId, UserId
from domain.locales import t
from domain.runs import Trigger
from market.feed import Feed, open_feed, resolve
from workers.feeds import FeedWatch, WatchedFeed


class RunStopped(OpenbellError):
    """The run was asked to stop, and did."""


@dataclass(frozen=True)
class JobContext:
    """One attempt of one run, as its job sees it."""

    run_id: RunId
    schedule_id: ScheduleId | None
    user_id: UserId | None
    """Whose run it is; None for the platform's own."""
    name: str
    trigger: Trigger
    scheduled_for: datetime
    attempt: int
    zone: ZoneInfo
    now: datetime
    deadline_at: datetime
    market_feed: str
    data_dir: Path
    database: Database = field(repr=False)
    """For jobs about the platform itself; what a job has to say or to keep belongs into its Outcome."""
    database_url: str = field(repr=False)
    """DB_URL as it was given, for a program that is started; it may name the schema's owner."""
    stopping: threading.Event = field(default_factory=threading.Event, repr=False)
    feeds: FeedWatch = field(default_factory=FeedWatch, repr=False)
    """Learns how the sources of prices answer."""

    @property
    def owner(self) -> UserId:
        """Whom the run belongs to and reports to; GiveUp when it is the platform's own."""
        if self.user_id is None:
            raise GiveUp(t("This kind of job needs somebody to report to, and the platform's own runs have nobody."))
        return self.user_id

    @property
    def bars_dir(self) -> Path:
        return self.data_dir / "bars"

    def check(self) -> None:
        """RunStopped once the run was cancelled, taken away or is past its time limit; call it between steps."""
        if self.stopping.is_set():
            raise RunStopped

    def feed_of(self, text: str) -> tuple[Feed, str]:
        """The feed that a person meant by `text`, and the symbol in it."""
        name, symbol = resolve(text, self.market_feed, self.bars_dir)
        return WatchedFeed(open_feed(name, bars_dir=self.bars_dir), self.feeds), symbol
