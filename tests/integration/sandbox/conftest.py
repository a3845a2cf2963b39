"""A running sandbox, its bot through python-telegram-bot, and a person who talks to it."""

import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from telegram import Bot
from telegram.request import HTTPXRequest

from sandbox.app import Addresses, Sandbox
from sandbox.person import Person

TOKEN = "4242:sandbox-token-of-the-tests"


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@pytest.fixture
def picture() -> bytes:
    """A small real PNG."""
    rows = zlib.compress(b"".join(b"\x00" + b"\x30\x80\xc0" * 40 for _ in range(30)))
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


@dataclass
class World:
    """A sandbox that listens, and who is in it."""

    sandbox: Sandbox
    addresses: Addresses
    bot: Bot
    ada: Person

    @property
    def chat(self) -> int:
        """Ada's private chat."""
        return self.ada.id


def plain_bot(addresses: Addresses) -> Bot:
    """A bot that loads no certificates: its server speaks plain HTTP, and loading takes longer than a test."""
    requests = [HTTPXRequest(httpx_kwargs={"verify": False}) for _ in range(2)]
    return Bot(TOKEN, addresses.api_url, addresses.file_url, request=requests[0], get_updates_request=requests[1])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A sandbox with a person who has started the bot; her greeting is already fetched."""
    sandbox = Sandbox(tmp_path / "sandbox", TOKEN, webhook_pause=0.02)
    async with sandbox.running() as addresses:
        ada = sandbox.person("Ada", last_name="Lovelace", language_code="de")
        async with plain_bot(addresses) as bot:
            await ada.send("/start")
            (update,) = await bot.get_updates()
            await bot.get_updates(offset=update.update_id + 1)
            yield World(sandbox, addresses, bot, ada)


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client at the sandbox's root."""
    # No certificates to load: the sandbox speaks plain HTTP on loopback.
    async with httpx.AsyncClient(base_url=world.addresses.root, verify=False) as client:  # noqa: S501 (as above)
        yield client
