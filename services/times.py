"""Times in forms: read from words with what was said before, checked against the quota, and what else would do."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from db.unit_of_work import UnitOfWork
from domain.calendars import Sessions
from domain.errors import InvalidInput, UserError
from domain.locales import mark as _
from domain.locales import t
from domain.schedules import JobType
from domain.timing import INSTANT, SessionsUnknown, Timing, parse_timing
from domain.users import User

USUAL = (
    (_("Every weekday 08:30"), "30 8 * * 1-5"),
    (_("Every day 09:00"), "0 9 * * *"),
    (_("Every hour"), "0 * * * *"),
    (_("Mondays 08:00"), "0 8 * * 1"),
    (_("15 min before NYSE"), "@open(XNYS)-15m"),
    (_("5 min after NYSE"), "@close(XNYS)+5m"),
)
FOR_REMINDERS = (
    (_("In one hour"), "in 1 hour"),
    (_("Tomorrow 09:00"), "tomorrow at 9:00"),
    (_("Every weekday 08:30"), "30 8 * * 1-5"),
    (_("Every day 09:00"), "0 9 * * *"),
    (_("Mondays 08:00"), "0 8 * * 1"),
    (_("Last day of month"), "0 17 l * *"),
)
CROWDED = 5
"""So many jobs of one person in one minute are named, and a later minute is offered."""
SHIFTS = (1, 2, 3, 4)
_LOOKED_AT = 200


class TooFrequent(InvalidInput):
    """Runs would come closer together than the person's quota allows; `instead` are times that would do."""

    def __init__(self, message: str, instead: tuple[Timing, ...]) -> None:
        super().__init__(message)
        self.instead = instead


def usual_times(job_type: str | None) -> tuple[tuple[str, str], ...]:
    """The times that are offered as buttons, each with its label."""
    return FOR_REMINDERS if job_type == JobType.NOTIFICATION else USUAL


def read_time(text: str, half: str, timezone: str, now: datetime) -> Timing:
    """The time that a text means, together with what was said before it, where that alone was not enough."""
    for joined in (f"{half} {text}", f"{half} at {text}", f"{half} um {text}") if half else ():
        try:
            return parse_timing(joined, timezone=timezone, now=now)
        except UserError:  # then it stands for itself, or is refused below
            continue
    return parse_timing(text, timezone=timezone, now=now)


def check_frequency(user: User, timing: Timing, now: datetime, sessions: Sessions) -> None:
    """TooFrequent, with what would do, when the runs would come closer together than the quota allows."""
    shortest = _shortest(timing, now, sessions)
    floor = user.quota.shortest_interval
    if shortest is None or shortest >= floor:
        return
    minutes = int(floor.total_seconds() // 60)
    instead = tuple(each for each in _rarer(timing, minutes) if (_shortest(each, now, sessions) or floor) >= floor)
    words = f"{timing.words[:1].upper()}{timing.words[1:]}"
    raise TooFrequent(
        t("{words} is closer together than your plan's {minutes} minutes.", words=words, minutes=minutes), instead[:1]
    )


def check_coming(timing: Timing, now: datetime, sessions: Sessions) -> None:
    """InvalidInput when nothing of it is still to come, as of a time of today that went by while a form was open."""
    try:
        over = timing.next_after(now, sessions) is None
    except SessionsUnknown:  # to be seen when they are known
        over = False
    if over:
        raise InvalidInput(t("That time is over already. Choose another, and nothing was saved so far."))


def _shortest(timing: Timing, now: datetime, sessions: Sessions) -> timedelta | None:
    try:
        return timing.shortest_interval(now, sessions)
    except SessionsUnknown:
        return None


def _rarer(timing: Timing, minutes: int) -> Iterator[Timing]:
    """The same line with fewer minutes: as many as are allowed, or a single one."""
    columns = timing.expression.split(" ")
    if len(columns) != 5:
        return
    rest = " ".join(columns[1:])
    if "*" in columns[0]:
        yield replace(timing, expression=f"*/{minutes} {rest}")
    first = columns[0].partition(",")[0].partition("-")[0].partition("/")[0]
    yield replace(timing, expression=f"{first if first.isdigit() else 0} {rest}")


def clashes(uow: UnitOfWork, first: datetime, *, but: int | None, sessions: Sessions) -> int:
    """How many other jobs of this person start in the minute in which the first run would."""
    rows = uow.jobs.coming(_LOOKED_AT, first + timedelta(minutes=1))
    return sum(_starts_at(row.next_run_at, row.timing, first, sessions) for row in rows if row.id != but)


def later(timing: Timing, count: Callable[[Timing], int]) -> list[tuple[str, Timing]]:
    """The same time one to four minutes later, wherever fewer jobs start then; labels say by how much."""
    found = []
    for minutes in SHIFTS:
        shifted = _shifted(timing, minutes)
        if shifted is not None and count(shifted) < CROWDED:
            found.append((t("+{n} min", n=minutes), shifted))
    return found


def _starts_at(cursor: datetime | None, timing: Timing, at: datetime, sessions: Sessions) -> bool:
    if cursor is None or cursor >= at:
        return cursor == at
    try:
        due = timing.next_after(at - INSTANT, sessions)
    except SessionsUnknown:
        return False
    return due is not None and due.at == at and due.left_out is None


def first_of(timing: Timing, now: datetime, sessions: Sessions) -> datetime | None:
    """The first run that no calendar leaves out."""
    try:
        return next((each.at for each in islice(timing.upcoming(now, sessions), 10) if each.left_out is None), None)
    except SessionsUnknown:
        return None


def _shifted(timing: Timing, minutes: int) -> Timing | None:
    """The same time some minutes later; None where that is not a matter of the minute alone."""
    if timing.starts_at is not None:
        return None
    event = timing.event
    if event is not None:
        offset = int(event.offset.total_seconds() // 60) + minutes
        named = f"@{'close' if event.closing else 'open'}({event.exchange})"
        return replace(timing, expression=named + (f"{offset:+d}m" if offset else ""))
    minute, _, rest = timing.expression.partition(" ")
    if not minute.isdigit() or int(minute) + minutes > 59:
        return None
    return replace(timing, expression=f"{int(minute) + minutes} {rest}")
