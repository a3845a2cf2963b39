"""The Bot API's methods, by their names in lower case."""

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.messenger import Messenger
from sandbox.methods import chats, editing, profile, sending, updates
from sandbox.params import Params

Method = Callable[[Messenger, Params], Awaitable[Any]]

METHODS: dict[str, Method] = {
    name.replace("_", ""): method
    for room in (chats, editing, profile, sending, updates)
    for name, method in room.METHODS.items()
}
