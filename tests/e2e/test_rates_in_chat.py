"""The bot at Telegram's real limits, which the sandbox enforces: a burst is answered in turn, and a 429 is obeyed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import run as bot
from openbell.settings import Settings
from sandbox.app import Sandbox
from sandbox.faults import Kind

pytestmark = pytest.mark.slow

TOKEN = "4242:sandbox-token-of-the-tests"
BURST = 8


@pytest.fixture
def addresses(database_url: str, valkey_url: str, secret_key: str) -> dict[str, Any]:
    return {"db_url": database_url, "redis_url": valkey_url, "secret_key": secret_key}


@asynccontextmanager
async def bot_at_real_limits(folder: Path, addresses: dict[str, Any], *, paced: bool = True) -> AsyncIterator[Sandbox]:
    """The bot alone, in front of a sandbox that refuses what Telegram would refuse."""
    sandbox = Sandbox(folder / "sandbox", TOKEN, real_limits=True)
    stop, ready = asyncio.Event(), asyncio.Event()
    async with sandbox.running() as listening:
        settings = Settings(
            telegram_token=TOKEN,
            telegram_api_url=listening.root,
            data_dir=folder / "data",
            sandbox=not paced,
            _env_file=None,
            **addresses,
        )
        door = asyncio.create_task(bot(settings, stop=stop, ready=ready.set))
        try:
            async with asyncio.timeout(30):
                await ready.wait()
            yield sandbox
        finally:
            stop.set()
            await door


async def settled(sandbox: Sandbox, count: int) -> list[int]:
    """The statuses of so many sends, once they were made."""
    async with asyncio.timeout(20):
        while len(found := [call.code for call in sandbox.requests.calls("sendMessage")]) < count:
            await asyncio.sleep(0.02)
    return found


async def test_a_burst_of_commands_is_answered_without_a_429(tmp_path: Path, addresses: dict[str, Any]) -> None:
    async with bot_at_real_limits(tmp_path, addresses) as sandbox:
        person = sandbox.person("Ada")
        for _ in range(BURST):
            await person.send("/help")
        assert await settled(sandbox, BURST) == [200] * BURST


async def test_without_the_pace_the_same_burst_meets_a_429(tmp_path: Path, addresses: dict[str, Any]) -> None:
    async with bot_at_real_limits(tmp_path, addresses, paced=False) as sandbox:
        person = sandbox.person("Ada")
        for _ in range(BURST):
            await person.send("/help")
        async with asyncio.timeout(20):
            while 429 not in [call.code for call in sandbox.requests.calls("sendMessage")]:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(("fault", "pause"), [("throttled", 4), ("throttled_bare", 30)])
async def test_after_a_429_nothing_goes_into_that_chat_before_it_is_over(
    tmp_path: Path, addresses: dict[str, Any], fault: Kind, pause: int
) -> None:
    async with bot_at_real_limits(tmp_path, addresses) as sandbox:
        ada, bob = sandbox.person("Ada"), sandbox.person("Bob")
        sandbox.faults.add(fault, method="sendMessage", chat_id=ada.id, retry_after=4)
        await ada.send("/help")
        assert await settled(sandbox, 1) == [429]
        refused = time.monotonic()
        await ada.send("/help")  # would have to wait too long: its reply is given up, and told so in the audit
        await bob.ask("/help")
        assert time.monotonic() - refused < 2.0, "the pause of one chat has stopped another"
        if pause > 10:
            await asyncio.sleep(1.0)
            assert await settled(sandbox, 2) == [429, 200]
            return
        await asyncio.sleep(max(refused + pause - 1.5 - time.monotonic(), 0))
        await ada.ask("/help")
        assert time.monotonic() - refused >= pause - 0.1
        assert [call.code for call in sandbox.requests.calls("sendMessage")] == [429, 200, 200]
