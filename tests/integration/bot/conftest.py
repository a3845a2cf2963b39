"""The bot alone, in front of a sandbox and a real database."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.__main__ import run as bot
from db.engine import Database
from openbell.settings import Settings
from sandbox.app import Addresses, Sandbox
from sandbox.person import Person

TOKEN = "4242:sandbox-token-of-the-tests"
Rows = list[Any]


@dataclass
class Place:
    """A database, a Valkey and a sandbox, at which copies of the bot may be started."""

    folder: Path
    database: Database
    given: dict[str, Any]
    sandbox: Sandbox
    addresses: Addresses
    _log: list[Path] = field(default_factory=list)

    def settings(self, **values: Any) -> Settings:
        return Settings(
            **{
                "telegram_token": TOKEN,
                "telegram_api_url": self.addresses.root,
                "data_dir": self.folder / "data",
                "sandbox": True,
                "_env_file": None,
                **self.given,
                **values,
            }
        )

    @asynccontextmanager
    async def bot(self, **values: Any) -> AsyncIterator[None]:
        """A copy of the bot in this process."""
        stop, ready = asyncio.Event(), asyncio.Event()
        door = asyncio.create_task(bot(self.settings(**values), stop=stop, ready=ready.set))
        opened = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait([door, opened], timeout=30, return_when=asyncio.FIRST_COMPLETED)
            assert opened.done(), "the bot did not come up"
            yield
        finally:
            stop.set()
            await door

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A copy of the bot in a process of its own, to be killed."""
        environment = os.environ | {
            "DB_URL": self.given["db_url"],
            "REDIS_URL": self.given["redis_url"],
            "SECRET_KEY": self.given["secret_key"],
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": self.addresses.root,
            "DATA_DIR": str(self.folder / "data"),
            "SANDBOX": "1",
        }
        log = self.folder / f"bot-{len(self._log)}.log"
        self._log.append(log)
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot"),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            async with asyncio.timeout(30):
                while b"bot_ready" not in log.read_bytes():
                    assert child.returncode is None, log.read_text()
                    await asyncio.sleep(0.05)
            yield child
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()

    def known(self, person: Person, email: str) -> None:
        """Make somebody a verified person, straight in the database."""
        with self.database.for_platform() as uow:
            row = uow.users.ensure_email(email)
            row.verified_at = row.timezone_chosen_at = datetime.now(UTC)
            uow.users.link(row.id, "telegram", str(person.id), chat_id=person.id)
            uow.commit()

    async def rows(self, sql: str, **given: Any) -> Rows:
        def ask() -> Rows:
            with self.database.platform.begin() as connection:
                result = connection.execute(text(sql), given)
                return list(result) if result.returns_rows else []

        return await asyncio.to_thread(ask)

    async def until(self, sql: str, wanted: Callable[[Rows], Any], seconds: float = 10, **given: Any) -> Rows:
        """The rows, once they are as wanted."""
        deadline = time.monotonic() + seconds
        while not wanted(found := await self.rows(sql, **given)):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def place(
    tmp_path: Path, database_url: str, valkey_url: str, secret_key: str, house_database: Database
) -> AsyncIterator[Place]:
    sandbox = Sandbox(tmp_path / "sandbox", TOKEN)
    given = {"db_url": database_url, "redis_url": valkey_url, "secret_key": secret_key}
    async with sandbox.running() as addresses:
        yield Place(tmp_path, house_database, given, sandbox, addresses)
