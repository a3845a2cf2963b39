"""Broadcasts on a real database: recipients fixed once, the first alone, held, let go, cancelled, always counted."""

import asyncio
import contextlib
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from db.engine import Database, role_url
from db.listen import Listener
from db.offload import Offload
from db.roles import PLATFORM
from domain.broadcasts import Broadcast, BroadcastStatus
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.ids import DraftId
from domain.messages import Category
from domain.users import User
from notifications import broadcasts, deliveries
from notifications.channels.channel import Channel, Progress, Receipt
from notifications.delivery import Delivery, Sent
from notifications.pacing import UNHURRIED
from notifications.rates import Rates
from notifications.sender import Sender
from services.broadcasts import BroadcastsService
from services.telegram import TelegramService
from tests.factories import Rows

ADMIN = 1000
PROGRESS = 4711
COUNTS = """
SELECT count(*) FILTER (WHERE status = 'sent'), count(*) FILTER (WHERE status IN ('failed', 'dead', 'expired')),
    count(*) FILTER (WHERE status = 'suppressed'), count(*) FILTER (WHERE status = 'uncertain'),
    count(*) FILTER (WHERE status = 'cancelled'), count(*)
FROM msg_delivery_status WHERE broadcast_id = :id
"""
LOGGED = """
SELECT success_count, failed_count, blocked_count, uncertain_count, cancelled_count, total_count
FROM telegram_broadcast_logs WHERE id = :id
"""

Answer = Callable[[Database, Delivery], object]


class Desk:
    """An admin, the people, and a sender whose every call the test answers."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self.database = database
        self.rows = rows
        self.admin = rows.person("admin@example.com", telegram=ADMIN)
        self.got: Counter[int] = Counter()

    @property
    def service(self) -> BroadcastsService:
        return BroadcastsService(self.database.for_platform())

    def people(self, count: int, role: str = "viewer") -> list[User]:
        return [self.rows.person(f"p{n}@example.com", telegram=ADMIN + n, role=role) for n in range(1, count + 1)]

    def draft(self, words: str) -> DraftId:
        now = datetime.now(UTC)
        shown = self.service.preview(self.admin, words, now=now)
        data = {"words": words, "count": shown.audience.reachable, "at": now.timestamp()}
        uow = self.database.for_user(self.admin.id)
        return TelegramService(uow).begin(ADMIN, self.admin.id, "ask_send", data, now=now)

    def begin(self, words: str = "all <b>Hello</b>") -> Broadcast:
        begun = self.service.start(self.admin, ADMIN, self.draft(words), now=datetime.now(UTC))
        self.service.shows(begun.id, PROGRESS)
        return begun

    def claim(self, most: int = 100) -> list[Delivery]:
        """The next recipients; the admin's progress is delivered beside them."""
        found = deliveries.claim(self.database, "sender", channels=["telegram", "email"], most=20, bulk=most)
        for each in found:
            if each.category is not Category.BROADCAST and deliveries.mark_called(self.database, each):
                deliveries.record_sent(self.database, each, Sent(str(PROGRESS), None, timedelta(0)))
        return [each for each in found if each.category is Category.BROADCAST]

    def send(self, most: int = 100, answer: Answer | None = None) -> int:
        """Claim and call; who gets it is counted at the receiving end."""
        claimed = self.claim(most)
        for each in claimed:
            self.call(each, answer)
        return len(claimed)

    def call(self, delivery: Delivery, answer: Answer | None = None) -> bool:
        if not deliveries.mark_called(self.database, delivery):
            return False
        if answer is not None:
            answer(self.database, delivery)
            return True
        self.got[delivery.user_id] += 1
        return deliveries.record_sent(self.database, delivery, Sent(str(delivery.id), None, timedelta(0)))

    def step(self) -> None:
        broadcasts.drive(self.database)

    def checked(self, broadcast_id: int) -> Broadcast:
        """How it stands; what the log counts has to be what the deliveries say."""
        [counted], [logged] = self.rows.all(COUNTS, id=broadcast_id), self.rows.all(LOGGED, id=broadcast_id)
        assert tuple(counted) == tuple(logged)
        return self.service.one(self.admin, broadcast_id)

    def states(self, broadcast_id: int) -> Counter[str]:
        found = self.rows.all("SELECT status FROM msg_delivery_status WHERE broadcast_id = :id", id=broadcast_id)
        return Counter(row.status for row in found)


