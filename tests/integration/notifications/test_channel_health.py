"""What senders learn of their channels, shared through the health rows, on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.engine import Database, role_url
from db.listen import Listener
from db.offload import Offload
from db.roles import PLATFORM
from domain.health import Status
from domain.ids import UserId
from domain.messages import Category, Outgoing
from notifications import outbox
from notifications.channels.channel import Progress, Receipt
from notifications.database_watch import DatabaseWatch
from notifications.delivery import Delivery
from notifications.errors import AddressGone, ChannelFault, Flooded, Postponed, Refused, SendError, Uncertain
from notifications.health import ChannelHealth
from notifications.health_watch import announce
from notifications.pacing import UNHURRIED
from notifications.rates import Rates
from notifications.sender import Sender
from services.health import HealthService
from tests.factories import Rows


class Line:
    """A channel whose provider is up or down as the test says."""

    def __init__(self, name: str, *, private_ends: bool = False) -> None:
        self.name = name
        self.private_ends = private_ends
        self.trouble: SendError | None = None
        self.probes = self.asked = 0
        self.carried: list[Delivery] = []

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def check(self) -> None:
        self.probes += 1
        if self.trouble is not None:
            raise self.trouble

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        self.carried.append(delivery)
        return Receipt("1")


@pytest.fixture
async def offload() -> AsyncIterator[Offload]:
    made = Offload(2, name="test-sql")
    yield made
    made.close()


def fault() -> ChannelFault:
    return ChannelFault("The mail relay can't be reached")


async def rows_of(rows: Rows, system: str = "notification") -> dict[str, Any]:
    found = await asyncio.to_thread(rows.all, "SELECT * FROM msg_system_health WHERE system = :s", s=system)
    return {row.component: row for row in found}


async def test_three_faults_close_the_way_for_every_sender_at_once(
    house_database: Database, rows: Rows, offload: Offload
) -> None:
    line = Line("email")
    line.trouble = fault()
    mine, other = (ChannelHealth(house_database, offload, {"email": line}) for _ in range(2))
    assert mine.open_ones() == ["email"]
    for _ in range(3):
        mine.failed("email", 0.0, fault())
    assert mine.open_ones() == mine.on_trial() == []
    assert mine.why("email") == "The mail relay can't be reached"
    await mine.tick()
    await other.tick()
    assert other.open_ones() == other.on_trial() == []
    row = (await rows_of(rows))["email"]
    assert (row.status, row.failure_count, row.error_message) == ("DOWN", 3, "The mail relay can't be reached")


@pytest.mark.parametrize(
    "problem",
    [
        Refused("bad request"),
        AddressGone("blocked by the user"),
        Postponed("the mailbox is full"),
        Flooded("too many", after=timedelta(seconds=3)),
    ],
)
async def test_a_recipients_fault_never_counts_against_the_channel(
    house_database: Database, offload: Offload, problem: SendError
) -> None:
    health = ChannelHealth(house_database, offload, {"telegram": Line("telegram")})
    for _ in range(20):
        health.failed("telegram", 0.0, problem)
    assert health.open_ones() == ["telegram"]


async def test_silence_counts_where_all_share_one_provider(house_database: Database, offload: Offload) -> None:
    lines = {"telegram": Line("telegram"), "webhook": Line("webhook", private_ends=True)}
    health = ChannelHealth(house_database, offload, lines)
    for name in lines:
        for _ in range(3):
            health.failed(name, 0.0, Uncertain("no answer"))
    assert health.open_ones() == ["webhook"]


async def test_an_idle_channel_is_probed_and_its_health_known(
    house_database: Database, rows: Rows, offload: Offload
) -> None:
    line = Line("email")
    health = ChannelHealth(house_database, offload, {"email": line})
    await health.tick()
    await health.tick()
    assert line.probes == 1
    assert (await rows_of(rows))["email"].status == "HEALTHY"


@pytest.mark.slow
async def test_a_down_channel_comes_back_by_probes_one_at_a_time(
    house_database: Database, rows: Rows, offload: Offload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.health.LOOK_EVERY_S", 0.05)
    line = Line("email")
    health = ChannelHealth(house_database, offload, {"email": line})
    for _ in range(3):
        health.failed("email", 0.0, fault())
    deadline = asyncio.get_running_loop().time() + 20
    seen = []
    while health.open_ones() != ["email"]:
        assert asyncio.get_running_loop().time() < deadline
        if health.on_trial():
            seen.append("trial")
        await health.tick()
        await asyncio.sleep(0.02)
    assert "trial" in seen
    assert line.probes == 3
    assert (await rows_of(rows))["email"].status == "DEGRADED"  # healthy only after it has held


@pytest.mark.slow
async def test_while_a_channel_is_down_its_messages_wait_and_then_all_go_without_a_lost_attempt(
    house_database: Database, rows: Rows, offload: Offload, database_url: str, secret_key: str
) -> None:
    ada = await asyncio.to_thread(rows.person)
    telegram, email = Line("telegram"), Line("email")
    email.trouble = fault()
    listener = Listener(role_url(database_url, PLATFORM, secret_key), "messages")
    channels = {"telegram": telegram, "email": email}
    sender = Sender(house_database, listener, channels, offload, Rates(None, UNHURRIED))
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(sender.run(stop, ready.set))
    try:
        await ready.wait()
        for number in range(12):
            await asyncio.to_thread(queue, house_database, ada.id, f"by mail {number}", "email")
            await asyncio.sleep(0.05)  # one after the other, or they would fail together and count once
        await until(rows, "SELECT FROM msg_system_health WHERE component = 'email' AND status = 'DOWN'")
        asked = email.asked
        await asyncio.to_thread(queue, house_database, ada.id, "by chat", "telegram")
        await until(rows, "SELECT FROM msg_delivery_status WHERE channel = 'telegram' AND status = 'sent'")
        assert email.asked == asked  # the breaker is open: nothing is even tried
        email.trouble = None
        await until(rows, "SELECT count(*) FROM msg_delivery_status WHERE status = 'sent' HAVING count(*) = 13")
    finally:
        stop.set()
        await running
        await asyncio.to_thread(listener.close)
    assert len(email.carried) == 12
    assert {row.attempts for row in await asyncio.to_thread(rows.all, "SELECT attempts FROM msg_delivery_status")} == {
        1
    }


def queue(database: Database, user_id: UserId, text: str, channel: str) -> None:
    with database.for_platform() as uow:
        outbox.enqueue(uow, Outgoing(Category.REPORT, user_id, text, channels=(channel,)), datetime.now(UTC))
        uow.commit()


async def until(rows: Rows, query: str, seconds: float = 40) -> None:
    """Until the question has an answer."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(rows.all, query):
        assert asyncio.get_running_loop().time() < deadline, query
        await asyncio.sleep(0.05)


