"""Mail that comes back: the report is believed when it names our signed Message-ID, and the next channel goes on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from db.engine import Database
from domain.errors import InvalidInput
from domain.messages import Category, Outgoing
from notifications import deliveries, outbox
from notifications.channels.email.bounces import Bounce, message_id, read
from notifications.delivery import Sent
from services.messages import MessagesService
from tests.factories import Rows
from tests.integration.notifications.test_outbox import claim, found, prefer

REPORT = """From: MAILER-DAEMON@relay.example.com
To: bell@example.com
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver your mail.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example.com

Final-Recipient: rfc822; ada@example.com
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} no such
 user here

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: GOLD

--b--
"""


def report(secret_key: str, message: Any = 7, delivery: Any = 9, **values: str) -> bytes:
    ours = message_id(secret_key, message, delivery, "example.com")
    told = {"action": "failed", "status": "5.1.1", "message_id": ours}
    return REPORT.format(**(told | values)).replace("\n", "\r\n").encode()


def test_a_report_is_read_to_the_code_and_the_words(secret_key: str) -> None:
    bounce = read(report(secret_key), secret_key)
    assert bounce == Bounce(bounce.message_id, bounce.delivery_id, "5.1.1", "smtp; 550 5.1.1 no such user here")
    assert (bounce.message_id, bounce.delivery_id, bounce.address_is_gone) == (7, 9, True)
    assert not read(report(secret_key, status="5.2.2"), secret_key).address_is_gone
    assert not read(report(secret_key, status="5.7.1"), secret_key).address_is_gone


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"action": "delayed"}, "nothing has come back yet"),
        ({"message_id": "<openbell.7.9.0123456789abcdef@example.com>"}, "no mail that Openbell sent"),
        ({"message_id": "<somebody@else>"}, "no mail that Openbell sent"),
    ],
)
def test_what_is_no_report_about_a_mail_of_ours_is_refused(secret_key: str, values: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read(report(secret_key, **values), secret_key)


def test_an_ordinary_mail_is_no_report(secret_key: str) -> None:
    with pytest.raises(InvalidInput, match="no delivery report"):
        read(b"From: a@b\r\n\r\nI am away until Monday", secret_key)


def sent_by_mail(database: Database, rows: Rows) -> Any:
    ada = rows.person().id
    prefer(rows, ada, channels=["email", "telegram"])
    with database.for_platform() as uow:
        outbox.enqueue(uow, Outgoing(Category.REPORT, ada, "GOLD"), datetime.now(UTC))
        uow.commit()
    [delivery] = claim(database)
    deliveries.mark_called(database, delivery)
    deliveries.record_sent(database, delivery, Sent("250 queued", None, datetime.now(UTC) - datetime.now(UTC)))
    return delivery


def test_what_came_back_goes_by_the_next_channel_and_the_address_is_used_no_more(
    house_database: Database, rows: Rows, secret_key: str
) -> None:
    delivery = sent_by_mail(house_database, rows)
    bounce = read(report(secret_key, delivery.message_id, delivery.id), secret_key)
    assert MessagesService(house_database.for_platform()).take_bounce(bounce)
    mail, chat = found(rows)
    assert (mail.status, mail.error) == ("bounced", "5.1.1: smtp; 550 5.1.1 no such user here")
    assert mail.attempts_log[-1]["outcome"] == "bounced"
    assert (chat.channel, chat.status, chat.reason) == ("telegram", "queued", "email bounced")
    assert not MessagesService(house_database.for_platform()).take_bounce(bounce)
    with house_database.for_platform() as uow:
        outbox.enqueue(uow, Outgoing(Category.REPORT, delivery.user_id, "SILVER"), datetime.now(UTC))
        outbox.enqueue(uow, Outgoing(Category.CODE, delivery.user_id, "", params={"code_id": 1}), datetime.now(UTC))
        uow.commit()
    assert [(row.channel, row.status) for row in found(rows)[2:]] == [
        ("email", "suppressed"), ("telegram", "queued"), ("email", "queued"),
    ]  # fmt: skip


def test_a_full_mailbox_is_told_and_used_again(house_database: Database, rows: Rows, secret_key: str) -> None:
    delivery = sent_by_mail(house_database, rows)
    bounce = read(report(secret_key, delivery.message_id, delivery.id, status="5.2.2"), secret_key)
    assert MessagesService(house_database.for_platform()).take_bounce(bounce)
    with house_database.for_platform() as uow:
        outbox.enqueue(uow, Outgoing(Category.REPORT, delivery.user_id, "SILVER"), datetime.now(UTC))
        uow.commit()
    assert [(row.channel, row.status) for row in found(rows)] == [
        ("email", "bounced"), ("telegram", "queued"), ("email", "queued"),
    ]  # fmt: skip
