"""What a job is given: everything it may read, and no way to send or to store."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from domain.ids import RunId, ScheduleId, UserId
from market.feed import Feed, open_feed, resolve


@dataclass(frozen=True)
class JobContext:
    """One attempt of one run, as its job sees it."""

    run_id: RunId
    schedule_id: ScheduleId | None
    user_id: UserId
    name: str
    zone: ZoneInfo
    now: datetime
    deadline_at: datetime
    market_feed: str
    bars_dir: Path

    def feed_of(self, text: str) -> tuple[Feed, str]:
        """The feed that a person meant by `text`, and the symbol in it."""
        name, symbol = resolve(text, self.market_feed, self.bars_dir)
        return open_feed(name, bars_dir=self.bars_dir), symbol
