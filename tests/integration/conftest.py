"""A migrated database as the processes see it, and rows in it."""

from collections.abc import Iterator

import pytest

from db.engine import Database
from tests.factories import Rows


@pytest.fixture
def house_database(database_url: str, secret_key: str) -> Iterator[Database]:
    found = Database.connect(database_url, secret_key, on_loop="raise")
    yield found
    found.close()


@pytest.fixture
def rows(house_database: Database, owner_database_url: str) -> Iterator[Rows]:
    made = Rows(house_database, owner_database_url)
    yield made
    made.close()
