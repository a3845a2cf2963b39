"""One day or one moment, as it was said, and the instant that it means."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from domain.cron import first_valid
from domain.locales import format_date, t
from domain.phrases.refused import PhraseRefused
from domain.words import day_name, describe_once

MOST_AHEAD = timedelta(days=5 * 366)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Moment:
    """What was said of one day: one of `minutes`, `days`, `on`, `weekday`; without any it is the first that comes."""

    minutes: int | None = None
    """From now: "in 90 minutes"."""
    days: int | None = None
    """From today: "tomorrow" is 1."""
    weekday: int | None = None
    """From Sunday; beside a date it is what that day is said to be."""
    following: bool = False
    """Whether it was "next Friday", which people use for two days."""
    weeks: int | None = None
    """In the week so many weeks from this one: "Monday next week" is 1."""
    on: tuple[int | None, int | None, int] | None = None
    """Year, month and day; the first two may be left open."""
    clock: tuple[int, int] = (0, 0)

    def at(self, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The instant (UTC) and the wall time it was said as; PhraseRefused when it is over or may be one of two."""
        if self.minutes is not None:
            return self._from_now(self.minutes, now, zone)
        here = now.astimezone(zone).replace(tzinfo=None, fold=0)
        wall = self._dated(*self.on, here) if self.on is not None else self._relative(here)
        instant = first_valid(wall, zone)
        if instant - now > MOST_AHEAD:
            raise PhraseRefused(t("{day} is too far ahead: five years at most.", day=format_date(wall.date())))
        if instant <= now:
            raise self._over(wall, here)
        return instant, wall

    def _from_now(self, minutes: int, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        ahead = timedelta(minutes=minutes)
        if not ahead:
            raise PhraseRefused(t("That is now. Name a time that is still to come."))
        if ahead > MOST_AHEAD:
            raise PhraseRefused(t("That is too far ahead: five years at most."))
        instant = (now.astimezone(UTC) + ahead + _MINUTE / 2).replace(second=0, microsecond=0)
        instant = instant if instant > now else instant + _MINUTE
        return instant, instant.astimezone(zone).replace(tzinfo=None, fold=0)

    def _wall(self, day: date) -> datetime:
        return datetime.combine(day, time(*self.clock))

    def _relative(self, here: datetime) -> datetime:
        today = here.date()
        if self.days is not None:
            return self._wall(today + timedelta(days=min(self.days, 9999)))
        if self.weekday is None:
            first = self._wall(today)
            return first if first > here else first + timedelta(days=1)
        wanted = (self.weekday - 1) % 7 - today.weekday()  # weeks begin on Mondays
        if self.weeks is not None:
            return self._wall(today + timedelta(days=wanted + 7 * self.weeks))
        coming = self._wall(today + timedelta(days=wanted % 7))
        if self.following and wanted > 0:
            raise PhraseRefused(
                t("{day} of this week, or of the next?", day=day_name(self.weekday)),
                suggestions=(describe_once(coming), describe_once(coming + timedelta(days=7))),
            )
        if wanted == 0 and (self.following or coming <= here):
            coming += timedelta(days=7)
        return coming

    def _dated(self, year: int | None, month: int | None, day: int, here: datetime) -> datetime:
        """The first such day that is not over, or the last of them."""
        if month is None:
            months = [divmod(here.year * 12 + here.month - 1 + n, 12) for n in range(13)]
            tries = [(y, m + 1) for y, m in months]
        else:
            tries = list(product([year] if year else range(here.year, here.year + 9), [month]))
        walls = [self._wall(date(y, m, day)) for y, m in tries if _exists(y, m, day)]
        if not walls:
            raise PhraseRefused(t("That day is not in the calendar."))
        wall = next((each for each in walls if each > here), walls[-1])
        if self.weekday is not None and wall.isoweekday() % 7 != self.weekday:
            raise PhraseRefused(
                t(
                    "{date} is not a {said}, but a {day}. Which one is it?",
                    date=format_date(wall.date()),
                    said=day_name(self.weekday),
                    day=day_name(wall.isoweekday() % 7),
                ),
                suggestions=(describe_once(wall),) if wall > here else (),
            )
        return wall

    def _over(self, wall: datetime, here: datetime) -> PhraseRefused:
        """The refusal of a time that has passed; it suggests that time of the next day or year."""
        if self.on is None or wall.date() == here.date():
            again = datetime.combine(here.date() + timedelta(days=wall.time() <= here.time()), wall.time())
        else:
            again = Moment(on=(None, wall.month, wall.day), clock=self.clock)._dated(None, wall.month, wall.day, here)
        when = f"{format_date(wall.date())} {wall:%H:%M}"
        return PhraseRefused(t("That is over already: {when}.", when=when), suggestions=(describe_once(again),))


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
