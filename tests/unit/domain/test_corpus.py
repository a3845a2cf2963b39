"""Phrases as people write them, in English and German: what each means, or which question it gets."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands.timing import suggestions_of
from domain.due_plan import plan_due
from domain.errors import InvalidInput
from domain.locales import LOCALES, speaking
from domain.phrases import PhraseRefused
from domain.timing import Timing, parse_timing, read_instant
from tests.unit.domain import corpus_de, corpus_en
from tests.unit.domain.lines import PROPERTY

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOME = "Europe/Berlin"
READ = [*corpus_en.READ.items(), *corpus_de.READ.items()]
ASKED = [
    *(("en", text, *asked) for text, asked in corpus_en.ASKED.items()),
    *(("de", text, *asked) for text, asked in corpus_de.ASKED.items()),
]


def read(text: str, now: datetime = NOW, zone: str = HOME) -> Timing:
    return parse_timing(text, timezone=zone, now=now)


def shown(timing: Timing) -> str:
    """A timing as the corpus writes it."""
    parts = [timing.expression]
    if timing.is_once:
        assert timing.starts_at is not None
        parts = [f"{timing.starts_at.astimezone(timing.zone):%Y-%m-%d %H:%M}"]
    if timing.calendar:
        parts.append(f"{'hours' if timing.hours_only else 'days'} {timing.calendar}")
    if timing.timezone != HOME:
        parts.append(f"in {timing.timezone}")
    return " ".join(parts)


def refusal(text: str, language: str, now: datetime = NOW) -> InvalidInput:
    with speaking(language), pytest.raises(InvalidInput) as refused:
        read(text, now)
    return refused.value


def test_the_corpus_is_large_in_both_languages() -> None:
    assert min(len(corpus_en.READ), len(corpus_de.READ)) > 125
    assert min(len(corpus_en.ASKED), len(corpus_de.ASKED)) > 50


@pytest.mark.parametrize(("text", "expected"), READ)
def test_a_phrase_means_the_same_whatever_language_is_spoken(text: str, expected: str) -> None:
    for language in LOCALES:
        with speaking(language):
            assert shown(read(text)) == expected
            assert shown(read(f"  {text.upper()}  ")) == expected


@pytest.mark.parametrize("text", [text for text, _ in READ])
def test_what_is_said_back_means_the_same(text: str) -> None:
    timing = read(text)
    for language in LOCALES:
        with speaking(language):
            again = read(timing.words, zone=timing.timezone)
        assert (again.calendar, again.hours_only) == (timing.calendar, timing.hours_only)
        if timing.exchange is not None:
            assert again.expression == timing.expression
        else:
            assert list(islice(again.upcoming(NOW), 5)) == list(islice(timing.upcoming(NOW), 5))


@pytest.mark.parametrize(("language", "text", "question", "suggestion"), ASKED)
def test_what_is_not_plain_is_asked(language: str, text: str, question: str, suggestion: str) -> None:
    assert str(refusal(text, "en")).startswith(question)
    assert next(iter(suggestions_of(refusal(text, language))), "") == suggestion


@pytest.mark.parametrize(("language", "text", "question", "suggestion"), ASKED)
def test_each_suggestion_is_read_or_asks_the_next_question(
    language: str, text: str, question: str, suggestion: str
) -> None:
    """A press on a button never ends in the same question."""
    for offered in suggestions_of(refusal(text, language)):
        if offered.startswith("in ") and "/" in offered:
            offered = f"every day at 9 {offered}"
        try:
            read(offered)
        except PhraseRefused as again:
            asked_before = str(again).startswith(question)
        else:
            asked_before = False
        assert not asked_before


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("übermorgen 8:30", "2026-11-23 08:30"),  # the dots apart, as a Mac writes them
        ("  in   2\u00a0hours ", "2026-11-21 15:00"),
        ("Mon – Fri 08:30", "30 8 * * 1-5"),
        ("Montag—wann?", ""),
        ("at 9 every day.", ""),
        ("WERKTAGS UM 8:30 UHR", "30 8 * * 1-5"),
        ("jeden Tag um 9.", "0 9 * * *"),
    ],
)
def test_typographic_variants_are_read_or_refused(text: str, meant: str) -> None:
    if meant:
        assert shown(read(text)) == meant
    else:
        refusal(text, "en")


def test_next_friday_is_asked_while_there_is_one_this_week() -> None:
    """People mean the coming one or the one after it; on the day itself and after it there is no doubt."""
    wednesday = datetime(2026, 11, 18, 12, tzinfo=UTC)
    for language, text in (("en", "next Friday at 17:00"), ("de", "nächsten Freitag um 17 Uhr")):
        asked = suggestions_of(refusal(text, language, wednesday))
        with speaking(language):
            assert [shown(read(each, wednesday)) for each in asked] == ["2026-11-20 17:00", "2026-11-27 17:00"]
    assert shown(read("next Friday at 17", datetime(2026, 11, 20, 12, tzinfo=UTC))) == "2026-11-27 17:00"
    assert shown(read("this Friday at 17", wednesday)) == "2026-11-20 17:00"


def test_a_time_that_is_over_is_refused_with_the_next_one() -> None:
    assert suggestions_of(refusal("today 9:00", "en")) == ("once, on Sun 22 Nov 2026 at 09:00",)
    assert suggestions_of(refusal("heute 9:00", "de")) == ("einmal, am So 22. Nov 2026 um 09:00",)
    assert suggestions_of(refusal("24 December 2020 at 18", "en")) == ("once, on Thu 24 Dec 2026 at 18:00",)


def test_a_single_time_is_due_once_without_jitter() -> None:
    timing = read("tomorrow 9:00")
    at = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert (timing.is_once, timing.is_fixed_time, timing.jitter_s) == (True, True, 0)
    assert [(due.at, due.not_before) for due in timing.upcoming(NOW)] == [(at, at)]
    assert timing.next_after(at) is None
    assert timing.shortest_interval(NOW) is None
    assert timing.due_at(at).local_slot == datetime(2026, 11, 22, 9)


def test_a_single_time_is_planned_once_also_after_an_outage() -> None:
    timing = read("tomorrow 9:00")
    at = datetime(2026, 11, 22, 8, tzinfo=UTC)
    for late in (timedelta(seconds=1), timedelta(hours=3)):
        plan = plan_due(
            timing, at, at + late, catch_up="latest", window=timedelta(days=1), shortest=timedelta(minutes=1),
            last_planned=None,
        )  # fmt: skip
        assert [each.due.at for each in plan.runs] == [at]
        assert (plan.cursor, plan.more, plan.skipped) == (None, False, ())


def test_a_single_time_follows_the_rules_of_clock_changes() -> None:
    before_gap = datetime(2027, 3, 27, 12, tzinfo=UTC)
    gap = read("tomorrow 2:30", before_gap)
    due = next(gap.upcoming(before_gap))
    assert due.at == datetime(2027, 3, 28, 1, tzinfo=UTC)  # 03:00, the first that there is
    assert "02:30 does not exist" in (due.mark or "")
    assert gap.words == "once, on Sun 28 Mar 2027 at 03:00"

    before_fold = datetime(2026, 10, 24, 12, tzinfo=UTC)
    due = next(read("tomorrow 2:30", before_fold).upcoming(before_fold))
    assert due.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "the first 02:30" in (due.mark or "")

    within_fold = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    second = read("in 2 hours", within_fold)
    assert [each.at for each in second.upcoming(within_fold)] == [datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
    assert "the second 02:30" in (next(second.upcoming(within_fold)).mark or "")


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)),
    st.sampled_from([HOME, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
)
def test_any_single_time_is_kept_and_said_back(moment: datetime, zone: str) -> None:
    at = moment.replace(second=0, microsecond=0, tzinfo=UTC)
    timing = Timing.once(at, zone)
    assert timing.is_once
    assert [due.at for due in timing.upcoming(at - timedelta(days=400))] == [at]
    if at.astimezone(ZoneInfo(zone)).fold:
        return  # the words name a wall time, of which the first pass is meant
    for language in LOCALES:
        with speaking(language):
            assert read(timing.words, at - timedelta(days=3), zone) == timing


@settings(PROPERTY, max_examples=100)
@given(st.integers(0, 7 * 24 * 60), st.sampled_from(["once on Monday at 9", "next week on Friday at 17", "at 9 once"]))
def test_a_single_time_is_always_ahead(minutes: int, text: str) -> None:
    now = NOW + timedelta(minutes=minutes)
    at = read(text, now).starts_at
    assert at is not None
    assert now < at <= now + timedelta(days=14)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("Monday 8:00", "2026-11-23 08:00"),
        ("until Monday 8:00", "2026-11-23 08:00"),
        ("bis Montag 8:00", "2026-11-23 08:00"),
        ("tomorrow", "2026-11-22 00:00"),
        ("bis morgen", "2026-11-22 00:00"),
        ("morgen um 9", "2026-11-22 09:00"),
        ("18:00", "2026-11-21 18:00"),
        ("9:00", "2026-11-22 09:00"),
        ("18 Uhr", "2026-11-21 18:00"),
        ("noon", "2026-11-22 12:00"),
        ("2h", "2026-11-21 15:00"),
        ("for 90 minutes", "2026-11-21 14:30"),
        ("zwei Stunden", "2026-11-21 15:00"),
        ("in 3 days", "2026-11-24 00:00"),
        ("24 December", "2026-12-24 00:00"),
        ("bis zum 24.12.", "2026-12-24 00:00"),
        ("next week", "2026-11-23 00:00"),
        ("2026-12-01", "2026-12-01 00:00"),
        ("Monday 8:00 in Tokyo", "2026-11-23 00:00"),
    ],
)
def test_an_instant_is_read(text: str, local: str) -> None:
    found = read_instant(text, HOME, NOW)
    assert f"{found.astimezone(ZoneInfo(HOME)):%Y-%m-%d %H:%M}" == local
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["", "8", "every Monday", "soon", "today 9:00", "x" * 500, "at 25:00", "30 8 * * 1-5"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(PhraseRefused):
        read_instant(text, HOME, NOW)


def test_reading_is_quick() -> None:
    """A millisecond each on an idle machine, also in the language that is tried second."""
    texts = [text for text, _ in READ]
    begun = time.process_time()
    for text in texts:
        read(text)
    assert (time.process_time() - begun) / len(texts) < 0.01
