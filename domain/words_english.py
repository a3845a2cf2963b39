"""The English words for a schedule's timing; `domain.phrases.english` reads back whatever is said with them."""

from datetime import datetime

from domain.words_parts import clock_time
from domain.words_speaker import Speaker

EITHER = "(whichever comes, not only both)"


class English(Speaker):
    """English."""

    DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    MONTHS = (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    )  # fmt: skip
    NTH = ("", "first", "second", "third", "fourth", "fifth")

    AND = "and"
    PACES = ("every",)
    EVERY_MINUTE, EVERY_MINUTES = "every minute", "every {n} minutes"
    EVERY_HOUR, EVERY_HOURS = "every hour", "every {n} hours"
    FROM_EACH_HOUR, FROM_MIDNIGHT = "from each full hour", "from each midnight"
    IN_EVERY_NTH_HOUR = "in every {nth} hour from midnight"
    BETWEEN = "from {first} to {last}"
    IN_HOURS = "in the hours {hours}"
    AT = "at {times}"
    AT_MINUTE, AT_MINUTES = "at minute {minutes}", "at minutes {minutes}"
    PAST_HOUR, PAST_HOURS = "past hour {hours}", "past hours {hours}"
    EVERY_ONE, EVERY_NTH = "every one", "every {nth}"
    RANGE, STEPS = "{low} to {high}", "{held} in steps of {step}"

    EVERY_DAY, EVERY_WEEKDAY, EVERY_DAYS = "every day", "every weekday", "every {days}"
    ON_WEEKDAYS_OF_MONTH = "on {days} of the month"
    LAST_WEEKDAY, NTH_WEEKDAY = "the last {day}", "the {nth} {day}"
    ON_LAST_DAY = "on the last day of the month"
    EVERY_NTH_DAY = "every {nth} day of the month, from the 1st"
    ON_DAYS = "on the {days} of the month"
    EITHER_DAY = f"{{of_month}} or {{of_week}} {EITHER}"
    IN_MONTHS = "in {months}"

    DURING = "{said} during {name} hours"
    TRADING_DAY = "every {name} trading day"
    TRADING_DAYS_ONLY = "{said}, {name} trading days only"
    MINUTES, HOURS = ("minute", "minutes"), ("hour", "hours")

    def ordinal(self, number: int) -> str:
        ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending}"

    def bell(self, kind: str, exchange: str, before: str, after: str) -> str:
        side = f"{before} before" if before else f"{after} after" if after else "at"
        return f"{side} the {exchange} {kind}"

    def describe_once(self, wall: datetime) -> str:
        day, month = self.DAYS[wall.isoweekday() % 7][:3], self.MONTHS[wall.month - 1][:3]
        return f"once, on {day} {wall.day} {month} {wall.year} at {clock_time(wall.hour, wall.minute)}"

    def describe_coming(self, weekday: int | None, day: int, clock: str) -> str:
        return f"once on {f'the {self.ordinal(day)}' if weekday is None else self.DAYS[weekday]} at {clock}"

    def describe_day(self, year: int | None, month: int, day: int, clock: str) -> str:
        return f"on {day} {self.MONTHS[month - 1]}{f' {year}' if year else ''} at {clock}"

    def after_or(self, weekdays: str) -> str:
        return weekdays.removeprefix("every ").removeprefix("on ")


DAYS, MONTHS, NTH = English.DAYS, English.MONTHS, English.NTH
