"""When a cron line is due: read strictly, in the schedule's own zone, with Debian's rules for clock changes.

croniter finds the next time on the wall clock; what a clock change does to it is decided here. A *fixed-time* line
(neither minute nor hour starts with ``*``) runs once: at the first valid instant after a gap, in the first pass of a
fold. A *wildcard* line follows real time: a wall time that does not exist is dropped, one that comes twice runs twice.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from domain.columns import columns_of
from domain.errors import InvalidInput
from domain.locales import mark, t
from domain.zones import zone_of

LONGEST_LINE = 100
HORIZON = timedelta(days=5 * 366)
EXAMPLE = mark("30 8 * * 1-5 (every weekday at 08:30)")
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class CronRefused(InvalidInput):
    """That is no cron line I can keep; it names the column and a way out."""

    def __init__(self, message: str, column: int | None = None, suggestion: str | None = None) -> None:
        super().__init__(f"{message} {t('Did you mean: {line}', line=suggestion)}" if suggestion else message)
        self.column = column
        self.suggestion = suggestion


@dataclass(frozen=True)
class Column:
    """One of the five: its name and the numbers it may hold."""

    position: int
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return t("column {number} ({name})", number=self.position, name=t(self.name))


COLUMNS = (
    Column(1, mark("minute"), 0, 59),
    Column(2, mark("hour"), 0, 23),
    Column(3, mark("day of the month"), 1, 31),
    Column(4, mark("month"), 1, 12, MONTHS),
    Column(5, mark("weekday"), 0, 7, WEEKDAYS),
)


@dataclass(frozen=True)
class Cron:
    """A cron line that was read and can be kept: `text` has five columns, one blank apart, names as numbers."""

    text: str

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.text.split(" "))

    @property
    def is_fixed_time(self) -> bool:
        return _is_fixed_time(self.text)

    def next_after(self, instant: datetime, zone: ZoneInfo) -> datetime | None:
        """The first due instant (UTC) after `instant`, or None when none comes within five years."""
        found = self.next_due(instant, zone)
        return found.at if found is not None else None

    def next_due(self, instant: datetime, zone: ZoneInfo) -> "CronDue | None":
        """As `next_after`, with the wall time that was asked for."""
        if zone.key is None or instant.microsecond:
            return self._search(instant, zone)
        return _remembered(self, int(instant.timestamp()), zone.key)

    def upcoming(self, instant: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """The due instants (UTC) after `instant`, strictly increasing, while there are any within five years each."""
        due = self.next_after(instant, zone)
        while due is not None:
            yield due
            due = self.next_after(due, zone)

    def shortest_interval(self, instant: datetime, zone: ZoneInfo) -> timedelta | None:
        """The smallest gap among the next fifty due instants; None for a line with a single one."""
        due = islice(self.upcoming(instant, zone), 50)
        return min((later - earlier for earlier, later in pairwise(due)), default=None)

    def _search(self, instant: datetime, zone: ZoneInfo) -> "CronDue | None":
        here = instant.astimezone(zone).replace(tzinfo=None)
        fixed = self.is_fixed_time
        plain = fixed or _is_plain(here, zone)
        wall = self._next_wall(here)
        while wall is not None:
            if plain and _is_plain(wall, zone):  # no clock change is near: nearly always
                due: datetime | None = wall.replace(tzinfo=zone).astimezone(UTC)
            else:
                due = first_valid(wall, zone) if fixed else self._in_real_time(wall, instant, zone)
            if due is not None and due > instant:
                return CronDue(due, wall) if due - instant <= HORIZON else None
            wall = self._next_wall(wall)
        return None

    def _next_wall(self, wall: datetime) -> datetime | None:
        columns = columns_of(self.text)
        if columns is not None:
            return columns.next_after(wall)
        try:
            found: datetime = _reader(self.text).get_next(datetime, start_time=wall)
        except CroniterBadDateError:
            return None
        return found

    def _in_real_time(self, wall: datetime, after: datetime, zone: ZoneInfo) -> datetime | None:
        """`wall` as a wildcard line sees it, or an earlier time of the second pass of a fold that `after` stands in."""
        here = after.astimezone(zone)
        if here.fold == 0 and _is_fold(here.replace(tzinfo=None), zone):
            if _is_fold(wall, zone) and wall.replace(tzinfo=zone).utcoffset() == here.utcoffset():
                return wall.replace(tzinfo=zone).astimezone(UTC)
            turn = _offset_change(after, after + timedelta(days=1), zone)
            second = self._next_wall(turn.astimezone(zone).replace(tzinfo=None) - timedelta(seconds=1))
            if second is not None and _is_fold(second, zone):
                return second.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if _is_gap(wall, zone):
            return None
        first = wall.replace(tzinfo=zone).astimezone(UTC)
        return first if first > after else wall.replace(tzinfo=zone, fold=1).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class CronDue:
    """A due instant (UTC), and the wall time that the line names; they differ after a gap.

    Where `is_plain` is set, that wall time comes exactly once and no clock change touches it.
    """

    at: datetime
    wall: datetime
    is_plain: bool = False


@lru_cache(maxsize=16384)
def _remembered(cron: Cron, seconds: int, zone: str) -> CronDue | None:
    """Many schedules share a line and a zone, and are due at one instant: it is searched once."""
    return cron._search(datetime.fromtimestamp(seconds, UTC), zone_of(zone))  # the same module


@lru_cache(maxsize=4096)
def _is_fixed_time(line: str) -> bool:
    minute, hour, *_ = line.split(" ")
    return not (minute.startswith("*") or hour.startswith("*"))


class _Readers(threading.local):
    """croniter reads a line in 70 µs and keeps a position in it: each thread keeps the readers that it has used."""

    def __init__(self) -> None:
        self.of = lru_cache(maxsize=2048)(croniter)


_readers = _Readers()


def _reader(line: str) -> croniter:
    return _readers.of(line)


@lru_cache(maxsize=8192)
def wall_at(seconds: int, zone: str) -> tuple[datetime, bool]:
    """The wall time of an instant, and whether no clock change touches it; many schedules are due at one instant."""
    where = zone_of(zone)
    local = datetime.fromtimestamp(seconds, where)
    wall = local.replace(tzinfo=None, fold=0)
    before = datetime.fromtimestamp(seconds - 1, where)
    return wall, _is_plain(wall, where) and before.utcoffset() == local.utcoffset()


def _is_plain(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether `wall` comes exactly once in `zone`."""
    return wall.replace(tzinfo=zone).utcoffset() == wall.replace(tzinfo=zone, fold=1).utcoffset()


