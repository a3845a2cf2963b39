"""English words for a schedule's timing: ``every weekday at 8:30``, ``15 minutes before the NYSE opens``.

A phrase is read word by word with the rules of `clock`, `days` and `markets`, in any order, each part once. What is
not understood is refused with the words that were not, and with phrases that are; nothing is guessed. `domain.words`
says the same things back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from domain.calendars import EXCHANGES
from domain.phrases.clock import in_part_of_day, read_pace, read_past, read_span, read_times
from domain.phrases.days import read_date, read_days, read_every, read_months
from domain.phrases.markets import read_calendar, read_event, read_hours, read_zone, zone_or_refusal
from domain.phrases.said import EXAMPLES, PhraseRefused, Said
from domain.phrases.tokens import Cursor
from domain.words import DAYS, MONTHS, NTH, describe_timing

__all__ = ["Phrase", "PhraseRefused", "read_phrase", "read_where", "split_phrase"]

LONGEST = 200
LONGEST_SPLIT = 4096
_Rule = Callable[[Cursor, Said], bool]
_RULES: tuple[_Rule, ...] = (
    read_event,
    read_every,
    read_pace,
    read_past,
    read_span,
    read_times,
    read_calendar,
    read_date,
    read_days,
    read_hours,
    read_months,
    read_zone,
)
_ONE_DAY = ("tomorrow", "today", "tonight", "next", "now", "this", "later", "soon")
_VOCABULARY = (
    *(word.lower() for word in (*DAYS, *MONTHS, *NTH[1:])),
    *(f"{day.lower()}s" for day in DAYS),
    "every", "weekday", "weekdays", "weekend", "weekends", "day", "daily", "hourly", "month", "monthly", "weekly",
    "hour", "hours", "minute", "minutes", "noon", "midnight", "before", "after", "during", "open", "opens", "close",
    "closes", "trading", "last", "between", "from",
    *(exchange.name.lower() for exchange in EXCHANGES.values()),
)  # fmt: skip


@dataclass(frozen=True)
class Phrase:
    """What a phrase says: the parts of a timing. `timezone` is None where none was named."""

    expression: str
    calendar: str | None = None
    hours_only: bool = False
    timezone: str | None = None

    @property
    def words(self) -> str:
        return describe_timing(self.expression, self.calendar, self.hours_only)


def read_phrase(text: str) -> Phrase:
    """The timing that `text` says, all of it; PhraseRefused names what it does not understand."""
    if len(text) > LONGEST:
        raise PhraseRefused(f"That is too long to say when: {LONGEST} characters at most.", suggestions=EXAMPLES[:1])
    cursor = Cursor(text)
    said = _read(cursor)
    if not cursor.ended:
        raise _not_understood(cursor, said)
    return _phrase(said)


def read_where(text: str) -> Phrase:
    """What may stand behind a cron line: an exchange's days or hours, a time zone; its `expression` is empty."""
    cursor = Cursor(text[:LONGEST])
    said = Said()
    while not cursor.ended and any(_take(rule, cursor, said) for rule in (read_calendar, read_hours, read_zone)):
        pass
    if not cursor.ended or ((said.trading_days or said.hours_only) and said.calendar is None):
        unknown = cursor.said(cursor.at) or text
        raise PhraseRefused(
            f"I read the cron line, but not “{unknown[:60]}” behind it.",
            unknown,
            ("during NYSE hours", "on NYSE days", "in New York"),
        )
    return Phrase("", said.calendar, said.hours_only, said.timezone)


