"""Our four channels keep the contract."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from notifications.channels.apprise import AppriseChannel
from notifications.channels.email import EmailChannel
from notifications.channels.email.session import Limits
from notifications.channels.telegram import TelegramChannel
from notifications.channels.webhook import Allowed, WebhookChannel
from notifications.errors import AddressGone, AddressMoved, ChannelFault, Flooded, Postponed, Refused, Uncertain
from tests.contract.channels import ChannelContract, Plan, Rig
from tests.fakes.bot_api import TOKEN, FakeBotApi, bad_request, refusal
from tests.fakes.delivery import delivery, picture, table
from tests.fakes.http import CLOSE, HANG, RESET, Answer, FakeServer, cut, page
from tests.fakes.mails import a_report
from tests.fakes.smtp import Fault, ScriptedRelay

KEY = "tests-only-secret-key-0123456789abcdef"
LONG = "\n".join(f"<b>{number}</b> price &amp; volume" for number in range(400))
GARBAGE = (
    page(200), page(200, ""), page(200, "null"), page(200, '{"ok":true}'), page(200, "[]", "application/json"),
    page(502), page(504, ""), page(999), cut(200, '{"ok":true,"result":{"message_id":1}}'), CLOSE, RESET,
    Answer(b"\x00\xff\x00\xff\r\n\r\n", "close"), Answer(b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n{}", "close"),
    Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "close"),
    Answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
)  # fmt: skip


def arrived(server: FakeServer) -> Callable[[], Awaitable[None]]:
    """Waits for one more request than there was."""
    before = len(server.requests)

    async def reached() -> None:
        while len(server.requests) == before:
            await asyncio.sleep(0.005)

    return reached


class TestTelegram(ChannelContract):
    name = "telegram"

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        api = FakeBotApi()

        def answer(*answers: Answer) -> Plan:
            return partial(api.plan, *answers)

        def no_token() -> None:
            api.plan_for("sendMessage", refusal(401, "Unauthorized"))
            api.plan_for("getMe", refusal(401, "Unauthorized"))

        async with api.running():
            yield Rig(
                TelegramChannel(TOKEN, api.root, answer_within=1.0, upload_within=1.0, connect_within=1.0),
                delivery(),
                lambda: api.taken,
                {
                    Postponed: answer(refusal(500, "Internal Server Error")),
                    Flooded: answer(refusal(429, "Too Many Requests", retry_after=3)),
                    Refused: answer(bad_request("message text is empty")),
                    AddressGone: answer(refusal(403, "Forbidden: bot was blocked by the user")),
                    AddressMoved: answer(bad_request("group chat was upgraded", migrate_to_chat_id=-100)),
                    Uncertain: answer(page(502)),
                    ChannelFault: no_token,
                },
                [answer(each) for each in GARBAGE],
                answer(HANG),
                arrived(api),
                secrets=(TOKEN, TOKEN.partition(":")[2]),
                other=(
                    delivery(LONG),
                    delivery("files", attachments=(table(), picture(), picture(), picture())),
                    delivery("two", attachments=(picture(), picture())),
                    delivery("anew", edits="42"),
                ),
                wrong_addresses=("", "ada", "77/x", "1 2", "@a", "77/0", "-0", "七七"),
                check_fails=partial(api.plan_for, "getMe", refusal(401, "Unauthorized")),
            )


class TestEmail(ChannelContract):
    name = "email"

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        relay = ScriptedRelay(("AUTH PLAIN",))

        def turn(step: str, *turns: str | Fault) -> Plan:
            return lambda: (relay.turn(step, *turns), None)[1]

        async def link() -> str:
            return "https://t.me/a_bot"

        async def reached() -> None:
            while "DATA" not in relay.said:
                await asyncio.sleep(0.005)

        async with relay.running():
            yield Rig(
                EmailChannel(
                    relay.url(login="ada:pass-of-the-relay@"),
                    "Openbell <bell@example.com>",
                    KEY,
                    link,
                    limits=Limits(answer_s=1.0, before_body_s=2.0, take_s=1.2, busy_s=0.1),
                ),
                a_report(),
                lambda: len(relay.taken),
                {
                    Postponed: turn("rcpt", "451 4.7.1 Greylisted"),
                    AddressGone: turn("rcpt", "550 5.1.1 No such user"),
                    Refused: turn("dot", "554 5.7.1 Spam"),
                    Uncertain: turn("dot", Fault.HANG_UP),
                },
                [
                    turn(step, what)
                    for step in ("mail", "rcpt", "data", "body", "dot")
                    for what in (Fault.HANG_UP, "200 what", "garbage", "999 odd", "421 4.3.0 closing")
                    if step != "body" or isinstance(what, Fault)
                ],
                turn("dot", Fault.HANG),
                reached,
                secrets=("pass-of-the-relay",),
                check_fails=turn("greeting", "554 5.3.2 closed for good"),
                wrong_addresses=("", "ada", "ada@", "@example.com", "ada@example.com\r\nBcc: eve@example.com"),
            )


class TestWebhook(ChannelContract):
    name = "webhook"

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        server = FakeServer(lambda _: page(200))

        def answer(*answers: Answer) -> Plan:
            return partial(server.plan, *answers)

        async with server.running():
            yield Rig(
                WebhookChannel(KEY, Allowed.read("127.0.0.1"), connect_within=1.0, answer_within=1.0),
                delivery(channel="webhook", address=f"http://127.0.0.1:{server.port}/hook"),
                lambda: len(server.requests),
                {
                    Postponed: answer(page(503)),
                    Flooded: answer(page(429)),
                    Refused: answer(page(400)),
                    AddressGone: answer(page(410)),
                    Uncertain: answer(page(504)),
                },
                [answer(each) for each in GARBAGE],
                answer(HANG),
                arrived(server),
                secrets=(KEY,),
                other=(delivery(LONG, attachments=(table(),), address=f"http://127.0.0.1:{server.port}/other"),),
                wrong_addresses=(
                    "",
                    "hooks.example.com",
                    "ftp://example.com/",
                    "https://a b/",
                    "https://u:p@example.com/",
                ),
            )


class TestApprise(ChannelContract):
    name = "apprise"

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        pytest.importorskip("apprise", reason="an optional extra")
        server = FakeServer(lambda _: page(200, '{"id":"x"}', "application/json"))

        def answer(*answers: Answer) -> Plan:
            return partial(server.plan, *answers)

        async with server.running():
            yield Rig(
                AppriseChannel({"desk": f"ntfy://token-of-ada@127.0.0.1:{server.port}/prices"}, answer_within=1),
                delivery(channel="apprise", address="desk"),
                lambda: len(server.requests),
                {Uncertain: answer(page(500))},
                [answer(each) for each in GARBAGE],
                answer(HANG),
                arrived(server),
                secrets=("token-of-ada",),
                wrong_addresses=("", "two words", "ntfy://host/topic", "-desk"),
            )
