"""The webhook over HTTP: who may call it, what it takes, and that what it took is answered once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from openbell.settings import Settings, SettingsError, load_settings
from openbell.supervisor import any_port
from sandbox.app import Sandbox
from services.inbox import webhook_path
from tests.e2e.house import TOKEN, House, open_house
from web.telegram import LARGEST, SECRET

pytestmark = pytest.mark.slow

WORD = "a-secret-of-the-tests"


@pytest.fixture
async def house(tmp_path: Path, database_url: str, valkey_url: str, secret_key: str) -> AsyncIterator[House]:
    """The house with Telegram calling it."""
    address = any_port("127.0.0.1")
    called: dict[str, Any] = {
        "telegram_mode": "webhook",
        "telegram_webhook_secret": WORD,
        "http_addr": address,
        "public_url": f"http://{address}",
    }
    async with open_house(tmp_path, database_url, valkey_url, secret_key, **called) as opened:
        yield opened


def update(number: int, person: int, text: str = "/help") -> dict[str, Any]:
    who = {"id": person, "is_bot": False, "first_name": "Ada"}
    entity = {"type": "bot_command", "offset": 0, "length": 5}
    return {
        "update_id": number,
        "message": {
            "message_id": number,
            "date": int(time.time()),
            "chat": {"id": person, "type": "private", "first_name": "Ada"},
            "from": who,
            "text": text,
            "entities": [entity],
        },
    }


async def call(house: House, secret_key: str, body: bytes, word: str | None = WORD, path: str | None = None) -> int:
    headers = {SECRET: word} if word is not None else {}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        url = f"{house.root}/telegram/{path or webhook_path(secret_key)}"
        return (await client.post(url, content=body, headers=headers)).status_code


async def test_telegram_brings_updates_and_they_are_answered(house: House) -> None:
    ada = house.person("Ada")
    begun = time.monotonic()
    assert "/help" in (await ada.ask("/help", 10))["text"]
    assert time.monotonic() - begun < 10
    assert [("/help" in (await ada.ask("/help", 10))["text"]) for _ in range(3)] == [True] * 3
    webhook = house.sandbox.messenger.store.fact("webhook")
    assert webhook["secret"] == WORD
    assert house.sandbox.messenger.store.fact("webhook_error") is None


async def test_only_telegram_may_call_and_only_with_an_update(house: House, secret_key: str) -> None:
    ada = house.person("Ada")
    await ada.ask("/help", 10)
    good = json.dumps(update(900_001, ada.id)).encode()
    assert await call(house, secret_key, good, word=None) == 403
    assert await call(house, secret_key, good, word="another") == 403
    assert await call(house, secret_key, good, word=WORD + "x") == 403
    assert await call(house, secret_key, good, path="0" * 32) == 404
    assert await call(house, secret_key, b"x" * (LARGEST + 1)) == 413
    for bad in (b"", b"{", b"[]", b"{}", b'{"update_id": "7"}', b'{"update_id": 7, "x": NaN}', b"\xff", b"[" * 5000):
        assert await call(house, secret_key, bad) == 400, bad[:20]
    assert len(ada.replies()) == 1


async def test_an_update_that_is_brought_again_is_taken_and_answered_once(house: House, secret_key: str) -> None:
    ada = house.person("Ada")
    first = await ada.ask("/help", 10)
    body = json.dumps(update(900_001, ada.id)).encode()
    codes = await asyncio.gather(*(call(house, secret_key, body) for _ in range(5)))
    assert codes == [200] * 5
    second = await ada.wait_for(lambda m: True, 10, after=first["message_id"])
    third = await ada.ask("/help", 10)
    assert [reply["message_id"] for reply in ada.replies()] == [
        first["message_id"],
        second["message_id"],
        third["message_id"],
    ]


async def test_what_came_while_the_webhook_was_set_is_not_lost_when_polling_is_chosen_again(
    tmp_path: Path, database_url: str, valkey_url: str, secret_key: str
) -> None:
    sandbox = Sandbox(tmp_path / "sandbox", TOKEN)
    nowhere = f"http://{any_port('127.0.0.1')}/telegram/of-yesterday"
    sandbox.messenger.store.keep_fact("webhook", {"url": nowhere, "secret": "", "max_connections": 40})
    sandbox.messenger.updates.add("message", update(1, 7)["message"])
    async with open_house(tmp_path, database_url, valkey_url, secret_key) as house:
        ada = house.person("Ada")
        assert "/help" in (await ada.ask("/help", 20))["text"]
        assert house.sandbox.messenger.store.fact("webhook") is None


def test_a_webhook_without_an_address_or_a_secret_stops_the_start_with_a_sentence() -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL is empty"):
        load_settings(telegram_mode="webhook", _env_file=None)
    with pytest.raises(SettingsError, match="TELEGRAM_WEBHOOK_SECRET is empty"):
        load_settings(telegram_mode="webhook", public_url="https://x.example", _env_file=None)
    with pytest.raises(SettingsError, match="1 to 256 letters"):
        load_settings(telegram_webhook_secret="with blanks", _env_file=None)


def test_only_a_test_on_loopback_may_go_without_a_secret() -> None:
    called: dict[str, Any] = {"telegram_mode": "webhook", "public_url": "http://127.0.0.1:8080", "_env_file": None}
    assert Settings(insecure_test_mode=True, http_addr="127.0.0.1:8080", **called).telegram_webhook_secret is None
    with pytest.raises(ValidationError):
        Settings(insecure_test_mode=True, http_addr="0.0.0.0:8080", **called)
    with pytest.raises(ValidationError):
        Settings(http_addr="127.0.0.1:8080", **called)
