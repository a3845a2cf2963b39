"""Webhooks: signed, sent to the address that was judged and to no private one, and every answer named."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from domain.errors import InvalidInput
from domain.messages import Button
from notifications.channels.webhook import CHANNEL, Allowed, WebhookChannel, signing_secret
from notifications.channels.webhook.targets import is_public
from notifications.errors import AddressGone, Flooded, Postponed, Refused, SendError, Uncertain
from tests.fakes.certificates import certificate
from tests.fakes.delivery import Parts, delivery, table
from tests.fakes.http import CLOSE, HANG, RESET, Answer, FakeServer, closed_port, cut, page

KEY = "tests-only-secret-key-0123456789abcdef"
LOOPBACK = Allowed.read("127.0.0.0/8 ::1")


class Names:
    """A resolver that answers in turn, and remembers that it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return list(self.answers.pop(0))


@asynccontextmanager
async def opened(allowed: Allowed = LOOPBACK, **values: Any) -> AsyncIterator[WebhookChannel]:
    channel = WebhookChannel(KEY, allowed, **{"connect_within": 1.0, "answer_within": 1.0} | values)
    await channel.open()
    try:
        yield channel
    finally:
        await channel.close()


@pytest.fixture
async def receiver() -> AsyncIterator[FakeServer]:
    server = FakeServer(lambda _: page(200, "thanks"))
    async with server.running():
        yield server


def url(server: FakeServer, path: str = "/hook?team=1") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


async def failure(channel: WebhookChannel, address: str) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(delivery(address=address), Parts())
    return caught.value


async def test_a_call_is_signed_so_that_the_published_library_believes_it(receiver: FakeServer) -> None:
    address = url(receiver)
    buttons = ((Button("Chart", url="https://example.com/c"), Button("Again", data="r:1")),)
    sent = delivery(
        '<b>GOLD</b> “1 &lt; 2” <a href="https://example.com">more</a>',
        address=address, attachments=(table(),), buttons=buttons, subject="Gold", ref="7F3K",
    )  # fmt: skip
    async with opened() as channel:
        receipt = await channel.send(sent, Parts())
    [request] = receiver.requests
    assert (request.method, request.target) == ("POST", "/hook?team=1")
    said = Webhook(signing_secret(KEY, address)).verify(request.body, request.headers)
    assert said["type"] == "openbell.message"
    assert said["data"]["text"] == "GOLD “1 < 2” more (https://example.com)"
    assert said["data"]["html"] == sent.text
    assert said["data"]["links"] == [{"text": "Chart", "url": "https://example.com/c"}]
    assert said["data"]["files"] == [{"name": "trades.csv", "type": "text/csv", "bytes": 100}]
    assert (said["data"]["subject"], said["data"]["ref"], said["data"]["category"]) == ("Gold", "7F3K", "report")
    assert receipt.provider_id == request.headers["webhook-id"] == "msg_5_7"
    with pytest.raises(WebhookVerificationError):
        Webhook(signing_secret(KEY, address + "x")).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing_secret(KEY, address)).verify(request.body + b" ", request.headers)


async def test_a_repeat_has_the_same_number_and_says_that_it_may_be_one(receiver: FakeServer) -> None:
    async with opened() as channel:
        await channel.send(delivery(address=url(receiver)), Parts())
        await channel.send(delivery(address=url(receiver), possible_repeat=True), Parts())
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [request.json["data"]["possible_repeat"] for request in receiver.requests] == [False, True]


