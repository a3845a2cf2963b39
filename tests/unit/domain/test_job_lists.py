"""Tags, filters and cells: what people write to find a job, and what a file may hold."""

import csv
import io

import pytest

from domain.cells import as_csv, text_cell
from domain.errors import InvalidInput
from domain.job_filters import LONGEST_BYTES, JobFilter, JobState, parse_filter
from domain.tags import MOST_TAGS, changed_tags, read_tag


@pytest.mark.parametrize(
    ("written", "tag"),
    [("#gold", "gold"), ("Gold", "gold"), ("#Öl", "öl"), ("a-b_2", "a-b_2"), ("#ｇｏｌｄ", "gold"), ("#金", "金")],
)
def test_a_tag_is_kept_small_and_plain(written: str, tag: str) -> None:
    assert read_tag(written) == tag


@pytest.mark.parametrize("written", ["#", "", "#a/b", "#-a", "a b", "#" + "x" * 25, "#" + "金" * 11, "<b>", "#a:b"])
def test_what_can_be_no_tag_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="can't be a tag"):
        read_tag(written)


def test_tags_are_put_on_and_taken_away_once() -> None:
    assert changed_tags(("gold",), ["#daily", "gold", "#Gold"]) == ("gold", "daily")
    assert changed_tags(("gold", "daily"), ["-#gold", "-nothing"]) == ("daily",)
    with pytest.raises(InvalidInput, match="is the most"):
        changed_tags((), [f"t{n}" for n in range(MOST_TAGS + 1)])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", JobFilter()),
        ("#Gold", JobFilter(tag="gold")),
        ("failed", JobFilter(state=JobState.FAILED)),
        ("PAUSED #a morning gold", JobFilter("morning gold", "a", JobState.PAUSED)),
        ("erledigt", JobFilter(state=JobState.DONE)),
        ("@Ada@example.com done", JobFilter("", "", JobState.DONE, "ada@example.com")),
        ("done failed", JobFilter("failed", "", JobState.DONE)),
        ("#", JobFilter("#")),
    ],
)
def test_a_filter_is_read_and_its_words_say_the_same(words: str, found: JobFilter) -> None:
    assert parse_filter(words) == found
    assert parse_filter(found.words) == found


def test_a_filter_fits_into_a_button_with_the_page_it_turns() -> None:
    longest = "x" * LONGEST_BYTES
    assert len(f"l:{2**63 - 1}:{parse_filter(longest).words}".encode()) <= 64
    with pytest.raises(InvalidInput, match="at once"):
        parse_filter(longest + "x")
    with pytest.raises(InvalidInput):
        parse_filter("金" * 20)


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5 %", "@SUM(A1)", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_calculate_stays_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ['say "a";b', "a,b\nc", "\ufeffx", "plain"])
def test_what_a_file_holds_comes_back_as_it_was(text: str) -> None:
    content = as_csv(("name", "number"), [(text_cell(text), -5)])
    [row] = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert (row["name"], row["number"]) == (text, "-5")


def test_a_cell_holds_no_nul_and_nothing_is_nothing() -> None:
    assert (text_cell("\x00=x"), text_cell(None)) == ("'=x", "")
