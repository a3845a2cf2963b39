"""Phrases and words: what is read, what is asked, and that each says the other back."""

import pytest
from croniter import croniter
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from domain.calendars import EXCHANGES
from domain.cron import LONGEST_LINE, Cron, CronRefused, parse_cron
from domain.errors import InvalidInput
from domain.locales import speaking
from domain.phrases import Phrase, PhraseRefused, is_understood, read_phrase, split_phrase
from domain.words import describe, describe_timing
from tests.unit.domain.lines import LINES, NOW, PROPERTY, VOCABULARY

READ = {
    "every weekday at 8:30": Phrase("30 8 * * 1-5"),
    "at 8:30 every weekday": Phrase("30 8 * * 1-5"),
    "Weekdays at 8.30": Phrase("30 8 * * 1-5"),
    "mon-fri at 0830": Phrase("30 8 * * 1-5"),
    "every business day at 8:30 am": Phrase("30 8 * * 1-5"),
    "every 15 minutes": Phrase("*/15 * * * *"),
    "every 15min": Phrase("*/15 * * * *"),
    "every quarter of an hour": Phrase("*/15 * * * *"),
    "every 60 minutes": Phrase("0 * * * *"),
    "every 120 minutes": Phrase("0 */2 * * *"),
    "every minute": Phrase("* * * * *"),
    "hourly": Phrase("0 * * * *"),
    "every hour on the hour": Phrase("0 * * * *"),
    "every hour at :15": Phrase("15 * * * *"),
    "at 15 past every hour": Phrase("15 * * * *"),
    "at half past every hour": Phrase("30 * * * *"),
    "every 2 hours at minute 20": Phrase("20 */2 * * *"),
    "every other hour": Phrase("0 */2 * * *"),
    "every hour from 9 to 17 on weekdays": Phrase("0 9-17 * * 1-5"),
    "every hour between 9am and 5pm": Phrase("0 9-17 * * *"),
    "every 15 minutes from 9:00 to 16:45": Phrase("*/15 9-16 * * *"),
    "every 2 hours from 22 to 4": Phrase("0 0,2,4,22 * * *"),
    "daily at 9": Phrase("0 9 * * *"),
    "once a day at nine": Phrase("0 9 * * *"),
    "every morning at 8": Phrase("0 8 * * *"),
    "every evening at 6": Phrase("0 18 * * *"),
    "Sunday evenings at 8": Phrase("0 20 * * 0"),
    "every Friday afternoon at 17": Phrase("0 17 * * 5"),
    "every midnight": Phrase("0 0 * * *"),
    "every day at half past eight": Phrase("30 8 * * *"),
    "every day at quarter to nine": Phrase("45 8 * * *"),
    "every day at 10 minutes past 9 pm": Phrase("10 21 * * *"),
    "every hour on weekdays from 9 to 17": Phrase("0 9-17 * * 1-5"),
    "every 30 minutes on Mondays from 9:00 to 16:30": Phrase("*/30 9-16 * * 1"),
    "hourly on the half hour": Phrase("30 * * * *"),
    "once a month on the 1st at 9": Phrase("0 9 1 * *"),
    "the first of every month at 9": Phrase("0 9 1 * *"),
    "on the first and fifteenth at 9": Phrase("0 9 1,15 * *"),
    "every NYSE trading day 10 minutes before the close": Phrase("@close(XNYS)-10m"),
    "five minutes after the London close": Phrase("@close(XLON)+5m"),
    "every weekday at 9:35 ET": Phrase("35 9 * * 1-5", timezone="America/New_York"),
    "every day at 9am": Phrase("0 9 * * *"),
    "every day at 9 p.m.": Phrase("0 21 * * *"),
    "every day at 12am": Phrase("0 0 * * *"),
    "every day at 8 o'clock in the evening": Phrase("0 20 * * *"),
    "every day at noon and midnight": Phrase("0 0,12 * * *"),
    "every day at 9am and noon": Phrase("0 9,12 * * *"),
    "9:00 and 17:00 every day": Phrase("0 9,17 * * *"),
    "Mondays and Thursdays at 18:30": Phrase("30 18 * * 1,4"),
    "on Monday, Wednesday and Friday at 7:45": Phrase("45 7 * * 1,3,5"),
    "Friday to Monday at 10": Phrase("0 10 * * 0,1,5,6"),
    "weekly on Sunday at 10": Phrase("0 10 * * 0"),
    "every week on Monday at 9": Phrase("0 9 * * 1"),
    "weekends at 10": Phrase("0 10 * * 0,6"),
    "first Monday of the month at 9": Phrase("0 9 * * 1#1"),
    "the 1st Monday of every month at 9": Phrase("0 9 * * 1#1"),
    "last Friday of the month at 17:00": Phrase("0 17 * * L5"),
    "first and third Tuesday of the month at 8": Phrase("0 8 * * 2#1,2#3"),
    "every second Monday of the month at 9": Phrase("0 9 * * 1#2"),
    "on the 1st and 15th at noon": Phrase("0 12 1,15 * *"),
    "monthly on the 15th at 9": Phrase("0 9 15 * *"),
    "on the 1st of the month in January and July at 9": Phrase("0 9 1 1,7 *"),
    "first day of the month at 9": Phrase("0 9 1 * *"),
    "on the last day of the month at 18": Phrase("0 18 L * *"),
    "the 1st to the 5th of the month at 9": Phrase("0 9 1-5 * *"),
    "every 2nd day of the month, from the 1st, at 9": Phrase("0 9 */2 * *"),
    "on the 13th of the month or Friday at 9": Phrase("0 9 13 * 5"),
    "every January 1st at noon": Phrase("0 12 1 1 *"),
    "yearly on 24 December at 18": Phrase("0 18 24 12 *"),
    "every day at 9 in November to February": Phrase("0 9 * 1,2,11,12 *"),
    "every 15 minutes during NYSE hours": Phrase("*/15 * * * *", "XNYS", hours_only=True),
    "every 10 minutes while the London market is open": Phrase("*/10 * * * *", "XLON", hours_only=True),
    "every 5 minutes during market hours (NYSE)": Phrase("*/5 * * * *", "XNYS", hours_only=True),
    "every trading day at 16:10 (NYSE)": Phrase("10 16 * * *", "XNYS"),
    "every NYSE trading day at 16:10": Phrase("10 16 * * *", "XNYS"),
    "at 9 on London trading days": Phrase("0 9 * * *", "XLON"),
    "every Monday at 9, NYSE trading days only": Phrase("0 9 * * 1", "XNYS"),
    "every trading day of the LSE at 9": Phrase("0 9 * * *", "XLON"),
    "15 minutes before the NYSE opens": Phrase("@open(XNYS)-15m"),
    "every trading day 15 minutes before the NYSE close": Phrase("@close(XNYS)-15m"),
    "5 minutes after the London close": Phrase("@close(XLON)+5m"),
    "1 hour and 30 minutes before the opening of Hong Kong": Phrase("@open(XHKG)-90m"),
    "at the NYSE's closing bell": Phrase("@close(XNYS)"),
    "weekdays at 9:00 in Tokyo": Phrase("0 9 * * 1-5", timezone="Asia/Tokyo"),
    "every day at 16:10 New York time": Phrase("10 16 * * *", timezone="America/New_York"),
    "every day at 16:10 NYSE time": Phrase("10 16 * * *", timezone="America/New_York"),
    "every day at 9 UTC": Phrase("0 9 * * *", timezone="UTC"),
    "every day at 9 (Europe/Berlin)": Phrase("0 9 * * *", timezone="Europe/Berlin"),
}


