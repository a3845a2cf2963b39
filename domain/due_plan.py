"""What becomes of the due times that have come: run, caught up, or left out with a reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.calendars import Sessions, SessionsUnknown
from domain.locales import t
from domain.timing import INSTANT, Due, Timing

MOST_PER_STEP = 100
ON_TIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class PlannedDue:
    """A due time that gets a run; `catch_up` when an outage made it late."""

    due: Due
    catch_up: bool


@dataclass(frozen=True, slots=True)
class SkippedDue:
    """A due time that gets a row which says why it was not run; with `covers_until`, all up to that one do."""

    due: Due
    reason: str
    text: str | None = None
    covers_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DuePlan:
    """What becomes of the due times up to now, oldest first, and where the schedule goes on."""

    runs: tuple[PlannedDue, ...]
    skipped: tuple[SkippedDue, ...]
    cursor: datetime | None
    more: bool
    last_planned: datetime | None


def plan_due(
    timing: Timing,
    cursor: datetime,
    now: datetime,
    sessions: Sessions = Sessions.NONE,
    *,
    catch_up: str,
    window: timedelta,
    shortest: timedelta,
    last_planned: datetime | None,
) -> DuePlan:
    """What becomes of the due times from `cursor`, which is one, up to `now`.

    Up to a minute late is on time. Of those that an outage made later than that, ``skip`` runs none, ``latest`` the
    newest (in place of an older one that is on time, never beside it), ``all`` each within `window`, a hundred at a
    time. Those left out are skipped one by one up to a hundred, the rest under one row. At most 202 come back,
    however long the outage was. `more` when there are due times left that are not after `now`.
    """
    first = timing.due_at(cursor, sessions)
    following = _next_or_none(timing, cursor, sessions)
    if (following is None or following.at > now) and cursor >= now - ON_TIME:  # nearly always
        plan = _Judge(shortest, last_planned)
        plan.judge(first, catch_up=False)
        return plan.made(following.at if following is not None else None, more=False)
    return _catch_up(timing, first, now, sessions, _Judge(shortest, last_planned), catch_up, window)


def _catch_up(
    timing: Timing, first: Due, now: datetime, sessions: Sessions, judge: "_Judge", catch_up: str, window: timedelta
) -> DuePlan:
    begins = _first_to_run(timing, first, now, sessions, catch_up, max(window, ON_TIME))
    due: Due | None = _leave_out(timing, first, begins, sessions, judge)
    judged = 0
    while due is not None and due.at <= now and judged < MOST_PER_STEP:
        judge.judge(due, catch_up=due.at < now - ON_TIME)
        due, judged = _next_or_none(timing, due.at, sessions), judged + 1
    return judge.made(due.at if due is not None else None, more=due is not None and due.at <= now)


def _first_to_run(
    timing: Timing, first: Due, now: datetime, sessions: Sessions, catch_up: str, window: timedelta
) -> datetime:
    """From when on due times are run, as far as an outage goes."""
    if catch_up == "all":
        return now - window
    if catch_up == "skip":
        return now - ON_TIME
    newest = timing.last_until(now, first.at, sessions)
    while newest.left_out is not None and now - window <= newest.at and newest.at > first.at:
        newest = timing.last_until(newest.at - INSTANT, first.at, sessions)
    return max(newest.at, now - window)


def _leave_out(timing: Timing, first: Due, begins: datetime, sessions: Sessions, judge: "_Judge") -> Due | None:
    """Skip what lies before `begins`; the first due time that does not comes back."""
    due: Due | None = first
    while due is not None and due.at < begins and len(judge.skipped) < MOST_PER_STEP:
        judge.leave_out(due)
        due = _next_or_none(timing, due.at, sessions)
    if due is None or due.at >= begins:
        return due
    last = timing.last_until(begins - INSTANT, due.at, sessions)
    judge.leave_out(due, covers_until=last.at if last.at > due.at else None)
    return _next_or_none(timing, last.at, sessions)


class _Judge:
    """Collects what becomes of each due time."""

    def __init__(self, shortest: timedelta, last_planned: datetime | None) -> None:
        self.runs: list[PlannedDue] = []
        self.skipped: list[SkippedDue] = []
        self._shortest, self._last = shortest, last_planned

    def judge(self, due: Due, *, catch_up: bool) -> None:
        if due.left_out is not None:
            self.skipped.append(SkippedDue(due, "no_session", due.left_out))
        elif self._last is not None and due.at - self._last < self._shortest:
            floor = int(self._shortest.total_seconds() // 60)
            self.skipped.append(
                SkippedDue(due, "quota", t("closer to the run before it than {minutes} minutes", minutes=floor))
            )
        else:
            self.runs.append(PlannedDue(due, catch_up))
            self._last = due.at

    def leave_out(self, due: Due, covers_until: datetime | None = None) -> None:
        if due.left_out is not None and covers_until is None:
            self.skipped.append(SkippedDue(due, "no_session", due.left_out))
        else:
            self.skipped.append(SkippedDue(due, "window", t("missed while nothing could be planned"), covers_until))

    def made(self, cursor: datetime | None, *, more: bool) -> DuePlan:
        return DuePlan(tuple(self.runs), tuple(self.skipped), cursor, more, self._last)


def _next_or_none(timing: Timing, instant: datetime, sessions: Sessions) -> Due | None:
    try:
        return timing.next_after(instant, sessions)
    except SessionsUnknown:
        return None  # the schedule goes on when they are known