@pytest.fixture
def desk(house_database: Database, rows: Rows) -> Desk:
    return Desk(house_database, rows)


def refuse(database: Database, delivery: Delivery) -> None:
    deliveries.record_refused(database, delivery, "the text can't be sent", "Refused")


def doubt(database: Database, delivery: Delivery) -> None:
    deliveries.record_uncertain(database, delivery, "no answer came", "Uncertain")


def flood(database: Database, delivery: Delivery) -> None:
    deliveries.record_flooded(database, delivery, "Too Many Requests", timedelta(seconds=9))


def test_everybody_gets_it_once_and_the_counts_are_true_at_every_step(desk: Desk) -> None:
    people = desk.people(44)
    begun = desk.begin()
    assert (begun.status, begun.total, begun.waiting) == (BroadcastStatus.CANARY, 45, 45)
    assert desk.send() == 20, "only the first may go"
    assert desk.send() == 0
    assert desk.checked(begun.id).sent == 20
    desk.step()
    assert desk.checked(begun.id).status is BroadcastStatus.RUNNING
    while desk.send(7):
        desk.checked(begun.id)
    desk.step()
    done = desk.checked(begun.id)
    assert (done.status, done.sent, done.waiting) == (BroadcastStatus.DONE, 45, 0)
    assert done.finished_at is not None
    assert desk.got == Counter({user.id: 1 for user in [desk.admin, *people]})


def test_recipients_are_fixed_once(desk: Desk) -> None:
    desk.people(2)
    draft = desk.draft("all Hello")
    begun = desk.service.start(desk.admin, ADMIN, draft, now=datetime.now(UTC))
    with pytest.raises(NotFound, match="sent already"):
        desk.service.start(desk.admin, ADMIN, draft, now=datetime.now(UTC))
    desk.rows.person("late@example.com", telegram=7777)
    desk.service.shows(begun.id, PROGRESS)
    desk.step()
    assert desk.checked(begun.id).total == 3
    assert desk.rows.all("SELECT count(*) FROM msg_messages WHERE category = 'broadcast'")[0][0] == 1


def test_who_asks_has_to_be_an_admin_at_this_moment(desk: Desk) -> None:
    draft = desk.draft("all Hello")
    desk.rows.execute("UPDATE usr_users SET role = 'trader' WHERE id = :id", id=desk.admin.id)
    with pytest.raises(NotAllowed):
        desk.service.start(desk.admin, ADMIN, draft, now=datetime.now(UTC))
    with pytest.raises(NotAllowed):
        desk.service.page(desk.admin)


def test_when_too_many_of_the_first_fail_the_others_are_held_until_it_is_resumed(desk: Desk) -> None:
    desk.people(30)
    begun = desk.begin()
    desk.send(5, refuse)
    desk.send(100)
    desk.step()
    held = desk.checked(begun.id)
    assert (held.status, held.reason) == (BroadcastStatus.PAUSED, "5 of the first 20 failed")
    assert desk.send() == 0
    desk.service.change(desk.admin, begun.id, "resume")
    desk.step()
    while desk.send():
        pass
    desk.step()
    done = desk.checked(begun.id)
    assert (done.status, done.sent, done.failed) == (BroadcastStatus.DONE, 26, 5)


def test_a_flood_among_the_first_holds_the_others(desk: Desk) -> None:
    desk.people(30)
    begun = desk.begin()
    desk.send(1, flood)
    desk.step()
    held = desk.checked(begun.id)
    assert held.status is BroadcastStatus.PAUSED
    assert "fewer messages" in (held.reason or "")


def test_nobody_gets_it_while_it_is_paused_not_even_who_was_claimed(desk: Desk) -> None:
    desk.people(30)
    begun = desk.begin()
    desk.send()
    desk.step()
    claimed = desk.claim(5)
    assert len(claimed) == 5
    called, *uncalled = claimed
    assert deliveries.mark_called(desk.database, called)
    desk.service.change(desk.admin, begun.id, "pause")
    assert not any(desk.call(each) for each in uncalled)
    assert deliveries.record_sent(desk.database, called, Sent("1", None, timedelta(0))), "a call that began is finished"
    desk.step()
    assert desk.send() == 0
    assert desk.checked(begun.id).sent == 21
    desk.service.change(desk.admin, begun.id, "resume")
    desk.step()
    while desk.send():
        pass
    desk.step()
    assert desk.checked(begun.id).status is BroadcastStatus.DONE
    assert set(desk.got.values()) == {1}
    assert len(desk.got) == 30, "31 people, one of them counted by the test itself"


