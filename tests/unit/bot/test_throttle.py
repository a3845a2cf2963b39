"""How much one person may ask at once, by the time at which it was written."""

from typing import Any

from telegram import Update

from bot.throttle import Throttle
from domain.chat_settings import ChatSettings

NOW = 1_790_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def throttle(clock: Clock, burst: int = 3, per_minute: int = 60) -> Throttle:
    settings = ChatSettings(command_burst=burst, commands_per_minute=per_minute)
    return Throttle(lambda: settings, clock)


def written(at: float, *, user: int = 1, text: str = "/help", group: bool = False) -> Update:
    chat = {"id": -5, "type": "supergroup", "title": "Desk"} if group else {"id": user, "type": "private"}
    message = {
        "message_id": 1,
        "date": int(at),
        "chat": chat,
        "from": {"id": user, "is_bot": False, "first_name": "Ada"},
        "text": text,
    }
    return read({"update_id": 1, "message": message})


def pressed(user: int = 1) -> Update:
    who = {"id": user, "is_bot": False, "first_name": "Ada"}
    return read({"update_id": 1, "callback_query": {"id": "1", "from": who, "chat_instance": "1", "data": "a:1"}})


def read(body: dict[str, Any]) -> Update:
    found = Update.de_json(body, None)
    assert found is not None
    return found


def test_a_burst_passes_and_then_one_a_second() -> None:
    clock = Clock()
    gate = throttle(clock)
    assert [gate.allows(written(NOW)) for _ in range(5)] == [True, True, True, False, False]
    clock.now += 2
    assert [gate.allows(written(NOW + 2)) for _ in range(3)] == [True, True, False]


def test_others_are_not_affected() -> None:
    gate = throttle(Clock())
    for _ in range(50):
        gate.allows(written(NOW))
    assert gate.allows(written(NOW, user=2))


def test_a_backlog_counts_when_it_was_written() -> None:
    gate = throttle(Clock())
    assert all(gate.allows(written(NOW - 3600 + 60 * minute)) for minute in range(60))


def test_a_date_in_the_future_locks_nobody_out() -> None:
    clock = Clock()
    gate = throttle(clock)
    gate.allows(written(NOW + 10_000_000))
    clock.now += 60
    assert all(gate.allows(written(NOW + 60)) for _ in range(3))


def test_presses_count_when_they_come() -> None:
    clock = Clock()
    gate = throttle(clock)
    assert [gate.allows(pressed()) for _ in range(4)] == [True, True, True, False]
    clock.now += 1
    assert gate.allows(pressed())


def test_talk_in_a_group_is_not_counted_and_commands_are() -> None:
    gate = throttle(Clock())
    assert all(gate.allows(written(NOW, text="hello", group=True)) for _ in range(50))
    assert [gate.allows(written(NOW, group=True)) for _ in range(4)] == [True, True, True, False]


def test_the_notice_comes_once_a_minute() -> None:
    clock = Clock()
    gate = throttle(clock)
    assert not gate.notices(1), "nobody was refused yet"
    gate.allows(written(NOW))
    assert gate.notices(1)
    assert not gate.notices(1)
    clock.now += 61
    assert gate.notices(1)


def test_the_memory_is_bounded() -> None:
    gate = throttle(Clock())
    for user in range(1, 25_000):
        gate.allows(written(NOW, user=user))
    assert len(gate._buckets) <= 10_000
