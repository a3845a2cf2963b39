"""The life of groups: members, topics, the bot put out and let in again, a group that becomes a supergroup."""

import time
from typing import Any

from sandbox.chats import Chats
from sandbox.errors import SandboxError
from sandbox.messages import Message, Messages
from sandbox.updates import UpdateQueue

RANKS = ("creator", "administrator", "member", "left", "kicked")
ANONYMOUS_ADMIN = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}


class Groups:
    """What the people of a group do with it; the bot hears of what concerns it."""

    def __init__(self, bot: dict[str, Any], chats: Chats, messages: Messages, updates: UpdateQueue) -> None:
        self._bot = bot
        self._chats = chats
        self._messages = messages
        self._updates = updates

    def add(self, title: str, owner: int, members: list[int], *, basic: bool = False) -> int:
        """Make a supergroup, or a basic group, with the bot in it."""
        if not title.strip() or len(title) > 128:
            raise SandboxError("A group needs a title of 1 to 128 characters.")
        group_id = self._chats.add_group(title.strip(), owner, members, basic=basic)
        self._messages.create(group_id, self._chats.user(owner), {"group_chat_created": True})
        self.bot_became(owner, group_id, "left", "member")
        return group_id

    def rank(self, group_id: int, person: int, rank: str) -> None:
        """Make somebody an administrator, a member, or nothing any more."""
        self._group(group_id)
        if rank not in RANKS:
            raise SandboxError(f"There is no rank {rank!r}; there are {', '.join(RANKS)}.")
        self._chats.person(person)
        self._chats.set_member(group_id, person, rank)

    def topic(self, group_id: int, by: int, name: str) -> int:
        """Begin a topic; its number is that of the message that began it."""
        self._group(group_id)
        if not name.strip() or len(name) > 128:
            raise SandboxError("A topic needs a name of 1 to 128 characters.")
        content = {"forum_topic_created": {"name": name.strip(), "icon_color": 7322096}, "is_topic_message": True}
        begun = self._messages.create(group_id, self._chats.user(by), content)
        self._chats.add_topic(group_id, begun["message_id"], name.strip())
        return int(begun["message_id"])

    def remove_topic(self, group_id: int, thread_id: int) -> None:
        """End a topic for good: nothing can be sent into it any more."""
        self._chats.remove_topic(group_id, thread_id)

    def put_out(self, group_id: int, by: int) -> None:
        """Put the bot out of the group."""
        self._group(group_id)
        self._chats.set(group_id, blocked=1)
        self.bot_became(by, group_id, "member", "kicked")

    def let_in(self, group_id: int, by: int) -> None:
        """Let the bot into the group again."""
        self._group(group_id)
        self._chats.set(group_id, blocked=0)
        self.bot_became(by, group_id, "kicked", "member")

    def migrate(self, group_id: int, by: int) -> int:
        """Make a basic group a supergroup: another number, and a message in either that names the other."""
        group = self._group(group_id)
        if group["type"] != "group":
            raise SandboxError("Only a basic group can become a supergroup.")
        members = [row["user_id"] for row in self._chats.members(group_id)]
        new_id = self._chats.add_group(group["title"], by, members)
        self._say(group_id, by, {"migrate_to_chat_id": new_id})
        self._chats.moved_to(group_id, new_id)
        self._say(new_id, by, {"migrate_from_chat_id": group_id})
        return new_id

    def bot_became(self, by: int, chat_id: int, old: str, new: str) -> None:
        """Tell the bot what it is in a chat from now on."""
        body = {
            "chat": self._chats.chat(chat_id),
            "from": self._chats.user(by),
            "date": int(time.time()),
            "old_chat_member": _member(self._bot, old),
            "new_chat_member": _member(self._bot, new),
        }
        self._updates.add("my_chat_member", body, (chat_id, 0))

    def _say(self, chat_id: int, by: int, content: Message) -> None:
        message = self._messages.create(chat_id, self._chats.user(by), content)
        self._updates.add("message", message, (chat_id, message["message_id"]))

    def _group(self, group_id: int) -> Any:
        row = self._chats.find(group_id)
        if row["type"] == "private":
            raise SandboxError("A private chat is no group.")
        return row


def _member(user: dict[str, Any], status: str) -> dict[str, Any]:
    return {"user": user, "status": status} | ({"until_date": 0} if status == "kicked" else {})
