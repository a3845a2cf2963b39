"""A form and its buttons outlive the bot: who pressed while it was away, or before, loses nothing."""

import asyncio

from tests.integration.bot.conftest import Place

JOBS = "SELECT name FROM job_schedules"


async def test_a_form_goes_on_after_a_restart_and_a_press_while_the_bot_was_away_counts_once(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    await asyncio.to_thread(place.known, ada, "ada@example.com")
    async with place.bot():
        shown = await ada.ask("/remind feed the cat every day at 9", 15)
    presses = [await ada.press("Save", message_id=shown["message_id"]) for _ in range(2)]
    assert await place.rows(JOBS) == []
    async with place.bot():
        answers = [await press.answer(20) for press in presses]
        await ada.wait_for(lambda m: "Saved as job 1" in m["text"], 15)
    assert [answer.get("text") for answer in answers].count("That was done already.") == 1
    assert len(await place.rows(JOBS)) == 1


async def test_a_button_of_a_job_that_is_gone_says_so(place: Place) -> None:
    ada = place.sandbox.person("Ada")
    await asyncio.to_thread(place.known, ada, "ada@example.com")
    async with place.bot():
        await ada.ask("/remind feed the cat every day at 9", 15)
        await ada.press("Save")
        await ada.wait_for(lambda m: "Saved as job 1" in m["text"], 15)
        card = await ada.ask("/job 1", 15)
    await place.rows("UPDATE job_schedules SET deleted_at = now(), enabled = false")
    async with place.bot():
        press = await ada.press("Run now", message_id=card["message_id"])
        assert "can't find job 1" in (await press.answer(20))["text"]
    assert await place.rows("SELECT id FROM job_schedule_runs") == []
