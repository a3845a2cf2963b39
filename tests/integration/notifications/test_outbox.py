"""Where messages go and when: preferences, quiet hours, digests, quotas, superseding, the next channel."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.engine import Database
from domain.ids import UserId
from domain.messages import Attachment, Category, Outgoing
from notifications import deliveries, outbox, routing
from notifications.delivery import Delivery, Sent
from notifications.templating import render
from tests.factories import Rows

CHANNELS = ["telegram", "email"]


def enqueue(database: Database, *messages: Outgoing) -> None:
    with database.for_platform() as uow:
        outbox.enqueue_many(uow, messages, datetime.now(UTC))
        uow.commit()


def claim(database: Database, most: int = 10) -> list[Delivery]:
    return deliveries.claim(database, "sender", channels=CHANNELS, most=most, bulk=0)


def found(rows: Rows) -> list[Any]:
    return rows.all(
        "SELECT d.*, m.category, d.not_before - now() AS wait FROM msg_delivery_status d "
        "JOIN msg_messages m ON m.id = d.message_id ORDER BY d.id"
    )


def prefer(rows: Rows, user: int, category: str = "*", **columns: Any) -> None:
    names = ", ".join(columns)
    values = ", ".join(f":{name}" for name in columns)
    rows.execute(
        f"INSERT INTO msg_preferences (user_id, category, {names}) VALUES (:user, :category, {values})",
        user=user,
        category=category,
        **columns,
    )


@pytest.fixture
def ada(rows: Rows) -> UserId:
    return rows.person().id


def report(user: UserId, text: str = "<b>GOLD</b> 2,400\nmore", **values: Any) -> Outgoing:
    return Outgoing(Category.REPORT, user, text, **values)


def test_without_wishes_it_goes_to_the_chat_at_once(house_database: Database, rows: Rows, ada: UserId) -> None:
    enqueue(house_database, report(ada))
    [row] = found(rows)
    assert (row.status, row.channel, row.address, row.held) == ("queued", "telegram", "1000", False)
    assert [delivery.text for delivery in claim(house_database)] == ["<b>GOLD</b> 2,400\nmore"]


def test_the_first_channel_of_a_person_s_choice_is_taken(house_database: Database, rows: Rows, ada: UserId) -> None:
    prefer(rows, ada, "report", channels=["email", "telegram"])
    enqueue(house_database, report(ada), Outgoing(Category.ALERT, ada, "now"))
    assert [(row.category, row.channel) for row in found(rows)] == [("report", "email"), ("alert", "telegram")]


def test_a_channel_without_an_address_is_passed_over_and_says_so(
    house_database: Database, rows: Rows, ada: UserId
) -> None:
    prefer(rows, ada, channels=["webhook", "email"])
    enqueue(house_database, report(ada))
    assert [(row.channel, row.status) for row in found(rows)] == [("webhook", "suppressed"), ("email", "queued")]


def test_the_next_channel_gets_it_after_a_definite_failure_alone(
    house_database: Database, rows: Rows, ada: UserId
) -> None:
    prefer(rows, ada, channels=["telegram", "email"])
    enqueue(house_database, report(ada), report(ada, "second"))
    [first] = claim(house_database)
    deliveries.mark_called(house_database, first)
    deliveries.record_refused(house_database, first, "no", "Refused")
    assert [(row.channel, row.status) for row in found(rows)] == [
        ("telegram", "failed"), ("telegram", "queued"), ("email", "queued"),
    ]  # fmt: skip
    second, _mail = sorted(claim(house_database), key=lambda each: each.channel, reverse=True)
    deliveries.mark_called(house_database, second)
    deliveries.record_uncertain(house_database, second, "no answer", "Uncertain")
    assert sum(row.channel == "email" for row in found(rows)) == 1


def test_quiet_hours_hold_a_report_and_let_an_alert_pass(house_database: Database, rows: Rows, ada: UserId) -> None:
    here = datetime.now(UTC).astimezone()
    rows.execute("UPDATE usr_users SET timezone = 'UTC'")
    begins, ends = (
        (here.astimezone(UTC) - timedelta(hours=1)).time(),
        (here.astimezone(UTC) + timedelta(hours=2)).time(),
    )
    prefer(rows, ada, quiet_from=begins, quiet_until=ends)
    enqueue(house_database, report(ada), Outgoing(Category.ALERT, ada, "now"))
    held, urgent = found(rows)
    assert held.held
    assert timedelta(hours=1, minutes=59) < held.wait <= timedelta(hours=2, minutes=3)
    assert held.reason.startswith("quiet hours until")
    assert not urgent.held
    assert [delivery.category for delivery in claim(house_database)] == [Category.ALERT]


def test_a_wish_that_changes_while_it_waits_is_obeyed(house_database: Database, rows: Rows, ada: UserId) -> None:
    enqueue(house_database, report(ada), Outgoing(Category.FAILURE, ada, "broke"))
    prefer(rows, ada, "report", opted_out=True)
    prefer(rows, ada, "failure", muted_until=datetime.now(UTC) + timedelta(hours=1))
    while claim(house_database):
        pytest.fail("nothing is to be sent")
    assert claim(house_database) == []
    assert [(row.category, row.status, row.held) for row in found(rows)] == [
        ("report", "suppressed", False), ("failure", "queued", True),
    ]  # fmt: skip


def test_a_digest_gathers_and_says_what_it_holds(house_database: Database, rows: Rows, ada: UserId) -> None:
    prefer(rows, ada, "report", digest="hourly")
    picture = Attachment("GOLD.png", "image/png", b"png")
    enqueue(house_database, report(ada, attachments=(picture,)))
    enqueue(house_database, report(ada, "<i>SILVER</i> &amp; more"), Outgoing(Category.ALERT, ada, "now"))
    by_category = {(row.category, row.status) for row in found(rows)}
    assert by_category == {("digest", "queued"), ("report", "merged"), ("alert", "queued")}
    assert [delivery.category for delivery in claim(house_database)] == [Category.ALERT]
    rows.execute("UPDATE msg_delivery_status SET not_before = now() WHERE held; UPDATE msg_delivery_status "
                 "SET status = 'sent' WHERE status = 'sending'")  # fmt: skip
    [digest] = claim(house_database)
    text = render("digest.telegram.html", digest.params)
    assert "2 messages" in text
    assert "• GOLD 2,400" in text
    assert "• SILVER &amp; more" in text
    assert [file.filename for file in digest.attachments] == ["GOLD.png"]
    enqueue(house_database, report(ada, "later"))
    assert sum(row.category == "digest" for row in found(rows)) == 2


def test_a_digest_of_one_is_that_one(house_database: Database, rows: Rows, ada: UserId) -> None:
    prefer(rows, ada, "report", digest="daily")
    enqueue(house_database, report(ada, "only"))
    rows.execute("UPDATE msg_delivery_status SET not_before = now() WHERE held")
    [digest] = claim(house_database)
    assert (digest.text, digest.template) == ("only", None)


def test_a_newer_message_takes_the_place_of_one_not_sent_yet(house_database: Database, rows: Rows, ada: UserId) -> None:
    for price in ("1", "2", "3"):
        enqueue(house_database, Outgoing(Category.ALERT, ada, price, supersede_key="GOLD"))
    assert [row.status for row in found(rows)] == ["merged", "merged", "queued"]
    assert found(rows)[0].merged_into == found(rows)[1].id
    assert [delivery.text for delivery in claim(house_database)] == ["3"]
    enqueue(house_database, Outgoing(Category.ALERT, ada, "4", supersede_key="GOLD"))
    assert [row.status for row in found(rows)] == ["merged", "merged", "sending", "queued"]


def test_more_than_a_person_may_receive_waits_and_says_why(
    house_database: Database, rows: Rows, ada: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "PER_PERSON", {"telegram": (3, 60)})
    enqueue(house_database, *(report(ada, str(number)) for number in range(5)))
    enqueue(house_database, Outgoing(Category.HEALTH, ada, "urgent"))
    *reports, health = found(rows)
    waits = [round(row.wait.total_seconds() / 60) for row in reports]
    assert waits == [0, 0, 0, 1, 2]
    assert reports[-1].reason == "more than 60 messages an hour"
    assert not health.held


def test_waiting_rows_of_others_are_not_behind_a_row_that_waits(
    house_database: Database, rows: Rows, ada: UserId
) -> None:
    bob = rows.person("bob@example.com", telegram=2000).id
    enqueue(house_database, report(ada, "a1"), report(ada, "a2"), report(bob, "b1"))
    first, second = claim(house_database)
    assert (first.text, second.text) == ("a1", "b1")
    assert claim(house_database) == []
    deliveries.mark_called(house_database, first)
    deliveries.record_postponed(house_database, first, "busy", "Postponed", after=timedelta(minutes=1), counts=True)
    assert claim(house_database) == []
    rows.execute("UPDATE msg_delivery_status SET not_before = now() WHERE held")
    [again] = claim(house_database)
    assert again.text == "a1"
    deliveries.mark_called(house_database, again)
    assert deliveries.record_sent(house_database, again, Sent("7", None, timedelta(0)))
    assert [delivery.text for delivery in claim(house_database)] == ["a2"]
    log = found(rows)[0].attempts_log
    assert [(each["outcome"], each.get("said")) for each in log] == [("postponed", "busy"), ("sent", None)]


def test_a_flood_parks_the_chat_and_costs_no_attempt(house_database: Database, rows: Rows, ada: UserId) -> None:
    enqueue(house_database, report(ada, "1"), Outgoing(Category.ALERT, ada, "2"))
    [first] = claim(house_database)
    deliveries.mark_called(house_database, first)
    deliveries.record_flooded(house_database, first, "Too Many Requests", timedelta(seconds=40))
    assert [(row.status, row.held, row.attempts) for row in found(rows)] == [("queued", True, 0)] * 2
    assert all(timedelta(seconds=35) < row.wait for row in found(rows))


def test_a_group_that_moved_is_followed(house_database: Database, rows: Rows, ada: UserId) -> None:
    enqueue(house_database, report(ada, "1"), report(ada, "2"))
    [first] = claim(house_database)
    deliveries.mark_called(house_database, first)
    deliveries.record_moved(house_database, first, "it moved", "-100123")
    assert {row.address for row in found(rows)} == {"-100123"}
    enqueue(house_database, report(ada, "3"))
    assert {row.address for row in found(rows)} == {"-100123"}
