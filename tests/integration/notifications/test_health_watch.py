"""Outages are told to the admins at once, recoveries when they have held, each once, by a channel that works."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.engine import Database
from notifications.channels.email import EmailChannel
from notifications.deliveries import claim
from notifications.health_watch import announce
from notifications.templating import render
from services.health import HealthService
from tests.factories import Rows

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def look(database: Database, since: datetime = LONG_AGO) -> list[str]:
    return announce(database.for_platform(), watching_since=since)


def report(database: Database, system: str, component: str | None = None, error: str | None = None) -> None:
    HealthService(database.for_platform()).report(system, component, error=error)


def told(rows: Rows) -> list[Any]:
    return rows.all(
        "SELECT m.template, m.user_id, m.payload, m.lane, d.channel FROM msg_messages m "
        "JOIN msg_delivery_status d ON d.message_id = m.id ORDER BY m.id, d.id"
    )


def silence(rows: Rows, system: str, seconds: int = 50) -> None:
    rows.execute(
        "UPDATE msg_system_health SET checked_at = now() - make_interval(secs => :s) WHERE system = :system",
        s=seconds,
        system=system,
    )


def held_for(rows: Rows, seconds: int) -> None:
    """Let the present recovery have begun so long ago."""
    began = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    rows.execute(
        "UPDATE msg_system_health "
        "SET metadata = jsonb_set(metadata::jsonb, '{told,well_since}', to_jsonb(CAST(:at AS text)))",
        at=began,
    )


def test_a_silent_worker_is_told_to_every_admin_once(house_database: Database, rows: Rows) -> None:
    admins = [rows.person().id, rows.person("eve@example.com", telegram=1001).id]
    rows.person("bob@example.com", telegram=2000, role="viewer")
    report(house_database, "worker")
    assert look(house_database) == []
    silence(rows, "worker")
    assert look(house_database) == ["worker"]
    assert look(house_database) == []
    found = told(rows)
    assert [(row.user_id, row.template, row.channel, row.lane) for row in found] == [
        (admin, "health_down", "telegram", 1) for admin in admins
    ]
    assert "said nothing for 1 minute" in render("health_down.telegram.html", found[0].payload["params"])


def test_after_a_start_silence_does_not_count_yet(house_database: Database, rows: Rows) -> None:
    rows.person()
    report(house_database, "worker")
    silence(rows, "worker", 8 * 3600)
    assert look(house_database, since=datetime.now(UTC)) == []
    assert told(rows) == []


def test_two_failures_are_no_outage_and_three_are(house_database: Database, rows: Rows) -> None:
    rows.person()
    for _ in range(2):
        report(house_database, "valkey", error="no answer")
        assert look(house_database) == []
    report(house_database, "valkey", error="no answer")
    assert look(house_database) == ["valkey"]


@pytest.mark.parametrize(
    ("broken", "channels"),
    [
        (("notification", "telegram"), ["email"]),
        (("telegram_bot", None), ["email"]),
        (("notification", "email"), ["telegram"]),
        (("worker", None), ["telegram"]),
    ],
)
def test_the_word_goes_by_the_channel_that_still_works(
    house_database: Database, rows: Rows, broken: tuple[str, str | None], channels: list[str]
) -> None:
    rows.person()
    for _ in range(3):
        report(house_database, *broken, error="no answer")
    look(house_database)
    assert [row.channel for row in told(rows)] == channels


def test_a_recovery_is_told_after_it_has_held(house_database: Database, rows: Rows) -> None:
    rows.person()
    report(house_database, "worker")
    silence(rows, "worker")
    look(house_database)
    report(house_database, "worker")
    assert look(house_database) == []
    held_for(rows, 61)
    assert look(house_database) == ["worker"]
    assert [row.template for row in told(rows)] == ["health_down", "health_recovered"]
    assert look(house_database) == []


def test_what_flaps_has_to_hold_for_twice_as_long(house_database: Database, rows: Rows) -> None:
    rows.person()
    for hold in (60, 120, 240):
        report(house_database, "worker")
        silence(rows, "worker")
        assert look(house_database) == ["worker"]
        report(house_database, "worker")
        look(house_database)
        held_for(rows, hold - 5)
        assert look(house_database) == []
        held_for(rows, hold + 5)
        assert look(house_database) == ["worker"]


def test_the_mail_says_what_is_down_and_what_to_do(house_database: Database, rows: Rows, secret_key: str) -> None:
    rows.person()
    for _ in range(3):
        report(house_database, "telegram_bot", error="Telegram does not answer")
    look(house_database)
    [delivery] = claim(house_database, "sender", channels=["email"], most=5, bulk=0)
    mail = EmailChannel("smtp+plain://127.0.0.1:25", "Openbell <bell@example.com>", secret_key, lambda: None).compose(  # type: ignore[arg-type, return-value]
        delivery, None
    )
    assert mail["Subject"] == "Openbell: The bot is down"
    assert mail["To"] == "ada@example.com"
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Telegram does not answer" in text.get_content()
    assert "openbell doctor" in text.get_content()
