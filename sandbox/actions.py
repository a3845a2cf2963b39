"""What a person can do in a chat: write, press, edit, take back, block. Used by the page and by tests."""

from typing import Any

from sandbox.chats import Chats
from sandbox.entities import cleaned, formatted, utf16_len, with_found
from sandbox.errors import SandboxError
from sandbox.events import Events
from sandbox.files import Files, Upload
from sandbox.groups import ANONYMOUS_ADMIN, Groups
from sandbox.messages import Message, Messages
from sandbox.presses import Presses
from sandbox.updates import UpdateQueue

MAX_TEXT = 4096


class Actions:
    """A person's hands."""

    def __init__(
        self,
        bot: dict[str, Any],
        chats: Chats,
        messages: Messages,
        updates: UpdateQueue,
        presses: Presses,
        files: Files,
        events: Events,
        groups: Groups,
    ) -> None:
        self._groups = groups
        self._bot_name = str(bot["username"])
        self._chats = chats
        self._messages = messages
        self._updates = updates
        self._presses = presses
        self._files = files
        self._events = events

    def send(
        self,
        person: int,
        text: str,
        *,
        chat_id: int | None = None,
        reply_to: int | None = None,
        thread_id: int | None = None,
        anonymous: bool = False,
        more: dict[str, Any] | None = None,
    ) -> list[Message]:
        """Write to the bot or into a group; a text beyond 4,096 units goes as several, as clients do.

        `anonymous` is how a group's admin may write: as the group itself. `more` are fields such as forward_origin.
        """
        parts = _parts(cleaned(text).strip())
        if not parts:
            raise SandboxError("There is nothing to send: the text is empty.")
        chat = chat_id or person
        place = {"message_thread_id": thread_id, "is_topic_message": True} if thread_id else {}
        reply_to = reply_to or thread_id  # as in Telegram, where a topic is a chain of replies to what began it
        return [
            self._say(person, chat, _content(part) | place | (more or {}), reply_to, anonymous=anonymous)
            for part in parts
        ]

    def send_file(
        self, person: int, upload: Upload, *, caption: str = "", photo: bool = False, chat_id: int | None = None
    ) -> Message:
        """Send a document or picture."""
        kind = "photo" if photo else "document"
        content = self._files.media(kind, self._files.keep(kind, upload))
        return self._say(person, chat_id or person, content | _content(caption, "caption"), None)

    def _say(
        self, person: int, chat_id: int, content: Message, reply_to: int | None, *, anonymous: bool = False
    ) -> Message:
        row = self._chats.person(person)
        chat = self._chats.find(chat_id)
        if chat_id == person and row["blocked"]:
            raise SandboxError("This person has blocked the bot; unblock it before writing.")
        if chat_id == person and not row["started"]:
            self._chats.set(person, started=1)
        quoted = self._messages.quoted(chat_id, reply_to) if reply_to else None
        content = content | ({"reply_to_message": quoted} if quoted else {})
        sender = self._chats.user(person)
        if anonymous:
            sender, content = ANONYMOUS_ADMIN, content | {"sender_chat": self._chats.chat(chat_id)}
        message = self._messages.create(chat_id, sender, content)
        self._chats.used_keyboard(chat_id)
        self.read(chat_id, message["message_id"])
        if chat["type"] == "private" or self._addressed(message):
            self._updates.add("message", message, (chat_id, message["message_id"]))
        return message

    def _addressed(self, message: Message) -> bool:
        """Privacy mode: in groups a bot sees commands, mentions of it and replies to it."""
        text = message.get("text", "") + message.get("caption", "")
        replied = message.get("reply_to_message", {}).get("from", {})
        commands = [e for e in message.get("entities", []) if e["type"] == "bot_command" and e["offset"] == 0]
        addressed = commands and ("@" not in text.split()[0] or text.split()[0].endswith(f"@{self._bot_name}"))
        return bool(addressed or f"@{self._bot_name}" in text or replied.get("username") == self._bot_name)

    def press(self, person: int, chat_id: int, message_id: int, data: str) -> str:
        """Press an inline button; the id leads to the bot's answer."""
        body = self._messages.body(chat_id, message_id)
        if body is None:
            raise SandboxError("The message with this button is gone.")
        if chat_id == person and self._chats.person(person)["blocked"]:
            raise SandboxError("This person has blocked the bot; unblock it before pressing.")
        press_id = self._presses.add(chat_id, message_id, person, data)
        query = {
            "id": press_id,
            "from": self._chats.user(person),
            "message": body,
            "chat_instance": str(abs(chat_id) * 7_919 + 10**17),
            "data": data,
        }
        self._updates.add("callback_query", query, (chat_id, 0))
        return press_id

    def edit(self, person: int, message_id: int, text: str, *, chat_id: int | None = None) -> Message:
        """Change an own text."""
        chat_id = chat_id or person
        self._own(person, chat_id, message_id)
        content = _content(cleaned(text).strip()[:MAX_TEXT])
        if not content:
            raise SandboxError("A message cannot be edited to nothing; delete it instead.")
        message = self._messages.rewrite(chat_id, message_id, content)
        if chat_id == person or self._addressed(message):
            self._updates.add("edited_message", message, (chat_id, message_id))
        return message

    def delete(self, person: int, message_id: int, *, chat_id: int | None = None) -> None:
        """Take back an own message, or a bot's from one's own chat; a bot does not hear of it."""
        chat_id = chat_id or person
        if chat_id != person:
            self._own(person, chat_id, message_id)
        self._messages.delete(chat_id, message_id)

    def _own(self, person: int, chat_id: int, message_id: int) -> None:
        body = self._messages.body(chat_id, message_id)
        if body is None or body["from"]["id"] != person:
            raise SandboxError("Only one's own messages can be changed.")

    def block(self, person: int, blocked: bool) -> None:
        """Stop or restart the bot, as the menu of a chat does."""
        row = self._chats.person(person)
        if bool(row["blocked"]) == blocked:
            return
        self._chats.set(person, blocked=int(blocked))
        old, new = ("member", "kicked") if blocked else ("kicked", "member")
        self._groups.bot_became(person, person, old, new)

    def read(self, chat_id: int, message_id: int) -> None:
        """The person has looked at everything up to a message."""
        if message_id > self._chats.find(chat_id)["read_message_id"]:
            self._chats.set(chat_id, read_message_id=message_id)


def _content(text: str, name: str = "text") -> Message:
    tidy, entities = formatted(cleaned(text), [])
    if not tidy:
        return {}
    found = [entity.json() for entity in with_found(tidy, entities)]
    entities_name = "entities" if name == "text" else "caption_entities"
    return {name: tidy} | ({entities_name: found} if found else {})


def _parts(text: str) -> list[str]:
    parts = []
    while utf16_len(text) > MAX_TEXT:
        cut = MAX_TEXT
        while utf16_len(text[:cut]) > MAX_TEXT:
            cut -= max(1, (utf16_len(text[:cut]) - MAX_TEXT) // 2)
        parts.append(text[:cut])
        text = text[cut:]
    return [part for part in (*parts, text) if part.strip()]
