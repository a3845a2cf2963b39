"""A simulated market that runs on the clock: the same instant gives the same prices on every machine.

A day's open, high, low, close and volume come from integer random paths (`random_path`); the minutes inside it are a
path through those four, so that minutes add up to their day exactly. Unfinished bars hold the finished minutes only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from itertools import islice, pairwise
from math import isqrt

from domain.locales import format_date, t
from market.bars import Bar, Bars, Timeframe
from market.errors import NotEnoughBars, UnknownSymbol
from market.feeds.random_path import at, bell, below, bits, key, restlessness
from market.feeds.sim_instruments import SIMULATED, Simulated
from market.instruments import Instrument, nearest

_FIRST_DAY = date(1990, 1, 1)
_EXACT = Context(prec=18)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Day:
    """One session: prices in ticks, `minutes` long from `starts_at`."""

    of: Simulated
    seed: int
    step: int
    starts_at: datetime
    minutes: int
    open: int
    high: int
    low: int
    close: int
    volume: int

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.minutes * _MINUTE


class SimFeed:
    """Forty invented markets without an end, for trying things out; every report made from it says so."""

    name = "sim"

    def __init__(self, bars_dir: object = None) -> None:
        """`bars_dir` is every feed's argument; nothing is stored for this one."""

    def instruments(self) -> Sequence[Instrument]:
        """All forty."""
        return [each.instrument for each in SIMULATED.values()]

    def bars(self, symbol: str, timeframe: Timeframe | None, *, count: int, now: datetime) -> Bars:
        """The newest bars; the last one is still open (`is_final` false) while its session or slot runs."""
        simulated = SIMULATED.get(symbol)
        if simulated is None:
            raise UnknownSymbol(symbol, self.name, nearest(symbol, self.instruments()))
        frame = timeframe or Timeframe.D1
        newest = list(islice(_newest_first(simulated, frame, now), count))
        if not newest:
            raise NotEnoughBars(t("The simulated market has no prices before {day}.", day=format_date(_FIRST_DAY)))
        return Bars(
            symbol=symbol,
            timeframe=frame,
            bars=tuple(reversed(newest)),
            source=self.name,
            simulated=True,
            as_of=_told_until(simulated, now),
            currency=simulated.instrument.currency,
            name=simulated.instrument.name,
            decimals=simulated.instrument.decimals,
        )