def test_cancelling_ends_what_waits_and_leaves_what_was_called_to_finish(desk: Desk) -> None:
    desk.people(30)
    begun = desk.begin()
    desk.send()
    desk.step()
    called, claimed = desk.claim(2)
    assert deliveries.mark_called(desk.database, called)
    cancelled = desk.service.change(desk.admin, begun.id, "cancel")
    assert (cancelled.cancelled, cancelled.waiting) == (10, 1)
    assert not desk.call(claimed)
    desk.step()
    assert desk.checked(begun.id).finished_at is None
    assert deliveries.record_sent(desk.database, called, Sent("1", None, timedelta(0)))
    desk.step()
    ended = desk.checked(begun.id)
    assert (ended.status, ended.sent, ended.cancelled, ended.waiting) == (BroadcastStatus.CANCELLED, 21, 10, 0)
    assert ended.finished_at is not None
    with pytest.raises(InvalidInput, match="can't be done to broadcast"):
        desk.service.change(desk.admin, begun.id, "resume")


def test_a_sender_that_dies_in_the_middle_costs_nobody_a_copy(desk: Desk) -> None:
    desk.people(25)
    begun = desk.begin()
    asked, unasked = desk.claim(2)
    assert deliveries.mark_called(desk.database, asked)
    desk.got[asked.user_id] += 1  # it arrived, and the sender died before it could write so
    desk.rows.execute("UPDATE msg_delivery_status SET lease_until = now() - interval '1 s' WHERE status = 'sending'")
    assert deliveries.sweep(desk.database) == 2
    while desk.send():
        desk.step()
    desk.step()
    while desk.send():
        desk.step()
    desk.step()
    done = desk.checked(begun.id)
    assert (done.status, done.sent, done.uncertain) == (BroadcastStatus.DONE, 25, 1)
    assert desk.got[unasked.user_id] == 1
    assert set(desk.got.values()) == {1}
    assert len(desk.got) == 26


def test_those_in_doubt_are_sent_again_only_when_asked_and_marked(desk: Desk) -> None:
    desk.people(3)
    begun = desk.begin()
    desk.send(2, doubt)
    desk.send()
    desk.step()
    done = desk.checked(begun.id)
    assert (done.status, done.uncertain) == (BroadcastStatus.DONE, 2), "the others were not held: they were the first"
    again, count = desk.service.send_again(desk.admin, begun.id)
    assert (count, again.status, again.uncertain) == (2, BroadcastStatus.RUNNING, 0)
    claimed = [*desk.claim(), *desk.claim()]  # the admin hears of the progress first
    assert all(each.possible_repeat for each in claimed)
    assert len(claimed) == 2
    for each in claimed:
        desk.call(each)
    desk.step()
    assert desk.checked(begun.id).sent == 4
    with pytest.raises(InvalidInput, match="in doubt"):
        desk.service.send_again(desk.admin, begun.id)


def test_who_opts_out_on_the_way_gets_nothing(desk: Desk) -> None:
    first, *_, last = desk.people(30)
    opt_out = "INSERT INTO msg_preferences (user_id, category, opted_out) VALUES (:id, 'broadcast', true)"
    desk.rows.execute(opt_out, id=first.id)
    begun = desk.begin()
    assert begun.blocked == 1
    desk.send()
    desk.rows.execute(opt_out, id=last.id)
    desk.step()
    while desk.send():
        pass
    desk.step()
    done = desk.checked(begun.id)
    assert (done.sent, done.blocked) == (29, 2)
    assert not {first.id, last.id} & set(desk.got)
    written = desk.service.failures(desk.admin, begun.id).decode()
    found = list(csv.DictReader(io.StringIO(written)))
    assert {row["person"] for row in found} == {first.email, last.email}
    assert {row["state"] for row in found} == {"suppressed"}
    assert all("opted out" in row["reason"] for row in found)