ANSWERS: list[tuple[str, Answer, type[SendError]]] = [
    ("301", page(301, "", Location="http://127.0.0.1:9/"), Refused),
    ("307", page(307, "", Location="http://127.0.0.1:9/"), Refused),
    ("400", page(400), Refused),
    ("401", page(401), Refused),
    ("404", page(404), Refused),
    ("408", page(408), Postponed),
    ("410", page(410), AddressGone),
    ("425", page(425), Postponed),
    ("429", page(429), Flooded),
    ("500", page(500), Postponed),
    ("502", page(502), Uncertain),
    ("503", page(503), Postponed),
    ("504", page(504), Uncertain),
    ("no answer", HANG, Uncertain),
    ("closed", CLOSE, Uncertain),
    ("reset", RESET, Uncertain),
    ("not HTTP", Answer(b"220 mail.example.com ESMTP\r\n", "close"), Uncertain),
    ("endless head", Answer(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000, "hang"), Uncertain),
    ("a head drop by drop", Answer(b"HTTP/1.1 200 OK\r\n" + b"X-A: a\r\n" * 99, "hang", slowly=0.05), Uncertain),
]


@pytest.mark.parametrize(("answer", "expected"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_every_answer_has_its_name(receiver: FakeServer, answer: Answer, expected: type[SendError]) -> None:
    receiver.plan(answer)
    async with opened() as channel:
        assert type(await failure(channel, url(receiver))) is expected
        assert len(receiver.requests) == 1, "nothing is repeated, no redirect followed"
        await channel.send(delivery(address=url(receiver)), Parts())


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_a_yes_whatever_its_body(receiver: FakeServer, status: int) -> None:
    receiver.plan(page(status, "" if status == 204 else "x" * 100_000), cut(status, "x" * 50_000))
    async with opened() as channel:
        await channel.send(delivery(address=url(receiver)), Parts())
        await channel.send(delivery(address=url(receiver)), Parts())


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("17", 17), ("Fri, 20 Nov 2026 14:03:00 GMT", 60), ("Fri, 20 Nov 2026 14:00:00 GMT", 1), ("999999999", 21600),
        ("soon", 30), ("", 30), ("-5", 30), ("٣", 30), ("Fri, 99 Nov 2026", 30),
    ],
)  # fmt: skip
async def test_a_flood_waits_as_long_as_was_said(receiver: FakeServer, said: str, seconds: int) -> None:
    receiver.plan(page(429, Retry_After=said.encode().decode("latin-1")))
    async with opened(clock=lambda: datetime(2026, 11, 20, 14, 2, tzinfo=UTC)) as channel:
        problem = await failure(channel, url(receiver))
    assert isinstance(problem, Flooded)
    assert problem.after == timedelta(seconds=seconds)
    assert not problem.counts


async def test_nobody_listening_is_that_receivers_matter() -> None:
    with closed_port() as port:
        async with opened() as channel:
            problem = await failure(channel, f"http://127.0.0.1:{port}/")
            await channel.check()
    assert isinstance(problem, Postponed)
    assert problem.counts


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.8", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.8", "64:ff9b::7f00:1",
        "2002:7f00:1::", "ff02::1", "198.18.0.1",
    ],
)  # fmt: skip
async def test_no_private_address_is_called(address: str) -> None:
    assert not is_public(ip_address(address))
    for found in ([address], ["8.8.8.8", address]):
        async with opened(Allowed(), lookup=Names(found)) as channel:
            assert type(await failure(channel, "https://hooks.example.com/")) is Refused


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1"])
async def test_no_way_of_writing_loopback_gets_through(receiver: FakeServer, host: str) -> None:
    async with opened(Allowed()) as channel:
        problem = await failure(channel, f"https://{host}:{receiver.port}/")
    assert type(problem) is Refused
    assert receiver.connections == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


async def test_the_address_that_was_judged_is_the_one_that_is_called(receiver: FakeServer) -> None:
    """A name that leads elsewhere the next moment is asked once only, and its host still reads its own name."""
    names = Names(["127.0.0.1"], ["10.0.0.8"])
    async with opened(lookup=names) as channel:
        await channel.send(delivery(address=f"http://hooks.example.com:{receiver.port}/"), Parts())
        assert names.asked == [("hooks.example.com", receiver.port)]
        assert receiver.requests[0].headers["host"] == f"hooks.example.com:{receiver.port}"
        assert type(await failure(channel, f"https://hooks.example.com:{receiver.port}/")) is Refused
    assert receiver.connections == 1


