"""The parts of a phrase put together, whatever its language; what is missing or does not go together is asked."""

from dataclasses import dataclass, replace

from domain.locales import t
from domain.phrases import asked
from domain.phrases.fits import in_part_of_day
from domain.phrases.moments import Moment
from domain.phrases.said import PhraseRefused, Said, examples, say
from domain.words import describe_coming, describe_timing
from domain.words_parts import clock_time


@dataclass(frozen=True)
class Phrase:
    """What a phrase says: the parts of a timing. `timezone` is None where none was named.

    Where `moment` is set it is one time only, and there is no expression: which one depends on when it was said.
    """

    expression: str
    calendar: str | None = None
    hours_only: bool = False
    timezone: str | None = None
    moment: Moment | None = None

    @property
    def words(self) -> str:
        if self.moment is not None:
            return t("once")
        return describe_timing(self.expression, self.calendar, self.hours_only)


def assemble(said: Said, at_nine: str = "") -> Phrase:
    """The parts together; PhraseRefused asks for what is missing. `at_nine` completes a day without a time."""
    if said.once or (said.moment is not None and not said.repeats):
        return _once(said, at_nine)
    if said.moment is not None:
        raise PhraseRefused(t("That is one day, and again and again. Which of the two?"), suggestions=examples()[:1])
    if not said.has_clock:
        raise _no_time(said)
    if said.event is not None:
        return _at_event(said, said.event)
    if (said.trading_days or said.hours_only) and said.calendar is None:
        raise PhraseRefused(
            t("Hours of which exchange?") if said.hours_only else t("Trading days of which exchange?"),
            suggestions=(say("10 16 * * *", "XNYS"), say("*/15 * * * *", "XNYS", hours_only=True)),
        )
    said.hour, said.part = _hour(said), None
    day, weekday = _days(said)
    expression = f"{said.minute} {said.hour} {day} {said.months or '*'} {weekday}"
    if not said.repeats and not said.trading_days:
        raise _each_or_next(said, expression)
    return Phrase(expression, said.calendar, said.hours_only, said.timezone)


def instant_of(said: Said) -> Phrase:
    """The one time that is meant where only one can be: midnight begins a day without a time."""
    from_now = said.moment is not None and said.moment.minutes is not None
    if said.part is None and not said.has_clock and said.has_days and not from_now:
        said.minute = said.hour = "0"
    return _once(said, "")


def _once(said: Said, at_nine: str) -> Phrase:
    moment = said.moment if said.moment is not None else _first_of(said)
    if said.trading_days or said.hours_only or said.event is not None or said.is_pace:
        raise PhraseRefused(
            t("A single time has no trading days, no market hours and no pace: name the day and the time of day."),
            suggestions=examples()[:1],
        )
    if moment.minutes is not None:
        if said.has_clock:
            raise PhraseRefused(t("That is a time from now and a time of day: which of the two?"))
        return Phrase("", timezone=said.timezone, moment=moment)
    if said.doubtful and not said.has_clock:
        raise asked.day_or_month(said.doubtful, moment, "09:00")
    if not said.has_clock:
        suggestion = f"{said.spoken} {at_nine}" if said.spoken and at_nine else ""
        raise PhraseRefused(t("At what time?"), suggestions=(suggestion,) if suggestion else ())
    hour, minute = _hour(said), said.minute or ""
    if not (hour.isdigit() and minute.isdigit()):
        raise PhraseRefused(t("A single time is one time of day. Make one for each."))
    if said.doubtful:
        raise asked.day_or_month(said.doubtful, moment, clock_time(int(hour), int(minute)))
    return Phrase("", timezone=said.timezone, moment=replace(moment, clock=(int(hour), int(minute))))


