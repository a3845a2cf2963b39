"""A schedule's timing in the words of the journey's language; `domain.phrases` reads every one of them back."""

from datetime import datetime

from domain.cron import Cron
from domain.locales import DEFAULT, current
from domain.words_english import English
from domain.words_german import German
from domain.words_speaker import Speaker

_SPEAKERS: dict[str, Speaker] = {DEFAULT: English(), "de": German()}


def describe(cron: Cron) -> str:
    """`cron` in words: ``every weekday at 08:30``; where two day columns mean "either", it says so."""
    return _speaker().describe(cron)


def describe_timing(expression: str, calendar: str | None = None, hours_only: bool = False) -> str:
    """What a timing's parts say together: ``every NYSE trading day at 16:10``, ``15 minutes before the NYSE open``."""
    return _speaker().describe_timing(expression, calendar, hours_only)


def describe_once(wall: datetime) -> str:
    """A single time, by its wall clock: ``once, on Sat 21 Nov 2026 at 14:30``."""
    return _speaker().describe_once(wall)


def describe_coming(weekday: int | None, day: int, clock: str) -> str:
    """The first such day of the week, or of the month where `weekday` is None: ``once on Monday at 09:00``."""
    return _speaker().describe_coming(weekday, day, clock)


def describe_day(year: int | None, month: int, day: int, clock: str) -> str:
    """A date and a clock time, which stand for the next such day: ``on 5 June at 18:00``."""
    return _speaker().describe_day(year, month, day, clock)


def day_name(number: int) -> str:
    """The name of a day of the week, counted from Sunday."""
    return _speaker().DAYS[number % 7]


def _speaker() -> Speaker:
    return _SPEAKERS[current()]
