"""The live settings of the chat: reading them, and changing one, typed."""

from dataclasses import replace
from typing import Any

from db.unit_of_work import UnitOfWork
from domain.chat_settings import ChatSettings


class ChatSettingsService:
    """Use cases around the settings; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def current(self, defaults: ChatSettings) -> ChatSettings:
        """What holds now: what admins set, over `defaults`."""
        changed: dict[str, Any] = {}
        return replace(defaults, **changed)
