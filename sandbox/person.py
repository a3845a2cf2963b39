"""A person for tests: writes, presses, reads and waits, as somebody at the page would."""

from collections.abc import Callable
from typing import Any

from sandbox.errors import SandboxError
from sandbox.files import Upload
from sandbox.messages import Message
from sandbox.messenger import Messenger
from sandbox.methods.profile import commands_for
from sandbox.waiting import eventually

Wanted = Callable[[Message], Any]
ALL = 10_000


class Press:
    """A press that may have been answered."""

    def __init__(self, messenger: Messenger, press_id: str) -> None:
        self._messenger = messenger
        self.id = press_id

    async def answer(self, timeout: float = 5.0) -> dict[str, Any]:
        """The bot's answer (`text`, `show_alert`, `url`), as soon as it came."""
        return await eventually(
            self._messenger.events,
            lambda: self._messenger.presses.answered(self.id),
            timeout,
            "The bot did not answer the press.",
        )


class Person:
    """Somebody in the sandbox, in the private chat with the bot or, with `chat_id`, in a group."""

    def __init__(self, messenger: Messenger, person_id: int) -> None:
        self._messenger = messenger
        self.id = person_id

    @property
    def user(self) -> dict[str, Any]:
        """As the Bot API describes the person."""
        return self._messenger.chats.user(self.id)

    async def send(
        self,
        text: str,
        *,
        reply_to: int | None = None,
        chat_id: int | None = None,
        thread_id: int | None = None,
        anonymous: bool = False,
        **more: Any,
    ) -> Message:
        """Write a text; gives the (last) message that it became.

        `anonymous`: as the group itself, which its admins may; `more`: fields such as forward_origin or via_bot.
        """
        sent = self._messenger.actions.send(
            self.id, text, chat_id=chat_id, reply_to=reply_to, thread_id=thread_id, anonymous=anonymous, more=more
        )
        return sent[-1]

    def make_group(self, title: str, *members: "Person", basic: bool = False) -> int:
        """Make a group with the bot in it; its number."""
        return self._messenger.groups.add(title, self.id, [each.id for each in members], basic=basic)

    def make_topic(self, group_id: int, name: str) -> int:
        """Begin a topic in a group; its number."""
        return self._messenger.groups.topic(group_id, self.id, name)

    async def send_file(
        self, name: str, content: bytes, *, caption: str = "", photo: bool = False, chat_id: int | None = None
    ) -> Message:
        """Send a document or a picture."""
        return self._messenger.actions.send_file(
            self.id, Upload(name, content), caption=caption, photo=photo, chat_id=chat_id
        )

    async def press(self, button: str, *, message_id: int | None = None, chat_id: int | None = None) -> Press:
        """Press a button by its text or data: in one message, or the newest one that has it.

        A button of the keyboard under the input sends its text.
        """
        chat = chat_id or self.id
        for message in reversed(self.messages(chat_id=chat_id)):
            if message_id not in (None, message["message_id"]):
                continue
            data = _data(message, button)
            if data is not None:
                press = self._messenger.actions.press(self.id, chat, message["message_id"], data)
                return Press(self._messenger, press)
        keyboard = self._messenger.chats.keyboard(chat) or {}
        if any(one["text"] == button for row in keyboard.get("keyboard", []) for one in row):
            await self.send(button, chat_id=chat_id)
            return Press(self._messenger, "")
        raise SandboxError(f"No button {button!r} is on screen; there are {self.buttons(chat_id=chat_id)}.")

    async def press_again(self, message_id: int, data: str, *, chat_id: int | None = None) -> Press:
        """Press with data of one's own choice, as a hostile or outdated client would."""
        return Press(self._messenger, self._messenger.actions.press(self.id, chat_id or self.id, message_id, data))

    async def edit(self, message_id: int, text: str, *, chat_id: int | None = None) -> Message:
        """Change an own message."""
        return self._messenger.actions.edit(self.id, message_id, text, chat_id=chat_id)

    async def delete(self, message_id: int, *, chat_id: int | None = None) -> None:
        """Take a message back."""
        self._messenger.actions.delete(self.id, message_id, chat_id=chat_id)

    async def block(self) -> None:
        """Stop the bot."""
        self._messenger.actions.block(self.id, True)

    async def unblock(self) -> None:
        """Let the bot write again."""
        self._messenger.actions.block(self.id, False)

    def messages(self, *, chat_id: int | None = None) -> list[Message]:
        """Everything in the chat, oldest first; `out` is true for what people wrote."""
        return self._messenger.messages.page(chat_id or self.id, limit=ALL)

    def replies(self, *, chat_id: int | None = None) -> list[Message]:
        """What the bot wrote, oldest first."""
        return [message for message in self.messages(chat_id=chat_id) if not message["out"]]

    def last(self, *, chat_id: int | None = None) -> Message | None:
        """The bot's newest message."""
        return next(reversed(self.replies(chat_id=chat_id)), None)

    def buttons(self, *, chat_id: int | None = None) -> list[str]:
        """The texts of the newest message's inline buttons that there are."""
        for message in reversed(self.messages(chat_id=chat_id)):
            rows = message.get("reply_markup", {}).get("inline_keyboard", [])
            if rows:
                return [button["text"] for row in rows for button in row]
        return []

    def keyboard(self) -> dict[str, Any] | None:
        """The keyboard under the input, or a forced reply."""
        return self._messenger.chats.keyboard(self.id)

    def commands(self, *, chat_id: int | None = None) -> list[str]:
        """The command menu that this person sees."""
        found = commands_for(self._messenger, chat_id or self.id, self.id)
        return [command["command"] for command in found]

    async def wait_for(
        self, wanted: Wanted, timeout: float = 5.0, *, after: int = 0, chat_id: int | None = None
    ) -> Message:
        """The bot's first message with a number above `after` that is wanted, also once it was edited into that."""
        return await eventually(
            self._messenger.events,
            lambda: next((m for m in self.replies(chat_id=chat_id) if m["message_id"] > after and wanted(m)), None),
            timeout,
            lambda: f"No such message came; the bot wrote {[_words(m) for m in self.replies(chat_id=chat_id)]}.",
        )

    async def ask(
        self, text: str, timeout: float = 5.0, *, chat_id: int | None = None, thread_id: int | None = None
    ) -> Message:
        """Write a text and give the bot's first message after it."""
        sent = await self.send(text, chat_id=chat_id, thread_id=thread_id)
        return await self.wait_for(lambda _message: True, timeout, after=sent["message_id"], chat_id=chat_id)


def _data(message: Message, button: str) -> str | None:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    for one in (one for row in rows for one in row if "callback_data" in one):
        if button in (one["text"], one["callback_data"]):
            return str(one["callback_data"])
    return None


def _words(message: Message) -> str:
    return str(message.get("text") or message.get("caption") or "(no text)")