@pytest.mark.parametrize("text", READ)
def test_a_phrase_is_read(text: str) -> None:
    assert read_phrase(text) == READ[text]
    assert read_phrase(f"  {text.upper()} ") == READ[text]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("every 7 minutes", "every 6 minutes” or “every 10 minutes"),
        ("every 45 minutes", "every 30 minutes"),
        ("every 90 minutes", "every hour” or “every 2 hours"),
        ("every 5 hours", "every 4 hours” or “every 6 hours"),
        ("every 0 minutes", "every minute"),
        ("every 24 hours", "every day at 09:00"),
        ("every 30 seconds", "finer than a minute"),
        ("every 3 days at 9", "months have odd lengths"),
        ("every other day at 9", "months have odd lengths"),
        ("every other week on Monday at 9", "“every other week” can't be kept"),
        ("every second Monday at 9", "on the second Monday of the month"),
        ("every 2nd day of the month at 9", "on the 2nd of the month at 09:00"),
        ("biweekly at 9", "more than one way"),
        ("quarterly at 9", "January, April, July and October"),
        ("every 15 minutes from 9 to 17", "from 09:00 to 16:45” or “every 15 minutes from 09:00 to 17:45"),
        ("every 15 minutes from 9:30 to 16:00", "every 15 minutes from 09:00 to 15:45"),
        ("every 2 hours from 9 to 18", "every day at 09:00, 11:00, 13:00, 15:00 and 17:00"),
        ("every day at 9 and 17:30", "every day at 09:00” or “every day at 17:30"),
        ("every day at 9 and 5pm", "am or pm"),
        ("every hour from 9 to 5pm", "am or pm"),
        ("every night at 2", "2:00 is not in that part of the day"),
        ("every morning at 17", "17:00 is not in that part of the day"),
        ("every 15 minutes every morning", "From when to when"),
        ("every morning 15 minutes before the NYSE open", "15 minutes before the NYSE open"),
        ("every quarter on the 1st at 9", "January, April, July and October"),
        ("every day at 25", "hours go from 0 to 23"),
        ("every day at 13pm", "hours go from 0 to 23"),
        ("at 8", "every day at 08:00"),
        ("every Friday", "every Friday at 09:00"),
        ("monthly at 9", "on the 1st of the month at 09:00"),
        ("weekly at 17:30", "every Monday at 17:30"),
        ("yearly at 9", "on the 1st of the month in January at 09:00"),
        ("Monday at 9", "every Monday at 09:00"),
        ("on the 15th at 9", "on the 15th of the month at 09:00"),
        ("every wekday at 8:30", "every weekday at 08:30"),
        ("every day at 9 in Tokyu", "Asia/Tokyo"),
        ("every day at 9 EST", "America/New_York"),
        ("every day at 9 (NYSE)", "every NYSE trading day"),
        ("every trading day at 9", "which exchange"),
        ("every 5 minutes during market hours", "which exchange"),
        ("15 minutes before the close", "of which exchange"),
        ("13 hours before the NYSE open", "12 hours at most"),
        ("every Monday 15 minutes before the NYSE open", "15 minutes before the NYSE open"),
        ("15 minutes before the NYSE open in Tokyo", "need no time zone"),
        ("every NYSE trading day at 9 during London hours", "NYSE and London"),
        ("first trading day of the month at 9", "can't be kept yet"),
        ("every day at 9 except Monday", "not “except Monday”"),
        ("Friday the 13th at 9", "not “the 13th at 9”"),
        ("every 32nd at 9", "from the 1st to the 31st"),
        ("the sixth Monday at 9", "five of a weekday"),
        ("every 6th Monday of the month at 9", "five of a weekday"),
        ("foo bar", "I see no time in “foo bar”"),
        ("", "every weekday at 08:30"),
        ("every day " * 40, "too long"),
    ],
)
def test_what_is_not_plain_is_asked_with_a_way_out(text: str, says: str) -> None:
    with pytest.raises(PhraseRefused) as refused:
        read_phrase(text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "phrase", "rest"),
    [
        ("every weekday at 8:30 the gold report", "every weekday at 08:30", "the gold report"),
        ("the gold report every weekday at 8:30", "every weekday at 08:30", "the gold report"),
        ("remind me every Friday at 17 to send the invoice", "every Friday at 17:00", "remind me to send the invoice"),
        ("GOLD 30m, 9:00 every day", "every day at 09:00", "GOLD 30m"),
        ("15 minutes before the NYSE opens: look at GOLD", "15 minutes before the NYSE open", "look at GOLD"),
        ("every day at 9, 30 invoices", "every day at 09:00", "30 invoices"),
        ("every hour during NYSE hours screener Momentum", "every hour during NYSE hours", "screener Momentum"),
        ("Monday meeting notes every Tuesday at 9", "every Tuesday at 09:00", "Monday meeting notes"),
    ],
)
def test_a_phrase_is_found_in_a_longer_text(text: str, phrase: str, rest: str) -> None:
    found, left = split_phrase(text)
    assert (found.words, left) == (phrase, rest)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tomorrow call Bob", "At what time"),
        ("every weekday the report at 8:30", "At what time"),
        ("every 7 minutes the report", "every 6 minutes"),
        ("every Monday I want the report every hour", "“every Monday” and, apart from it, “every hour”"),
        ("hello there", "I see no time"),
        ("x" * 5000, "too long"),
    ],
)
def test_a_longer_text_without_a_plain_phrase_is_refused(text: str, says: str) -> None:
    with pytest.raises(PhraseRefused, match=says):
        split_phrase(text)