def _first_of(said: Said) -> Moment:
    """The first day of those that were said; refused where it is not one."""
    day, months, weekday = said.day or "", said.months or "", said.weekday or ""
    if said.repeats or (day and weekday):
        raise PhraseRefused(t("Once, or again and again? Say one of the two."), suggestions=examples()[:1])
    if weekday.isdigit() and not months:
        return Moment(weekday=int(weekday))
    if day.isdigit() and (months.isdigit() or not months):
        return Moment(on=(None, int(months) if months else None, int(day)))
    if not (day or months or weekday):
        return Moment()
    raise PhraseRefused(t("On which one day? Name its date."))


def _hour(said: Said) -> str:
    if said.part is None:
        return said.hour or ""
    if said.is_pace:
        raise PhraseRefused(t("From when to when is that part of the day?"), suggestions=(say("*/15 6-11 * * *"),))
    return in_part_of_day(said)


def _each_or_next(said: Said, expression: str) -> PhraseRefused:
    hour, minute, day, weekday = said.hour or "", said.minute or "", said.day or "", said.weekday or ""
    if said.months is not None or not (hour.isdigit() and minute.isdigit() and (day.isdigit() or weekday.isdigit())):
        return asked.each_or_next(expression)
    clock = clock_time(int(hour), int(minute))
    coming = describe_coming(int(weekday) if weekday.isdigit() else None, int(day or 1), clock)
    return asked.each_or_next(expression, coming)


def _days(said: Said) -> tuple[str, str]:
    if said.every == "month" and said.day is None and not said.is_nth:
        raise PhraseRefused(t("On which day of the month?"), suggestions=(_at_its_time(said, "1 * *"),))
    if said.every == "week" and (said.weekday is None or said.day is not None or said.is_nth):
        raise PhraseRefused(t("On which day of the week?"), suggestions=(_at_its_time(said, "* * 1"),))
    if said.every == "year" and (said.months is None or not said.has_days):
        raise PhraseRefused(t("On which day of the year?"), suggestions=(_at_its_time(said, "1 1 *"),))
    if not (said.has_days or said.trading_days or said.is_pace):
        suggestions = (_at_its_time(said, "* * *"), _at_its_time(said, "* * 1-5"))
        raise PhraseRefused(t("On which days?"), suggestions=suggestions)
    return said.day or "*", said.weekday or "*"


def _at_its_time(said: Said, days: str) -> str:
    """Those days at the time of day that was said, to suggest them."""
    minute, hour = said.minute or "0", said.hour or "9"
    return say(f"0 9 {days}" if said.is_pace else f"{minute} {hour} {days}")


def _at_event(said: Said, event: str) -> Phrase:
    chosen = (said.weekday, said.months, said.every, said.part)
    suggestions = (say(event),)
    if said.day not in (None, "*") or any(part is not None for part in chosen):
        raise PhraseRefused(
            t("A market's opening and close are followed on each of its trading days, not on chosen ones."),
            suggestions=suggestions,
        )
    if said.timezone is not None:
        raise PhraseRefused(t("A market's opening and close need no time zone."), suggestions=suggestions)
    if said.hours_only:
        raise PhraseRefused(
            t("A market's opening and close are not within the hours of another."), suggestions=suggestions
        )
    calendar = said.calendar if said.calendar != said.event_exchange else None
    return Phrase(event, calendar)


def _no_time(said: Said) -> PhraseRefused:
    if said.hours_only:
        return PhraseRefused(t("How often?"), suggestions=(say("*/15 * * * *", "XNYS", hours_only=True),))
    if not (said.has_days or said.trading_days or said.every):
        return PhraseRefused(t("I see no time there."), suggestions=examples()[:2])
    if said.every is None and said.has_days and (said.repeats or said.trading_days):
        return PhraseRefused(
            t("At what time?"), suggestions=(say(f"0 9 {said.day or '*'} {said.months or '*'} {said.weekday or '*'}"),)
        )
    return PhraseRefused(t("At what time?"), suggestions=(say("0 9 * * 1"), say("0 9 1 * *")))
