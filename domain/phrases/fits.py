"""What a clock can hold, whatever the language: paces that come out even, spans of whole hours, times of one line."""

from domain.locales import t
from domain.phrases.said import PhraseRefused, Said, say, say_all
from domain.words_parts import clock_time, numbers, runs

Time = tuple[int, int]
Span = tuple[Time, Time]
PART_HOURS = {"morning": (0, 12), "noon": (11, 14), "afternoon": (12, 18), "evening": (16, 23), "night": (18, 23),
              "nights": (20, 5)}  # fmt: skip


def set_pace_of_minutes(said: Said, number: int, span: Span | None, hours: str | None, *, anew: bool) -> None:
    """Every `number` minutes of `span` or `hours`; `anew` where it was said that each hour begins anew."""
    if number == 0 or number > 59 or (60 % number and not anew):
        raise uneven(number, minutes=True)
    said.minute = "*" if number == 1 else f"*/{number}"
    said.hour = hours_of_minutes(span, number) if span is not None else hours or "*"


def set_pace_of_hours(said: Said, number: int, past: list[int], span: Span | None, *, anew: bool) -> None:
    """Every `number` hours, at the minutes `past`, within `span`."""
    if span is None:
        if number == 0 or number > 23 or (24 % number and not anew):
            raise uneven(number, minutes=False)
        said.hour = "*" if number == 1 else f"*/{number}"
        said.minute = runs(past or [0])
        return
    said.hour, minute = hours_of(span, number)
    said.minute = str(minute)
    if past:
        raise PhraseRefused(t("“{span}” says the minute already.", span=_spoken(span)))


def set_paced(said: Said, pace: tuple[int, bool]) -> None:
    """That it comes round within a day, and how often while a span may still follow."""
    number, _ = pace
    said.is_pace = said.repeats = True
    said.pace = pace if said.hour in ("*", f"*/{number}") else None


def limit_pace(said: Said, span: Span) -> bool:
    """Limit a pace that was said before to `span`; whether it could be."""
    if said.pace is None:
        return False
    number, is_minutes = said.pace
    if is_minutes:
        said.hour = hours_of_minutes(span, number)
    elif said.minute == "0":
        said.hour, minute = hours_of(span, number)
        said.minute = str(minute)
    else:
        return False
    said.pace = None
    return True


def whole_hours(number: int, *, is_minutes: bool) -> tuple[int, bool]:
    """120 minutes as 2 hours."""
    if is_minutes and number > 59 and number % 60 == 0:
        return number // 60, False
    return number, is_minutes


def uneven(number: int, *, minutes: bool) -> PhraseRefused:
    """The refusal of a pace that a clock does not hold, with its neighbours."""
    whole = 60 if minutes else 24
    if number == 24 and not minutes:
        return PhraseRefused(t("Every 24 hours is every day: at what time?"), suggestions=(say("0 9 * * *"),))
    if number > whole:
        fits = say_all("0 * * * *", "0 */2 * * *") if minutes else say_all("0 9 * * *", "0 9 * * 1")
        if minutes:
            return PhraseRefused(t("Every {number} minutes does not fit a clock.", number=number), suggestions=fits)
        return PhraseRefused(t("Every {number} hours does not fit a clock.", number=number), suggestions=fits)
    even = [n for n in range(1, whole) if whole % n == 0]
    near = [max((n for n in even if n < number), default=1), min((n for n in even if n > number), default=even[-1])]
    steps = ["*" if n == 1 else f"*/{n}" for n in dict.fromkeys(near)]
    if minutes:
        return PhraseRefused(
            t("Every {number} minutes does not come out even within an hour.", number=number),
            suggestions=say_all(*(f"{step} * * * *" for step in steps)),
        )
    return PhraseRefused(
        t("Every {number} hours does not come out even within a day.", number=number),
        suggestions=say_all(*(f"0 {step} * * *" for step in steps)),
    )


def hours_of_minutes(span: Span, number: int) -> str:
    """The hours of a pace of minutes; refused where the span is not whole hours of it."""
    (hour, minute), (until, last) = span
    final = 59 - 59 % number
    if minute == 0 and last == final:
        return runs(_round(hour, until, 1))
    ends = [until] if last or until == hour else [(until - 1) % 24, until]
    step = "*" if number == 1 else f"*/{number}"
    raise PhraseRefused(
        t("“{span}” is not made of whole hours, so one line can't say it.", span=_spoken(span)),
        suggestions=say_all(*(f"{step} {runs(_round(hour, end, 1))} * * *" for end in ends)),
    )


