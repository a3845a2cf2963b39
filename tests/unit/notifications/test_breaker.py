"""Health and breaker as one object, at made-up instants."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.health import Status
from notifications.breaker import FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker, Record

SLOW = 5.0


class Story:
    """A record and a clock that only this test moves."""

    def __init__(self) -> None:
        self.record = Record()
        self.now = 1_000_000.0

    def well(self, times: int = 1, *, every: float = 1.0, took: float = 0.1) -> "Story":
        for _ in range(times):
            self.now += every
            self.record.succeeded(self.now, took, SLOW)
        return self

    def ill(self, times: int = 1, *, every: float = 1.0, why: str = "no answer") -> "Story":
        for _ in range(times):
            self.now += every
            self.record.failed(self.now, self.now - 0.1, why, SLOW)
        return self

    @property
    def state(self) -> tuple[Status, Breaker]:
        return self.record.status, self.record.breaker


def test_two_failures_in_a_row_are_borne_and_the_third_opens() -> None:
    story = Story().well().ill(2)
    assert story.state == (Status.HEALTHY, Breaker.CLOSED)
    assert story.record.may_send() is None
    story.ill()
    assert story.state == (Status.DOWN, Breaker.OPEN)
    assert story.record.may_send() == 0
    assert story.record.why == "no answer"


def test_a_success_between_them_begins_the_row_anew() -> None:
    assert Story().well().ill(2).well().ill(2).state == (Status.HEALTHY, Breaker.CLOSED)


def test_what_never_worked_is_not_called_healthy() -> None:
    assert Story().ill().state == (Status.DEGRADED, Breaker.CLOSED)


def test_what_fails_every_other_time_for_ten_minutes_is_in_trouble_once_and_never_down() -> None:
    story, seen = Story().well(), [Status.HEALTHY]
    for _ in range(120):
        story.well(every=2.5).ill(every=2.5)
        if story.record.status is not seen[-1]:
            seen.append(story.record.status)
    for _ in range(40):
        story.well(every=5)
        if story.record.status is not seen[-1]:
            seen.append(story.record.status)
    assert seen == [Status.HEALTHY, Status.DEGRADED, Status.HEALTHY]


def test_calls_that_failed_at_the_same_moment_count_once() -> None:
    story = Story().well()
    for _ in range(8):
        story.record.failed(story.now + 2, story.now, "connection refused", SLOW)
    assert story.state == (Status.HEALTHY, Breaker.CLOSED)
    assert story.record.failures == 1


def test_what_was_under_way_when_it_opened_does_not_put_the_probe_off() -> None:
    story = Story().ill(3)
    probe_at = story.record.probe_at
    story.record.failed(story.now + 3, story.now - 1, "late", SLOW)
    assert story.record.probe_at == probe_at
    assert story.record.why == "no answer"


def test_the_open_breaker_lets_one_probe_through_when_its_pause_is_over() -> None:
    story = Story().ill(3)
    assert not story.record.take_probe(story.now + FIRST_PAUSE_S - 0.1)
    assert story.record.take_probe(story.now + FIRST_PAUSE_S)
    assert not story.record.take_probe(story.now + FIRST_PAUSE_S)


def test_a_probe_whose_sender_died_is_given_to_another() -> None:
    story = Story().ill(3)
    assert story.record.take_probe(story.now + FIRST_PAUSE_S)
    assert story.record.take_probe(story.now + FIRST_PAUSE_S + 20)


def test_the_pause_doubles_up_to_a_minute() -> None:
    story = Story().ill(3)
    pauses = []
    for _ in range(6):
        pauses.append(story.record.probe_at - story.now)
        story.ill(every=pauses[-1])
    assert pauses == [5, 10, 20, 40, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_the_first_success_makes_it_degraded_and_half_open_the_third_closes() -> None:
    story = Story().ill(3).well()
    assert story.state == (Status.DEGRADED, Breaker.HALF_OPEN)
    assert story.record.may_send() == 1
    assert story.well().state == (Status.DEGRADED, Breaker.HALF_OPEN)
    assert story.well().state == (Status.DEGRADED, Breaker.CLOSED)
    assert story.record.may_send() is None


def test_one_failure_of_the_half_open_breaker_opens_it_again() -> None:
    assert Story().ill(3).well(2).ill().state == (Status.DOWN, Breaker.OPEN)


def test_it_is_healthy_after_five_successes_over_a_minute_not_sooner() -> None:
    assert Story().ill(3).well(20, every=1).state == (Status.DEGRADED, Breaker.CLOSED)
    assert Story().ill(3).well(4, every=30).state == (Status.DEGRADED, Breaker.CLOSED)
    story = Story().ill(3).well(5, every=15)
    assert story.state == (Status.HEALTHY, Breaker.CLOSED)
    assert story.record.why is None


def test_a_failure_on_the_way_up_begins_the_minute_anew() -> None:
    story = Story().ill(3).well(4, every=14).ill().well(4, every=14)
    assert story.state == (Status.DEGRADED, Breaker.CLOSED)
    assert story.well(2, every=14).state == (Status.HEALTHY, Breaker.CLOSED)


def a_minute(story: Story, failures: int, took: float = 0.1) -> Story:
    """Twelve calls over a minute and a little, never three failures in a row."""
    for call in range(12):
        if call in range(0, 2 * failures, 2):
            story.ill(every=5.1)
        else:
            story.well(every=5.1, took=took)
    return story


def test_two_windows_with_many_failures_degrade_it_one_does_not() -> None:
    story = a_minute(Story().well(), failures=3)
    assert a_minute(story, failures=0).record.status is Status.HEALTHY
    story = a_minute(a_minute(Story().well(), failures=3), failures=3).well(2, every=5.1)
    assert story.state == (Status.DEGRADED, Breaker.CLOSED)
    assert "of its calls failed" in (story.record.why or "")


def test_two_slow_windows_degrade_it() -> None:
    story = a_minute(a_minute(a_minute(Story().well(), 0, took=8), 0, took=8), 0, took=8)
    assert story.state == (Status.DEGRADED, Breaker.CLOSED)
    assert "95 %" in (story.record.why or "")
    for _ in range(3):
        a_minute(story, 0)
    assert story.state == (Status.HEALTHY, Breaker.CLOSED)


def test_few_failures_among_many_calls_do_not_keep_it_degraded_for_ever() -> None:
    story = Story().ill(3)
    for _ in range(6):
        story.well(30, every=1).ill(every=1)
    assert story.record.status is Status.HEALTHY


def test_p95_is_read_from_counts_that_add_up() -> None:
    story = Story().well(90, every=0.1, took=0.1).well(10, every=0.1, took=7)
    assert 5 < story.record.window.p95 <= 10


@pytest.mark.parametrize("stored", [None, {}, {"status": "GREEN"}, {"window": {"times": [1]}}, {"window": 7}])
def test_what_cannot_be_read_begins_anew(stored: Any) -> None:
    assert Record.read(stored).may_send() is None


def test_it_survives_being_stored() -> None:
    record = Story().ill(3).well(2).record
    assert Record.read(record.stored()) == record


@given(st.lists(st.tuples(st.booleans(), st.floats(0.01, 90), st.floats(0, 30)), max_size=80))
def test_whatever_happens_open_means_down_and_healthy_means_closed(outcomes: list[tuple[bool, float, float]]) -> None:
    record, now = Record(), 1_000_000.0
    for ok, later, took in outcomes:
        now += later
        if ok:
            record.succeeded(now, took, SLOW)
            assert record.status is not Status.DOWN
        else:
            record.failed(now, now - 0.001, "no", SLOW)
        assert (record.status is Status.DOWN) == (record.breaker is Breaker.OPEN)
        assert not (record.status is Status.HEALTHY and record.breaker is not Breaker.CLOSED)
        assert record == Record.read(record.stored())