def _newest_first(of: Simulated, frame: Timeframe, now: datetime) -> Iterator[Bar]:
    if frame is Timeframe.W1:
        yield from _weeks(_newest_first(of, Timeframe.D1, now), now)
        return
    for day in _days(of, now):
        told = min(day.minutes, (now - day.starts_at) // _MINUTE)
        if frame.is_intraday:
            yield from reversed(list(_slots(day, frame.duration // _MINUTE, told)))
        elif told == day.minutes:
            prices = (day.open, day.high, day.low, day.close)
            yield _bar(of, _midnight(day.starts_at), prices, day.volume, is_final=True)
        elif told:
            yield _slice(day, _midnight(day.starts_at), 0, told, is_final=False)


def _told_until(of: Simulated, now: datetime) -> datetime:
    """The end of the last finished minute of the newest session that has one."""
    for day in _days(of, now):
        if now >= day.starts_at + _MINUTE:
            return min(day.ends_at, day.starts_at + (now - day.starts_at) // _MINUTE * _MINUTE)
    return now


def _days(of: Simulated, now: datetime) -> Iterator[_Day]:
    """Sessions that have begun, newest first."""
    day = now.astimezone(UTC).date()
    while day >= _FIRST_DAY:
        if (of.hours == "24/7" or day.weekday() < 5) and _opening(of, day) <= now:
            yield _day(of, day)
        day -= timedelta(days=1)


def _weeks(days: Iterator[Bar], now: datetime) -> Iterator[Bar]:
    week: list[Bar] = []
    for bar in days:
        if week and _monday(bar) != _monday(week[0]):
            yield _merged(week, _monday(week[0]), now)
            week = []
        week.append(bar)
    if week:
        yield _merged(week, _monday(week[0]), now)


def _merged(newest_first: list[Bar], opened_at: datetime, now: datetime) -> Bar:
    volumes = [bar.volume for bar in newest_first if bar.volume is not None]
    return Bar(
        opened_at,
        newest_first[-1].open,
        max(bar.high for bar in newest_first),
        min(bar.low for bar in newest_first),
        newest_first[0].close,
        sum(volumes, Decimal(0)) if volumes else None,
        is_final=newest_first[0].is_final and now >= opened_at + Timeframe.W1.duration,
    )


def _monday(bar: Bar) -> datetime:
    return bar.opened_at - timedelta(days=bar.opened_at.weekday())


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), UTC)


def _opening(of: Simulated, day: date) -> datetime:
    return datetime.combine(day, time(14 if of.hours == "exchange" else 0), UTC)


@lru_cache(maxsize=4096)
def _day(of: Simulated, day: date) -> _Day:
    symbol = of.instrument.symbol
    seed = key("own", symbol)
    monday_based = day.toordinal() - 1  # day 1 of the calendar was a Monday
    step = monday_based if of.hours == "24/7" else monday_based // 7 * 5 + monday_based % 7
    wild = of.daily * restlessness(seed, step) // 100
    before, after = _level(of, seed, step - 1), _level(of, seed, step)
    opening = before + _gap(of, seed, step, wild)
    upper = max(opening, after) + abs(bell(seed ^ 3, step, wild * 40 // 100))
    lower = min(opening, after) - abs(bell(seed ^ 4, step, wild * 40 // 100))
    return _Day(
        of=of,
        seed=seed,
        step=step,
        starts_at=_opening(of, day),
        minutes=420 if of.hours == "exchange" else 1440,
        open=_ticks(of, opening),
        high=_ticks(of, upper),
        low=_ticks(of, lower),
        close=_ticks(of, after),
        volume=_volume(of, seed, step, abs(after - before)),
    )


def _level(of: Simulated, seed: int, step: int) -> int:
    """The logarithm of close over usual price, in millionths: own movement and the group's."""
    return at(seed, step, of.daily * 7 // 10) + at(key("factor", of.factor), step, of.daily * of.beta * 7 // 1000)


def _ticks(of: Simulated, level: int) -> int:
    grown = _EXACT.multiply(of.usual, _EXACT.exp(Decimal(level).scaleb(-6)))  # correctly rounded everywhere
    return max(1, round(grown))


def _gap(of: Simulated, seed: int, step: int, wild: int) -> int:
    if of.hours == "24/7" or (of.hours == "weekdays" and step % 5):
        return 0
    news = 4 if below(seed ^ 5, step, 70) == 0 else 1
    return bell(seed ^ 6, step, wild * 30 * news // 100)


def _volume(of: Simulated, seed: int, step: int, moved: int) -> int:
    busy = 45 + below(seed ^ 7, step, 50) + min(200, 40 * moved // of.daily)
    return of.volume * busy * restlessness(seed ^ 8, step) // 10_000


@lru_cache(maxsize=128)
def _path(day: _Day) -> tuple[int, ...]:
    """The price at every minute's edge: from open by way of high and low, in either order, to close."""
    seed, length = bits(day.seed ^ 9, day.step), day.minutes
    high_at, low_at = min(_extremes(seed, length), key=lambda places: _effort(day, *places))
    values = [0] * (length + 1)
    values[0], values[length], values[high_at], values[low_at] = day.open, day.close, day.high, day.low
    edges = sorted({0, high_at, low_at, length})
    spans = list(pairwise(edges))
    while spans:
        left, right = spans.pop()
        if right - left < 2:
            continue
        middle = (left + right) // 2
        straight = values[left] + (values[right] - values[left]) * (middle - left) // (right - left)
        sway = (day.high - day.low) * isqrt((right - left) * 10_000 // length) * 28 // 10_000
        values[middle] = _inside(day, straight + bell(seed, middle + 100, sway))
        spans += [(left, middle), (middle, right)]
    return tuple(values)


def _extremes(seed: int, length: int) -> Iterator[tuple[int, int]]:
    """Minutes at which a day may touch its high and its low."""
    for draw in range(0, 24, 2):
        high_at = 1 + below(seed, draw, length - 1)
        yield high_at, 1 + (high_at + below(seed, draw + 1, length - 2)) % (length - 1)


def _effort(day: _Day, high_at: int, low_at: int) -> int:
    """How hard the price must run to be there in time: the least is the likeliest."""
    points = sorted({(0, day.open), (high_at, day.high), (low_at, day.low), (day.minutes, day.close)})
    return sum((now - then) ** 2 * 1000 // (at - before) for (before, then), (at, now) in pairwise(points))


def _inside(day: _Day, value: int) -> int:
    """The value, thrown back from the day's extremes."""
    if value > day.high:
        value = 2 * day.high - value
    if value < day.low:
        value = 2 * day.low - value
    return min(max(value, day.low), day.high)


def _slots(day: _Day, length: int, told: int) -> Iterator[Bar]:
    """The session's bars of `length` minutes on the clock's grid, as far as it is told."""
    first = (day.starts_at - _midnight(day.starts_at)) // _MINUTE
    begin = 0
    while begin < told:
        end = (first + begin) // length * length + length - first
        opened_at = day.starts_at + (end - length) * _MINUTE
        whole = min(end, day.minutes)
        yield _slice(day, opened_at, begin, min(whole, told), is_final=told >= whole)
        begin = end


def _slice(day: _Day, opened_at: datetime, begin: int, end: int, *, is_final: bool) -> Bar:
    """The bar over the minutes from `begin` up to `end`."""
    path = _path(day)[begin : end + 1]
    reach = (day.high - day.low) // 60 + 1
    seed = day.seed ^ day.step
    upper = max(path) + below(seed, begin * 2, reach)
    lower = min(path) - below(seed, begin * 2 + 1, reach)
    prices = (path[0], min(upper, day.high), max(lower, day.low), path[-1])
    volume = _traded_until(day, end) - _traded_until(day, begin)
    return _bar(day.of, opened_at, prices, volume, is_final=is_final)


def _traded_until(day: _Day, minute: int) -> int:
    """The volume before a minute's edge; an exchange is busiest at its open and close."""
    if minute <= 0 or minute >= day.minutes:
        return 0 if minute <= 0 else day.volume
    whole = day.minutes * 1000
    place = minute * 1000 + below(day.seed ^ 11, day.step * 1440 + minute, 1000)
    if day.of.hours != "exchange":
        return day.volume * place // whole
    bowl = 2 * place * whole**2 + (2 * place - whole) ** 3 + whole**3
    return day.volume * bowl // (4 * whole**3)


def _bar(of: Simulated, opened_at: datetime, prices: tuple[int, int, int, int], volume: int, *, is_final: bool) -> Bar:
    digits = -of.instrument.decimals
    opened, high, low, close = (Decimal(ticks).scaleb(digits) for ticks in prices)
    return Bar(opened_at, opened, high, low, close, Decimal(volume) if of.volume else None, is_final)
