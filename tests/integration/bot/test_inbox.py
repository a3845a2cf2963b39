"""Nothing that was heard is lost, and nothing is carried out twice: updates are kept before Telegram is told so."""

import asyncio
import time
from typing import Any

import pytest

from sandbox.person import Person
from services.inbox import Brought, InboxService
from services.planning import PlanningService
from tests.integration.bot.conftest import Place

WAITING = "SELECT update_id FROM telegram_inbox WHERE done_at IS NULL"
AUDITS = "SELECT command, success, error_message, response_time_ms FROM telegram_command_audits ORDER BY id"


def message(update_id: int, person: int, text: str, *, sent_at: float | None = None) -> dict[str, Any]:
    """An update as Telegram brings it."""
    return {
        "update_id": update_id,
        "message": {
            "message_id": update_id,
            "date": int(sent_at or time.time()),
            "chat": {"id": person, "type": "private", "first_name": "Ada"},
            "from": {"id": person, "is_bot": False, "first_name": "Ada"},
            "text": text,
            "entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}],
        },
    }


async def keep(place: Place, *bodies: dict[str, Any]) -> list[int]:
    """As a copy of the bot that ended right after it had heard them."""
    service = InboxService(place.database.for_platform())
    kept = await asyncio.to_thread(service.keep, [Brought.of(body) for body in bodies])
    return [each.update_id for each in kept]


@pytest.mark.slow
async def test_what_was_heard_and_not_answered_is_answered_after_a_kill(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    place.sandbox.messenger.faults.add("timeout_before", method="sendMessage", chat_id=ada.id)
    async with place.process() as child:
        await ada.send("/help")
        await place.until(WAITING, bool)
        await told_telegram(place)
        child.kill()
        await child.wait()
    assert ada.replies() == []
    place.sandbox.messenger.faults.clear()
    async with place.bot():
        assert "/help" in (await ada.wait_for(lambda m: True, 20))["text"]
        await place.until(WAITING, lambda rows: not rows)
    assert len(ada.replies()) == 1


async def met(place: Place, name: str = "Ada") -> Person:
    """Somebody whom the bot may write to, as they wrote to it once."""
    person = place.sandbox.person(name)
    await person.send("/start")
    place.sandbox.messenger.updates.drop()
    return person


async def told_telegram(place: Place) -> None:
    """Until Telegram knows that the updates were taken, so that it will not bring them again."""
    async with asyncio.timeout(10):
        while place.sandbox.messenger.updates.count():
            await asyncio.sleep(0.02)


async def test_an_update_that_comes_twice_is_answered_once(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    place.sandbox.messenger.updates.duplicates_keep_id = True
    place.sandbox.messenger.updates.duplicates = 5
    async with place.bot():
        await ada.send("/help")
        await ada.wait_for(lambda m: True)
        await ada.send("/privacy")
        await ada.wait_for(lambda m: m is not ada.replies()[0] and len(ada.replies()) > 1)
        await place.until(WAITING, lambda rows: not rows)
    assert len(ada.replies()) == 2


async def test_updates_of_one_chat_are_answered_in_the_order_they_came(place: Place) -> None:
    ada = await met(place)
    asked = ["/help", "/privacy"] * 10
    await keep(place, *(message(1000 + number, ada.id, text) for number, text in enumerate(asked)))
    async with place.bot():
        await place.until(WAITING, lambda rows: not rows, 20)
    begins = [reply["text"].splitlines()[0] for reply in ada.replies()]
    assert len(begins) == 20
    assert begins == [begins[0], begins[1]] * 10


async def test_what_is_done_keeps_no_text(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    async with place.bot():
        await ada.ask("/help")
        rows = await place.until(
            "SELECT chat_id, body, done_at FROM telegram_inbox", lambda rows: rows and all(row.done_at for row in rows)
        )
    assert [(row.chat_id, row.body) for row in rows] == [(ada.id, None)]


async def test_what_waited_for_more_than_a_day_is_not_carried_out_and_stands_in_the_audit(place: Place) -> None:
    ada = await met(place)
    await keep(place, message(1000, ada.id, "/run 7"), message(1001, ada.id, "/help"))
    await place.rows("UPDATE telegram_inbox SET received_at = now() - interval '25 hours' WHERE update_id = 1000")
    async with place.bot():
        await ada.wait_for(lambda m: True)
        await place.until(WAITING, lambda rows: not rows)
        old, new = await place.until(AUDITS, lambda rows: len(rows) == 2)
    assert len(ada.replies()) == 1
    by_command = {row.command: row for row in (old, new)}
    assert "older than a day" in by_command["/run"].error_message
    assert not by_command["/run"].success
    assert by_command["/help"].success


async def test_the_response_time_counts_from_when_the_update_was_kept(place: Place) -> None:
    ada = await met(place)
    await keep(place, message(1000, ada.id, "/help"))
    await place.rows("UPDATE telegram_inbox SET received_at = now() - interval '7 seconds'")
    async with place.bot():
        (row,) = await place.until(AUDITS, bool)
    assert 7_000 <= row.response_time_ms < 60_000


async def test_one_update_that_nobody_can_read_costs_none_of_the_others(place: Place) -> None:
    ada = await met(place)
    broken = message(1000, ada.id, "/help")
    broken["message"]["date"] = "yesterday"
    await keep(place, broken, message(1001, ada.id, "/help"))
    async with place.bot():
        await ada.wait_for(lambda m: True)
        await place.until(WAITING, lambda rows: not rows)
    assert len(ada.replies()) == 1


async def test_characters_that_the_database_refuses_are_kept_without_them(place: Place) -> None:
    body = message(1000, 5, "/help \x00 \ud800 \\u0000")
    assert await keep(place, body) == [1000]
    (row,) = await place.rows("SELECT body FROM telegram_inbox")
    assert row.body["message"]["text"] == "/help  ? \\u0000"


async def test_connections_that_are_cut_lose_nothing_that_telegram_brings(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    async with place.bot():
        await ada.ask("/help")
        await place.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        assert "/help" in (await ada.ask("/help", 20))["text"]


async def test_housekeeping_forgets_what_was_done_and_keeps_what_was_not(place: Place) -> None:
    await keep(place, message(1, 5, "/help"), message(2, 5, "/help"), message(3, 5, "/help"))
    await place.rows("UPDATE telegram_inbox SET done_at = now(), body = NULL WHERE update_id <> 3")
    await place.rows("UPDATE telegram_inbox SET received_at = now() - interval '3 days' WHERE update_id <> 2")
    await asyncio.to_thread(PlanningService(place.database.for_platform()).housekeep, 12)
    left = await place.rows("SELECT update_id FROM telegram_inbox ORDER BY update_id")
    assert [row.update_id for row in left] == [2, 3]
