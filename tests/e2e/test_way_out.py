"""The link in a mail, from the mail to the last message of its kind."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.person import Person
from tests.e2e.house import House, open_house

PUBLIC = "https://openbell.example.com"


@pytest.fixture
async def public_house(tmp_path: Path, database_url: str, valkey_url: str, secret_key: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, database_url, valkey_url, secret_key, public_url=PUBLIC) as opened:
        yield opened


async def test_one_click_in_the_mail_program_ends_reports_and_the_page_brings_them_back(public_house: House) -> None:
    ada = await public_house.verified("Ada", "ada@example.com")
    await ada.ask("/notify report mail")
    before = max(mail.id for mail in public_house.sandbox.inbox())
    await ada.send("/schedule every weekday at 8:30 the gold report")
    await ada.wait_for(lambda m: "Save" in str(m.get("reply_markup", "")))
    await ada.press("Save")
    await ada.wait_for(lambda m: "Saved as job 1" in m.get("text", ""))
    await ada.send("/run 1")
    mail = await public_house.sandbox.wait_for_mail("ada@example.com", 30, after=before)
    headers = dict(mail.headers)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<(https://\S+)>", headers["List-Unsubscribe"])
    assert link
    assert link[1].startswith(f"{PUBLIC}/u/")
    path = urlsplit(link[1]).path
    async with httpx.AsyncClient(base_url=public_house.root, trust_env=False) as client:
        assert (await client.post(path, data={"List-Unsubscribe": "One-Click"})).status_code == 200
        await ada.send("/run 1")
        await until_said(ada, "/why", "opted out")
        assert len([each for each in public_house.sandbox.inbox() if each.id > before]) == 1
        await client.post(path, data={"again": "1"})
        await ada.send("/run 1")
        await public_house.sandbox.wait_for_mail("ada@example.com", 30, after=mail.id)


async def until_said(person: Person, command: str, words: str) -> None:
    """Until these words are in what the command answers."""
    deadline = asyncio.get_running_loop().time() + 30
    while words not in (text := (await person.ask(command))["text"]):
        assert asyncio.get_running_loop().time() < deadline, text
        await asyncio.sleep(0.3)
