"""How people want to be told: by which channels, at which hours, at once or gathered. Everything is pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.cron import first_valid
from domain.locales import DEFAULT, format_clock, speaking, t
from domain.messages import Category

ALL = "*"
"""The category that holds for all others."""
DAILY_AT = time(8)
SPREAD_S = 180
"""What waited for the end of the quiet hours goes within so many seconds, so that it is no storm."""
ADJUSTABLE = (
    Category.ALERT,
    Category.FILL,
    Category.REPORT,
    Category.REMINDER,
    Category.FAILURE,
    Category.BROADCAST,
    Category.HEALTH,
)


class Gather(StrEnum):
    """Whether messages go at once or are gathered into one."""

    OFF = "off"
    HOURLY = "hourly"
    DAILY = "daily"


@dataclass(frozen=True)
class QuietHours:
    """A window of wall times, over midnight where it ends before it begins; always judged in the person's zone."""

    begins: time
    ends: time

    def end_after(self, instant: datetime, zone: ZoneInfo) -> datetime | None:
        """When the window that `instant` lies in is over (UTC); None outside of it."""
        here = instant.astimezone(zone)
        if not self._holds(here.time().replace(fold=0)):
            return None
        day = here.date() if here.time() < self.ends else here.date() + timedelta(days=1)
        return first_valid(datetime.combine(day, self.ends), zone)

    def _holds(self, now: time) -> bool:
        if self.begins <= self.ends:
            return self.begins <= now < self.ends
        return now >= self.begins or now < self.ends


@dataclass(frozen=True)
class Preference:
    """What a person chose for a category; None and OFF say nothing of their own."""

    channels: tuple[str, ...] | None = None
    quiet: QuietHours | None = None
    gather: Gather = Gather.OFF
    gather_at: time | None = None
    muted_until: datetime | None = None
    opted_out: bool = False


@dataclass(frozen=True)
class Decision:
    """What becomes of a message for a person: where it goes, from when on, and why not at once."""

    channels: tuple[str, ...]
    not_before: datetime
    reason: str | None = None
    suppressed: str | None = None
    digest_key: str | None = None


@dataclass(frozen=True)
class Preferences:
    """All that a person chose, and the zone their wall times are read in."""

    zone: ZoneInfo
    chosen: Mapping[str, Preference] = field(default_factory=dict)
    locale: str = DEFAULT
    """The language of the reasons."""

    def of(self, category: Category) -> Preference:
        """What holds for a category: its own choice where there is one, else the common one."""
        return self.chosen.get(category.value) or self.chosen.get(ALL) or Preference()

    def channels(self, category: Category) -> tuple[str, ...]:
        """The channels in order; what a person chose for all holds for a category that names none."""
        own, common = self.chosen.get(category.value), self.chosen.get(ALL)
        for preference in (own, common):
            if preference is not None and preference.channels:
                return preference.channels
        return ("telegram",)

    def decide(self, category: Category, now: datetime, *, person: int, timed_by_user: bool = False) -> Decision:
        """What becomes of a message that is ready at `now`. Codes, alerts and health pass mutes and quiet hours."""
        with speaking(self.locale):
            return self._decide(category, now, person, timed_by_user=timed_by_user)

    def _decide(self, category: Category, now: datetime, person: int, *, timed_by_user: bool) -> Decision:
        if category is Category.CODE:
            return Decision(("email",), now)
        preference, channels = self.of(category), self.channels(category)
        if preference.opted_out:
            return Decision(channels, now, suppressed=t("opted out of {category} messages", category=category.value))
        if category.is_urgent:
            return Decision(channels, now)
        waits = self._held(preference, now, person, timed_by_user=timed_by_user)
        if preference.gather is not Gather.OFF and not timed_by_user:
            closes = _closing(preference, waits[0], self.zone)
            key = f"{preference.gather.value}:{category.value}"
            return Decision(
                channels, closes, t("gathered until {when}", when=format_clock(closes, self.zone)), digest_key=key
            )
        return Decision(channels, *waits)

    def _held(
        self, preference: Preference, now: datetime, person: int, *, timed_by_user: bool
    ) -> tuple[datetime, str | None]:
        muted = self._latest_mute(preference)
        if muted is not None and muted > now:
            return muted + _spread(person), t("muted until {when}", when=format_clock(muted, self.zone))
        common = self.chosen.get(ALL)
        quiet = preference.quiet or (common.quiet if common is not None else None)
        until = quiet.end_after(now, self.zone) if quiet is not None and not timed_by_user else None
        if until is not None:
            return until + _spread(person), t("quiet hours until {when}", when=format_clock(until, self.zone))
        return now, None

    def _latest_mute(self, preference: Preference) -> datetime | None:
        common = self.chosen.get(ALL)
        times = [one.muted_until for one in (preference, common) if one is not None and one.muted_until is not None]
        return max(times, default=None)


def _closing(preference: Preference, ready: datetime, zone: ZoneInfo) -> datetime:
    """When the digest that gathers something ready at `ready` goes."""
    here = ready.astimezone(zone)
    if preference.gather is Gather.HOURLY:
        return (ready + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    at = preference.gather_at or DAILY_AT
    day = here.date() if here.time() < at else here.date() + timedelta(days=1)
    return first_valid(datetime.combine(day, at), zone)


def _spread(person: int) -> timedelta:
    digest = hashlib.blake2b(str(person).encode(), digest_size=4).digest()
    return timedelta(seconds=int.from_bytes(digest) % SPREAD_S)
