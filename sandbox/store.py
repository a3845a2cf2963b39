"""The state on disk: one SQLite file, so that neither kill -9 nor a restart loses a message."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chats (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    first_name TEXT NOT NULL DEFAULT '',
    last_name TEXT NOT NULL DEFAULT '',
    username TEXT NOT NULL DEFAULT '',
    language_code TEXT NOT NULL DEFAULT 'en',
    title TEXT NOT NULL DEFAULT '',
    started INTEGER NOT NULL DEFAULT 0,
    blocked INTEGER NOT NULL DEFAULT 0,
    last_message_id INTEGER NOT NULL DEFAULT 0,
    read_message_id INTEGER NOT NULL DEFAULT 0,
    keyboard TEXT
);
CREATE TABLE IF NOT EXISTS members (
    chat_id INTEGER NOT NULL, user_id INTEGER NOT NULL, status TEXT NOT NULL,
    PRIMARY KEY (chat_id, user_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics (
    chat_id INTEGER NOT NULL, thread_id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (chat_id, thread_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (chat_id INTEGER PRIMARY KEY, new_chat_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL,
    from_bot INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL, extra TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (chat_id, message_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS updates (
    update_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, body TEXT NOT NULL, chat_id INTEGER, message_id INTEGER
);
CREATE TABLE IF NOT EXISTS presses (
    id TEXT PRIMARY KEY, chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL, user_id INTEGER NOT NULL,
    data TEXT NOT NULL, pressed_at REAL NOT NULL, answer TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    unique_id TEXT PRIMARY KEY, kind TEXT NOT NULL, path TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    mime_type TEXT NOT NULL, size INTEGER NOT NULL, width INTEGER, height INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commands (
    scope TEXT NOT NULL, language TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (scope, language)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at REAL NOT NULL, sender TEXT NOT NULL,
    recipients TEXT NOT NULL, subject TEXT NOT NULL, preview TEXT NOT NULL, read INTEGER NOT NULL DEFAULT 0,
    raw BLOB NOT NULL
);
"""
FIRST_UPDATE_ID = 740_000_000


class Store:
    """One connection, used from one event loop; every statement outside `transaction` is kept at once."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self._connection = sqlite3.connect(data_dir / "sandbox.sqlite3", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # With WAL and NORMAL a killed process loses nothing; only a power cut may take the last moments.
        self._connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=2000;" + SCHEMA
        )
        self.run(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'updates', ? "
            "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'updates')",
            FIRST_UPDATE_ID,
        )

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's statements are kept, or none; blocks may nest."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Carry out one statement."""
        return self._connection.execute(sql, values)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, if any."""
        found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def fact(self, name: str, default: Any = None) -> Any:
        """A single remembered value."""
        found = self.row("SELECT value FROM facts WHERE name = ?", name)
        return default if found is None else json.loads(found["value"])

    def keep_fact(self, name: str, value: Any) -> None:
        """Remember a single value under a name."""
        self.run("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, json.dumps(value))
