"""What is asked, in every language, where a phrase can be read in two ways or says what no line can."""

from domain.locales import t
from domain.phrases.moments import Moment
from domain.phrases.said import PhraseRefused, say, say_all
from domain.words import describe_day
from domain.words_parts import runs

LAST = 0
_OTHER_DAYS = ("0 9 */2 * *", "0 9 * * 1,3,5")


def many_ways(spoken: str, *lines: str) -> PhraseRefused:
    """`spoken` may mean each of these lines."""
    return PhraseRefused(
        t("“{words}” can be read in more than one way.", words=spoken), spoken, say_all(*filter(None, lines))
    )


def every_other_weekday(spoken: str, weekday: int) -> PhraseRefused:
    """ "every second Monday"."""
    return PhraseRefused(
        t("“{words}” is every other week, which is not kept, or one of the month's.", words=spoken),
        spoken,
        say_all(f"0 9 * * {weekday}#2", f"0 9 * * {weekday}"),
    )


def every_few_days(spoken: str) -> PhraseRefused:
    """ "every 2 days"."""
    return PhraseRefused(
        t("“{words}” can't be kept: months have odd lengths, and the count begins again with each.", words=spoken),
        spoken,
        say_all(*_OTHER_DAYS),
    )


def every_few(spoken: str) -> PhraseRefused:
    """ "every 3 weeks", "every other month"."""
    return PhraseRefused(
        t("“{words}” can't be kept as one line: a schedule counts within a week, a month or a year.", words=spoken),
        spoken,
        say_all("0 9 * * 1", "0 9 1,15 * *", "0 9 1 1,7 *"),
    )


def seconds(spoken: str) -> PhraseRefused:
    """ "every 30 seconds"."""
    return PhraseRefused(t("Nothing is planned finer than a minute."), spoken, say_all("* * * * *", "*/5 * * * *"))


def market_day(spoken: str) -> PhraseRefused:
    """ "the first trading day of the month"."""
    return PhraseRefused(t("“{words}” can't be kept yet.", words=spoken), spoken, say_all("0 9 * * 1#1", "0 9 L * *"))


def five_at_most(spoken: str) -> PhraseRefused:
    """ "the sixth Monday of the month"."""
    return PhraseRefused(t("“{words}”: a month has five of a weekday at most.", words=spoken), spoken)


def month_days(named: list[int], spoken: str) -> str:
    """Days of the month as a column; `LAST` stands alone."""
    if named == [LAST]:
        return "L"
    if LAST in named:
        raise PhraseRefused(
            t("“{words}”: the last day of the month stands alone. Make a schedule for each.", words=spoken),
            spoken,
            (say("0 9 L * *"),),
        )
    if max(named) > 31 or min(named) < 1:
        raise PhraseRefused(
            t("“{words}” is no day of a month: they go from the 1st to the 31st.", words=spoken), spoken
        )
    return runs(named)


def date_of(year: int | None, month: int, day: int) -> tuple[int | None, int, int] | None:
    """A date in numbers; None where there is no such month or day."""
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def day_and_month(first: int, second: int, year: int | None) -> tuple[int | None, int, int] | None:
    """A date that is written 24/12; the day is the one that can be no month, or else the first."""
    day, month = (second, first) if second > 12 else (first, second)
    return date_of(year + 2000 if year is not None and year < 100 else year, month, day)


def day_or_month(spoken: str, moment: Moment, *clocks: str) -> PhraseRefused:
    """ "5/6", at one of these times of the day."""
    year, month, day = moment.on or (None, 1, 1)
    return PhraseRefused(
        t("“{words}”: which is the day, and which the month?", words=spoken),
        spoken,
        tuple(describe_day(year, *each, clock) for each in ((month or 1, day), (day, month or 1)) for clock in clocks),
    )


def which_half_of_day(spoken: str, hours: list[int], before: str, *, once: bool) -> PhraseRefused:
    """ "8", of which nobody knows whether it is 08:00 or 20:00; `before` is what stands before it."""
    clocks = [f"{hour:02}:00" for hour in hours]
    if before or once:
        suggestions = tuple(f"{before} {clock}".strip() for clock in clocks)
    else:
        suggestions = say_all(*(f"0 {hour} * * *" for hour in hours))
    return PhraseRefused(t("“{words}”: at which time of the day?", words=spoken), "", suggestions)


def each_or_next(line: str, coming: str = "") -> PhraseRefused:
    """ "Monday at 9"; `coming` says the next one alone."""
    return PhraseRefused(
        t("Each time, or only the next one?"), suggestions=(say(line), coming) if coming else (say(line),)
    )