def first_valid(wall: datetime, zone: ZoneInfo) -> datetime:
    """`wall` as a fixed-time line sees it: the first pass, or the first valid instant after a gap."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if not _is_gap(wall, zone):
        return instant
    return _offset_change(instant - timedelta(days=2), instant, zone)


def _is_gap(wall: datetime, zone: ZoneInfo) -> bool:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall


def _is_fold(wall: datetime, zone: ZoneInfo) -> bool:
    passes = {wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    return len(passes) == 2 and not _is_gap(wall, zone)


def _offset_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (before, after] at which the zone's offset becomes what it is at `after`, by halving."""
    low, high = int(before.timestamp()), int(after.timestamp())
    target = datetime.fromtimestamp(high, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == target:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)


def parse_cron(text: str, now: datetime) -> Cron:
    """Read a cron line or an ``@daily`` word; CronRefused says which column is wrong and what to write instead."""
    line = " ".join(re.split(r"[ \t\r\n]+", text.strip())).lower()
    if len(line) > LONGEST_LINE:
        raise CronRefused(
            t("A cron line has at most {most} characters. Example: {example}", most=LONGEST_LINE, example=t(EXAMPLE))
        )
    if line.startswith("@"):
        line = _macro(line)
    columns = line.split(" ") if line else []
    if len(columns) != 5:
        raise _wrong_count(columns)
    cron = Cron(" ".join(_read(text, column) for text, column in zip(columns, COLUMNS, strict=True)))
    _check_special_weekdays(cron)
    if cron.next_after(now, ZoneInfo("UTC")) is None:
        raise CronRefused(
            t(
                "“{line}” never comes within five years: look at column 3 (day of the month) and column 4 (month).",
                line=line,
            ),
            column=3,
        )
    return cron


def _macro(word: str) -> str:
    if word in MACROS:
        return MACROS[word]
    if word == "@reboot":
        raise CronRefused(t("@reboot is no time of day, so it can't be planned."), suggestion="@daily")
    raise CronRefused(
        t("I don't know “{word}”. I know {known}.", word=word[:20], known=", ".join(MACROS)), suggestion="@daily"
    )


def _wrong_count(columns: list[str]) -> CronRefused:
    said = t("A cron line has five columns (minute hour day month weekday), this one has {count}.", count=len(columns))
    if len(columns) == 6 and _is_readable(columns[1:]):
        return CronRefused(f"{said} {t('Seconds are not planned.')}", suggestion=" ".join(columns[1:]))
    if len(columns) > 5 and _is_readable(columns[:5]):
        unknown = t("I don't know “{word}” there.", word=columns[5][:20])
        return CronRefused(f"{said} {unknown}", suggestion=" ".join(columns[:5]))
    if len(columns) == 4:
        return CronRefused(said, suggestion=f"{' '.join(columns)} *")
    return CronRefused(f"{said} {t('Example: {example}', example=t(EXAMPLE))}")


def _is_readable(columns: list[str]) -> bool:
    try:
        for text, column in zip(columns, COLUMNS, strict=True):
            _read(text, column)
    except CronRefused:
        return False
    return True


