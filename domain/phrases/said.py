"""What a phrase has said so far, and how to say others for an example."""

from dataclasses import dataclass

from domain.phrases.moments import Moment
from domain.phrases.refused import PhraseRefused
from domain.words import describe_timing

__all__ = ["PhraseRefused", "Said", "examples", "say", "say_all"]


def say(expression: str, calendar: str | None = None, *, hours_only: bool = False) -> str:
    """A timing in the words of the journey's language, to suggest it."""
    return describe_timing(expression, calendar, hours_only)


def say_all(*expressions: str) -> tuple[str, ...]:
    """Several lines in words."""
    return tuple(say(expression) for expression in expressions)


def examples() -> tuple[str, ...]:
    """Phrases that are understood, for those who look for one."""
    return say("30 8 * * 1-5"), say("*/15 * * * *", "XNYS", hours_only=True), say("0 9 * * 1#1")


@dataclass
class Said:
    """The parts of a phrase, each None until it was said."""

    minute: str | None = None
    hour: str | None = None
    is_pace: bool = False
    """Whether it comes round within a day, so that no days need to be said: "every 15 minutes"."""
    pace: tuple[int, bool] | None = None
    """The number of a pace and whether it counts minutes, while "from 9 to 17" may still follow."""
    part: str | None = None
    """The part of the day: "morning", "evening"."""
    is_bare: bool = False
    """Whether a time of day may be meant for the morning or the evening, by its number alone."""
    event: str | None = None
    """The market event with its offset, as an expression."""
    event_exchange: str | None = None
    day: str | None = None
    weekday: str | None = None
    months: str | None = None
    calendar: str | None = None
    trading_days: bool = False
    hours_only: bool = False
    timezone: str | None = None
    every: str | None = None
    """The unit of "every week", "monthly", "yearly": it says that a day comes again, not which one."""
    repeats: bool = False
    """Whether it is plain that more than one day is meant."""
    moment: Moment | None = None
    """The one day, or the one moment, that is meant: "tomorrow", "in 2 hours", "24 December"."""
    spoken: str = ""
    """The words of the moment, as they were written."""
    doubtful: str = ""
    """The date in which either number may be the month: "5/6"."""
    once: bool = False
    """Whether it is plain that only one time is meant: "once"."""

    @property
    def has_clock(self) -> bool:
        return self.minute is not None or self.event is not None

    @property
    def has_days(self) -> bool:
        return self.day is not None or self.weekday is not None or self.moment is not None

    @property
    def is_nth(self) -> bool:
        """Whether the weekday is one of the month: "the first Monday"."""
        return any(mark in (self.weekday or "") for mark in "#L")

    @property
    def is_complete(self) -> bool:
        """Whether a clock and days were said, or what needs no days."""
        if self.moment is not None and self.moment.minutes is not None:
            return True
        return self.has_clock and (self.has_days or self.trading_days or self.is_pace or self.event is not None)
