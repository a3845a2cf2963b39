"""Messages of all chats, kept as the Bot API shows them."""

import json
import sqlite3
import time
from typing import Any

from sandbox.chats import Chats
from sandbox.errors import bad_request
from sandbox.events import Events
from sandbox.store import Store

Message = dict[str, Any]
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
CONTENT = ("text", "entities", "caption", "caption_entities", "photo", "document", "link_preview_options",
           "show_caption_above_media", "has_media_spoiler")  # fmt: skip
DELETABLE_FOR = 48 * 3600


class Messages:
    """Writes, changes and finds messages, and tells the watchers."""

    def __init__(self, store: Store, events: Events, chats: Chats) -> None:
        self._store = store
        self._events = events
        self._chats = chats

    def create(
        self, chat_id: int, sender: dict[str, Any], content: Message, extra: dict[str, Any] | None = None
    ) -> Message:
        """A new message in a chat, in the order of arrival."""
        with self._store.transaction():
            head: Message = {
                "message_id": self._chats.next_message_id(chat_id),
                "from": sender,
                "chat": self._chats.chat(chat_id),
                "date": int(time.time()),
            }
            body = head | {name: value for name, value in content.items() if value not in (None, "", [], {})}
            self._store.run(
                "INSERT INTO messages (chat_id, message_id, from_bot, body, extra) VALUES (?, ?, ?, ?, ?)",
                *(chat_id, body["message_id"], int(_is_bots(body)), json.dumps(body), json.dumps(extra or {})),
            )
        self._tell("message", chat_id, body["message_id"])
        return body

    def row(self, chat_id: int, message_id: int) -> sqlite3.Row | None:
        """A message that was not deleted."""
        return self._store.row(
            "SELECT * FROM messages WHERE chat_id = ? AND message_id = ? AND deleted = 0", chat_id, message_id
        )

    def body(self, chat_id: int, message_id: int) -> Message | None:
        """A message as the Bot API shows it."""
        row = self.row(chat_id, message_id)
        return json.loads(row["body"]) if row else None

    def quoted(self, chat_id: int, message_id: int) -> Message | None:
        """A message as another one shows it as the one it replies to."""
        body = self.body(chat_id, message_id)
        return {name: value for name, value in body.items() if name != "reply_to_message"} if body else None

    def editable(self, chat_id: int, message_id: int) -> Message:
        """A message of the bot's own; refuses others in Telegram's words."""
        row = self.row(chat_id, message_id)
        if row is None:
            raise bad_request("message to edit not found")
        if not row["from_bot"]:
            raise bad_request("message can't be edited")
        found: Message = json.loads(row["body"])
        return found

    def replace(self, old: Message, content: Message, markup: dict[str, Any] | None) -> Message:
        """The same message with new content and buttons; refuses a change that changes nothing."""
        fresh = {name: value for name, value in content.items() if value not in (None, "", [], {})}
        fresh |= {"reply_markup": markup} if markup else {}
        current = {name: old[name] for name in (*CONTENT, "reply_markup") if name in old}
        if fresh == current:
            raise bad_request(NOT_MODIFIED)
        kept = {name: value for name, value in old.items() if name not in current}
        # Telegram does not call a message edited when only its buttons change.
        only_markup = {**fresh, "reply_markup": None} == {**current, "reply_markup": None}
        edited = {} if only_markup and "edit_date" not in old else {"edit_date": int(time.time())}
        return self._keep(kept | edited | fresh)

    def rewrite(self, chat_id: int, message_id: int, content: Message) -> Message:
        """A person's own message with a new text."""
        old = self.body(chat_id, message_id)
        if old is None:
            raise bad_request("message to edit not found")
        kept = {name: value for name, value in old.items() if name not in CONTENT}
        return self._keep(kept | content | {"edit_date": int(time.time())})

    def _keep(self, body: Message) -> Message:
        chat_id, message_id = body["chat"]["id"], body["message_id"]
        self._store.run(
            "UPDATE messages SET body = ? WHERE chat_id = ? AND message_id = ?",
            *(json.dumps(body), chat_id, message_id),
        )
        self._tell("edited", chat_id, message_id)
        return body

    def delete(self, chat_id: int, message_id: int) -> None:
        """Take a message out of the chat; refuses a missing or old one in Telegram's words."""
        body = self.body(chat_id, message_id)
        if body is None:
            raise bad_request("message to delete not found")
        if body["date"] < time.time() - DELETABLE_FOR:
            raise bad_request("message can't be deleted for everyone")
        self._store.run("UPDATE messages SET deleted = 1 WHERE chat_id = ? AND message_id = ?", chat_id, message_id)
        self._events.publish("deleted", chat_id=chat_id, message_id=message_id)

    def react(self, chat_id: int, message_id: int, emoji: list[str]) -> None:
        """Put the bot's reaction on a message, or take it off."""
        self._store.run(
            "UPDATE messages SET extra = json_set(extra, '$.reactions', json(?)) WHERE chat_id = ? AND message_id = ?",
            *(json.dumps(emoji), chat_id, message_id),
        )
        self._tell("edited", chat_id, message_id)

    # --- what a page shows ---------------------------------------------------------------------------------

    def page(self, chat_id: int, before: int | None = None, limit: int = 200) -> list[Message]:
        """The newest messages before a number, oldest first, as a page shows them."""
        rows = self._store.rows(
            "SELECT * FROM messages WHERE chat_id = ? AND deleted = 0 AND message_id < ? "
            "ORDER BY message_id DESC LIMIT ?",
            *(chat_id, before or 2**62, limit),
        )
        return [_shown(row) for row in reversed(rows)]

    def unread(self, chat_id: int) -> int:
        """How many messages of the bot the person has not looked at."""
        row = self._store.row(
            "SELECT count(*) AS n FROM messages m JOIN chats c ON c.id = m.chat_id "
            "WHERE m.chat_id = ? AND m.from_bot AND NOT m.deleted AND m.message_id > c.read_message_id",
            chat_id,
        )
        return int(row["n"]) if row else 0

    def _tell(self, kind: str, chat_id: int, message_id: int) -> None:
        row = self.row(chat_id, message_id)
        if row:
            self._events.publish(kind, chat_id=chat_id, message=_shown(row))


def _is_bots(body: Message) -> bool:
    """Whether the bot wrote it; an anonymous admin's messages come from a bot of Telegram's own."""
    return bool(body["from"]["is_bot"]) and "sender_chat" not in body


def _shown(row: sqlite3.Row) -> Message:
    body: Message = json.loads(row["body"])
    body["out"] = not row["from_bot"]
    body["seen"] = bool(row["seen"])
    body["extra"] = json.loads(row["extra"])
    return body
