"""What is said about a job's options: what it does in trouble, and on which days."""

from collections.abc import Sequence
from datetime import timedelta
from html import escape

from bot.replies.jobs import head
from bot.replies.reply import Reply, in_pairs
from domain.calendars import EXCHANGES
from domain.locales import mark, t
from domain.runs import Overlap
from domain.schedules import CatchUp, Schedule
from services.telling import span

CATCH_UP = {
    CatchUp.SKIP: mark("Leave it out"),
    CatchUp.LATEST: mark("Run the newest"),
    CatchUp.ALL: mark("Run all, in turn"),
}
_CAUGHT_UP = {
    CatchUp.SKIP: mark("After an outage <b>a missed run is left out</b>."),
    CatchUp.LATEST: mark(
        "After an outage <b>of missed runs the newest is run</b> if it is not older than <b>{window}</b>."
    ),
    CatchUp.ALL: mark(
        "After an outage <b>missed runs are all run, one after the other</b> if it is not older than <b>{window}</b>."
    ),
}
OVERLAP = {
    Overlap.SKIP: mark("Leave the new one out"),
    Overlap.QUEUE_ONE: mark("Let one wait"),
    Overlap.ALLOW: mark("Run side by side"),
}
_OVERLAPPING = {
    Overlap.SKIP: mark("Now <b>one that comes while the last is going is left out</b>."),
    Overlap.QUEUE_ONE: mark("Now <b>one that comes while the last is going waits for it</b>."),
    Overlap.ALLOW: mark("Now <b>runs go side by side</b>."),
}
WINDOWS = ((3600, mark("1 hour")), (43_200, mark("12 hours")), (86_400, mark("1 day")), (604_800, mark("7 days")))
SPREADS = (
    (0, mark("on the dot")),
    (60, mark("up to 1 min")),
    (300, mark("up to 5 min")),
    (900, mark("up to 15 min")),
)
CALENDARS = ("XNYS", "XNAS", "XLON", "XETR", "XSWX", "XTKS", "XHKG")


def if_missed(schedule: Schedule, nonce: str) -> Reply:
    """What becomes of runs that an outage missed, and for how long."""
    number, window = schedule.id, span(timedelta(seconds=schedule.catch_up_window_s))
    choices = [
        (_marked(t(label), schedule.catch_up is policy), f"o:{number}:catch_up:{policy}:{nonce}")
        for policy, label in CATCH_UP.items()
    ]
    windows = [
        (_marked(t(label), schedule.catch_up_window_s == seconds), f"o:{number}:window:{seconds}:{nonce}")
        for seconds, label in WINDOWS
    ]
    said = t(_CAUGHT_UP[schedule.catch_up], window=window)
    text = f"{head(schedule)}\n\n{said} {t('What is left out says so in /history.')}"
    return Reply(text, [*([choice] for choice in choices), *in_pairs(windows), _back(number, nonce)])


def if_busy(schedule: Schedule, nonce: str) -> Reply:
    """What becomes of a run whose predecessor is still going."""
    choices = [
        [(_marked(t(label), schedule.overlap == policy), f"o:{schedule.id}:overlap:{policy}:{nonce}")]
        for policy, label in OVERLAP.items()
    ]
    said = t(_OVERLAPPING[Overlap(schedule.overlap)])
    return Reply(f"{head(schedule)}\n\n{said}", [*choices, _back(schedule.id, nonce)])


def days(schedule: Schedule, nonce: str) -> Reply:
    """On which days it runs, and how far its starts are spread."""
    number, timing = schedule.id, schedule.timing
    spreads = [
        (_marked(t(label), timing.jitter_s == seconds), f"o:{number}:jitter:{seconds}:{nonce}")
        for seconds, label in SPREADS
    ]
    if timing.event is not None:
        goes_by = t("It goes by the sessions of {exchange}.", exchange=_exchange(timing.exchange))
        text = f"{head(schedule)}\n\n{goes_by} {t('How far may its start be spread?')}"
        return Reply(text, [*in_pairs(spreads), _back(number, nonce)])
    offered = list(CALENDARS)
    if timing.calendar is not None and timing.calendar not in offered:
        offered.append(timing.calendar)
    calendars: list[tuple[str, str]] = [
        (_marked(EXCHANGES[code].name, timing.calendar == code), f"o:{number}:calendar:{code}:{nonce}")
        for code in offered
    ]
    any_day = (_marked(t("Any day"), timing.calendar is None), f"o:{number}:calendar:none:{nonce}")
    text = f"{head(schedule)}\n\n{_when(schedule)}"
    return Reply(text, [*in_pairs([any_day, *calendars]), *in_pairs(spreads), _back(number, nonce)])


def _when(schedule: Schedule) -> str:
    """On which days, and how far spread."""
    timing = schedule.timing
    exchange, spread = _exchange(timing.calendar), span(timedelta(seconds=timing.jitter_s))
    if timing.calendar is None and not timing.jitter_s:
        return t("It runs <b>on any day</b>, and starts <b>on the dot</b>.")
    if timing.calendar is None:
        return t("It runs <b>on any day</b>, and starts <b>up to {spread} later</b>.", spread=spread)
    if not timing.jitter_s:
        return t(
            "It runs <b>only on days when {exchange} has a session</b>, and starts <b>on the dot</b>.",
            exchange=exchange,
        )
    return t(
        "It runs <b>only on days when {exchange} has a session</b>, and starts <b>up to {spread} later</b>.",
        exchange=exchange,
        spread=spread,
    )


def _marked(label: str, chosen: bool) -> str:
    return f"✓ {label}" if chosen else label


def _exchange(code: str | None) -> str:
    return escape(EXCHANGES[code].name if code is not None and code in EXCHANGES else str(code))


def _back(number: int, nonce: str) -> Sequence[tuple[str, str]]:
    return [(t("‹ Back to the job"), f"j:{number}:show:{nonce}")]
