"""Pages are in the language that the reader's browser asks for."""

import pytest

from domain.locales import speaking
from web.languages import asked_for
from web.pages import page


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de-AT"),
        ("fr,de;q=0.3,en;q=0.8", "en"),
        ("en;q=0,de", "de"),
        ("", "en"),
        ("*", "en"),
        ("de;q=x", "en"),
        (",;q=,de;q=0.1" + ",xx" * 1000, "de"),
    ],
)
def test_the_first_language_of_ours_by_its_weight_is_spoken(header: str, language: str) -> None:
    assert asked_for(header) == language


def test_a_page_is_written_in_german() -> None:
    with speaking("de"):
        said = bytes(page("unsubscribe", kind="Berichte").body).decode()
    assert '<html lang="de">' in said
    assert "<h1>Keine Berichte mehr?</h1>" in said
    assert "<code>/notify</code>" in said


def test_what_is_filled_in_is_escaped() -> None:
    assert "<b>" not in bytes(page("unsubscribe", kind="<b>").body).decode()
