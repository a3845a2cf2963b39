"""The story of a run, told from its row and its messages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db.deliveries import DeliveryRow
from db.messages import MessageRow
from db.runs import RunRow
from domain.messages import DeliveryStatus
from domain.runs import RunStatus, SkipReason, Trigger
from services.timeline import SKIPPED, Timeline, span, tell

DUE = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def after(seconds: float) -> datetime:
    return DUE + timedelta(seconds=seconds)


def run(**values: Any) -> RunRow:
    """A row as the planner makes it, with these columns."""
    snapshot = {"name": "GOLD report", "cron": "30 8 * * 1-5", "timezone": "Europe/Berlin", "max_retries": 2}
    given: dict[str, Any] = {
        "id": 12,
        "job_id": 7,
        "user_id": 1,
        "job_type": "report",
        "scheduled_for": DUE,
        "not_before": DUE,
        "created_at": after(0.1),
        "status": RunStatus.PLANNED,
        "trigger": Trigger.CRON,
        "attempt": 0,
        "events": [],
        "job_snapshot": snapshot,
    }
    return RunRow(**(given | values))


def story(row: RunRow, *told: tuple[MessageRow, DeliveryRow], waits_for: str | None = None, at: float = 60) -> Timeline:
    return tell(row, told, BERLIN, waits_for=waits_for, now=after(at))


def message(status: str, template: str | None = None, **values: Any) -> tuple[MessageRow, DeliveryRow]:
    given = {"attempts": 1, "channel": "telegram", "updated_at": after(4), "not_before": after(3)} | values
    return (
        MessageRow(id=31, created_at=after(3), template=template),
        DeliveryRow(status=status, **given),
    )


def succeeded(**values: Any) -> RunRow:
    given: dict[str, Any] = {
        "status": RunStatus.SUCCEEDED,
        "attempt": 1,
        "worker_id": "host:1",
        "enqueued_at": after(0.1),
        "started_at": after(0.4),
        "finished_at": after(2.5),
    }
    return run(**(given | values))


def test_a_success_is_told_from_its_due_time_to_its_delivery() -> None:
    told = story(succeeded(), message("sent", sent_at=after(3.5), provider_message_id="58"))
    assert told.verdict == "It succeeded. You were told."
    assert [moment.text for moment in told.moments] == [
        "Planned: it was due at Mon 23 Nov 08:30:00 CET, by job 7 (every weekday at 08:30).",
        "A worker was called.",
        "It started on host:1, 400 ms after its due time.",
        "It succeeded after 2.1 s.",
        "Queued: its message (message 31), by the chat.",
        "Delivered by the chat (number 58 there).",
    ]


def test_the_moments_are_in_order_and_each_has_its_name() -> None:
    told = story(succeeded(), message("sent", sent_at=after(3.5)))
    assert [moment.at for moment in told.moments] == sorted(moment.at for moment in told.moments)
    assert [moment.what for moment in told.moments] == [
        "planned", "enqueued", "started", "succeeded", "message", "delivery_sent",
    ]  # fmt: skip


def test_attempts_that_came_to_nothing_say_why_and_what_followed() -> None:
    events = [
        {"at": after(4).isoformat(), "what": "failed", "attempt": 1, "reason": "Yahoo did not answer."},
        {
            "at": after(50).isoformat(),
            "what": "lost",
            "attempt": 2,
            "reason": "its worker stopped answering",
            "worker": "host:2",
            "started_at": after(10).isoformat(),
        },
    ]
    told = story(succeeded(attempt=3, events=events, started_at=after(51), finished_at=after(52)))
    texts = [moment.text for moment in told.moments]
    assert "Attempt 1 failed: Yahoo did not answer. It was planned again." in texts
    assert "Attempt 2 started on host:2." in texts
    assert "Attempt 2 was lost: its worker stopped answering. It was planned again." in texts
    assert "Attempt 3 started on host:1." in texts
    assert told.verdict.startswith("It succeeded at attempt 3.")


def test_a_run_between_two_attempts_says_when_the_next_may_come() -> None:
    event = {"at": after(4).isoformat(), "what": "failed", "attempt": 1, "reason": "no route"}
    told = story(run(attempt=1, not_before=after(90), events=[event]))
    assert told.moments[-1].text == "Attempt 1 failed: no route. It is tried again from Mon 23 Nov 08:31:30 CET."
    assert told.verdict == "It waits for its next attempt: Mon 23 Nov 08:31:30 CET."


def test_the_last_failure_is_told_once() -> None:
    event = {"at": after(4).isoformat(), "what": "failed", "attempt": 3, "reason": "no route"}
    row = run(
        status=RunStatus.FAILED, attempt=3, started_at=after(3), finished_at=after(4), error="no route", events=[event]
    )
    told = story(row, message("sent", "run_failed", sent_at=after(5)))
    assert sum("no route" in moment.text for moment in told.moments) == 1
    assert "It failed for good: no route, and all 3 attempts are used up." in [each.text for each in told.moments]
    assert "Queued: word that it failed (message 31), by the chat." in [each.text for each in told.moments]
    assert told.verdict == "It failed: no route. You were told."


@pytest.mark.parametrize("reason", list(SkipReason))
def test_every_reason_for_leaving_a_run_out_is_a_sentence(reason: SkipReason) -> None:
    told = story(run(status=RunStatus.SKIPPED, skip_reason=reason, finished_at=after(0.1)))
    assert told.verdict == f"It was not run: {SKIPPED[reason]}."
    assert told.moments[0].text.startswith("Written down: it was due at")


def test_a_day_without_a_session_is_named() -> None:
    row = run(status=RunStatus.SKIPPED, skip_reason="no_session", error="no session: Thanksgiving", finished_at=DUE)
    assert story(row).verdict == "It was not run: no session: Thanksgiving."


def test_one_row_that_stands_for_many_says_so() -> None:
    row = run(status=RunStatus.SKIPPED, skip_reason="window", covers_until=after(9e4), finished_at=after(1e5))
    assert "also stands for the missed due times after it" in story(row).moments[-1].text


def test_who_waits_says_for_what() -> None:
    assert (
        story(run(), waits_for="run 9 of the same job goes first").verdict
        == "It waits: run 9 of the same job goes first."
    )
    assert story(run()).verdict == "It is to be started at once."
    assert story(run(not_before=after(300)), at=60).verdict == "It waits for its time: Mon 23 Nov 08:35:00 CET."
    rung = run(
        status=RunStatus.ENQUEUED, enqueued_at=after(1), events=[{"at": after(1).isoformat(), "what": "rung_again"}]
    )
    assert story(rung, at=13).verdict == "A worker was called 12 s ago and has not taken it yet."
    assert "nobody had answered (1 time)" in story(rung).moments[-1].text


def test_a_running_one_says_where_since_when_and_until_when() -> None:
    row = run(
        status=RunStatus.RUNNING,
        attempt=1,
        worker_id="host:1",
        started_at=after(1),
        heartbeat_at=after(51),
        deadline_at=after(121),
    )
    assert story(row, at=61).verdict == (
        "It is running on host:1, for 1 min; its worker was last heard of 10 s ago. "
        "Its time is up at Mon 23 Nov 08:32:01 CET."
    )


def test_a_cancelled_one_says_by_whom_and_whether_it_had_begun() -> None:
    event = {"at": after(5).isoformat(), "what": "cancelled", "by": "ada@example.com", "was": "running"}
    row = run(status=RunStatus.CANCELLED, error="cancelled by ada@example.com", finished_at=after(5), events=[event])
    told = story(row)
    assert told.verdict == "It was cancelled by ada@example.com."
    assert "a result that came later would be refused" in told.moments[-1].text


def test_one_in_doubt_says_so_and_that_somebody_looked() -> None:
    left = {"at": after(9).isoformat(), "what": "left", "by": "ada@example.com"}
    row = run(
        status=RunStatus.UNKNOWN, attempt=1, error="its worker stopped answering", finished_at=after(8), events=[left]
    )
    told = story(row)
    assert "must not be done twice" in told.moments[-1].text
    assert told.verdict.endswith("It was looked at and left by ada@example.com.")


@pytest.mark.parametrize(
    ("delivery", "says"),
    [
        (message("queued", attempts=0), "Its message is on its way."),
        (message("queued", error="Flood control"), "Its message is on its way."),
        (message("uncertain", error="no answer came in time"), "did not reach you for sure"),
        (message("suppressed", error="the person has no telegram address"), "did not reach you for sure"),
        (message("expired"), "did not reach you for sure"),
        (message("dead", attempts=8, error="refused"), "did not reach you for sure"),
        (message("failed", error="message is too long"), "did not reach you for sure"),
        (message("sending"), "Its message is on its way."),
        (message("merged", error="into the digest of 09:00"), "You were told, together with other things."),
        (message("cancelled", error="by an admin"), "did not reach you for sure"),
        (message("bounced", error="no such mailbox"), "did not reach you for sure"),
    ],
)
def test_a_delivery_is_told_with_its_reason(delivery: tuple[MessageRow, DeliveryRow], says: str) -> None:
    told = story(succeeded(), delivery)
    assert says in told.verdict
    reason = delivery[1].error
    assert reason is None or any(reason in moment.text for moment in told.moments)


@pytest.mark.parametrize("status", list(DeliveryStatus))
def test_no_state_of_a_delivery_is_left_without_words(status: DeliveryStatus) -> None:
    told = story(succeeded(), message(status, sent_at=after(4)))
    assert told.verdict
    assert told.moments[-1].what.startswith(("message", "delivery_"))


@pytest.mark.parametrize(
    ("trigger", "values", "says"),
    [
        (Trigger.MANUAL, {}, "Planned: you asked for it."),
        (Trigger.MANUAL, {"retry_of": 9}, "Planned: you asked to do run 9 once more."),
        (Trigger.API, {}, "Planned: a program asked for it."),
        (Trigger.BACKFILL, {}, "Planned to fill in the past: it stands for Mon 23 Nov 08:30:00 CET"),
        (Trigger.CATCH_UP, {"created_at": after(7260)}, "2 h 1 min earlier, while nothing ran here."),
    ],
)
def test_why_there_is_a_run_is_told(trigger: Trigger, values: dict[str, Any], says: str) -> None:
    assert says in story(run(trigger=trigger, **values), at=9000).moments[0].text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 ms"), (0.0404, "40 ms"), (1.44, "1.4 s"), (12.2, "12 s"), (60, "1 min"), (200, "3 min 20 s"),
     (3600, "1 h"), (7500, "2 h 5 min"), (86400, "1 day"), (90000, "1 day 1 h"), (259200, "3 days"), (-5, "1 ms")],
)  # fmt: skip
def test_durations_are_said_as_a_person_would(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def in_a_group(status: str = DeliveryStatus.SENT) -> tuple[MessageRow, DeliveryRow]:
    sent, delivery = message(status, address="-1001/77")
    sent.destination_id = 5
    return sent, delivery


def in_groups(*told: tuple[MessageRow, DeliveryRow]) -> Timeline:
    return tell(succeeded(), told, BERLIN, waits_for=None, now=after(60), groups={5: "Desk › Gold"})


def test_a_result_that_went_to_a_group_says_so() -> None:
    found = in_groups(in_a_group())
    assert found.verdict.endswith("It was told in the group “Desk › Gold”.")
    assert any("by Telegram, into the group “Desk › Gold”" in moment.text for moment in found.moments)


def test_a_result_that_went_to_a_group_and_to_its_owner_says_both() -> None:
    both = in_groups(in_a_group(), message(DeliveryStatus.SENT, address="1000"))
    assert both.verdict.endswith("You were told, and so was the group “Desk › Gold”.")


def test_a_result_that_its_group_could_not_take_says_who_got_it() -> None:
    instead = in_groups(in_a_group(DeliveryStatus.SUPPRESSED), message(DeliveryStatus.SENT, address="1000"))
    assert instead.verdict.endswith("The group “Desk › Gold” could not be told, so you were.")
    lost = in_groups(in_a_group(DeliveryStatus.SUPPRESSED))
    assert lost.verdict.endswith("did not arrive for sure; below is why.")
