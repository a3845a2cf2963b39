"""The people and groups of the sandbox; a person's private chat with the bot has the person's id."""

import json
import sqlite3
from typing import Any

from sandbox.errors import ApiError, SandboxError, bad_request, forbidden
from sandbox.events import Events
from sandbox.store import Store

FIRST_PERSON_ID = 2**52 + 1
"""Telegram's own ids have at most 52 bits: nobody there can ever be taken for a person of the sandbox."""

FIRST_GROUP_ID = -1_001_900_000_001
FIRST_BASIC_GROUP_ID = -4_900_001


class Chats:
    """Keeps people, groups and their members."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events

    # --- people --------------------------------------------------------------------------------------------

    def add_person(self, first_name: str, last_name: str = "", language_code: str = "en") -> int:
        """A new person, who has not spoken to the bot yet."""
        if not first_name.strip() or len(first_name) > 64 or len(last_name) > 64:
            raise SandboxError("A person needs a first name of 1 to 64 characters.")
        person_id = self._next_id("max(id)", "id > 0", FIRST_PERSON_ID, 1)
        self._store.run(
            "INSERT INTO chats (id, type, first_name, last_name, username, language_code) "
            "VALUES (?, 'private', ?, ?, ?, ?)",
            *(person_id, first_name.strip(), last_name.strip(), "", language_code or "en"),
        )
        self._events.publish("chats")
        return person_id

    def _next_id(self, extreme: str, where: str, first: int, step: int) -> int:
        # Both fragments are written in this file.
        row = self._store.row(f"SELECT {extreme} AS found FROM chats WHERE {where}")  # noqa: S608
        return row["found"] + step if row and row["found"] is not None else first

    def find_person(self, first_name: str) -> int | None:
        """The first person with a name."""
        row = self._store.row("SELECT id FROM chats WHERE type = 'private' AND first_name = ? ORDER BY id", first_name)
        return row["id"] if row else None

    def people(self) -> list[sqlite3.Row]:
        """Everyone, in the order they came."""
        return self._store.rows("SELECT * FROM chats WHERE type = 'private' ORDER BY id")

    def person(self, person_id: int) -> sqlite3.Row:
        """One person."""
        row = self._store.row("SELECT * FROM chats WHERE id = ? AND type = 'private'", person_id)
        if row is None:
            raise SandboxError(f"There is no person {person_id}.")
        return row

    def user(self, person_id: int) -> dict[str, Any]:
        """A person as the Bot API describes a user."""
        row = self.person(person_id)
        names = {name: row[name] for name in ("last_name", "username", "language_code") if row[name]}
        return {"id": row["id"], "is_bot": False, "first_name": row["first_name"]} | names

    def set(self, chat_id: int, **values: Any) -> None:
        """Change columns of a chat; the names come from our own code."""
        columns = ", ".join(f"{name} = ?" for name in values)
        self._store.run(f"UPDATE chats SET {columns} WHERE id = ?", *values.values(), chat_id)  # noqa: S608
        self._events.publish("chats")

    # --- groups --------------------------------------------------------------------------------------------

    def add_group(self, title: str, owner: int, members: list[int], *, basic: bool = False) -> int:
        """A supergroup, or a basic group, with the bot in it."""
        if basic:
            kind, group_id = "group", self._next_id("min(id)", "type = 'group'", FIRST_BASIC_GROUP_ID, -1)
        else:
            kind, group_id = "supergroup", self._next_id("min(id)", "type = 'supergroup'", FIRST_GROUP_ID, -1)
        row = "INSERT INTO chats (id, type, title, started) VALUES (?, ?, ?, 1)"
        self._store.run(row, group_id, kind, title)
        for person in {owner, *members}:
            self.set_member(group_id, person, "creator" if person == owner else "member")
        self._events.publish("chats")
        return group_id

    def groups(self) -> list[sqlite3.Row]:
        """Every group."""
        return self._store.rows("SELECT * FROM chats WHERE type <> 'private' ORDER BY id DESC")

    def set_member(self, group_id: int, user_id: int, status: str) -> None:
        """Make somebody a creator, administrator, member, left or kicked."""
        self._store.run("INSERT OR REPLACE INTO members VALUES (?, ?, ?)", group_id, user_id, status)

    def status(self, chat_id: int, user_id: int) -> str | None:
        """What somebody is in a chat."""
        if chat_id == user_id:
            return "member"
        row = self._store.row("SELECT status FROM members WHERE chat_id = ? AND user_id = ?", chat_id, user_id)
        return row["status"] if row else None

    def members(self, group_id: int) -> list[sqlite3.Row]:
        """Who belongs to a group."""
        return self._store.rows("SELECT * FROM members WHERE chat_id = ? ORDER BY user_id", group_id)

    def add_topic(self, group_id: int, thread_id: int, name: str) -> None:
        """A topic, by the number of the message that began it."""
        self._store.run("INSERT INTO topics VALUES (?, ?, ?)", group_id, thread_id, name)
        self._events.publish("chats")

    def remove_topic(self, group_id: int, thread_id: int) -> None:
        """A topic is gone."""
        self._store.run("DELETE FROM topics WHERE chat_id = ? AND thread_id = ?", group_id, thread_id)
        self._events.publish("chats")

    def topics(self, group_id: int) -> list[sqlite3.Row]:
        """The topics of a group, in the order they were begun."""
        return self._store.rows("SELECT * FROM topics WHERE chat_id = ? ORDER BY thread_id", group_id)

    def moved_to(self, group_id: int, new_id: int) -> None:
        """A basic group became the supergroup of another number."""
        self._store.run("INSERT INTO moved VALUES (?, ?)", group_id, new_id)

    # --- both ----------------------------------------------------------------------------------------------

    def find(self, chat_id: Any) -> sqlite3.Row:
        """A chat by its id or @username, as a bot names it."""
        text = str(chat_id or "").strip()
        if not text:
            raise bad_request("chat_id is empty")
        if text.startswith("@"):
            row = self._store.row("SELECT * FROM chats WHERE username = ?", text[1:])
        else:
            number = text.removeprefix("-")
            known = number.isdecimal() and len(number) < 17
            row = self._store.row("SELECT * FROM chats WHERE id = ?", int(text)) if known else None
        if row is None:
            raise bad_request("chat not found")
        return row

    def reachable(self, chat_id: Any) -> sqlite3.Row:
        """A chat that the bot may write to."""
        row = self.find(chat_id)
        if row["type"] == "private" and row["blocked"]:
            raise forbidden("bot was blocked by the user")
        if row["type"] == "private" and not row["started"]:
            raise forbidden("bot can't initiate conversation with a user")
        if row["type"] != "private" and row["blocked"]:
            raise forbidden(f"bot was kicked from the {row['type']} chat")
        moved = self._store.row("SELECT new_chat_id FROM moved WHERE chat_id = ?", row["id"])
        if moved is not None:
            words = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, words, migrate_to_chat_id=moved["new_chat_id"])
        return row

    def chat(self, chat_id: int) -> dict[str, Any]:
        """A chat as messages carry it."""
        row = self.find(chat_id)
        names = ("title", "username", "first_name", "last_name")
        forum = {"is_forum": True} if row["type"] == "supergroup" and self.topics(row["id"]) else {}
        return {"id": row["id"], "type": row["type"]} | {name: row[name] for name in names if row[name]} | forum

    def next_message_id(self, chat_id: int) -> int:
        """The number of the next message; every chat counts for itself."""
        row = self._store.row(
            "UPDATE chats SET last_message_id = last_message_id + 1 WHERE id = ? RETURNING last_message_id",
            chat_id,
        )
        if row is None:
            raise bad_request("chat not found")
        return int(row["last_message_id"])

    # --- the keyboard under the input ----------------------------------------------------------------------

    def show_keyboard(self, chat_id: int, message_id: int, markup: dict[str, Any]) -> None:
        """What a sent reply markup does to the person's input: a keyboard, a forced reply, or neither."""
        kept = None if markup.get("remove_keyboard") else {"message_id": message_id} | markup
        self._store.run("UPDATE chats SET keyboard = ? WHERE id = ?", json.dumps(kept) if kept else None, chat_id)
        self._events.publish("keyboard", chat_id=chat_id, keyboard=kept)

    def keyboard(self, chat_id: int) -> dict[str, Any] | None:
        """The keyboard that a person sees now."""
        text = self.find(chat_id)["keyboard"]
        return json.loads(text) if text else None

    def used_keyboard(self, chat_id: int) -> None:
        """A one-time keyboard or forced reply goes after its use."""
        keyboard = self.keyboard(chat_id)
        if keyboard and (keyboard.get("force_reply") or keyboard.get("one_time_keyboard")):
            self.show_keyboard(chat_id, 0, {"remove_keyboard": True})
