"""What a person writes, taken apart into a time and what to do then."""

import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.agenda import read_hours
from bot.commands.backfills import read_day
from bot.commands.timing import TimeNotRead, suggestions_of, take_apart
from domain.errors import InvalidInput

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def apart(text: str) -> tuple[str, str]:
    found = take_apart(text, "Europe/Berlin", NOW)
    return found.timing.words, found.rest


@pytest.mark.parametrize(
    ("text", "words", "rest"),
    [
        ("30 8 * * 1-5 GOLD", "every weekday at 08:30", "GOLD"),
        ("30 8 * * 1-5", "every weekday at 08:30", ""),
        ("30 8 * * mon-fri GOLD dark", "every weekday at 08:30", "GOLD dark"),
        ("@daily remind me to stretch", "every day at 00:00", "remind me to stretch"),
        ("“30 8 * * 1-5” GOLD", "every weekday at 08:30", "GOLD"),
        ('"every day at 9" GOLD', "every day at 09:00", "GOLD"),
        ("@open(XNYS)-15m AAPL", "15 minutes before the NYSE open", "AAPL"),
        ("@close( NYSE ) + 5 min AAPL", "5 minutes after the NYSE close", "AAPL"),
        ("0 10 * * * on NYSE days GOLD", "every NYSE trading day at 10:00", "GOLD"),
        ("*/15 * * * * during NYSE hours GOLD", "every 15 minutes during NYSE hours", "GOLD"),
        ("every weekday at 8:30 the gold report", "every weekday at 08:30", "the gold report"),
        ("the gold report every weekday at 8:30", "every weekday at 08:30", "the gold report"),
        ("remind me every day at 9 to check margins", "every day at 09:00", "remind me to check margins"),
        ("remind me to check margins every day at 9", "every day at 09:00", "remind me to check margins"),
        ("please send me the gold report every day at 9", "every day at 09:00", "the gold report"),
        ("every day at 9 call mum at 5", "every day at 09:00", "call mum at 5"),
        ("in 2 hours call Bob", "once, on Sat 21 Nov 2026 at 11:00", "call Bob"),
        ("call Bob tomorrow at 9", "once, on Sun 22 Nov 2026 at 09:00", "call Bob"),
        ("remind me tomorrow at 9 to call Bob", "once, on Sun 22 Nov 2026 at 09:00", "remind me to call Bob"),
        ("jeden Werktag um 8:30 den Goldbericht", "every weekday at 08:30", "den Goldbericht"),
        ("den Goldbericht jeden Werktag um 8:30 Uhr", "every weekday at 08:30", "den Goldbericht"),
        ("bitte schick mir werktags um 8.30 Uhr GOLD", "every weekday at 08:30", "GOLD"),
        ("erinnere mich jeden Tag um 9 an die Marge", "every day at 09:00", "remind me die Marge"),
        ("Erinnere mich daran, jeden Tag um 9 zu lüften", "every day at 09:00", "remind me zu lüften"),
        (
            "erinner mich morgen um 9 daran, Bob anzurufen",
            "once, on Sun 22 Nov 2026 at 09:00",
            "remind me Bob anzurufen",
        ),
        ("jeden Tag um 9 erinnere mich an die Marge", "every day at 09:00", "remind me die Marge"),
        ("in zwei Stunden Bob anrufen", "once, on Sat 21 Nov 2026 at 11:00", "Bob anrufen"),
        ("30 Minuten vor NYSE-Eröffnung GOLD", "30 minutes before the NYSE open", "GOLD"),
        ("*/15 * * * * während der NYSE-Handelszeit GOLD", "every 15 minutes during NYSE hours", "GOLD"),
        ("10 16 * * * an NYSE-Handelstagen GOLD", "every NYSE trading day at 16:10", "GOLD"),
        ("first Monday of the month at 9 GOLD", "on the first Monday of the month at 09:00", "GOLD"),
    ],
)
def test_a_time_is_found_and_the_rest_is_kept(text: str, words: str, rest: str) -> None:
    assert apart(text) == (words, rest)


@pytest.mark.parametrize(
    ("text", "suggested", "rest"),
    [
        ("every monday GOLD", "every Monday at 09:00", "GOLD"),
        ("check margins at 8", "every day at 08:00", "check margins"),
        ("remind me to check margins at 8", "every day at 08:00", "remind me to check margins"),
        ("remind me tomorrow to call Bob", "tomorrow at 09:00", "remind me to call Bob"),
        ("jeden Montag GOLD", "every Monday at 09:00", "GOLD"),
        ("erinnere mich um 8 an die Marge", "every day at 08:00", "remind me die Marge"),
        ("Montag um 9 GOLD", "once on Monday at 09:00", "GOLD"),
        ("30 8 * * GOLD", "30 8 * * *", "GOLD"),
        ("0 30 8 * * 1-5 GOLD", "30 8 * * 1-5", "GOLD"),
        ("0 5 8 * * 1-5 GOLD", "5 8 * * 1-5", "GOLD"),
    ],
)
def test_a_refusal_keeps_its_suggestions_and_what_stood_beside_the_time(text: str, suggested: str, rest: str) -> None:
    with pytest.raises(TimeNotRead) as refused:
        take_apart(text, "Europe/Berlin", NOW)
    assert suggested in suggestions_of(refused.value.problem)
    assert refused.value.rest == rest


@given(st.text(max_size=120))
def test_whatever_is_written_is_taken_apart_or_refused_with_a_sentence(text: str) -> None:
    try:
        found = take_apart(text, "Europe/Berlin", NOW)
    except InvalidInput as refused:
        sentence = str(refused)
    else:
        sentence = found.timing.words
    assert sentence


@pytest.mark.parametrize("text", ["jan" * 300 + "!", "every " * 700, "@open(" * 100, '"' * 900, "1 " * 450])
def test_what_is_built_to_be_slow_is_refused_in_time(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(TimeNotRead):
        take_apart(text, "Europe/Berlin", NOW)
    assert time.process_time() - begun < 5, "backtracking would take longer than anybody waits"


@pytest.mark.parametrize(
    ("said", "hours"), [("", 24), ("24h", 24), ("3d", 72), ("12 hours", 12), ("1 week", 168), ("2W", 336), ("14d", 336)]
)
def test_a_length_of_time_ahead_is_read(said: str, hours: int) -> None:
    assert read_hours(said) == hours


@pytest.mark.parametrize("said", ["soon", "0h", "15d", "-3h", "3", "3 months", "99999h"])
def test_another_length_is_refused_with_examples(said: str) -> None:
    with pytest.raises(InvalidInput, match="/next 24h"):
        read_hours(said)


def test_days_are_read_only_where_they_are_beyond_doubt() -> None:
    today = date(2026, 11, 21)
    assert read_day("2026-11-02", today) == date(2026, 11, 2)
    assert read_day("yesterday", today) == date(2026, 11, 20)
    assert read_day("Today,", today) == today
    for doubtful in ("02/03/2026", "2.11.", "monday", "20261102", ""):
        with pytest.raises(InvalidInput, match="year-month-day"):
            read_day(doubtful, today)
    with pytest.raises(InvalidInput, match="not in the calendar"):
        read_day("2026-02-30", today)