def _read(text: str, column: Column) -> str:
    if column.position == 3 and text == "l":
        return text.upper()
    items = [_item(item, column) for item in text.split(",")]
    return "*" if "*" in items else ",".join(items)


def _check_special_weekdays(cron: Cron) -> None:
    """croniter can't mix ``1#2`` with plain weekdays, and beside a day of the month it asks for both, not either."""
    *_, day, month, weekday = cron.columns
    special = [item for item in weekday.split(",") if "#" in item or "L" in item]
    plain = [item for item in weekday.split(",") if item not in special]
    if special and plain:
        raise CronRefused(
            t(
                "column 5 (weekday) is “{weekday}”: {special} can't be mixed with plain weekdays. Make two schedules.",
                weekday=weekday,
                special=special[0],
            ),
            column=5,
        )
    if special and day != "*":
        raise CronRefused(
            t(
                "column 3 (day of the month) is “{day}” and column 5 (weekday) “{weekday}”: {special} stands for "
                "days of the month already. Make two schedules.",
                day=day,
                weekday=weekday,
                special=special[0],
            ),
            3,
            " ".join([*cron.columns[:2], "*", month, weekday]),
        )


def _item(item: str, column: Column) -> str:
    if column.position == 5 and (nth := re.fullmatch(r"(\w+)#([1-5])", item)):
        return f"{_number(nth[1], column) % 7}#{nth[2]}"
    if column.position == 5 and (last := re.fullmatch(r"l([0-7])", item)):
        return f"L{int(last[1]) % 7}"
    whole, slash, step = item.partition("/")
    low, dash, high = whole.partition("-")
    if whole == "*":
        every = _step(step, column.high - column.low, column) if slash else ""
        return "*" if every == "/1" else f"*{every}"  # croniter tells */1 from * where both day columns are given
    first = _number(low, column)
    if not dash:
        if slash:
            raise CronRefused(
                t("{column} is “{item}”: a step needs a range or a star.", column=column, item=item),
                column.position,
                f"{first}-{column.high}/{step}",
            )
        return str(first % 7 if column.position == 5 else first)
    last_number = _number(high, column)
    if last_number < first:
        raise CronRefused(
            t("{column} is “{item}”: the range runs backwards.", column=column, item=item),
            column.position,
            _wrapped(first, last_number, column),
        )
    every = _step(step, last_number - first, column) if slash else ""
    if first == last_number:  # croniter would take 5-5 for the whole column
        return str(first % 7 if column.position == 5 else first)
    return f"{first}-{last_number}{every}"


def _wrapped(first: int, last: int, column: Column) -> str:
    high = 6 if column.position == 5 else column.high
    if first > high:  # Sunday as 7
        return f"0-{last}" if last else "0"
    head = str(first) if first == high else f"{first}-{high}"
    tail = str(last) if last == column.low else f"{column.low}-{last}"
    return f"{head},{tail}"


def _step(text: str, span: int, column: Column) -> str:
    if not (text.isascii() and text.isdigit()) or int(text[:9]) == 0:
        raise CronRefused(
            t("{column} has the step “{step}”: it needs a whole number from 1.", column=column, step=text[:12]),
            column.position,
        )
    if int(text[:9]) > max(span, 1):
        raise CronRefused(
            t(
                "{column} has the step {step}, larger than the column itself, so it would act only once.",
                column=column,
                step=text[:12],
            ),
            column.position,
            "*/30" if column.position == 1 else None,
        )
    return f"/{int(text)}"


def _number(text: str, column: Column) -> int:
    if text[:3] in column.names and len(text) >= 3 and _full_names(column)[text[:3]].startswith(text):
        return column.names.index(text[:3]) + (1 if column.low == 1 else 0)
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        allowed = t("{low} to {high}", low=column.low, high=column.high)
        if column.names:
            allowed = t("{first} or {others}", first=allowed, others=f"{column.names[0]}…{column.names[-1]}")
        raise CronRefused(
            t(
                "{column} is “{text}”: it takes *, {allowed}, lists (1,15), ranges (1-5) and steps (*/15).",
                column=column,
                text=text[:12],
                allowed=allowed,
            ),
            column.position,
        )
    number = int(text)
    if not column.low <= number <= column.high:
        nearest = max(column.low, min(number, column.high))
        raise CronRefused(
            t(
                "{column} is {number}: it goes from {low} to {high}. The nearest is {nearest}.",
                column=column,
                number=number,
                low=column.low,
                high=column.high,
                nearest=nearest,
            ),
            column.position,
        )
    return number


def _full_names(column: Column) -> dict[str, str]:
    months = "january february march april may june july august september october november december"
    days = "sunday monday tuesday wednesday thursday friday saturday"
    return {name[:3]: name for name in (months if column.position == 4 else days).split()}
