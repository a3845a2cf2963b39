"""Every row of the table of Telegram's errors, on the wire: what is said of the send, what it costs, and whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from notifications.channels.channel import Receipt
from notifications.channels.telegram import TelegramChannel
from notifications.delivery import Delivery
from notifications.errors import (
    AddressGone,
    AddressMoved,
    ChannelFault,
    Flooded,
    Postponed,
    Refused,
    SendError,
    Uncertain,
)
from tests.fakes.bot_api import TOKEN, FakeBotApi, bad_request, refusal
from tests.fakes.delivery import Parts, delivery, picture, table
from tests.fakes.http import CLOSE, HANG, RESET, UNREAD, Answer, closed_port, cut, full_port, page

YES = '{"ok":true,"result":{"message_id":1,"date":1790000000,"chat":{"id":77,"type":"private"}}}'


@dataclass
class Line:
    """A channel and the fake at its other end."""

    api: FakeBotApi
    channel: TelegramChannel

    async def send(self, sent: Delivery) -> Receipt:
        return await self.channel.send(sent, Parts())

    async def refused(self, sent: Delivery) -> SendError:
        """The error of a send that does not succeed."""
        with pytest.raises(SendError) as caught:
            await self.send(sent)
        return caught.value


@asynccontextmanager
async def connected(root: str, token: str = TOKEN) -> AsyncIterator[TelegramChannel]:
    channel = TelegramChannel(
        token,
        root,
        connect_within=1.0,
        write_within=1.0,
        upload_within=1.0,
        answer_within=1.0,
        connection_within=0.1,
        connections=1,
    )
    await channel.open()
    try:
        yield channel
    finally:
        await channel.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    api = FakeBotApi()
    async with api.running(), connected(api.root) as channel:
        yield Line(api, channel)


DEFINITE = [
    ("400 empty", bad_request("message text is empty"), Refused),
    ("400 button", bad_request("BUTTON_DATA_INVALID"), Refused),
    ("400 reply", bad_request("message to be replied not found"), Refused),
    ("400 anything", bad_request("WHATEVER_ELSE"), Refused),
    ("400 chat", bad_request("chat not found"), AddressGone),
    ("400 user", bad_request("user not found"), AddressGone),
    ("400 peer", bad_request("PEER_ID_INVALID"), AddressGone),
    ("400 deactivated", bad_request("group chat was deactivated"), AddressGone),
    ("400 rights", bad_request("not enough rights to send text messages to the chat"), AddressGone),
    ("400 rights of old", bad_request("have no rights to send a message"), AddressGone),
    ("400 administrators", bad_request("need administrator rights in the channel chat"), AddressGone),
    ("400 write", bad_request("CHAT_WRITE_FORBIDDEN"), AddressGone),
    ("403 blocked", refusal(403, "Forbidden: bot was blocked by the user"), AddressGone),
    ("403 deactivated", refusal(403, "Forbidden: user is deactivated"), AddressGone),
    ("403 kicked", refusal(403, "Forbidden: bot was kicked from the group chat"), AddressGone),
    ("403 stranger", refusal(403, "Forbidden: bot can't initiate conversation with a user"), AddressGone),
    ("409", refusal(409, "Conflict: terminated by other getUpdates request"), Postponed),
    ("413", refusal(413, "Request Entity Too Large"), Refused),
    ("413 of a proxy", page(413), Refused),
    ("500", refusal(500, "Internal Server Error"), Postponed),
    ("502 of the server", refusal(502, "Bad Gateway"), Postponed),
    ("503", refusal(503, "Service Unavailable"), Postponed),
    ("500 under a 200", page(200, '{"ok":false,"error_code":500,"description":"no"}'), Postponed),
    ("401 for this call", refusal(401, "Unauthorized"), Postponed),
    ("404 for this call", refusal(404, "Not Found"), Postponed),
]


@pytest.mark.parametrize(("answer", "expected"), [row[1:] for row in DEFINITE], ids=[row[0] for row in DEFINITE])
async def test_a_refusal_in_the_servers_own_words_is_definite(
    line: Line, answer: Answer, expected: type[SendError]
) -> None:
    line.api.plan_for("sendMessage", answer)
    problem = await line.refused(delivery())
    assert type(problem) is expected
    assert getattr(problem, "counts", True)
    assert len(line.api.calls("sendMessage")) == 1


IN_DOUBT = [
    ("502 page", page(502)),
    ("504 page", page(504)),
    ("403 page", page(403)),
    ("400 page", page(400)),
    ("404 empty", page(404, "")),
    ("401 page", page(401)),
    ("302 page", page(302, "", Location="http://127.0.0.1:9/login")),
    ("200 page", page(200)),
    ("200 empty", page(200, "")),
    ("200 list", page(200, "[1]")),
    ("200 number", page(200, "17")),
    ("200 not utf-8", Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe")),
    ("200 without a result", page(200, '{"ok":true}')),
    ("200 with null", page(200, '{"ok":true,"result":null}')),
    ("200 with a text", page(200, '{"ok":true,"result":"sent"}')),
    ("200 with an empty message", page(200, '{"ok":true,"result":{}}')),
    ("200 with a bad date", page(200, YES.replace("1790000000", "9999999999999999"))),
    ("200 nested", page(200, "[" * 100_000)),
    ("200 ok is a word", page(200, YES.replace("true", '"yes"', 1))),
    ("200 under a 500", page(500, YES)),
    ("cut in the middle", cut(200, YES)),
    ("closed without an answer", CLOSE),
    ("reset without an answer", RESET),
    ("not HTTP", Answer(b"220 mail.example.com ESMTP\r\n", "close")),
    ("no answer in time", HANG),
    ("an answer that never ends", Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "hang")),
]


@pytest.mark.parametrize("answer", [row[1] for row in IN_DOUBT], ids=[row[0] for row in IN_DOUBT])
async def test_without_a_readable_answer_nothing_is_known(line: Line, answer: Answer) -> None:
    line.api.plan_for("sendMessage", answer)
    assert type(await line.refused(delivery())) is Uncertain
    assert len(line.api.calls("sendMessage")) == 1
    assert (await line.send(delivery())).note is None


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        (refusal(429, "Too Many Requests: retry after 7", retry_after=7), 7, 8),
        (refusal(429, "Too Many Requests: retry after 10072", retry_after=10072), 10072, 10073),
        (refusal(429, "Too Many Requests"), 30, 30),
        (refusal(429, "Too Many Requests", retry_after="soon"), 30, 30),
        (page(429), 30, 30),
    ],
)
async def test_a_flood_parks_the_chat_and_costs_nothing(line: Line, answer: Answer, least: int, most: int) -> None:
    line.api.plan_for("sendMessage", answer)
    problem = await line.refused(delivery())
    assert type(problem) is Flooded
    assert not problem.counts
    assert problem.after is not None
    assert timedelta(seconds=least) <= problem.after <= timedelta(seconds=most)


@pytest.mark.parametrize(
    ("address", "moved"), [("-4711", "-1001234567890"), ("-4711/8", "-1001234567890/8")], ids=["chat", "topic"]
)
async def test_a_group_that_became_a_supergroup_has_a_new_address(line: Line, address: str, moved: str) -> None:
    words = "group chat was upgraded to a supergroup chat"
    line.api.plan_for("sendMessage", bad_request(words, migrate_to_chat_id=-1001234567890))
    problem = await line.refused(delivery(address=address))
    assert isinstance(problem, AddressMoved)
    assert problem.new_address == moved


async def test_a_picture_for_a_moved_group_is_not_sent_in_another_way(line: Line) -> None:
    line.api.plan_for("sendPhoto", bad_request("group chat was upgraded", migrate_to_chat_id=-100))
    assert isinstance(await line.refused(delivery(attachments=(picture(),))), AddressMoved)
    assert line.api.methods == ["sendphoto"]


@pytest.mark.parametrize("status", [401, 404])
async def test_a_refused_token_is_the_channels_fault_once_get_me_says_so_too(line: Line, status: int) -> None:
    line.api.plan_for("sendMessage", refusal(status, "Unauthorized"))
    line.api.plan_for("getMe", refusal(status, "Unauthorized"))
    assert type(await line.refused(delivery())) is ChannelFault


@pytest.mark.parametrize("answer", [page(404), HANG, refusal(500, "Internal Server Error")])
async def test_a_get_me_that_says_nothing_of_the_token_is_no_proof_against_it(line: Line, answer: Answer) -> None:
    line.api.plan_for("sendMessage", refusal(401, "Unauthorized"))
    line.api.plan_for("getMe", answer)
    assert type(await line.refused(delivery())) is Postponed


async def test_a_wrong_token_is_the_channels_fault() -> None:
    api = FakeBotApi()
    async with api.running(), connected(api.root, "4242:another-token") as channel:
        with pytest.raises(ChannelFault, match="TELEGRAM_TOKEN"):
            await channel.check()
        with pytest.raises(ChannelFault):
            await channel.send(delivery(), Parts())
        with pytest.raises(ChannelFault):
            await channel.link("https://t.me")


async def test_nobody_listening_is_the_channels_fault() -> None:
    with closed_port() as port:
        async with connected(f"http://127.0.0.1:{port}") as channel:
            with pytest.raises(ChannelFault):
                await channel.send(delivery(), Parts())


async def test_a_name_that_does_not_resolve_is_the_channels_fault() -> None:
    async with connected("http://telegram.invalid") as channel:
        with pytest.raises(ChannelFault):
            await channel.send(delivery(), Parts())


async def test_a_server_that_takes_no_connection_in_time_is_the_channels_fault() -> None:
    with full_port() as port:
        async with connected(f"http://127.0.0.1:{port}") as channel:
            with pytest.raises(ChannelFault, match="ConnectTimeout"):
                await channel.send(delivery(), Parts())


async def test_plain_http_where_tls_was_meant_is_the_channels_fault(line: Line) -> None:
    async with connected(line.api.root.replace("http:", "https:")) as channel:
        with pytest.raises(ChannelFault):
            await channel.send(delivery(), Parts())


async def test_no_free_connection_waits_a_second_and_costs_nothing(line: Line) -> None:
    line.api.plan_for("sendMessage", HANG)
    first = asyncio.create_task(line.refused(delivery()))
    while not line.api.requests:
        await asyncio.sleep(0.005)
    problem = await line.refused(delivery())
    assert type(problem) is Postponed
    assert not problem.counts
    assert type(await first) is Uncertain


@pytest.mark.parametrize(
    ("size", "expected"), [(3_000_000, Postponed), (900_000, Uncertain)], ids=["large file", "smaller file"]
)
async def test_a_large_file_that_could_not_be_written_was_not_sent(
    line: Line, size: int, expected: type[SendError]
) -> None:
    line.api.plan_for("sendDocument", UNREAD)
    sent = delivery(attachments=(table(size=size),))
    problem = await line.refused(sent)
    assert type(problem) is expected, problem


async def test_a_cancelled_send_leaves_the_channel_usable(line: Line) -> None:
    line.api.plan_for("sendMessage", HANG)
    sending = asyncio.create_task(line.send(delivery()))
    while not line.api.requests:
        await asyncio.sleep(0.005)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert (await line.send(delivery())).provider_id == "100"


async def test_a_server_that_comes_back_is_used_again() -> None:
    api = FakeBotApi()
    async with api.running():
        pass
    async with connected(api.root) as channel:
        with pytest.raises(ChannelFault):
            await channel.check()
        async with api.running():
            await channel.check()
            assert (await channel.send(delivery(), Parts())).provider_id == "100"


@pytest.mark.parametrize("address", ["", "77/x", "/5"])
async def test_an_address_that_is_none_is_gone(line: Line, address: str) -> None:
    assert type(await line.refused(delivery(address=address))) is AddressGone
    assert line.api.requests == []


async def test_a_delivery_with_nothing_in_it_is_refused(line: Line) -> None:
    assert type(await line.refused(delivery("<b> </b>\n"))) is Refused
    assert line.api.requests == []
