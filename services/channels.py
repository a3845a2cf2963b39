"""Channels for those who look after them: which there are, and what an admin set for them."""

from dataclasses import dataclass

from db.unit_of_work import UnitOfWork
from domain.messages import ChannelConfig
from notifications.channels import kinds


@dataclass(frozen=True)
class ChannelView:
    """A channel as it is shown."""

    name: str
    summary: str
    config: ChannelConfig
    best_effort: bool
    problem: str | None = None


class ChannelsService:
    """Use cases around channels; the unit of work is the platform's."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def all(self) -> list[ChannelView]:
        """Every channel by its name, those of broken plug-ins with their reason."""
        with self.uow as uow:
            configs = uow.preferences.channel_configs()
        found = [
            ChannelView(name, kind.summary, configs.get(name, ChannelConfig()), kind.best_effort)
            for name, kind in kinds.kinds().items()
        ]
        broken = [
            ChannelView(name, "", configs.get(name, ChannelConfig()), best_effort=False, problem=reason)
            for name, reason in kinds.problems().items()
        ]
        return sorted([*found, *broken], key=lambda view: view.name)

    def configure(self, name: str, by: str, **changes: object) -> ChannelView:
        """Set what is named in `changes` (columns of msg_channel_configs); senders keep to it within ten seconds."""
        kind = kinds.kind_of(name)
        with self.uow as uow:
            config = uow.preferences.set_channel(name, by, **changes)
            uow.commit()
            return ChannelView(name, kind.summary, config, kind.best_effort)
