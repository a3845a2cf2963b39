"""Whom the words before a broadcast mean, and what counts as a yes."""

import pytest

from domain.broadcasts import Segment, confirms, duration, is_bad_canary, parse_segment, split
from domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("words", "segment", "text"),
    [
        ("Hello all", "all", "Hello all"),
        ("all Hello", "all", "Hello"),
        ("ALL\nHello", "all", "Hello"),
        ("all", "all", "all"),
        ("role:trader  Margins\nchange", "role:trader", "Margins\nchange"),
        ("Role:Admin x", "role:admin", "x"),
        ("zone:europe x", "zone:Europe", "x"),
        ("zone:berlin x", "zone:Europe/Berlin", "x"),
        ("active:30d x", "active:30d", "x"),
        ("active:7 x", "active:7d", "x"),
        ("https://example.com is down", "all", "https://example.com is down"),
        ("Note: closed", "all", "Note: closed"),
        ("10:30 we close", "all", "10:30 we close"),
        ("<b>all</b> of you", "all", "<b>all</b> of you"),
    ],
)
def test_a_segment_may_stand_before_the_text(words: str, segment: str, text: str) -> None:
    found, rest = split(words)
    assert (str(found), rest) == (segment, text)
    assert parse_segment(str(found)) == found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("role:king x", "There are viewer, trader, admin"),
        ("roles:admin x", "Did you mean role:admin"),
        ("zone:Atlantis x", "zone:Europe"),
        ("active:0d x", "1 to 365"),
        ("active:soon x", "active:30d"),
        ("tag:vip x", "no tags here"),
    ],
)
def test_a_segment_that_means_nobody_is_refused_with_what_there_is(words: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        split(words)


def test_only_the_number_or_send_is_a_yes() -> None:
    assert all(confirms(typed, 1240) for typed in ("1240", " 1,240 ", "SEND"))
    assert not any(confirms(typed, 1240) for typed in ("yes", "send", "124", "12400", ""))


def test_a_fifth_of_the_first_may_fail_and_no_more() -> None:
    assert not is_bad_canary(4, 20)
    assert is_bad_canary(5, 20)
    assert is_bad_canary(1, 4)


def test_ten_thousand_take_a_little_more_than_eight_minutes() -> None:
    assert duration(10_000, 20).total_seconds() == 500


def test_a_segment_says_whom_it_means() -> None:
    assert Segment().words == "everybody"
    assert Segment("role", "admin").words == "everybody who is an admin"
    assert Segment("zone", "Europe").words == "everybody in Europe"
    assert Segment("active", "30d").words == "everybody who wrote to me in the last 30 days"