async def test_the_second_address_is_tried_when_the_first_takes_no_connection(receiver: FakeServer) -> None:
    async with opened(lookup=Names(["::1", "127.0.0.1"])) as channel:
        await channel.send(delivery(address=f"http://hooks.example.com:{receiver.port}/"), Parts())
    assert len(receiver.requests) == 1


async def test_a_name_without_an_address_waits() -> None:
    async def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    for lookup in (nowhere, Names([])):
        async with opened(lookup=lookup) as channel:
            assert type(await failure(channel, "https://hooks.example.com/")) is Postponed


async def test_a_name_that_is_looked_up_for_ever_was_not_called() -> None:
    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with opened(lookup=slow) as channel:
        assert type(await failure(channel, "https://hooks.example.com/")) is Postponed


async def test_plain_http_is_for_named_hosts_only() -> None:
    async with opened(Allowed(), lookup=Names(["8.8.8.8"])) as channel:
        assert type(await failure(channel, "http://hooks.example.com/")) is Refused


async def test_a_host_is_allowed_by_name(receiver: FakeServer) -> None:
    async with opened(Allowed.read("hooks.internal, 10.0.0.0/8"), lookup=Names(["127.0.0.1"])) as channel:
        await channel.send(delivery(address=f"http://HOOKS.internal:{receiver.port}/"), Parts())
    assert len(receiver.requests) == 1


async def test_over_tls_the_certificate_has_to_be_the_names(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "hooks.example.com")
    receiver = FakeServer(lambda _: page(200), certificate=server)
    async with receiver.running(), opened(trust=client, lookup=Names(["127.0.0.1"], ["127.0.0.1"])) as channel:
        await channel.send(delivery(address=f"https://hooks.example.com:{receiver.port}/"), Parts())
        assert len(receiver.requests) == 1
        problem = await failure(channel, f"https://other.example.com:{receiver.port}/")
        assert type(problem) is Postponed
    assert len(receiver.requests) == 1


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    server, _ = certificate(tmp_path, "hooks.example.com")
    receiver = FakeServer(lambda _: page(200), certificate=server)
    async with receiver.running(), opened(lookup=Names(["127.0.0.1"])) as channel:
        assert type(await failure(channel, f"https://hooks.example.com:{receiver.port}/")) is Postponed
    assert receiver.requests == []


async def test_no_proxy_of_the_environment_is_used(receiver: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with opened() as channel:
        await channel.send(delivery(address=url(receiver)), Parts())


@pytest.mark.parametrize(
    "address",
    [
        "", "hooks.example.com", "ftp://example.com/", "https://", "https:///x", "https://ada:secret@example.com/",
        "https://exa mple.com/", "https://example.com/\r\nX: y", "file:///etc/passwd", "https://[::1/", "https://a:99999/",
        "https://example.com/" + "x" * 2000,
    ],
)  # fmt: skip
async def test_what_is_no_url_is_told_so(address: str) -> None:
    with pytest.raises(InvalidInput, match="Example: https://"):
        CHANNEL.check_address(address)
    async with opened() as channel:
        assert type(await failure(channel, address)) is AddressGone


def test_a_url_is_kept_without_its_fragment() -> None:
    assert CHANNEL.check_address(" https://example.com/a?b=1#c ") == "https://example.com/a?b=1"


def test_it_is_made_from_the_settings() -> None:
    assert CHANNEL.make({}) is None
    assert isinstance(CHANNEL.make({"secret_key": KEY, "webhook_allow": None}), WebhookChannel)
    with pytest.raises(InvalidInput, match=r"WEBHOOK_ALLOW has “10\.0\.0\.0/99”"):
        CHANNEL.make({"secret_key": KEY, "webhook_allow": "10.0.0.0/99"})
