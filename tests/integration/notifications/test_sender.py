"""The sender against a Telegram and a mail relay that misbehave on the wire."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.engine import Database, role_url
from db.listen import Listener
from db.offload import Offload
from db.roles import PLATFORM
from domain.ids import UserId
from domain.messages import Attachment, Button, Category, Outgoing
from notifications import deliveries, outbox
from notifications.channels.channel import Channel
from notifications.channels.email import EmailChannel
from notifications.channels.telegram import TelegramChannel
from notifications.delivery import Sent
from notifications.pacing import UNHURRIED
from notifications.rates import Rates
from notifications.sender import Sender
from sandbox.app import Sandbox
from services.users import UsersService
from tests.factories import Rows

QUERY = "SELECT * FROM msg_delivery_status ORDER BY id DESC LIMIT 1"
TOKEN = "4242:sandbox-token-of-the-tests"


class Post:
    """A running sender, one person who can be written to, and what the outside got."""

    def __init__(self, sandbox: Sandbox, database: Database, rows: Rows, secret_key: str) -> None:
        self.sandbox = sandbox
        self.person = sandbox.person("Ada")
        self.rows = rows
        self._database = database
        self._secret_key = secret_key

    async def begin(self) -> None:
        self.user = await asyncio.to_thread(self.rows.person, telegram=self.person.id)
        await self.person.send("/start")

    async def queue(self, text: str = "<b>GOLD</b> 1 &lt; 2", **values: Any) -> None:
        def work() -> None:
            with self._database.for_platform() as uow:
                outbox.enqueue(
                    uow,
                    Outgoing(values.pop("category", Category.REPORT), self.user.id, text, **values),
                    datetime.now(UTC),
                )
                uow.commit()

        await asyncio.to_thread(work)

    async def ask_code(self, email: str) -> None:
        service = UsersService(self._database.for_platform())
        await asyncio.to_thread(service.send_code, 77, email, secret_key=self._secret_key, now=datetime.now(UTC))

    async def until(self, *statuses: str, seconds: float = 15) -> Any:
        """The newest delivery, once it has one of these states."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = (await asyncio.to_thread(self.rows.all, QUERY))[0]
            if found.status in statuses:
                return found
            assert asyncio.get_running_loop().time() < deadline, f"still {found.status}: {found.error}"
            await asyncio.sleep(0.05)

    async def until_held(self, seconds: float = 15) -> Any:
        """The newest delivery, once it waits for a later moment."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not (found := (await asyncio.to_thread(self.rows.all, QUERY))[0]).held:
            assert asyncio.get_running_loop().time() < deadline, f"still {found.status}: {found.error}"
            await asyncio.sleep(0.05)
        return found

    @property
    def received(self) -> list[str]:
        return [m.get("text") or m.get("caption", "") for m in self.person.replies()]


@pytest.fixture
async def post(
    tmp_path: Path, house_database: Database, rows: Rows, database_url: str, secret_key: str
) -> AsyncIterator[Post]:
    sandbox = Sandbox(tmp_path / "sandbox", TOKEN)
    async with sandbox.running() as addresses:
        telegram = TelegramChannel(TOKEN, addresses.root, answer_within=1.0)
        email = EmailChannel(
            f"smtp+plain://{addresses.smtp}",
            "Openbell <bell@example.com>",
            secret_key,
            lambda: telegram.link("https://t.me"),
        )
        listener = Listener(role_url(database_url, PLATFORM, secret_key), "messages")
        offload = Offload(4)
        channels: dict[str, Channel] = {"telegram": telegram, "email": email}
        sender = Sender(house_database, listener, channels, offload, Rates(None, UNHURRIED))
        stop, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(sender.run(stop, ready.set))
        await ready.wait()
        found = Post(sandbox, house_database, rows, secret_key)
        await found.begin()
        yield found
        stop.set()
        await running
        offload.close()
        listener.close()


async def test_a_picture_with_caption_and_buttons_arrives(post: Post) -> None:
    picture = Path(__file__).parent / "dot.png"
    await post.queue(
        attachments=(Attachment("dot.png", "image/png", picture.read_bytes()),),
        buttons=((Button("Again", data="r:GOLD:1"),),),
    )
    sent = await post.until("sent")
    [message] = post.person.replies()
    assert message["caption"] == "GOLD 1 < 2"
    assert message["photo"]
    assert str(message["message_id"]) == sent.provider_message_id
    assert post.person.buttons() == ["Again"]


async def test_too_many_requests_waits_as_long_as_was_said_and_costs_no_attempt(post: Post) -> None:
    post.sandbox.faults.add("throttled", method="sendMessage", retry_after=1)
    await post.queue()
    sent = await post.until("sent")
    assert sent.attempts == 1
    assert sent.sent_at - sent.created_at >= timedelta(seconds=1)
    assert len(post.received) == 1


async def test_a_definite_no_for_now_is_queued_again(post: Post) -> None:
    post.sandbox.faults.add("error", method="sendMessage")
    await post.queue()
    row = await post.until("sent")
    assert row.attempts == 2
    assert [each["outcome"] for each in row.attempts_log] == ["postponed", "sent"]
    assert len(post.received) == 1


async def test_a_flood_without_a_time_parks_its_chat_and_costs_no_attempt(post: Post) -> None:
    post.sandbox.faults.add("throttled_bare", method="sendMessage")
    await post.queue()
    row = await post.until_held()
    assert (row.status, row.error_class, row.attempts) == ("queued", "Flooded", 0)
    assert timedelta(seconds=20) < row.not_before - datetime.now(UTC) <= timedelta(seconds=31)


async def test_a_person_who_blocked_us_is_written_to_no_more(post: Post) -> None:
    post.sandbox.faults.add("blocked", method="sendMessage")
    await post.queue()
    row = await post.until("suppressed")
    assert "blocked" in row.error
    await post.queue("second")
    assert (await post.until("suppressed")).called_at is None
    assert post.received == []


async def test_no_answer_after_delivery_sends_once_more_and_says_so(post: Post) -> None:
    post.sandbox.faults.add("timeout_after", method="sendMessage")
    await post.queue("hello")
    row = await post.until("sent")
    assert row.possible_repeat
    first, second = post.received
    assert first == "hello"
    assert re.fullmatch(r"\(I may have sent this already\. Ref [0-9A-Z]{4}\.\)\nhello", second)


async def test_a_connection_cut_before_delivery_loses_nothing(post: Post) -> None:
    post.sandbox.faults.add("dropped_before", method="sendMessage")
    await post.queue("hello")
    await post.until("sent")
    assert len(post.received) == 1


async def test_markup_that_telegram_refuses_arrives_as_plain_text(post: Post) -> None:
    await post.queue("a <b>bold mistake")
    await post.until("sent")
    assert post.received == ["a <b>bold mistake"]


async def test_messages_to_one_chat_keep_their_order(post: Post) -> None:
    for number in range(12):
        await post.queue(str(number))
    await post.until("sent")
    assert post.received == [str(number) for number in range(12)]


async def test_a_code_mail_carries_the_code_and_the_link_and_the_database_neither(post: Post) -> None:
    await post.ask_code("bob@example.com")
    mail = await post.sandbox.wait_for_mail("bob@example.com")
    await post.until("sent")
    digits = next(line for line in mail.text.splitlines() if line.strip()[:4].isdigit()).strip()
    stored = str(await asyncio.to_thread(post.rows.all, "SELECT payload::text FROM msg_messages"))
    stored += str(await asyncio.to_thread(post.rows.all, "SELECT * FROM usr_verification_codes"))
    assert digits.replace(" ", "") not in stored
    assert "start=v_" in mail.text
    assert mail.text.split("start=")[1].split()[0] not in stored


@pytest.mark.parametrize(
    ("step", "answer", "status"),
    [
        ("at_recipient", "451 4.7.1 Greylisted", "queued"),
        ("at_recipient", "550 5.1.1 No such user", "suppressed"),
        ("at_data", "452 4.3.1 Later", "queued"),
        ("at_data", "554 5.7.1 Spam", "failed"),
    ],
)
async def test_what_a_relay_refuses_ends_in_a_named_state(post: Post, step: str, answer: str, status: str) -> None:
    getattr(post.sandbox.mail_faults, step).append(answer)
    await post.ask_code("bob@example.com")
    deadline = asyncio.get_running_loop().time() + 10
    while (row := await post.until("queued", "sending", "suppressed", "failed", "sent")).error is None:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    assert row.status == status


@pytest.mark.parametrize("called", [False, True])
def test_a_dead_senders_message_is_sent_again_and_marked_when_it_may_have_been_sent(
    house_database: Database, rows: Rows, called: bool
) -> None:
    user = rows.person()
    with house_database.for_platform() as uow:
        outbox.enqueue(uow, Outgoing(Category.REPORT, UserId(user.id), "hello"), datetime.now(UTC))
        uow.commit()
    [delivery] = deliveries.claim(house_database, "dead", channels=["telegram"], most=1, bulk=0)
    if called:
        assert deliveries.mark_called(house_database, delivery)
    rows.execute("UPDATE msg_delivery_status SET lease_until = now() - interval '1 s'")
    assert deliveries.sweep(house_database) == 1
    assert not deliveries.record_sent(house_database, delivery, Sent("late", None, timedelta(0)))
    [row] = rows.all("SELECT status, possible_repeat FROM msg_delivery_status")
    assert (row.status, row.possible_repeat) == ("queued", called)


async def test_why_it_waited_is_remembered_once_it_waits_no_more(post: Post) -> None:
    await post.queue(not_before=datetime.now(UTC) + timedelta(minutes=1))
    row = await post.until_held()
    await asyncio.to_thread(
        post.rows.execute,
        "UPDATE msg_delivery_status SET not_before = now(), reason = 'quiet hours until 07:00' WHERE id = :id",
        id=row.id,
    )
    sent = await post.until("sent")
    assert [(each["outcome"], each.get("said")) for each in sent.attempts_log] == [
        ("waited", "quiet hours until 07:00"),
        ("sent", None),
    ]
