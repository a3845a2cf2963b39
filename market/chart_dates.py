"""Which bars get a date below them, and how it reads: fewer words the longer the span."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from domain.locales import format_calendar
from market.bars import Bars

MOST_TICKS = 6
FEWEST_SLOTS = 14
"""A chart of fewer bars is as wide as one of these many."""
_ELSEWHERE = {"%H:%M": "HH:mm", "{d} %b": "d. MMM", "%b": "LLL", "%Y": "yyyy"}
"""The labels of other languages, as Babel writes them."""
_Boundary = Callable[[datetime], object]

_STEPS: tuple[tuple[_Boundary, str], ...] = (
    (lambda at: (at.date(), at.hour, at.minute // 5), "%H:%M"),
    (lambda at: (at.date(), at.hour, at.minute // 15), "%H:%M"),
    (lambda at: (at.date(), at.hour, at.minute // 30), "%H:%M"),
    (lambda at: (at.date(), at.hour), "%H:%M"),
    (lambda at: (at.date(), at.hour // 3), "%H:%M"),
    (lambda at: (at.date(), at.hour // 6), "%H:%M"),
    (lambda at: at.date(), "{d} %b"),
    (lambda at: at.toordinal() // 2, "{d} %b"),
    (lambda at: at.isocalendar()[:2], "{d} %b"),
    (lambda at: (at.toordinal() - 1) // 14, "{d} %b"),
    (lambda at: (at.year, at.month), "%b"),
    (lambda at: (at.year, (at.month - 1) // 2), "%b"),
    (lambda at: (at.year, (at.month - 1) // 3), "%b"),
    (lambda at: (at.year, (at.month - 1) // 6), "%b"),
    (lambda at: at.year, "%Y"),
    (lambda at: at.year // 2, "%Y"),
    (lambda at: at.year // 5, "%Y"),
    (lambda at: at.year // 10, "%Y"),
)


def date_ticks(bars: Bars, zone: ZoneInfo) -> list[tuple[int, str]]:
    """Places and labels of up to six ticks, at round dates or hours in the reader's zone."""
    moments = [bar.opened_at.astimezone(zone if bars.timeframe.is_intraday else UTC) for bar in bars.bars]
    steps = _STEPS if bars.timeframe.is_intraday else _STEPS[6:]
    for boundary, pattern in steps:
        places = _inner(list(_turns(moments, boundary)), len(moments))
        if 2 <= len(places) <= MOST_TICKS and places == _apart(places, len(moments)):
            return _labelled(moments, places, pattern)
    return _labelled(moments, _apart([0, len(moments) - 1], len(moments)), steps[0][1])


def _turns(moments: Sequence[datetime], boundary: _Boundary) -> Iterator[int]:
    """Where the boundary's value changes."""
    before = boundary(moments[0])
    for place, moment in enumerate(moments):
        now = boundary(moment)
        if now != before:
            yield place
        before = now


def _inner(places: list[int], count: int) -> list[int]:
    """Without those whose labels would leave the picture, where others remain."""
    edge = count * 0.03
    inner = [place for place in places if edge <= place <= count - 1 - edge]
    return inner if len(inner) >= 2 else places


def _apart(places: list[int], count: int) -> list[int]:
    """Without those whose labels would touch the one before."""
    width = max(count, FEWEST_SLOTS) * 0.13
    kept: list[int] = []
    for place in places:
        if not kept or place - kept[-1] >= width:
            kept.append(place)
    return kept


def _labelled(moments: Sequence[datetime], places: Sequence[int], pattern: str) -> list[tuple[int, str]]:
    """Each with its label; a new day under an hour, a new year under a month is named below it."""
    ticks: list[tuple[int, str]] = []
    above: object = None
    for place in places:
        moment = moments[place]
        label = format_calendar(moment, pattern, _ELSEWHERE[pattern])
        context, below = _context(moment, pattern)
        # a second line everywhere keeps all first lines at one height
        label += f"\n{below}" if below and context != above else "\n "
        above = context
        ticks.append((place, label))
    return ticks


def _context(moment: datetime, pattern: str) -> tuple[object, str]:
    if pattern == "%H:%M":
        return moment.date(), format_calendar(moment, "%a {d}", "ccc d.")
    if pattern == "%Y":
        return None, ""
    return moment.year, f"{moment:%Y}"
