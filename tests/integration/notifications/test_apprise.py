"""Apprise: an optional extra whose answer is yes or nobody knows, and whose URLs stay in the settings."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from domain.errors import InvalidInput
from notifications.channels.apprise import CHANNEL, AppriseChannel
from notifications.channels.apprise import channel as apprise_channel
from notifications.channels.apprise.destinations import SCHEMAS, parse
from notifications.errors import AddressGone, ChannelFault, Refused, Uncertain
from tests.fakes.delivery import Parts, delivery
from tests.fakes.http import HANG, RESET, Answer, FakeServer, closed_port, page

pytest.importorskip("apprise", reason="an optional extra")


@pytest.fixture
async def service() -> AsyncIterator[FakeServer]:
    """A service that takes what ntfy takes."""
    server = FakeServer(lambda _: page(200, '{"id":"x"}', "application/json"))
    async with server.running():
        yield server


def to(port: int) -> AppriseChannel:
    return AppriseChannel({"desk": f"ntfy://127.0.0.1:{port}/prices"}, answer_within=2)


async def test_the_plain_words_arrive_once(service: FakeServer) -> None:
    channel = to(service.port)
    await channel.open()
    sent = delivery('<b>GOLD</b> 1 &lt; 2 <a href="https://example.com">more</a>', address="desk", subject="Gold")
    receipt = await channel.send(sent, Parts())
    await channel.close()
    [request] = service.requests
    assert request.json["message"] == "GOLD 1 < 2 more (https://example.com)"
    assert request.json["title"] == "Gold"
    assert receipt.note is not None
    assert "best effort" in receipt.note


async def test_a_possible_repeat_says_so(service: FakeServer) -> None:
    channel = to(service.port)
    await channel.send(delivery("hello", address="desk", possible_repeat=True, ref="7F3K"), Parts())
    await channel.close()
    assert service.requests[0].json["message"] == "(I may have sent this already. Ref 7F3K.)\nhello"


@pytest.mark.parametrize(
    "answer",
    [
        page(400),
        page(403),
        page(404),
        page(429),
        page(500),
        page(502),
        RESET,
        page(302, Location="http://127.0.0.1:9/"),
    ],
    ids=["400", "403", "404", "429", "500", "502", "reset", "redirect"],
)
async def test_everything_but_a_yes_is_uncertain_and_never_repeated(service: FakeServer, answer: Answer) -> None:
    service.plan(answer)
    channel = to(service.port)
    with pytest.raises(Uncertain):
        await channel.send(delivery(address="desk"), Parts())
    await channel.close()
    assert len(service.requests) == 1


async def test_no_redirect_is_followed(service: FakeServer) -> None:
    service.plan(page(307, Location=f"http://127.0.0.1:{service.port}/elsewhere"))
    channel = to(service.port)
    with pytest.raises(Uncertain):
        await channel.send(delivery(address="desk"), Parts())
    await channel.close()
    assert [request.path for request in service.requests] == ["/"]


async def test_a_service_that_never_answers_holds_nobody_up(service: FakeServer) -> None:
    service.plan(HANG)
    channel = AppriseChannel({"desk": f"ntfy://127.0.0.1:{service.port}/prices"}, answer_within=1.0)
    with pytest.raises(Uncertain):
        await channel.send(delivery(address="desk"), Parts())
    await channel.close()


async def test_nobody_listening_is_uncertain_too() -> None:
    with closed_port() as port:
        channel = to(port)
        with pytest.raises(Uncertain):
            await channel.send(delivery(address="desk"), Parts())
        await channel.close()


async def test_no_log_line_tells_where_it_went(service: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    service.plan(page(500))
    channel = to(service.port)
    with pytest.raises(Uncertain):
        await channel.send(delivery(address="desk"), Parts())
    await channel.send(delivery(address="desk"), Parts())
    await channel.close()
    assert "prices" not in caplog.text


async def test_an_unknown_name_leads_nowhere(service: FakeServer) -> None:
    with pytest.raises(AddressGone, match="APPRISE_URLS has no “ntfy"):
        await to(service.port).send(delivery(address=f"ntfy://127.0.0.1:{service.port}/x"), Parts())
    with pytest.raises(Refused):
        await AppriseChannel({"desk": "slack://x"}).send(delivery(address="desk"), Parts())
    assert service.requests == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slack://a/b/c", "Word 1 of APPRISE_URLS is not a name"),
        ("Desk=slack://a/b/c", "Word 1 of APPRISE_URLS is not a name"),
        ("desk=slack://a/b/c desk=slack://d/e/f", "twice"),
        ("desk=json://127.0.0.1/secret", "begins with “json”"),
        ("desk=form://127.0.0.1/secret", "begins with “form”"),
        ("desk=file:///etc/passwd", "begins with “file”"),
        ("desk=syslog://", "begins with “syslog”"),
        ("desk=mailto://ada:secret@example.com", "begins with “mailto”"),
        ("desk=tgram://secret/1", "begins with “tgram”"),
        ("desk=apprise://host/secret", "begins with “apprise”"),
        ("desk=dbus://", "begins with “dbus”"),
        ("desk=ntfy://host/secret?attach=/etc/passwd", "asks for attach"),
        ("desk=ntfy://host/secret?ATTACH=x&retry=5", "asks for attach and retry"),
        ("desk=ntfys://host/secret?verify=no", "asks for verify"),
        ("desk=ntfys://[host/secret", "can't be read"),
    ],
)
def test_what_a_destination_may_not_be_is_told_without_its_secret(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CHANNEL.make({"apprise_urls": text})
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_destinations_have_names() -> None:
    assert parse("desk=slack://A/B/C\n  phone=pover://u@t ") == {"desk": "slack://A/B/C", "phone": "pover://u@t"}
    assert CHANNEL.make({}) is None
    assert CHANNEL.make({"apprise_urls": None}) is None
    assert CHANNEL.best_effort
    assert CHANNEL.check_address(" Desk ") == "desk"
    with pytest.raises(InvalidInput, match="desk"):
        CHANNEL.check_address("slack://A/B/C")


def test_every_allowed_schema_is_one_that_the_library_has() -> None:
    from apprise import Apprise

    known = {
        schema
        for service in Apprise().details()["schemas"]
        for schema in [*(service["protocols"] or []), *(service["secure_protocols"] or [])]
    }
    assert SCHEMAS - known == set()


async def test_a_missing_package_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_channel, "find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match=r"pip install 'openbell\[apprise\]'"):
        CHANNEL.make({"apprise_urls": "desk=slack://A/B/C"})
    with pytest.raises(ChannelFault):
        await AppriseChannel({"desk": "slack://A/B/C"}).check()


def test_knowing_the_channel_does_not_load_the_library() -> None:
    script = (
        "import sys; from notifications.channels.kinds import kinds, make_all\n"
        "made = make_all({'apprise_urls': 'desk=slack://A/B/C'})\n"
        "assert 'apprise' in made.channels, made\n"
        "print('apprise' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "False"
