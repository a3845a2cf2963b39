"""The house, open for one test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path, database_url: str, valkey_url: str, secret_key: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, database_url, valkey_url, secret_key) as opened:
        yield opened