def split_phrase(text: str) -> tuple[Phrase, str]:
    """The first phrase in a longer text, and the text without it; PhraseRefused when there is none."""
    if len(text) > LONGEST_SPLIT:
        raise PhraseRefused(f"That is too long: {LONGEST_SPLIT} characters at most.", suggestions=EXAMPLES[:1])
    cursor = Cursor(text)
    begun, apart = Said(), ""
    for start in range(len(cursor.tokens)):
        if start and cursor.tokens[start].text in (",", "(", ")"):
            continue
        cursor.at = start
        said = _read(cursor)
        if said.is_complete:
            if begun.repeats and begun.has_days:
                raise _said_apart(apart, cursor.said(start, cursor.at))
            return _phrase(said), _without(cursor, start)
        if begun == Said():
            begun, apart = said, cursor.said(start, cursor.at)
    if begun != Said() and not _one_day(cursor):
        _phrase(begun)  # says what is missing
    raise _nothing_said(text, cursor)


def _said_apart(first: str, second: str) -> PhraseRefused:
    return PhraseRefused(
        f"I read “{first}” and, apart from it, “{second}”. Say when in one go, before or after everything else.",
        first,
        EXAMPLES[:1],
    )


def _read(cursor: Cursor) -> Said:
    said = Said()
    while not cursor.ended:
        mark = cursor.at
        if said != Said():
            cursor.take(",")
        if not _part(cursor, said):
            cursor.at = mark
            break
    return said


def _part(cursor: Cursor, said: Said) -> bool:
    return any(_take(rule, cursor, said) for rule in _RULES)


def _take(rule: _Rule, cursor: Cursor, said: Said) -> bool:
    start = cursor.at
    if rule(cursor, said):
        return True
    cursor.at = start
    return False


def _without(cursor: Cursor, start: int) -> str:
    before = cursor.text[: cursor.tokens[start].start]
    after = "" if cursor.ended else cursor.text[cursor.tokens[cursor.at].start :]
    return " ".join(part for part in (before.strip(" ,;:\n\t"), after.strip(" ,;:\n\t")) if part)


def _phrase(said: Said) -> Phrase:
    """The parts together; PhraseRefused asks for what is missing."""
    if not said.has_clock:
        raise _no_time(said)
    if said.event is not None:
        return _at_event(said, said.event)
    if (said.trading_days or said.hours_only) and said.calendar is None:
        raise PhraseRefused(
            f"{'Hours' if said.hours_only else 'Trading days'} of which exchange?",
            suggestions=("every NYSE trading day at 16:10", "every 15 minutes during NYSE hours"),
        )
    if said.part is not None:
        if said.is_pace:
            raise PhraseRefused(
                f"From when to when is the {said.part}?", suggestions=("every 15 minutes from 06:00 to 11:45",)
            )
        said.hour = in_part_of_day(said)
    day, weekday = _days(said)
    expression = f"{said.minute} {said.hour} {day} {said.months or '*'} {weekday}"
    if not said.repeats and not said.trading_days:
        raise PhraseRefused(
            "Each time, or only the next one? A schedule repeats.", suggestions=(Phrase(expression).words,)
        )
    return Phrase(expression, said.calendar, said.hours_only, said.timezone)


def _days(said: Said) -> tuple[str, str]:
    clock = _clock(said)
    if said.every == "month" and said.day is None and not said.is_nth:
        raise PhraseRefused("On which day of the month?", suggestions=(f"on the 1st of the month {clock}",))
    if said.every == "week" and (said.weekday is None or said.day is not None or said.is_nth):
        raise PhraseRefused("On which day of the week?", suggestions=(f"every Monday {clock}",))
    if said.every == "year" and (said.months is None or not said.has_days):
        raise PhraseRefused("On which day of the year?", suggestions=(f"every January 1st {clock}",))
    if not (said.has_days or said.trading_days or said.is_pace):
        raise PhraseRefused("On which days?", suggestions=(f"every day {clock}", f"every weekday {clock}"))
    return said.day or "*", said.weekday or "*"


def _clock(said: Said) -> str:
    """The time of day that was said, for a suggestion."""
    clock = Phrase(f"{said.minute} {said.hour} * * *").words.removeprefix("every day ")
    return clock if clock.startswith("at ") else "at 09:00"


