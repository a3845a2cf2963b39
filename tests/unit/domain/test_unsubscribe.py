"""Opt-out links: what is signed comes back, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.ids import UserId
from domain.unsubscribe import OptOut, link, read, token

KEY = "k" * 32
OPT_OUTS = st.builds(
    OptOut,
    st.integers(1, 2**63 - 1).map(UserId),
    st.from_regex(r"[a-z0-9_]{1,24}", fullmatch=True),
    st.integers(0, 2**31),
)
SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(OPT_OUTS)
def test_what_was_signed_is_read(what: OptOut) -> None:
    assert read(KEY, token(KEY, what)) == what


@given(OPT_OUTS, st.data())
def test_no_changed_sign_is_accepted(what: OptOut, data: st.DataObject) -> None:
    good = token(KEY, what)
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from(SIGNS.replace(good[place], "")))
    assert read(KEY, good[:place] + other + good[place + 1 :]) is None


@given(st.text(max_size=90))
def test_whatever_stands_in_an_address_is_read_or_refused_and_never_breaks(text: str) -> None:
    assert read(KEY, text) is None


def test_another_key_reads_nothing() -> None:
    assert read("o" * 32, token(KEY, OptOut(UserId(7), "broadcast"))) is None


def test_a_link_is_cut_off_nowhere() -> None:
    good = token(KEY, OptOut(UserId(7), "broadcast"))
    assert all(read(KEY, good[:length]) is None for length in range(len(good)))


@pytest.mark.parametrize("what", [OptOut(UserId(0), "report"), OptOut(UserId(1), "Re port"), OptOut(UserId(1), "")])
def test_what_no_link_can_say_is_refused_with_a_reason(what: OptOut) -> None:
    with pytest.raises(InvalidInput, match="opt-out"):
        token(KEY, what)


def test_the_header_value_stays_within_one_line_of_77_signs() -> None:
    what = OptOut(UserId(2**31), "broadcast", version=200)
    value = f"<{link('https://bell.example.com/', KEY, what)}>"
    assert value.startswith("<https://bell.example.com/u/")
    assert len(value) <= 77