def meaning(line: str) -> tuple[object, ...]:
    """What decides when a line is due: the sets of its columns, and whether it follows the wall clock."""
    columns, nth = croniter.expand(line)
    minutes, hours, days, months, weekdays = (frozenset(column) for column in columns)
    everything = {"*"}
    if days != everything and weekdays != everything and (len(days) == 31 or len(weekdays) == 7):
        days = weekdays = frozenset(everything)  # either is enough
    ordered = {day: frozenset(which) for day, which in nth.items()}
    return minutes, hours, days, months, weekdays, frozenset(ordered.items()), Cron(line).is_fixed_time


@pytest.mark.parametrize("language", ["en", "de"])
@settings(PROPERTY, max_examples=200)
@given(line=LINES)
@example("*/7 * * * *")
@example("0 */5 * * *")
@example("0-59 9 * * *")
@example("* 0-23 * * *")
@example("*/15,7 9 * * *")
@example("0 9 13 * 0-7")
@example("0 9 1-31 * 5")
@example("0 9 */2 * */2,0-5")
@example("0 9 1-31 * */2")
@example("*/30 9 * * *")
@example("0,30 9 * * *")
def test_what_is_said_of_any_line_is_read_back_as_that_line(language: str, line: str) -> None:
    try:
        cron = parse_cron(line, NOW)
    except CronRefused:
        assume(False)
    with speaking(language):
        words = describe(cron)
    if len(words) <= 200:
        assert meaning(read_phrase(words).expression) == meaning(cron.text)


