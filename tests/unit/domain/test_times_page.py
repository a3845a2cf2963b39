"""The page about times says what the code does."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from domain.timing import parse_timing

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "times.md").read_text(encoding="utf-8")
HOME = "Europe/Zurich"


def rows(heading: str) -> list[tuple[str, str]]:
    """The rows of the table under this head, without their marks."""
    table = PAGE.split(f"| {heading} |\n| --- | --- |\n")[1].split("\n\n")[0]
    return [(cells[1].strip(" `"), cells[2].strip()) for cells in (row.split("|") for row in table.splitlines())]


@pytest.mark.parametrize(("words", "kept"), rows("words | kept as"))
def test_words_are_kept_as_the_page_says(words: str, kept: str) -> None:
    assert parse_timing(words, timezone=HOME, now=NOW).expression == kept.strip("`")


@pytest.mark.parametrize(("words", "local"), rows("words | falls on"))
def test_one_time_falls_on_what_the_page_says(words: str, local: str) -> None:
    timing = parse_timing(words, timezone=HOME, now=NOW)
    assert timing.is_once
    assert timing.starts_at is not None
    assert f"{timing.starts_at.astimezone(timing.zone):%Y-%m-%d %H:%M}" == local


@pytest.mark.parametrize(("words", "adds"), rows("words | what it adds"))
def test_what_stands_behind_adds_what_the_page_says(words: str, adds: str) -> None:
    timing = parse_timing(words, timezone=HOME, now=NOW)
    zone, days, hours = (re.findall(rf"{name} `([^`]+)`", adds) for name in ("zone", "days of", "hours of"))
    assert timing.timezone == (zone[0] if zone else HOME)
    assert (timing.calendar, timing.hours_only) == ((days or hours or [None])[0], bool(hours))


@pytest.mark.parametrize(("words", "why"), rows("words | why"))
def test_what_the_page_calls_unclear_is_asked(words: str, why: str) -> None:
    assert why
    with pytest.raises(InvalidInput):
        parse_timing(words, timezone=HOME, now=NOW)
