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


FAILED = {"name": "Gold <1>", "reason": "its worker stopped answering", "attempts": 2, "failures": 3, "run_id": 1234}


def test_a_message_is_written_in_its_readers_language_and_what_people_wrote_is_escaped() -> None:
    german = html_of(delivery(template="run_failed", params=FAILED, locale="de"))
    assert "<b>Gold &lt;1&gt;</b> ist nach 2 Versuchen fehlgeschlagen, 3-mal in Folge." in german
    assert "der Worker antwortete nicht mehr" in german
    assert "Lauf 1234: /why 1234" in german
    english = html_of(delivery(template="run_failed", params=FAILED))
    assert english.startswith("✗ <b>Gold &lt;1&gt;</b> failed after 2 attempts, 3 times in a row.")


@pytest.mark.parametrize(("count", "said"), [(1, "1 minute."), (2, "2 minutes."), (1200, "1,200 minutes.")])
def test_a_number_has_its_form_of_the_word(count: int, said: str) -> None:
    params = {"name": "Worker", "minutes": count}
    assert html_of(delivery(template="health_recovered", params=params)).endswith(said)


def test_a_possible_repeat_says_so_in_german() -> None:
    said = repeat_note(delivery(possible_repeat=True, locale="de"))
    assert said == "(Vielleicht habe ich das schon geschickt.)"
