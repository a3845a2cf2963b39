"""The story of a message, told from its row and its delivery."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from services.message_timeline import MessageStory, tell_message

READY = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def after(seconds: float) -> datetime:
    return READY + timedelta(seconds=seconds)


def story(*log: dict[str, Any], status: str = "sent", sent: float = 1, **values: Any) -> MessageStory:
    given: dict[str, Any] = {
        "status": status,
        "channel": "telegram",
        "attempts": 1,
        "attempts_log": list(log),
        "possible_repeat": False,
        "updated_at": after(sent),
        "not_before": READY,
        "sent_at": after(sent) if status == "sent" else None,
    }
    message = MessageRow(id=31, category="report", created_at=READY, not_before=READY, run_id=12)
    return tell_message(message, DeliveryRow(**(given | values)), BERLIN, origin="a report of run 12, GOLD")


def entry(seconds: float, outcome: str, said: str, **values: Any) -> dict[str, Any]:
    return {"at": after(seconds).isoformat(), "outcome": outcome, "said": said, **values}


def test_what_came_at_once_says_so() -> None:
    told = story()
    assert told.verdict == "It is a report of run 12, GOLD. It came at once."
    assert [each.what for each in told.moments] == ["message", "delivery_sent"]


def test_quiet_hours_are_named_as_the_persons_own_choice() -> None:
    told = story(entry(18000, "waited", "quiet hours until Sat 08:00 CET"), sent=18001)
    assert "5 h after it was ready: quiet hours until Sat 08:00 CET (you chose that with /quiet)." in told.verdict
    assert [each.what for each in told.moments] == ["message", "waited", "delivery_sent"]


def test_floods_and_retries_are_told_one_after_the_other() -> None:
    told = story(
        entry(1, "flooded", "Too Many Requests", wait_s=30.0),
        entry(32, "postponed", "the server answered 502", wait_s=5.0),
        sent=40,
        attempts=2,
    )
    assert told.verdict.endswith("It came 40 s after it was ready: Too Many Requests; then the server answered 502.")
    texts = [each.text for each in told.moments]
    assert any(
        text.startswith("The channel had too much to do: Too Many Requests. The next one came 30 s") for text in texts
    )
    assert any(text.startswith("A try came to nothing: the server answered 502") for text in texts)


def test_what_still_waits_says_for_what() -> None:
    told = story(status="queued", attempts=0, reason="muted until Sat 12:00 CET")
    assert told.verdict.endswith("It is on its way.")
    assert told.moments[-1].text == "It waits: muted until Sat 12:00 CET (you chose that with /mute)."
