"""The live settings as this copy of the bot knows them: never older than two seconds."""

import asyncio

import structlog

from db.engine import Database
from db.offload import Offload
from domain.chat_settings import ChatSettings
from services.chat_settings import ChatSettingsService

log = structlog.get_logger(__name__)

EVERY_S = 1.0


class LiveSettings:
    """Reads the settings again and again; `current` costs nothing."""

    def __init__(self, database: Database, offload: Offload, defaults: ChatSettings) -> None:
        self._database = database
        self._offload = offload
        self.defaults = defaults
        self.current = defaults

    async def refresh(self) -> None:
        """Read them now; an outage of the database leaves the last ones standing."""
        try:
            service = ChatSettingsService(self._database.for_platform())
            self.current = await self._offload.run(service.current, self.defaults)
        except Exception as problem:  # noqa: BLE001  # the next time reads them
            log.warning("live_settings_not_read", error=str(problem))

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(EVERY_S)
