"""What a phrase has said so far, and the refusal of what it cannot say."""

from dataclasses import dataclass

from domain.errors import InvalidInput

EXAMPLES = ("every weekday at 08:30", "every 15 minutes during NYSE hours", "first Monday of the month at 09:00")


class PhraseRefused(InvalidInput):
    """I don't understand when; `unknown` holds the words that I can't place, `suggestions` phrases that I can."""

    def __init__(self, message: str, unknown: str = "", suggestions: tuple[str, ...] = ()) -> None:
        quoted = " or ".join(f"“{phrase}”" for phrase in suggestions)
        super().__init__(f"{message} Say, for example: {quoted}." if quoted else message)
        self.unknown = unknown
        self.suggestions = suggestions


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

    @property
    def has_clock(self) -> bool:
        return self.minute is not None or self.event is not None

    @property
    def has_days(self) -> bool:
        return self.day is not None or self.weekday is not None

    @property
    def is_nth(self) -> bool:
        """Whether the weekday is one of the month: "the first Monday"."""
        return any(mark in (self.weekday or "") for mark in "#L")

    @property
    def is_complete(self) -> bool:
        """Whether a clock and days were said, or what needs no days."""
        return self.has_clock and (self.has_days or self.trading_days or self.is_pace or self.event is not None)
