"""What a delivery says, in Telegram's HTML and plain."""

import pytest

from notifications.errors import Refused
from notifications.words import html_of, plain, plain_of, repeat_note
from tests.fakes.delivery import delivery


@pytest.mark.parametrize(
    ("template", "params"), [("nowhere", {}), ("health_down", {}), ("../health_down", {})], ids=["none", "hole", "path"]
)
def test_a_template_that_cannot_be_filled_in_is_a_definite_no(template: str, params: dict[str, str]) -> None:
    with pytest.raises(Refused, match="nothing can be made of its template"):
        html_of(delivery(template=template, params=params))


def test_the_plain_words_have_no_tags_and_say_where_links_lead() -> None:
    assert plain_of(delivery('<b>a</b> &lt; <a href="https://example.com">b</a>')) == "a < b (https://example.com)"


def test_what_is_no_markup_stays_as_it_is() -> None:
    assert plain("1 < 2 & <b>3") == "1 < 2 & <b>3"


def test_half_a_character_is_left_out() -> None:
    assert html_of(delivery("up \ud83d")) == "up ?"


def test_only_a_possible_repeat_says_that_it_may_be_one() -> None:
    assert repeat_note(delivery(ref="7F3K")) is None
    assert repeat_note(delivery(possible_repeat=True, ref="7F3K")) == "(I may have sent this already. Ref 7F3K.)"
    assert repeat_note(delivery(possible_repeat=True)) == "(I may have sent this already.)"
