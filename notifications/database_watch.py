"""The database's outage can't be queued, so whoever notices tells it from memory."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog

from db.preferences import Reader
from db.unit_of_work import UnitOfWork
from domain.ids import DeliveryId, MessageId, UserId
from domain.locales import speaking
from domain.messages import Category
from domain.users import Role
from notifications.channels.channel import Channel
from notifications.delivery import Delivery
from notifications.errors import SendError
from notifications.health_watch import Told, words

log = structlog.get_logger(__name__)

ORDER = ("telegram", "email")


class DatabaseWatch:
    """Knows the admins' addresses while the database answers, and writes to them when it does not."""

    def __init__(self, channels: Mapping[str, Channel], only_one: Callable[[], Awaitable[bool]]) -> None:
        """`only_one` says whether this process is the one to tell: several notice at the same time."""
        self._channels = channels
        self._only_one = only_one
        self._admins: list[Reader] = []
        self._gone_since: datetime | None = None

    def answered(self, uow: UnitOfWork) -> None:
        """It answers: remember whom to tell next time, and after an outage let its recovery be told as any other's."""
        with uow:
            self._admins = list(uow.preferences.readers(uow.users.recipients(Role.ADMIN)).values())
            if self._gone_since is not None:
                row = uow.health.held("database", None)
                told = Told.read(row)
                if not told.down:
                    told.falls(self._gone_since)
                    row.note("told", vars(told))
                uow.commit()
        self._gone_since = None

    async def gone(self, reason: str) -> int:
        """It does not answer: how many admins were told now, once for an outage."""
        if self._gone_since is not None or not self._admins:
            return 0
        self._gone_since = datetime.now(UTC)
        if not await self._only_one():
            return 0
        told = [reader for reader in self._admins if await self._tell(reader, reason)]
        log.error("database_outage_told", admins=len(told))
        return len(told)

    async def _tell(self, reader: Reader, reason: str) -> bool:
        """By the first way that takes it."""
        for name in ORDER:
            address, channel = reader.addresses.get(name), self._channels.get(name)
            if channel is None or address is None or address.disabled is not None:
                continue
            try:
                await channel.send(_delivery(reader, name, address.address, reason), _taken)
            except SendError as problem:
                log.warning("database_outage_not_told", channel=name, error=str(problem))
            else:
                return True
        return False


async def _taken(_part: int, _number: str) -> None:
    """There is nowhere to write it."""


def _delivery(reader: Reader, channel: str, address: str, reason: str) -> Delivery:
    now = datetime.now(UTC)
    with speaking(reader.locale):
        params = words("database", None, reason) | {"minutes": 1}
    return Delivery(
        id=DeliveryId(0),
        message_id=MessageId(0),
        user_id=UserId(reader.user_id),
        category=Category.HEALTH,
        channel=channel,
        address=address,
        owner="",
        fence=0,
        attempts=0,
        possible_repeat=False,
        text="",
        template="health_down",
        params=params,
        buttons=(),
        attachments=(),
        queued_at=now,
        expires_at=now + timedelta(minutes=10),
        locale=reader.locale,
    )
