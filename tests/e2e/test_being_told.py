"""How a person says how they want to be told, and that it holds."""

import asyncio
import re
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from tests.e2e.house import House, open_house
from tests.fakes.http import FakeServer, page

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


async def test_a_report_goes_to_a_webhook_of_ones_own_and_is_signed(
    tmp_path: Path, database_url: str, valkey_url: str, secret_key: str
) -> None:
    desk = FakeServer(lambda _: page(200))
    async with (
        desk.running(),
        open_house(tmp_path, database_url, valkey_url, secret_key, webhook_allow="127.0.0.0/8") as house,
    ):
        ada = await house.verified("Ada", "ada@example.com")
        await ada.send("/notify report webhook")
        await ada.wait_for(says("no webhook address"))
        await ada.send(f"/notify link webhook http://127.0.0.1:{desk.port}/desk")
        linked = await ada.wait_for(says("I can reach you by webhook", "whsec_"))
        await ada.send("/notify report webhook")
        await ada.wait_for(says("Reports: webhook"))
        await ada.send("/report GOLD")
        async with asyncio.timeout(STORY):
            while not desk.requests:
                await asyncio.sleep(0.05)
        secret = re.search(r"whsec_\S+", linked["text"])
        assert secret is not None
        [call] = desk.requests
        assert call.path == "/desk"
        told = Webhook(secret[0]).verify(call.body, call.headers)
        assert "GOLD" in str(told)
