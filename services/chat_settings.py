"""The live settings of the chat: reading them, and changing one, typed."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from db.telegram import SettingRow
from db.unit_of_work import UnitOfWork
from domain.chat_settings import (
    FOREVER,
    SETTINGS,
    ChatSettings,
    Setting,
    find_setting,
    read_stored,
    read_value,
    write_value,
)
from domain.errors import InvalidInput
from domain.locales import t
from domain.users import User
from services.admins import require_admin

log = structlog.get_logger(__name__)

PREFIX = "live:"
"""What the keys of these settings begin with in the table, which keeps other things too."""


@dataclass(frozen=True)
class Held:
    """A setting, the value that holds, and who set it when; None: it is as it comes."""

    setting: Setting
    value: Any
    changed_by: str | None = None
    changed_at: datetime | None = None

    @property
    def is_changed(self) -> bool:
        return self.changed_at is not None


class ChatSettingsService:
    """Use cases around the settings; the unit of work is the platform's, so every change looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def current(self, defaults: ChatSettings) -> ChatSettings:
        """What holds now: what admins set, over `defaults`."""
        with self.uow as uow:
            return replace(defaults, **_values(uow.telegram.settings(PREFIX)))

    def all(self, user: User, defaults: ChatSettings) -> list[Held]:
        """Every setting with its value, and who set it."""
        with self.uow as uow:
            require_admin(uow, user)
            return _held(uow.telegram.settings(PREFIX), defaults)

    def one(self, user: User, key: str, defaults: ChatSettings) -> Held:
        """One setting with its value; NotFound names those that there are."""
        setting = find_setting(key)
        return next(each for each in self.all(user, defaults) if each.setting is setting)

    def set(self, user: User, key: str, text: str, defaults: ChatSettings, *, now: datetime) -> Held:
        """Let a setting have the value that was written; ``default`` lets it be as it comes."""
        setting = find_setting(key)
        value = None if text.strip().lower() == "default" else read_value(setting, text)
        with self.uow as uow:
            require_admin(uow, user)
            _write(uow, user, setting.key, value, now)
            held = next(each for each in _held(uow.telegram.settings(PREFIX), defaults) if each.setting is setting)
            uow.commit()
            return held

    def maintain(self, user: User, until: datetime | None, *, now: datetime) -> datetime:
        """Serve admins alone until then; None: until it is ended."""
        if until is not None and until <= now:
            raise InvalidInput(t("That is over already, so nothing was changed. Example: /maintenance on until 18:00"))
        with self.uow as uow:
            require_admin(uow, user)
            _write(uow, user, "maintenance_until", until or FOREVER, now)
            uow.commit()
            return until or FOREVER

    def end_maintenance(self, user: User, *, now: datetime) -> None:
        """Serve everybody again."""
        with self.uow as uow:
            require_admin(uow, user)
            _write(uow, user, "maintenance_until", None, now)
            uow.commit()


def _write(uow: UnitOfWork, user: User, key: str, value: Any, now: datetime) -> None:
    if value is None:
        uow.telegram.drop_setting(f"{PREFIX}{key}")
    else:
        uow.telegram.set_setting(f"{PREFIX}{key}", write_value(key, value), by=user.email, at=now)
    log.info("setting_changed", key=key, value=str(value), by=user.id)


def _values(rows: list[SettingRow]) -> dict[str, Any]:
    """What the rows say; what an older or newer version wrote, and we don't know, is left out."""
    values: dict[str, Any] = {}
    for row in rows:
        key = row.key.removeprefix(PREFIX)
        try:
            values[key] = read_stored(key, row.value or "")
        except ValueError:
            log.warning("setting_not_understood", key=key, value=row.value)
    return values


def _held(rows: list[SettingRow], defaults: ChatSettings) -> list[Held]:
    values, by_key = _values(rows), {row.key.removeprefix(PREFIX): row for row in rows}
    found = []
    for setting in SETTINGS:
        if setting.key in values:
            row = by_key[setting.key]
            found.append(Held(setting, values[setting.key], row.updated_by, row.updated_at))
        else:
            found.append(Held(setting, getattr(defaults, setting.key)))
    return found
