"""When a schedule is due: a cron line or a market's open and close, its calendar, its dates, its jitter.

Everything is pure: the instant, the sessions and the schedule's own number are passed in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from domain.calendars import EXCHANGES, WEEKEND, Exchange, Session, Sessions, SessionsUnknown, exchange_named
from domain.cron import EXAMPLE, MONTHS, WEEKDAYS, Cron, CronDue, CronRefused, first_valid, parse_cron, wall_at
from domain.errors import InvalidInput
from domain.locales import t
from domain.phrases import Phrase, read_moment, read_phrase, read_where
from domain.words import describe_once, describe_timing
from domain.zones import zone_of

__all__ = ["Due", "SessionsUnknown", "Timing", "parse_timing", "read_instant", "timing_of"]

LONGEST_JITTER = timedelta(hours=1)
LONGEST_OFFSET = timedelta(hours=12)
INSTANT = timedelta(microseconds=1)
_LOOKED_AT = 1000
_EVENT = re.compile(r"@(open|close)\((\w+)\)(?:([+-])(\d+)m)?")
_TYPED_EVENT = re.compile(
    r"@\s*(open|close)\s*\(\s*([^)]*?)\s*\)\s*(?:([+-])\s*(\d{1,4})\s*(m|min|h)?)?", re.IGNORECASE
)
_UNTIL = re.compile(r"(?:until|till|up to|for|bis(?: zum)?|für|fuer)\s+", re.IGNORECASE)
_HOUR_OR_DATE = re.compile(r"[0-9]{1,2}(?:/[0-9]{1,2}(?:/[0-9]{2,4})?)?|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = timedelta(days=370)
LONGEST_TEXT = 200
_STAR = re.compile(r"[*][\d,/*-]*")
_NUMBERS = re.compile(r"[\d,/-]+")
_COLUMN_NAMES = "|".join((*WEEKDAYS, *MONTHS))
_CRON_LIKE = re.compile(rf"[\d*,/\-]+|[\d*,/#\-a-z]*(?:{_COLUMN_NAMES})[\d*,/#\-a-z]*|l[0-7]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Due:
    """One due time. `at` is nominal (UTC); a run starts at `not_before`, which jitter may move, but no earlier."""

    at: datetime
    not_before: datetime
    local_slot: datetime | None = None
    """The wall time that a fixed-time line names: one row for each, whatever the clocks do."""
    left_out: str | None = None
    """Why this due time is not run: ``no session: Thanksgiving``."""
    mark: str | None = None
    """What a clock change or an early close does to it."""

    @property
    def on_weekend(self) -> bool:
        """Whether it is left out for a weekend, when nobody expects a market to be open."""
        return self.left_out == _no_session(WEEKEND)


@dataclass(frozen=True)
class Event:
    """An opening or a close, and how far from it."""

    closing: bool
    exchange: str
    offset: timedelta

    def after(self, instant: datetime, sessions: Sessions) -> Session | None:
        """The session whose event comes first after `instant`."""
        ask = sessions.closing_after if self.closing else sessions.after
        return next(ask(self.exchange, instant - self.offset), None)

    def at(self, session: Session) -> datetime:
        return (session.closes_at if self.closing else session.opens_at) + self.offset


@dataclass(frozen=True)
class Timing:
    """When a schedule is due, as it is kept.

    `expression` is a cron line as `Cron.text`, or ``@open(XNYS)-15m``, ``@close(XLON)+5m``. `calendar` is an exchange's
    code: without `hours_only` the days without a session are left out, and each of them says why; with it, there are
    no due times outside of the sessions at all. `seed` tells the jitter of one schedule from that of another.
    """

    expression: str
    timezone: str
    calendar: str | None = None
    hours_only: bool = False
    jitter_s: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    seed: int = 0

    @classmethod
    def once(cls, at: datetime, timezone: str, wall: datetime | None = None) -> "Timing":
        """A single time: due at `at` and never again; `wall` is what was asked for, where no clock shows it."""
        instant = at.astimezone(UTC).replace(second=0, microsecond=0)
        wall = wall or instant.astimezone(zone_of(timezone))
        line = f"{wall.minute} {wall.hour} {wall.day} {wall.month} *"
        return cls(line, timezone, starts_at=instant, ends_at=instant)

    @property
    def is_once(self) -> bool:
        """Whether it is due a single time, which is where its window begins and ends."""
        at = self.starts_at
        if at is None or at != self.ends_at:
            return False
        return _wall_named(self.expression, self.timezone, at) is not None

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.timezone)

    @property
    def event(self) -> Event | None:
        """The market event it follows; None for a cron line."""
        return _event(self.expression) if self.expression.startswith("@") else None

    @property
    def exchange(self) -> str | None:
        """The exchange whose sessions it needs."""
        event = self.event
        return event.exchange if event is not None else self.calendar

    @property
    def is_fixed_time(self) -> bool:
        return self.event is None and Cron(self.expression).is_fixed_time

    @property
    def words(self) -> str:
        if self.starts_at is not None and self.is_once:
            return describe_once(self.starts_at.astimezone(self.zone))
        return describe_timing(self.expression, self.calendar, self.hours_only)

    def next_after(self, instant: datetime, sessions: Sessions = Sessions.NONE) -> Due | None:
        """The first due time after `instant`, those that a calendar leaves out included; None when there is none left.

        SessionsUnknown when that depends on sessions that are not known.
        """
        if self.starts_at is not None and self.is_once:
            return self._only(self.starts_at) if instant < self.starts_at else None
        if self.starts_at is not None and instant < self.starts_at:
            instant = self.starts_at - INSTANT
        due = self._nominal(instant, sessions)
        if due is None or (self.ends_at is not None and due.at > self.ends_at):
            return None
        return self._with_jitter(due, sessions) if self.jitter_s else due

    def upcoming(self, instant: datetime, sessions: Sessions = Sessions.NONE) -> Iterator[Due]:
        """The due times after `instant`, strictly increasing, as far as they are known; SessionsUnknown if none is."""
        due = self.next_after(instant, sessions)
        while due is not None:
            yield due
            try:
                due = self.next_after(due.at, sessions)
            except SessionsUnknown:
                return

    def due_at(self, cursor: datetime, sessions: Sessions = Sessions.NONE) -> Due:
        """The due time that was found to be `cursor`; it stays due, even where the rules of its zone have changed."""
        if self.is_once:
            return self._only(cursor)
        due = self._at(cursor, sessions)
        return self._with_jitter(due, sessions) if self.jitter_s else due

    def _only(self, at: datetime) -> Due:
        """The due time of a single one; its line names the wall time that was asked for."""
        local = at.astimezone(self.zone).replace(tzinfo=None, fold=0)
        wall = _wall_named(self.expression, self.timezone, at) or local
        return Due(at, at, local, None, _mark(at, wall, self.zone, fixed=True))

    def last_until(self, instant: datetime, first: datetime, sessions: Sessions = Sessions.NONE) -> Due:
        """The newest due time in [`first`, `instant`], where `first` is one; found without counting those between."""
        newest, reach = None, timedelta(minutes=1)
        while newest is None and instant - reach > first:
            newest = self._next_until(instant, instant - reach, sessions)
            reach *= 2
        if newest is None:
            newest = self.due_at(first, sessions)
        while (later := self._next_until(instant, newest.at, sessions)) is not None:
            newest = later
        return newest

    def _next_until(self, last: datetime, after: datetime, sessions: Sessions) -> Due | None:
        """The first due time after `after` if it is known and no later than `last`."""
        try:
            due = self.next_after(after, sessions)
        except SessionsUnknown:
            return None
        return due if due is not None and due.at <= last else None

    def shortest_interval(self, instant: datetime, sessions: Sessions = Sessions.NONE) -> timedelta | None:
        """The smallest gap among the next fifty due times; None when there are fewer than two."""
        due = islice(self.upcoming(instant, sessions), 50)
        return min((later.at - earlier.at for earlier, later in pairwise(due)), default=None)

    def _nominal(self, instant: datetime, sessions: Sessions) -> Due | None:
        event = self.event
        if event is not None:
            session = event.after(instant, sessions)
            if session is None:
                raise SessionsUnknown(event.exchange)
            at = event.at(session)
            return Due(at, at, mark=_early(session))
        if self.calendar is not None and self.hours_only:
            return self._within_hours(self.calendar, instant, sessions)
        found = Cron(self.expression).next_due(instant, self.zone)
        return self._of_cron(found, sessions) if found is not None else None

    def _within_hours(self, exchange: str, instant: datetime, sessions: Sessions) -> Due | None:
        """The first due time within a session; None when a year of sessions holds none of a line of all months."""
        cron, zone = Cron(self.expression), self.zone
        last = instant + _YEAR if cron.columns[2:4] == ("*", "*") else datetime.max.replace(tzinfo=UTC)
        for _ in range(_LOOKED_AT):
            session = next(sessions.closing_after(exchange, instant), None)
            if session is None:
                break
            if session.opens_at > last:
                return None
            found = cron.next_due(max(instant, session.opens_at - INSTANT), zone)
            if found is None:
                return None
            if found.at < session.closes_at:
                return Due(found.at, found.at, found.wall if cron.is_fixed_time else None, None, _early(session))
            instant = max(session.closes_at, found.at - INSTANT)  # sessions that close before it hold none
        raise SessionsUnknown(exchange)

    def _of_cron(self, found: CronDue, sessions: Sessions) -> Due:
        at, wall = found.at, found.wall
        left_out = None
        if self.calendar is not None and not self.hours_only:
            day = at.astimezone(EXCHANGES[self.calendar].zone).date()
            closed = sessions.why_closed(self.calendar, day)
            left_out = _no_session(closed) if closed is not None else None
        fixed = Cron(self.expression).is_fixed_time
        mark = None if found.is_plain else _mark(at, wall, self.zone, fixed=fixed)
        return Due(at, at, wall if fixed else None, left_out, mark)

    def _at(self, cursor: datetime, sessions: Sessions) -> Due:
        if self.hours_only or self.expression.startswith("@"):
            return self._of_session(cursor, sessions)
        wall, plain = wall_at(int(cursor.timestamp()), self.timezone)
        if not plain:  # moved by a gap, perhaps
            found = Cron(self.expression).next_due(cursor - INSTANT, self.zone)
            wall = found.wall if found is not None and found.at == cursor else wall
        return self._of_cron(CronDue(cursor, wall, plain), sessions)

    def _of_session(self, cursor: datetime, sessions: Sessions) -> Due:
        try:
            found = self._nominal(cursor - INSTANT, sessions)
        except SessionsUnknown:
            found = None
        if found is not None and found.at == cursor:
            return found
        wall = cursor.astimezone(self.zone).replace(tzinfo=None, fold=0)  # its session was moved since it was found
        return Due(cursor, cursor, wall if self.is_fixed_time else None)

    def _with_jitter(self, due: Due, sessions: Sessions) -> Due:
        try:
            following = self._nominal(due.at, sessions)
        except SessionsUnknown:
            following = None
        room = timedelta(seconds=self.jitter_s)
        if following is not None:
            room = min(room, following.at - due.at - timedelta(seconds=1))
        return replace(due, not_before=due.at + _share(self.seed, due.at) * max(room, timedelta(0)))


@lru_cache(maxsize=1024)
def _event(expression: str) -> Event:
    read = _EVENT.fullmatch(expression)
    if read is None:
        raise InvalidInput(t("“{words}” is no market time. Example: @open(XNYS)-15m", words=expression))
    closing, exchange, sign, minutes = read.groups()
    offset = timedelta(minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    return Event(closing == "close", exchange, offset)


@lru_cache(maxsize=4096)
def _wall_named(expression: str, timezone: str, at: datetime) -> datetime | None:
    """The wall time that a line of one date names, if `at` is when it comes."""
    columns = expression.split(" ")
    if len(columns) != 5 or columns[4] != "*" or not all(column.isdigit() for column in columns[:4]):
        return None
    minute, hour, day, month = map(int, columns[:4])
    zone = zone_of(timezone)
    local = at.astimezone(zone).replace(tzinfo=None, fold=0)
    try:
        wall = datetime(local.year, month, day, hour, minute)  # noqa: DTZ001 - a wall time
    except ValueError:
        return None
    return wall if wall == local or first_valid(wall, zone) == at else None


def _share(seed: int, at: datetime) -> float:
    """A number in [0, 1) that is always the same for this schedule and due time."""
    digest = blake2b(f"{seed}@{at.timestamp():.6f}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _no_session(reason: str) -> str:
    return t("no session: {reason}", reason=t(reason))


def _early(session: Session) -> str | None:
    if not session.early_close:
        return None
    return t("early close: {reason}", reason=session.note) if session.note else t("early close")


def _mark(at: datetime, wall: datetime, zone: ZoneInfo, *, fixed: bool) -> str | None:
    local = at.astimezone(zone)
    if fixed and local.replace(tzinfo=None, fold=0) != wall:
        return t("{time} does not exist on that day: the clocks go forward", time=f"{wall:%H:%M}")
    if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
        return None
    if not local.fold:
        return t("the first {time}: the clocks go back", time=f"{local:%H:%M}")
    return t("the second {time}: the clocks go back", time=f"{local:%H:%M}")


def parse_timing(text: str, *, timezone: str, now: datetime, sessions: Sessions = Sessions.NONE) -> Timing:
    """Read a cron line, a market time such as ``@open(NYSE)-15m``, or English words; InvalidInput says what is wrong.

    A cron line may be followed by ``on NYSE days``, ``during NYSE hours``, ``in Tokyo``.
    """
    said = " ".join(text.split())
    if len(said) > LONGEST_TEXT:
        raise InvalidInput(
            t(
                "That is too long to say when: {count} characters at most. Example: {example}",
                count=LONGEST_TEXT,
                example=t(EXAMPLE),
            )
        )
    if _TYPED_EVENT.match(said):
        timing = Timing(_canonical_event(said), timezone)
    elif said.startswith("@"):
        timing = Timing(parse_cron(said, now).text, timezone)
    elif _looks_like_cron(said):
        timing = _cron_timing(said, timezone, now)
    else:
        timing = timing_of(read_phrase(said), timezone, now)
    if _ever_due(timing, now, sessions):
        return timing
    if timing.hours_only:
        raise InvalidInput(t("“{words}” is never due within those hours. /test shows when a line is due.", words=said))
    raise InvalidInput(t("“{words}” is never due. /test shows when a line is due.", words=said))


def read_instant(text: str, timezone: str, now: datetime) -> datetime:
    """The instant (UTC, after `now`) that `text` names: ``Monday 8:00``, ``tomorrow``, ``2h``, ``bis morgen um 9``."""
    phrase = read_moment(_UNTIL.sub("", " ".join(text.split()), count=1))
    if phrase.moment is None:
        raise InvalidInput(t("Name one time: a day, a time of day, or how long from now."))
    return phrase.moment.at(now, zone_of(phrase.timezone or timezone))[0]


def _ever_due(timing: Timing, now: datetime, sessions: Sessions) -> bool:
    try:
        return timing.next_after(now, sessions) is not None
    except SessionsUnknown:
        return True  # to be seen when they are known


def _looks_like_cron(said: str) -> bool:
    """Whether a person means a cron line: a star for a column, columns only, or numbers for the first two."""
    words = said.split(" ")
    if len(words) == 1 and _HOUR_OR_DATE.fullmatch(said):
        return False
    if any(_STAR.fullmatch(word) for word in words):
        return True
    columns = next((n for n, word in enumerate(words) if not _CRON_LIKE.fullmatch(word)), len(words))
    numbers = next((n for n, word in enumerate(words) if not _NUMBERS.fullmatch(word)), len(words))
    return numbers >= 2 or (numbers == 1 and columns == len(words))


def _cron_timing(said: str, timezone: str, now: datetime) -> Timing:
    words = said.split(" ")
    rest = " ".join(words[5:])
    if not re.match(r"(?:on|in|during|while|when|an|nur|während|waehrend|solange|innerhalb)\b|\(", rest, re.IGNORECASE):
        return Timing(parse_cron(said, now).text, timezone)
    line = parse_cron(" ".join(words[:5]), now).text
    where = read_where(rest)
    return Timing(line, where.timezone or timezone, calendar=where.calendar, hours_only=where.hours_only)


def timing_of(phrase: Phrase, timezone: str, now: datetime) -> Timing:
    """What a phrase that was read at `now` says, in its own zone or `timezone`; PhraseRefused where that is over."""
    zone = phrase.timezone or timezone
    if phrase.moment is not None:
        at, wall = phrase.moment.at(now, zone_of(zone))
        return Timing.once(at, zone, wall)
    expression = phrase.expression
    if not expression.startswith("@"):
        expression = parse_cron(expression, now).text
    return Timing(expression, zone, calendar=phrase.calendar, hours_only=phrase.hours_only)


def _canonical_event(said: str) -> str:
    read = _TYPED_EVENT.fullmatch(said)
    if read is None:
        example = _TYPED_EVENT.match(said)
        column = example.end() + 1 if example else 1
        raise CronRefused(
            t(
                "I read “{understood}”, but not “{words}” behind it (from character {number}).",
                understood=said[: column - 1],
                words=said[column - 1 :][:20],
                number=column,
            ),
            suggestion="@open(XNYS)-15m",
        )
    kind, named, sign, number, unit = read.groups()
    exchange: Exchange = exchange_named(named)
    minutes = int(number or 0) * (60 if (unit or "").lower() == "h" else 1)
    if timedelta(minutes=minutes) > LONGEST_OFFSET:
        raise CronRefused(t("{number} minutes from it are too far: 12 hours (720m) at most.", number=minutes))
    return f"@{kind.lower()}({exchange.code})" + (f"{sign}{minutes}m" if minutes else "")