def test_who_sleeps_gets_it_at_the_end_of_the_quiet_hours_and_nobody_waits_for_them(desk: Desk) -> None:
    sleepers = desk.people(3)
    now = datetime.now(UTC)
    for each in sleepers:
        desk.rows.execute("UPDATE usr_users SET timezone = 'UTC' WHERE id = :id", id=each.id)
        desk.rows.execute(
            "INSERT INTO msg_preferences (user_id, category, quiet_from, quiet_until) VALUES (:id, '*', :a, :b)",
            id=each.id, a=(now - timedelta(hours=1)).time(), b=(now + timedelta(hours=3)).time(),
        )  # fmt: skip
    shown = desk.service.preview(desk.admin, "Hello", now=now)
    assert (shown.audience.reachable, shown.audience.asleep) == (4, 3)
    begun = desk.begin("Hello")
    assert desk.send() == 1
    desk.step()
    desk.step()
    waiting = desk.checked(begun.id)
    assert (waiting.status, waiting.sent, waiting.asleep) == (BroadcastStatus.RUNNING, 1, 3)
    rows = desk.rows.all("SELECT not_before, reason FROM msg_delivery_status WHERE status = 'queued' AND lane = 3")
    assert all(timedelta(hours=2.9) < row.not_before - now < timedelta(hours=3.2) for row in rows)
    assert all("quiet hours" in row.reason for row in rows)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [("all", 4), ("role:trader", 2), ("zone:Asia", 1), ("zone:Tokyo", 1), ("zone:Europe", 3), ("active:30d", 1)],
)
def test_a_segment_means_whom_it_says(desk: Desk, segment: str, expected: int) -> None:
    one, two, three = desk.people(3)
    desk.rows.execute("UPDATE usr_users SET role = 'trader' WHERE id IN (:a, :b)", a=one.id, b=two.id)
    desk.rows.execute("UPDATE usr_users SET timezone = 'Asia/Tokyo' WHERE id = :id", id=three.id)
    desk.rows.execute(
        "INSERT INTO telegram_command_audits (telegram_user_id, command, is_registered_user, success) "
        "VALUES (:id, '/jobs', true, true)",
        id=str(ADMIN + 1),
    )
    begun = desk.begin(f"{segment} Hello")
    assert begun.total == expected


def test_two_broadcasts_go_side_by_side(desk: Desk) -> None:
    desk.people(60)
    one = desk.begin("First")
    desk.send()
    desk.step()
    desk.send(20)
    two = desk.begin("Second")
    desk.send(20)
    desk.step()
    order = [each.text for _ in range(20) for each in desk.claim(1) if desk.call(each)]
    assert 5 <= order.count("First") <= 15, order
    for number in (one.id, two.id):
        desk.checked(number)


def test_a_thousand_recipients_and_more_are_fixed_in_chunks(desk: Desk) -> None:
    desk.rows.execute(
        "INSERT INTO usr_users (email, verified_at, timezone) "
        "SELECT 'u' || n || '@example.com', now(), 'Europe/Berlin' FROM generate_series(1, 2500) n"
    )
    desk.rows.execute(
        "INSERT INTO usr_auth_identities (user_id, provider, external_id, metadata) "
        "SELECT id, 'telegram', (100000 + id)::text, jsonb_build_object('chat_id', 100000 + id) FROM usr_users "
        "WHERE email LIKE 'u%'"
    )
    begun = desk.begin()
    assert begun.total == 2501
    [row] = desk.rows.all(
        "SELECT count(DISTINCT user_id) AS people, count(DISTINCT place) AS places, min(place), max(place) "
        "FROM msg_delivery_status WHERE broadcast_id = :id",
        id=begun.id,
    )
    assert tuple(row) == (2501, 2501, 1, 2501)
    desk.send()
    desk.step()
    [let_go] = desk.rows.all(
        "SELECT count(*) FROM msg_delivery_status WHERE status = 'queued' AND NOT held AND lane = 3"
    )
    assert let_go[0] == 2481
    cancelled = desk.service.change(desk.admin, begun.id, "cancel")
    assert (cancelled.cancelled, cancelled.waiting) == (2481, 0)


def test_its_progress_is_edited_in_place_and_an_older_one_is_not_sent_any_more(desk: Desk) -> None:
    desk.people(30)
    begun = desk.begin()
    desk.send()
    desk.step()
    desk.service.change(desk.admin, begun.id, "pause")
    desk.step()
    rows = desk.rows.all(
        "SELECT d.status, m.payload FROM msg_delivery_status d JOIN msg_messages m ON m.id = d.message_id "
        "WHERE m.category = 'health' ORDER BY d.id"
    )
    assert [row.status for row in rows] == ["merged", "queued"]
    assert all(row.payload["edits"] == str(PROGRESS) for row in rows)
    assert "Paused: by admin@example.com" in rows[-1].payload["text"]
    assert [button["text"] for line in rows[-1].payload["buttons"] for button in line] == ["Resume", "Cancel it"]


