"""How a person says how they want to be told, and that it holds."""

import re
from typing import Any

from tests.e2e.house import House

STORY = 15.0


def says(*words: str) -> Any:
    return lambda message: all(word in message.get("text", "") for word in words)


async def test_a_person_says_how_to_be_told_and_it_holds(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.send("/notify")
    await ada.wait_for(says("How I tell you", "Reports: chat", "Quiet hours: none"))
    await ada.press("Reports")
    await ada.wait_for(says("Reports", "Which way"))
    await ada.press("Mail")
    await ada.wait_for(says("Reports: mail"))
    code = house.sandbox.inbox()[-1].id
    await ada.send("/report GOLD")
    mail = await house.sandbox.wait_for_mail("ada@example.com", STORY, after=code)
    assert "GOLD" in mail.text
    await ada.send("/notify reports chat")
    await ada.wait_for(says("Reports: chat"))
    await ada.send("/quiet 22:00 to 7")
    await ada.wait_for(says("22:00 to 07:00 (Europe/Berlin)"))
    await ada.send("/quiet off")
    await ada.wait_for(says("Quiet hours: none."))
    await ada.send("/mute 2h")
    muted = await ada.wait_for(says("Muted until"))
    assert re.search(r"Muted until \w{3} \d\d \w{3} \d\d:\d\d", muted["text"])
    await ada.send("/mute off")
    await ada.wait_for(says("Not muted"))
    await ada.send("/digest failure daily 7:30")
    await ada.wait_for(says("Failures: gathered each day at 07:30"))
    await ada.send("/digest sometimes")
    await ada.wait_for(says("Say hourly, daily or off"))
    await ada.send("/notify report pigeon")
    await ada.wait_for(says("no pigeon address"))
