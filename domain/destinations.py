"""Groups and topics as destinations: what is linked, how it stands, and what went wrong there."""

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.ids import UserId
from domain.locales import mark, t

GENERAL_TOPIC = 1
"""The topic that is the group itself: it has a number, and refuses messages that name it."""


class State(StrEnum):
    """How a destination stands."""

    ACTIVE = "active"
    DEGRADED = "degraded"
    """Its topic is gone, so the group itself is used."""
    DISABLED = "disabled"
    """Nothing can be sent there."""


class Trouble(StrEnum):
    """Why nothing, or not everything, arrives."""

    REMOVED = "removed"
    RIGHTS = "rights"
    GONE = "gone"
    TOPIC = "topic"

    @property
    def words(self) -> str:
        """What happened, as a sentence in the language of the journey."""
        return t(_WORDS[self])


_WORDS = {
    Trouble.REMOVED: mark("I am not a member of that group any more."),
    Trouble.RIGHTS: mark("I may not write in that group any more."),
    Trouble.GONE: mark("That group does not exist any more."),
    Trouble.TOPIC: mark("That topic is closed or deleted, so I write into the group itself."),
}
_RIGHTS = ("not enough rights", "no rights", "administrator rights", "write_forbidden", "restricted", "admin_required",
           "chat_send_")  # fmt: skip
_REMOVED = ("kicked", "not a member", "blocked", "channel_private")


def trouble_of(said: str) -> Trouble:
    """What Telegram's refusal of a whole group means."""
    lower = said.lower()
    if any(sign in lower for sign in _REMOVED):
        return Trouble.REMOVED
    return Trouble.RIGHTS if any(sign in lower for sign in _RIGHTS) else Trouble.GONE


@dataclass(frozen=True)
class Place:
    """A group, or a topic in it."""

    chat_id: int
    thread_id: int = 0
    """0 for the group itself."""

    @classmethod
    def of(cls, chat_id: int, thread_id: int | None) -> "Place":
        return cls(chat_id, thread_id if thread_id and thread_id != GENERAL_TOPIC else 0)

    @property
    def address(self) -> str:
        """Where a channel sends: ``CHAT``, or ``CHAT/THREAD``."""
        return f"{self.chat_id}/{self.thread_id}" if self.thread_id else str(self.chat_id)


def is_group(address: str) -> bool:
    """Whether a channel's address is a group's or a topic's; people's numbers are never negative."""
    return address.startswith("-")


def read_place(address: str) -> Place:
    """The place that an address of a group names."""
    chat, _, thread = address.partition("/")
    return Place.of(int(chat), int(thread) if thread else None)


_ACTS = re.compile(r"j:(\d{1,19}):(?:run|pause|resume):[0-9a-z]{0,20}")


def job_acted_on(data: str | None) -> int | None:
    """The job that a button of this data runs, pauses or resumes; None for every other, which stays out of groups."""
    found = _ACTS.fullmatch(data or "")
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Destination:
    """A group or topic that a person linked, so that results of their jobs may go there."""

    id: int
    user_id: UserId | None
    chat_id: int
    thread_id: int
    title: str
    topic: str | None
    acting: bool
    state: State
    reason: Trouble | None

    @property
    def place(self) -> Place:
        return Place(self.chat_id, self.thread_id)

    @property
    def name(self) -> str:
        """Its title with the topic's, as people know it; nothing is escaped here."""
        return f"{self.title} › {self.topic}" if self.thread_id and self.topic else self.title

    @property
    def usable(self) -> bool:
        return self.state is not State.DISABLED

    @property
    def address(self) -> str:
        """Where a message to it goes now: to the group itself when its topic is gone."""
        return str(self.chat_id) if self.state is State.DEGRADED else self.place.address
