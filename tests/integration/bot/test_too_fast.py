"""Fifty commands a second from one person: told once, kept out of everybody's way, and in the audit."""

import asyncio
import statistics
import time

from sandbox.person import Person
from tests.integration.bot.conftest import Place

SECONDS, A_SECOND = 4, 50
AUDITS = """
SELECT telegram_user_id, success, error_message, count(*) AS n FROM telegram_command_audits GROUP BY 1, 2, 3
"""


async def test_fifty_commands_a_second_from_one_person_slow_nobody_else(place: Place) -> None:
    eve, ada = place.sandbox.person("Eve"), place.sandbox.person("Ada")
    async with place.bot():
        await ada.ask("/help", 10)
        flood = asyncio.create_task(flooded(eve))
        took = []
        while not flood.done():
            begun = time.monotonic()
            await ada.ask("/help", 10)
            took.append(time.monotonic() - begun)
            await asyncio.sleep(0.3)
        await flood
        rows = await place.until(
            AUDITS, lambda rows: sum(row.n for row in rows if row.telegram_user_id == str(eve.id)) == SECONDS * A_SECOND
        )
    assert statistics.median(took) < 1.0
    refused = sum(row.n for row in rows if row.error_message == "too fast")
    assert SECONDS * A_SECOND - 40 <= refused < SECONDS * A_SECOND
    assert not any(row.success for row in rows if row.error_message == "too fast")
    assert {row.telegram_user_id for row in rows if row.error_message == "too fast"} == {str(eve.id)}
    notices = [reply for reply in eve.replies() if "faster than me" in reply["text"]]
    assert len(notices) == 1
    assert len(eve.replies()) == SECONDS * A_SECOND - refused + 1


async def flooded(eve: Person) -> None:
    for _ in range(SECONDS):
        begun = time.monotonic()
        for _ in range(A_SECOND):
            await eve.send("/help")
        await asyncio.sleep(max(begun + 1 - time.monotonic(), 0))


async def test_presses_that_come_too_fast_are_answered_with_one_alert(place: Place) -> None:
    eve = place.sandbox.person("Eve")
    async with place.bot():
        shown = await eve.ask("/help", 10)
        presses = [await eve.press_again(shown["message_id"], "hp:none") for _ in range(40)]
        answers = [await press.answer(20) for press in presses]
    alerts = [answer for answer in answers if "faster than me" in (answer.get("text") or "")]
    assert len(alerts) == 1
    assert alerts[0]["show_alert"]
    assert not answers[-1].get("text")