@settings(PROPERTY, max_examples=300)
@given(LINES, st.sampled_from([None, *EXCHANGES]), st.booleans(), st.sampled_from(["en", "de"]))
@example("* */2,0 * * 1", "XSWX", False, "en")  # "… and 0, SIX trading days only": no six
def test_a_phrase_in_our_words_is_a_fixed_point(
    line: str, calendar: str | None, hours_only: bool, language: str
) -> None:
    try:
        with speaking(language):
            words = describe_timing(parse_cron(line, NOW).text, calendar, hours_only and calendar is not None)
    except CronRefused:
        assume(False)
    assume(len(words) <= 200)
    phrase = read_phrase(words)
    assert (phrase.calendar, phrase.hours_only) == (calendar, hours_only and calendar is not None)
    assume(len(phrase.words) <= 200 and len(phrase.expression) <= LONGEST_LINE)
    assert read_phrase(phrase.words) == phrase
    assert phrase.expression == parse_cron(phrase.expression, NOW).text


@given(
    st.sampled_from(["open", "close"]), st.sampled_from(list(EXCHANGES)), st.integers(-720, 720),
    st.sampled_from([None, "XTKS"]), st.sampled_from(["en", "de"]),
)  # fmt: skip
def test_market_events_are_said_and_read_back(
    kind: str, exchange: str, minutes: int, calendar: str | None, language: str
) -> None:
    assume(calendar != exchange)
    expression = f"@{kind}({exchange})" + (f"{minutes:+}m" if minutes else "")
    with speaking(language):
        words = describe_timing(expression, calendar)
    assert read_phrase(words) == Phrase(expression, calendar)


@settings(PROPERTY, max_examples=400)
@given(st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join) | st.text(max_size=80))
@example("in")
@example("every 2nd")
@example("(")
@example("½ at ٣")
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    for read in (read_phrase, split_phrase):
        try:
            found = read(text)
        except InvalidInput as refused:
            sentence = str(refused)
        else:
            sentence = (found[0] if isinstance(found, tuple) else found).words + "."
        assert sentence.endswith((".", "?"))


@settings(PROPERTY, max_examples=300)
@given(st.lists(st.sampled_from(VOCABULARY), max_size=10).map(" ".join), st.sampled_from(["en", "de"]))
def test_each_suggestion_is_a_phrase_or_part_of_one(text: str, language: str) -> None:
    suggestions: tuple[str, ...] = ()
    with speaking(language):
        try:
            read_phrase(text)
        except PhraseRefused as refused:
            suggestions = refused.suggestions
    assert all(suggestion.startswith("in ") or is_understood(suggestion) for suggestion in suggestions)
