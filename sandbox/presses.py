"""Presses of buttons under messages, until the bot answers them."""

import json
import secrets
import time
from typing import Any

from sandbox.errors import bad_request
from sandbox.events import Events
from sandbox.store import Store

EXPIRES_AFTER = 15 * 60
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Presses:
    """Keeps each press and its answer."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events

    def add(self, chat_id: int, message_id: int, user_id: int, data: str) -> str:
        """A press that waits for its answer."""
        press_id = str(secrets.randbelow(9 * 10**18) + 10**18)
        self._store.run(
            "INSERT INTO presses (id, chat_id, message_id, user_id, data, pressed_at) VALUES (?, ?, ?, ?, ?, ?)",
            *(press_id, chat_id, message_id, user_id, data, time.time()),
        )
        return press_id

    def answer(self, press_id: str, answer: dict[str, Any]) -> None:
        """Keep the bot's answer; refuses an unknown, answered or old press in Telegram's words."""
        row = self._store.row("SELECT * FROM presses WHERE id = ?", press_id)
        if row is None or row["answer"] is not None or row["pressed_at"] < time.time() - EXPIRES_AFTER:
            raise bad_request(TOO_OLD)
        self._store.run("UPDATE presses SET answer = ? WHERE id = ?", json.dumps(answer), press_id)
        self._events.publish(
            "answer",
            press_id=press_id,
            chat_id=row["chat_id"],
            message_id=row["message_id"],
            person=row["user_id"],
            **answer,
        )

    def answered(self, press_id: str) -> dict[str, Any] | None:
        """The bot's answer, once it came."""
        row = self._store.row("SELECT answer FROM presses WHERE id = ?", press_id)
        return json.loads(row["answer"]) if row and row["answer"] else None
