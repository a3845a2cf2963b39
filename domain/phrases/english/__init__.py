"""The grammar of English phrases."""

from domain.calendars import EXCHANGES
from domain.phrases.english.clock import read_pace, read_past, read_span, read_times
from domain.phrases.english.days import read_date, read_days, read_every, read_moment, read_months
from domain.phrases.english.markets import read_calendar, read_event, read_hours, read_zone
from domain.phrases.language import Language
from domain.phrases.tokens import english_tokens
from domain.words_english import DAYS, MONTHS, NTH

ENGLISH = Language(
    "en",
    english_tokens,
    (
        read_event,
        read_every,
        read_pace,
        read_past,
        read_span,
        read_times,
        read_calendar,
        read_date,
        read_moment,
        read_days,
        read_hours,
        read_months,
        read_zone,
    ),
    (read_calendar, read_hours, read_zone),
    (
        *(word.lower() for word in (*DAYS, *MONTHS, *NTH[1:])),
        *(f"{day.lower()}s" for day in DAYS),
        "every", "weekday", "weekdays", "weekend", "weekends", "day", "daily", "hourly", "month", "monthly", "weekly",
        "hour", "hours", "minute", "minutes", "noon", "midnight", "before", "after", "during", "open", "opens",
        "close", "closes", "trading", "last", "between", "from", "tomorrow", "today", "next", "week", "once",
        *(exchange.name.lower() for exchange in EXCHANGES.values()),
    ),
    at="at",
    within="in",
)  # fmt: skip