def test_one_that_is_over_before_the_bot_could_show_it_is_shown_all_the_same(desk: Desk) -> None:
    begun = desk.service.start(desk.admin, ADMIN, desk.draft("all Hello"), now=datetime.now(UTC))
    desk.send()
    desk.step()
    assert desk.checked(begun.id).finished_at is None
    desk.rows.execute("UPDATE telegram_broadcasts SET created = now() - interval '11 s'")
    desk.step()
    assert desk.checked(begun.id).status is BroadcastStatus.DONE
    [shown] = desk.rows.all("SELECT payload FROM msg_messages WHERE category = 'health'")
    assert "edits" not in shown.payload
    assert "✓ 1 delivered" in shown.payload["text"]


def test_whoever_can_be_sent_nothing_any_more_does_not_keep_it_open_for_ever(desk: Desk) -> None:
    [bob] = desk.people(1)
    begun = desk.begin()
    desk.rows.execute("UPDATE msg_delivery_status SET channel = 'gone.channel' WHERE user_id = :id", id=bob.id)
    desk.send()
    desk.step()
    assert desk.checked(begun.id).waiting == 1
    desk.rows.execute("UPDATE msg_messages SET expires_at = now() WHERE category = 'broadcast'")
    desk.rows.execute("UPDATE telegram_broadcasts SET status = 'running'")
    desk.step()
    done = desk.checked(begun.id)
    assert (done.status, done.sent, done.failed) == (BroadcastStatus.DONE, 1, 1)


@dataclass
class Chats:
    """A channel that counts what arrives; it stops answering after so many."""

    name: str = "telegram"
    stalls_after: int = 10_000
    got: Counter[str] = field(default_factory=Counter)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None: ...

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:
        if delivery.category is Category.BROADCAST:
            self.got[delivery.address] += 1
            if self.got.total() > self.stalls_after:
                await asyncio.sleep(60)
        return Receipt(str(delivery.id))


@asynccontextmanager
async def sending(database: Database, url: str, secret_key: str, channel: Channel) -> AsyncIterator[asyncio.Task[None]]:
    """A real sender with this channel."""
    listener = Listener(role_url(url, PLATFORM, secret_key), "messages")
    offload = Offload(4)
    sender = Sender(database, listener, {"telegram": channel}, offload, Rates(None, UNHURRIED))
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(sender.run(stop, ready.set))
    await ready.wait()
    try:
        yield running
    finally:
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        offload.close()
        listener.close()


@pytest.mark.slow
async def test_senders_that_are_killed_in_the_middle_leave_nobody_with_two_and_name_who_is_in_doubt(
    desk: Desk, house_database: Database, database_url: str, secret_key: str
) -> None:
    await asyncio.to_thread(desk.people, 60)
    begun = await asyncio.to_thread(desk.begin)
    first = Chats(stalls_after=33)
    async with sending(house_database, database_url, secret_key, first) as running:
        await eventually(lambda: first.got.total() > 33)
        running.cancel()
    lapse = "UPDATE msg_delivery_status SET lease_until = now() - interval '1 s' WHERE status = 'sending'"
    await asyncio.to_thread(desk.rows.execute, lapse)
    second, third = Chats(), Chats()
    async with (
        sending(house_database, database_url, secret_key, second),
        sending(house_database, database_url, secret_key, third),
    ):
        over = "SELECT 1 FROM telegram_broadcasts WHERE finished_at IS NOT NULL"
        await eventually(lambda: bool(desk.rows.all(over)))
    done = await asyncio.to_thread(desk.checked, begun.id)
    got = first.got + second.got + third.got
    assert set(got.values()) == {1}, "nobody got it twice"
    assert len(got) == 61, "everybody was written to"
    assert (done.status, done.sent + done.uncertain) == (BroadcastStatus.DONE, 61)
    assert 1 <= done.uncertain <= 10, "whom the dead sender was calling is in doubt, and nobody else"


async def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(holds):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