def hours_of(span: Span, number: int) -> tuple[str, int]:
    """The hours of a pace of hours, and its minute; refused where the span does not end on one of its times."""
    (hour, minute), (until, last) = span
    within = (until - hour) % 24
    if number == 0 or number > 23 or minute != last or within % number:
        steps = within // number if 0 < number < 24 else 0
        fits = runs(_round(hour, (hour + steps * number) % 24, number)) if steps else "9-17"
        raise PhraseRefused(
            t("“{span}” does not end on one of its own times.", span=_spoken(span)),
            suggestions=(say(f"{minute if steps else 0} {fits} * * *"),),
        )
    return runs(_round(hour, until, number)), minute


def _round(first: int, last: int, step: int) -> list[int]:
    return [n % 24 for n in range(first, first + (last - first) % 24 + 1, step)]


def _spoken(span: Span) -> str:
    return f"{clock_time(*span[0])}-{clock_time(*span[1])}"


def set_times(said: Said, times: list[tuple[Time, str]], spoken: str) -> None:
    """Times of day, each with its half ("am", "pm", or nothing); refused where one line can't hold them."""
    if is_unclear(times):
        raise which_half(spoken)
    held = sorted({time for time, _ in times})
    hours, minutes = {hour for hour, _ in held}, {minute for _, minute in held}
    if len(hours) * len(minutes) != len(held):
        listed = ", ".join(clock_time(*time) for time in held)
        raise PhraseRefused(
            t("One schedule can't come at {times}, since their minutes differ. Make one for each.", times=listed),
            suggestions=say_all(*(f"{minute} {hour} * * *" for hour, minute in held[:2])),
        )
    said.minute, said.hour = runs(sorted(minutes)), runs(sorted(hours))
    said.is_bare = any(not half and 0 < hour <= 12 for (hour, _), half in times)


def is_unclear(times: list[tuple[Time, str]]) -> bool:
    """Whether one time says am or pm and another leaves it open."""
    halves = {half for _, half in times}
    return bool(halves & {"am", "pm"}) and any(half == "" and 0 < hour <= 12 for (hour, _), half in times)


def which_half(text: str) -> PhraseRefused:
    """The question of which half of the day is meant."""
    return PhraseRefused(
        t("In “{text}”, one time says am or pm and another does not. Say it for each, or use 08:00 and 20:00.",
          text=text),
        text,
    )  # fmt: skip


def no_time_of_day(spoken: str) -> PhraseRefused:
    """The refusal of 25:00."""
    return PhraseRefused(
        t("“{time}” is no time of day: hours go from 0 to 23, minutes from 0 to 59.", time=spoken), spoken
    )


def in_part_of_day(said: Said) -> str:
    """The hours of "every evening at 6": 18; refused where the part and the hour do not go together."""
    hours = numbers(said.hour or "", 0, 23)
    part = said.part or ""
    meant = [_meant(hour, part) if said.is_bare else hour for hour in hours]
    if not all(_is_within(hour, part) for hour in meant):
        other = hours[0] + 12 if hours[0] < 12 and said.is_bare and part != "morning" else hours[0]
        raise PhraseRefused(
            t("{hour}:00 is not in that part of the day. Which hour is meant?", hour=hours[0]),
            suggestions=say_all(*(f"0 {hour} * * *" for hour in dict.fromkeys((hours[0], other)))),
        )
    return runs(meant)


def _meant(hour: int, part: str) -> int:
    """An hour that may be one of the forenoon or of the afternoon, in that part of the day."""
    if part == "nights":  # "nachts um 11", "nachts um 2"
        return hour + 12 if 6 <= hour < 12 else hour % 12 if hour == 12 else hour
    return hour + 12 if hour < 12 and part != "morning" and _is_within(hour + 12, part) else hour


def _is_within(hour: int, part: str) -> bool:
    begin, end = PART_HOURS[part]
    return begin <= hour <= end if begin < end else hour >= begin or hour <= end
