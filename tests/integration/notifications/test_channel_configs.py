"""What an admin set for a channel holds: switched off it waits, limited it gets no more, its retries are counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from db.engine import Database, role_url
from db.listen import Listener
from db.offload import Offload
from db.roles import PLATFORM
from domain.messages import Category, Outgoing
from notifications import outbox
from notifications import sender as sending
from notifications.channels.channel import Channel, Progress, Receipt
from notifications.delivery import Delivery
from notifications.errors import Postponed
from notifications.pacing import UNHURRIED
from notifications.rates import Rates
from notifications.sender import Sender
from services.channels import ChannelsService
from tests.factories import Rows


class Taker:
    """A provider that takes everything, or puts everything off."""

    def __init__(self, name: str, *, puts_off: bool = False) -> None:
        self.name = name
        self.puts_off = puts_off
        self.taken: list[str] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None: ...

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:
        if self.puts_off:
            raise Postponed("not now")
        self.taken.append(delivery.text)
        return Receipt(str(len(self.taken)))


@asynccontextmanager
async def sending_by(database: Database, database_url: str, secret_key: str, *takers: Taker) -> AsyncIterator[None]:
    listener = Listener(role_url(database_url, PLATFORM, secret_key), "messages")
    offload = Offload(4)
    channels: dict[str, Channel] = {taker.name: taker for taker in takers}
    sender = Sender(database, listener, channels, offload, Rates(None, UNHURRIED))
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(sender.run(stop, ready.set))
    await ready.wait()
    try:
        yield
    finally:
        stop.set()
        await running
        offload.close()
        listener.close()


def configure(database: Database, channel: str, **changes: Any) -> None:
    ChannelsService(database.for_platform()).configure(channel, "a test", **changes)


def queue(database: Database, *messages: Outgoing) -> None:
    with database.for_platform() as uow:
        outbox.enqueue_many(uow, messages, datetime.now(UTC))
        uow.commit()


async def until(rows: Rows, query: str, within: float = 15.0) -> None:
    async with asyncio.timeout(within):
        while not (await asyncio.to_thread(rows.all, query))[0].found:
            await asyncio.sleep(0.05)


async def test_a_channel_that_is_switched_off_waits_and_goes_on(
    house_database: Database, database_url: str, secret_key: str, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "REPORT_EVERY_S", 0.2)
    ada = (await asyncio.to_thread(rows.person)).id
    await asyncio.to_thread(configure, house_database, "telegram", enabled=False)
    chat, mail = Taker("telegram"), Taker("email")
    async with sending_by(house_database, database_url, secret_key, chat, mail):
        both = [Outgoing(Category.ALERT, ada, "both", channels=("telegram", "email"))]
        await asyncio.to_thread(queue, house_database, *both)
        await until(rows, "SELECT count(*) = 1 AS found FROM msg_delivery_status WHERE status = 'sent'")
        assert (chat.taken, mail.taken) == ([], ["both"])
        await asyncio.to_thread(configure, house_database, "telegram", enabled=True)
        await until(rows, "SELECT count(*) = 2 AS found FROM msg_delivery_status WHERE status = 'sent'")
    assert chat.taken == ["both"]


async def test_a_channel_is_given_no_more_a_minute_than_was_set(
    house_database: Database, database_url: str, secret_key: str, rows: Rows
) -> None:
    people = [await asyncio.to_thread(rows.person, f"p{n}@example.com", telegram=n) for n in range(3000, 3005)]
    await asyncio.to_thread(configure, house_database, "telegram", rate_limit_per_minute=2)
    chat = Taker("telegram")
    async with sending_by(house_database, database_url, secret_key, chat):
        messages = [Outgoing(Category.ALERT, person.id, "x") for person in people]
        await asyncio.to_thread(queue, house_database, *messages)
        await until(rows, "SELECT count(*) = 3 AS found FROM msg_delivery_status WHERE held AND reason IS NOT NULL")
    assert len(chat.taken) == 2
    assert {row.attempts for row in rows.all("SELECT attempts FROM msg_delivery_status WHERE held")} == {0}


async def test_a_channel_s_retries_are_as_many_as_was_set(
    house_database: Database, database_url: str, secret_key: str, rows: Rows
) -> None:
    ada = (await asyncio.to_thread(rows.person)).id
    await asyncio.to_thread(configure, house_database, "telegram", max_retries=0)
    async with sending_by(house_database, database_url, secret_key, Taker("telegram", puts_off=True)):
        await asyncio.to_thread(queue, house_database, Outgoing(Category.ALERT, ada, "x"))
        await until(rows, "SELECT count(*) = 1 AS found FROM msg_delivery_status WHERE status = 'dead'")
    [row] = rows.all("SELECT attempts FROM msg_delivery_status")
    assert row.attempts == 1
