"""The parts of the simulated messenger, built once and handed to everyone who needs them."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.actions import Actions
from sandbox.chats import Chats
from sandbox.events import Events
from sandbox.faults import Faults
from sandbox.files import Files
from sandbox.groups import Groups
from sandbox.inbox import Inbox
from sandbox.limits import RateLimits
from sandbox.messages import Messages
from sandbox.presses import Presses
from sandbox.requests_log import RequestsLog
from sandbox.store import Store
from sandbox.updates import UpdateQueue


@dataclass(frozen=True)
class Messenger:
    """One bot, its chats and everything that happens to them."""

    token: str
    bot_name: str
    store: Store
    events: Events
    chats: Chats
    messages: Messages
    updates: UpdateQueue
    files: Files
    presses: Presses
    actions: Actions
    groups: Groups
    inbox: Inbox
    faults: Faults
    limits: RateLimits | None
    log: RequestsLog

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        token: str | None = None,
        bot_name: str = "sandbox_bot",
        person_name: str = "You",
        real_limits: bool = False,
    ) -> "Messenger":
        """The messenger kept in a folder; a first start makes a token and one person."""
        store, events = Store(data_dir), Events()
        token = token or store.fact("token") or f"{secrets.randbelow(9 * 10**9) + 10**9}:{_secret()}"
        if store.fact("token") != token:
            store.keep_fact("token", token)
        chats, updates = Chats(store, events), UpdateQueue(store, events)
        messages = Messages(store, events, chats)
        presses, files = Presses(store, events), Files(store)
        bot = {"id": _bot_id(token), "is_bot": True, "first_name": bot_name, "username": bot_name}
        if not chats.people():
            chats.add_person(person_name)
        groups = Groups(bot, chats, messages, updates)
        return cls(
            token=token,
            bot_name=bot_name,
            store=store,
            events=events,
            chats=chats,
            messages=messages,
            updates=updates,
            files=files,
            presses=presses,
            actions=Actions(bot, chats, messages, updates, presses, files, events, groups),
            groups=groups,
            inbox=Inbox(store, events),
            faults=Faults(),
            limits=RateLimits() if real_limits else None,
            log=RequestsLog(),
        )

    @property
    def bot_id(self) -> int:
        """The number in front of the token."""
        return _bot_id(self.token)

    def bot_user(self) -> dict[str, Any]:
        """The bot as a user, as messages carry it."""
        return {
            "id": self.bot_id,
            "is_bot": True,
            "first_name": self.display_name(),
            "username": self.bot_name,
        }

    def display_name(self) -> str:
        """The bot's name for people, as `setMyName` set it."""
        default = self.bot_name.removesuffix("_bot").replace("_", " ").title()
        return str(self.store.fact("profile:name:") or default)

    def close(self) -> None:
        """End every wait and give the files back."""
        self.updates.close()
        self.events.close()
        self.store.close()


def _bot_id(token: str) -> int:
    return int(token.partition(":")[0])


def _secret() -> str:
    return "AA" + secrets.token_urlsafe(25)[:33]