async def test_what_came_of_sends_is_counted_for_all_senders_together(
    house_database: Database, rows: Rows, offload: Offload
) -> None:
    for _ in range(2):
        health = ChannelHealth(house_database, offload, {"email": Line("email")})
        for _ in range(3):
            health.sent("email", 0.2)
        health.failed("email", 0.1, Refused("no"))
        health.waited("email", 1.5)
        await health.finish()
    counts = json.loads((await rows_of(rows))["email"].metadata)["counts"]
    assert counts == {"sent": 6, "refused": 2, "waits": 2, "waited_s": 3.0}


async def test_the_databases_outage_is_told_from_memory_once_and_its_recovery_by_the_queue(
    house_database: Database, rows: Rows
) -> None:
    ada = await asyncio.to_thread(rows.person)
    telegram, email = Line("telegram"), Line("email")
    told_by_others: list[bool] = [True, False]

    async def only_one() -> bool:
        return told_by_others.pop(0)

    watch = DatabaseWatch({"telegram": telegram, "email": email}, only_one)
    assert await watch.gone("it has not answered for 15 s") == 0  # nobody is known yet
    await asyncio.to_thread(watch.answered, house_database.for_platform())
    telegram.trouble = ChannelFault("Telegram can't be reached")
    assert await watch.gone("it has not answered for 15 s") == 1
    assert await watch.gone("it has not answered for 30 s") == 0
    (delivery,) = email.carried
    assert (delivery.user_id, delivery.template, delivery.params["name"]) == (ada.id, "health_down", "The database")

    await asyncio.to_thread(watch.answered, house_database.for_platform())
    await asyncio.to_thread(HealthService(house_database.for_platform()).report, "database")
    await asyncio.to_thread(
        rows.execute,
        "UPDATE msg_system_health SET metadata = jsonb_set(metadata::jsonb, '{told,well_since}', "
        "to_jsonb(CAST(:at AS text))) WHERE system = 'database'",
        at=datetime(2020, 1, 1, tzinfo=UTC).isoformat(),
    )
    told = await asyncio.to_thread(announce, house_database.for_platform(), watching_since=datetime.now(UTC))
    assert told == ["database"]
    (message,) = await asyncio.to_thread(rows.all, "SELECT template FROM msg_messages")
    assert message.template == "health_recovered"

    telegram.trouble = None
    assert await watch.gone("again") == 0  # another process was quicker
    assert telegram.carried == []


def test_a_component_not_heard_of_for_days_is_forgotten_and_a_role_is_not(house_database: Database, rows: Rows) -> None:
    service = HealthService(house_database.for_platform())
    service.report("notification", "email")
    service.report("worker")
    rows.execute("UPDATE msg_system_health SET checked_at = now() - interval '3 days'")
    assert [(row.system, row.status) for row in service.current()] == [("worker", Status.UNKNOWN)]
