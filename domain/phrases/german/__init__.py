"""The grammar of German phrases."""

from domain.calendars import EXCHANGES
from domain.phrases.german.clock import read_pace, read_part, read_past, read_span, read_times
from domain.phrases.german.days import read_date, read_days, read_every, read_moment, read_months
from domain.phrases.german.markets import read_calendar, read_event, read_hours, read_zone
from domain.phrases.language import Language
from domain.phrases.tokens import german_tokens
from domain.words_german import DAYS, MONTHS

GERMAN = Language(
    "de",
    german_tokens,
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
        read_part,
        read_hours,
        read_months,
        read_zone,
    ),
    (read_calendar, read_hours, read_zone),
    (
        *(word.lower().replace("ä", "ae") for word in (*DAYS, *MONTHS)),
        *(f"{day.lower()}s" for day in DAYS),
        "jeden", "jede", "alle", "werktag", "werktags", "wochenende", "tag", "taeglich", "stuendlich", "monat",
        "monatlich", "woechentlich", "stunde", "stunden", "minute", "minuten", "mitternacht", "vor", "nach",
        "waehrend", "eroeffnung", "schluss", "handelstag", "handelszeit", "letzten", "zwischen", "von", "bis",
        "morgen", "heute", "uebermorgen", "naechsten", "einmal", "uhr",
        *(exchange.name.lower() for exchange in EXCHANGES.values()),
    ),
    at="um",
    within="in",
)  # fmt: skip
