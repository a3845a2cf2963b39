"""A broadcast as its admin and those who get it meet it in the chat."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.person import Person
from tests.e2e.house import House

pytestmark = pytest.mark.slow


async def until(person: Person, message_id: int, *wanted: str) -> dict[str, Any]:
    """A message of the bot, once it was edited to say all of that."""
    deadline = asyncio.get_running_loop().time() + 20
    while True:
        found: dict[str, Any] = next(each for each in person.replies() if each["message_id"] == message_id)
        if all(words in found["text"] for words in wanted):
            return found
        assert asyncio.get_running_loop().time() < deadline, f"never said {wanted}: {found['text']}"
        await asyncio.sleep(0.1)


async def test_an_admin_tells_everybody_and_sees_how_far_it_is(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    await ada.send("/broadcast all Lunch at <noon>.\nBring friends.")
    preview = await ada.wait_for(lambda m: "That is how it will look" in m.get("text", ""))
    assert "everybody: 2 people" in preview["text"]
    assert ada.replies()[-2]["text"] == "Lunch at <noon>.\nBring friends."
    await ada.send("yes")
    await ada.wait_for(lambda m: "Nothing was sent" in m.get("text", ""))
    assert not any("Lunch" in each.get("text", "") for each in bob.replies())
    await ada.send("2")
    progress = await ada.wait_for(lambda m: "Broadcast 1 to everybody" in m.get("text", ""))
    lunch = await bob.wait_for(lambda m: m.get("text") == "Lunch at <noon>.\nBring friends.")
    await until(ada, progress["message_id"], "Done", "✓ 2 delivered", "100 % of 2")
    await ada.send("2")
    await ada.send("/broadcasts")
    listed = await ada.wait_for(lambda m: "Broadcasts, newest first" in m.get("text", ""))
    assert "Lunch at <noon>. Bring friends.\n2 of 2 delivered · done" in listed["text"]
    assert sum("Lunch" in each.get("text", "") for each in bob.replies()) == 1
    assert sum("Broadcast 1 to everybody" in each.get("text", "") for each in ada.replies()) == 1
    await bob.send("/why", reply_to=lunch["message_id"])
    await bob.wait_for(lambda m: "It is an announcement to everybody (broadcast 1)" in m.get("text", ""))

    answer = await bob.ask("/broadcast hello")
    assert "hello" not in answer["text"]
    assert "don't know" in answer["text"]


async def test_who_blocked_the_bot_is_counted_and_named_in_the_file(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    await bob.block()
    await ada.send("/broadcast The feed is down until 18:00.")
    await ada.wait_for(lambda m: "to send it, /cancel" in m.get("text", ""))
    await ada.send("SEND")
    progress = await ada.wait_for(lambda m: "Broadcast 1 to everybody" in m.get("text", ""))
    await until(ada, progress["message_id"], "Done", "✓ 1 delivered", "– 1 blocked or opted out")
    await ada.press("Failures as a file")
    file = await ada.wait_for(lambda m: "document" in m)
    assert file["document"]["file_name"] == "broadcast-1-failures.csv"


async def test_why_as_a_reply_tells_what_made_a_message_and_what_became_of_it(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.send("/report GOLD")
    report = await ada.wait_for(lambda m: "photo" in m, timeout=30)
    story: dict[str, Any] = {}
    deadline = asyncio.get_running_loop().time() + 15
    while "Written down as message" not in story.get("text", ""):  # its receipt may be on its way still
        assert asyncio.get_running_loop().time() < deadline, story
        before = len(ada.replies())
        await ada.send("/why", reply_to=report["message_id"])
        while len(ada.replies()) == before:
            assert asyncio.get_running_loop().time() < deadline, story
            await asyncio.sleep(0.05)
        story = ada.replies()[-1]
    assert "It is a report of run" in story["text"]
    assert "Written down as message" in story["text"]
    assert f"Delivered by the chat (number {report['message_id']} there)" in story["text"]
    assert "The run's story" in ada.buttons()
    mine = await ada.send("/why", reply_to=story["message_id"])
    await ada.wait_for(lambda m: "my answer to something you had just sent" in m.get("text", ""))
    await ada.send("/why", reply_to=mine["message_id"])
    await ada.wait_for(lambda m: "You wrote that yourself" in m.get("text", ""))


async def test_it_is_paused_resumed_and_cancelled_by_its_buttons_while_somebody_sleeps(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    here = datetime.now(ZoneInfo("Europe/Berlin"))
    until_then = f"{here - timedelta(hours=1):%H:%M}-{here + timedelta(hours=2):%H:%M}"
    await bob.ask(f"/quiet {until_then}")
    await ada.send("/broadcast all The feed is down.")
    preview = await ada.wait_for(lambda m: "That is how it will look" in m.get("text", ""))
    assert "1 in quiet hours or muted" in preview["text"]
    await ada.send("SEND")
    number = (await ada.wait_for(lambda m: "Broadcast 1 to everybody" in m.get("text", "")))["message_id"]
    await until(
        ada, number, "✓ 1 delivered", "… 1 waiting, 1 of them in their quiet hours", "Everybody awake is served"
    )
    await ada.press("Pause", message_id=number)
    await until(ada, number, "Paused: by ada@example.com. Nobody gets it before you resume it.")
    await ada.press("Resume", message_id=number)
    await until(ada, number, "Everybody awake is served")
    await ada.press("Cancel it", message_id=number)
    await until(ada, number, "Cancelled. What had been sent stays sent.", "■ 1 cancelled", "100 % of 2")
    assert not any("feed is down" in each.get("text", "") for each in bob.replies())
