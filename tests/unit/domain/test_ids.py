"""Numbers as people write them and as buttons carry them."""

import pytest

from domain.ids import pressed_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), (str(2**63 - 1), 2**63 - 1)])
def test_a_button_carries_a_number(text: str, number: int) -> None:
    assert pressed_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", " 1", "1.0", "²", "٣", str(2**63), "9" * 5000])
def test_what_was_made_up_is_none(text: str) -> None:
    assert pressed_number(text) is None