def _at_event(said: Said, event: str) -> Phrase:
    chosen = (said.weekday, said.months, said.every, said.part)
    if said.day not in (None, "*") or any(part is not None for part in chosen):
        raise PhraseRefused(
            "A market's opening and close are followed on each of its trading days, not on chosen ones.",
            suggestions=(describe_timing(event),),
        )
    if said.timezone is not None:
        raise PhraseRefused("A market's opening and close need no time zone.", suggestions=(describe_timing(event),))
    if said.hours_only:
        raise PhraseRefused(
            "A market's opening and close are not within the hours of another.", suggestions=(describe_timing(event),)
        )
    calendar = said.calendar if said.calendar != said.event_exchange else None
    return Phrase(event, calendar)


def _no_time(said: Said) -> PhraseRefused:
    if said.hours_only:
        return PhraseRefused("How often?", suggestions=("every 15 minutes during NYSE hours",))
    if not (said.has_days or said.trading_days or said.every):
        return PhraseRefused("I see no time there.", suggestions=EXAMPLES[:2])
    if said.every is None and said.has_days and (said.repeats or said.trading_days):
        days = Phrase(f"0 9 {said.day or '*'} {said.months or '*'} {said.weekday or '*'}")
        return PhraseRefused("At what time?", suggestions=(days.words,))
    return PhraseRefused("At what time?", suggestions=("every Monday at 09:00", "on the 1st of the month at 09:00"))


def _not_understood(cursor: Cursor, said: Said) -> PhraseRefused:
    start = cursor.at
    cursor.take(",", "and", "on", "at")
    unknown = cursor.said(cursor.at if not cursor.ended else start)
    first = cursor.peek() or unknown
    if said == Said() or first in _ONE_DAY:
        return _nothing_said(unknown, cursor)
    if cursor.tokens[start].text == "in" and len(unknown.split()) < 5:
        zone_or_refusal(unknown.removeprefix("in "))  # says which places it may be
    near = _corrected(cursor)
    if near:
        return PhraseRefused(f"I don't understand “{unknown}” there.", unknown, near)
    return PhraseRefused(
        f"I understand “{cursor.said(0, start)}”, but not “{unknown}” behind it.", unknown, EXAMPLES[:2]
    )


def _nothing_said(text: str, cursor: Cursor) -> PhraseRefused:
    shown = text.strip()[:60]
    once = _one_day(cursor)
    if once:
        return PhraseRefused(
            f"“{once}” is one day; a schedule comes again and again.", once, ("every day at 09:00", EXAMPLES[0])
        )
    near = _corrected(cursor)
    if near:
        return PhraseRefused(f"I don't understand “{shown}” as a time.", shown, near)
    return PhraseRefused(f"I see no time in “{shown}” that I understand.", shown, EXAMPLES[:2])


def _one_day(cursor: Cursor) -> str:
    """The word that means a single day or moment: "tomorrow", "2026-12-24", "in 5 minutes"."""
    found = re.search(
        rf"\b(?:{'|'.join(_ONE_DAY)})\b|\b20[0-9]{{2}}(?:-[0-9]{{2}}-[0-9]{{2}}\b|$| )"
        r"|\bin (?:[0-9]{1,4}|an?) ?(?:m|min|minute|h|hour|day|week|month|year)s?\b",
        cursor.text.lower(),
    )
    return found[0].strip() if found else ""


def _corrected(cursor: Cursor) -> tuple[str, ...]:
    """The phrase with its misspelt words set right, in our words, where that makes it plain."""
    if len(cursor.text) > LONGEST:
        return ()
    words = []
    for token in cursor.tokens:
        near = get_close_matches(token.text, _VOCABULARY, n=1, cutoff=0.75) if len(token.text) > 2 else []
        words.append(near[0] if near else token.text)
    if words == [token.text for token in cursor.tokens]:
        return ()
    again = Cursor(" ".join(words))
    try:
        said = _read(again)
        return (_phrase(said).words,) if again.ended else ()
    except PhraseRefused:
        return ()
