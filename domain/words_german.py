"""The German words for a schedule's timing; `domain.phrases.german` reads back whatever is said with them."""

from datetime import datetime

from domain.words_parts import clock_time
from domain.words_speaker import Speaker

EITHER = "(eines von beiden genügt)"
_SHORT_MONTHS = ("Jan", "Feb", "März", "Apr", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez")
_BELLS = {"open": ("der", "zur", "Eröffnung"), "close": ("dem", "zum", "Schluss")}


class German(Speaker):
    """Deutsch."""

    DAYS = ("Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag")
    MONTHS = (
        "Januar", "Februar", "März", "April", "Mai", "Juni",
        "Juli", "August", "September", "Oktober", "November", "Dezember",
    )  # fmt: skip
    NTH = ("", "ersten", "zweiten", "dritten", "vierten", "fünften")

    AND = "und"
    PACES = ("alle ", "jede ")
    EVERY_MINUTE, EVERY_MINUTES = "jede Minute", "alle {n} Minuten"
    EVERY_HOUR, EVERY_HOURS = "jede Stunde", "alle {n} Stunden"
    FROM_EACH_HOUR, FROM_MIDNIGHT = "ab jeder vollen Stunde", "ab Mitternacht"
    IN_EVERY_NTH_HOUR = "in jeder {nth} Stunde ab Mitternacht"
    BETWEEN = "von {first} bis {last}"
    IN_HOURS = "in den Stunden {hours}"
    AT = "um {times}"
    AT_MINUTE, AT_MINUTES = "zur Minute {minutes}", "zu den Minuten {minutes}"
    PAST_HOUR, PAST_HOURS = "der Stunde {hours}", "der Stunden {hours}"
    EVERY_ONE, EVERY_NTH = "jede", "jede {nth}"
    RANGE, STEPS = "{low} bis {high}", "{held} in Schritten von {step}"

    EVERY_DAY, EVERY_WEEKDAY, EVERY_DAYS = "jeden Tag", "jeden Werktag", "jeden {days}"
    ON_WEEKDAYS_OF_MONTH = "am {days} des Monats"
    LAST_WEEKDAY, NTH_WEEKDAY = "letzten {day}", "{nth} {day}"
    ON_LAST_DAY = "am letzten Tag des Monats"
    EVERY_NTH_DAY = "jeden {nth} Tag des Monats ab dem 1."
    ON_DAYS = "am {days} des Monats"
    EITHER_DAY = f"{{of_month}} oder {{of_week}} {EITHER}"
    IN_MONTHS = "im {months}"

    DURING = "{said} während der {name}-Handelszeit"
    TRADING_DAY = "jeden {name}-Handelstag"
    TRADING_DAYS_ONLY = "{said}, nur an {name}-Handelstagen"
    MINUTES, HOURS = ("Minute", "Minuten"), ("Stunde", "Stunden")

    def ordinal(self, number: int) -> str:
        return f"{number}."

    def bell(self, kind: str, exchange: str, before: str, after: str) -> str:
        article, at, word = _BELLS[kind]
        side = f"{before} vor {article}" if before else f"{after} nach {article}" if after else at
        return f"{side} {exchange}-{word}"

    def describe_once(self, wall: datetime) -> str:
        day, month = self.DAYS[wall.isoweekday() % 7][:2], _SHORT_MONTHS[wall.month - 1]
        return f"einmal, am {day} {wall.day}. {month} {wall.year} um {clock_time(wall.hour, wall.minute)}"

    def describe_coming(self, weekday: int | None, day: int, clock: str) -> str:
        return f"einmal am {self.ordinal(day) if weekday is None else self.DAYS[weekday]} um {clock}"

    def describe_day(self, year: int | None, month: int, day: int, clock: str) -> str:
        return f"am {day}. {self.MONTHS[month - 1]}{f' {year}' if year else ''} um {clock}"


DAYS, MONTHS = German.DAYS, German.MONTHS
