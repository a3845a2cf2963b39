"""The ledger of what was granted, under a clock of the test's own."""

import pytest

from notifications.pacing import AHEAD, REAL, SECOND, Ledger, Limits, pace

START = 1_000_000 * SECOND


class Flow:
    """Callers that come back when they are told to."""

    def __init__(self, limits: Limits = REAL) -> None:
        self.limits = limits
        self.ledger = Ledger()

    def run(self, seconds: float, *flows: bool, begin: int = START) -> list[tuple[int, bool]]:
        """When calls leave, for each of `flows` (True: bulk) that always has another one, each into its own chat."""
        granted: list[tuple[int, bool]] = []
        asks = [(begin, number) for number in range(len(flows))]
        chats = 0
        while True:
            asks.sort()
            now, number = asks.pop(0)
            if now >= begin + seconds * SECOND:
                return sorted(granted)
            chats += 1
            decision = self.ledger.take(now, self.limits, f"{number}{chats}", bulk=flows[number])
            if decision.wait == 0:
                granted.append((now + decision.ahead, flows[number]))
            asks.append((now + (decision.wait or 1), number))


def per_second(granted: list[tuple[int, bool]], *, bulk: bool, seconds: float) -> float:
    return sum(each == bulk for _, each in granted) / seconds


def test_bulk_alone_may_have_the_whole_rate() -> None:
    assert per_second(Flow().run(20, True), bulk=True, seconds=20) == pytest.approx(25, rel=0.02)


def test_bulk_keeps_to_its_share_for_ten_seconds_after_anything_else() -> None:
    flow = Flow()
    flow.ledger.others_speak(START)
    granted = flow.run(20, True)
    first, second = (
        [each for each in granted if lo <= each[0] - START < hi]
        for lo, hi in ((0, 10 * SECOND), (10 * SECOND, 20 * SECOND))
    )
    assert per_second(first, bulk=True, seconds=10) == pytest.approx(20, rel=0.02)
    assert per_second(second, bulk=True, seconds=10) == pytest.approx(25, rel=0.02)


def test_a_storm_of_alerts_leaves_one_call_a_second_to_bulk() -> None:
    granted = Flow().run(20, False, False, False, True)
    assert per_second(granted, bulk=True, seconds=20) == pytest.approx(1, abs=0.15)
    assert per_second(granted, bulk=False, seconds=20) == pytest.approx(24, rel=0.02)


def test_an_alert_overtakes_bulk_that_waits() -> None:
    flow = Flow()
    flow.run(5, True, True, True)
    for number in range(20):
        now = asked = START + 5 * SECOND + number * SECOND
        flow.run(0.9, True, True, True, begin=now - SECOND // 10 * 9)
        while (decision := flow.ledger.take(now, flow.limits, f"alert{number}", bulk=False)).wait:
            flow.ledger.take(now, flow.limits, "bulk", bulk=True)
            now += decision.wait
            flow.ledger.take(now, flow.limits, "bulk", bulk=True)
        assert now + decision.ahead - asked <= 2 * pace(25) + 2 * AHEAD


def test_a_chat_gets_three_at_once_and_then_one_a_second() -> None:
    ledger, granted = Ledger(), []
    for now in range(START, START + 6 * SECOND, 10_000):
        decision = ledger.take(now, REAL, "7", bulk=False)
        if decision.wait == 0:
            granted.append((now + decision.ahead - START) / SECOND)
        else:
            assert decision.shared == (len(granted) < 3)  # at first the bot's pace holds it up, then its own
    assert granted[:3] == pytest.approx([0, 0.04, 0.08], abs=0.01)
    assert granted[3:] == pytest.approx([1, 2, 3, 4, 5, 6], abs=0.02)


def test_a_group_gets_eighteen_a_minute() -> None:
    ledger, granted = Ledger(), 0
    for now in range(START, START + 120 * SECOND, 100_000):
        granted += ledger.take(now, REAL, "-1007", bulk=False).wait == 0
    assert granted in (36, 37, 38)


def test_an_album_is_charged_for_all_its_pictures() -> None:
    ledger = Ledger()
    assert ledger.take(START, REAL, "7", bulk=False, cost=10).wait == 0
    assert ledger.take(START, REAL, "7", bulk=False).wait == 8 * SECOND - AHEAD
    assert ledger.take(START, REAL, "8", bulk=False).wait == 10 * pace(25) - AHEAD


def test_a_parked_chat_hears_nothing_and_then_half_as_much_for_a_minute() -> None:
    ledger, granted = Ledger(), []
    ledger.park(START, REAL, "7", 5 * SECOND, flood=True)
    for now in range(START, START + 75 * SECOND, 10_000):
        decision = ledger.take(now, REAL, "7", bulk=False)
        if decision.wait == 0:
            granted.append((now + decision.ahead - START) / SECOND)
    assert granted[0] == pytest.approx(5, abs=0.001)
    assert sum(5 <= at < 65 for at in granted) == 30
    assert sum(66 <= at < 75 for at in granted) >= 9


def test_a_longer_pause_is_not_shortened_by_a_shorter_one() -> None:
    ledger = Ledger()
    ledger.park(START, REAL, "7", 60 * SECOND, flood=True)
    ledger.park(START, REAL, "7", 5 * SECOND, flood=True)
    assert ledger.take(START, REAL, "7", bulk=False).wait == 60 * SECOND - AHEAD


def test_three_chats_within_ten_seconds_halve_the_rate_which_recovers() -> None:
    ledger = Ledger()
    for number in range(3):
        assert ledger.park(START + number, REAL, "7", SECOND, flood=True) is False
    assert ledger.park(START + 3, REAL, "8", SECOND, flood=True) is False
    assert ledger.park(START + 4, REAL, "9", SECOND, flood=True) is True
    assert ledger.rate(START + 4, REAL) == 12.5
    assert ledger.rate(START + 4 + 10 * SECOND, REAL) == 13.5
    assert ledger.rate(START + 4 + 130 * SECOND, REAL) == 25.0


def test_three_chats_over_a_longer_time_do_not() -> None:
    ledger = Ledger()
    for number in range(12):
        assert ledger.park(START + number * 5 * SECOND, REAL, str(number), SECOND, flood=True) is False
    assert ledger.rate(START + 60 * SECOND, REAL) == 25.0


def test_a_quiet_ledger_forgets_its_chats() -> None:
    ledger, limits = Ledger(), Limits(bot=1000)
    for number in range(45_000):
        ledger.note(START + number * SECOND // 100, limits, str(number), bulk=True)
    assert len(ledger.chats) <= 20_001
    assert ledger.chats["44999"].next > START


def test_what_was_granted_at_the_whole_rate_is_not_a_debt_at_a_part_of_it() -> None:
    ledger, part = Ledger(), REAL.shared_by(5)
    for number in range(1000):
        ledger.note(START + number * SECOND // 25, part, str(number), bulk=False)
    assert ledger.take(START + 40 * SECOND, part, "x", bulk=False).wait <= SECOND // 5


def test_the_parts_of_all_are_no_more_than_the_whole() -> None:
    for senders in range(1, 9):
        part = REAL.shared_by(senders)
        assert part.bot * senders == pytest.approx(REAL.bot)
        assert part.chat * senders == pytest.approx(REAL.chat)
        assert part.chat_burst >= 1
