"""How mail is handed over: one kept connection, encryption, a second relay, and what the relay then holds."""

import asyncio
import ssl
import subprocess
from dataclasses import replace

import pytest

from domain.messages import Attachment, Button, Category
from notifications.channels.email import EmailChannel
from notifications.channels.email.session import Limits
from notifications.errors import AddressGone, ChannelFault, Postponed, Refused, SendError, Uncertain
from tests.fakes.mails import a_delivery, a_report
from tests.fakes.smtp import Fault, ScriptedRelay

QUICK = Limits(answer_s=0.5, before_body_s=1.5, take_s=0.6, busy_s=0.1)
KEY = "k" * 32


class Post:
    """A channel and what its sender heard."""

    def __init__(self, *urls: str, limits: Limits = QUICK, trust: ssl.SSLContext | None = None) -> None:
        self.asked = 0
        self.channel = EmailChannel(
            ", ".join(urls), "Openbell <bell@example.com>", KEY, self.link, limits=limits, trust=trust
        )

    async def link(self) -> str:
        self.asked += 1
        return "https://t.me/a_bot"

    async def send(self, **values: object) -> str | None:
        """Send a report; what was changed to get it through."""
        told: list[tuple[int, str]] = []

        async def progress(part: int, provider_id: str) -> None:
            told.append((part, provider_id))

        receipt = await self.channel.send(replace(a_report(), **values), progress)  # type: ignore[arg-type]  # by name
        assert told == [(0, receipt.provider_id)]
        return receipt.note


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's view of one certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", key, "-out", cert, "-subj", "/CN=relay.test", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))


async def test_one_connection_carries_many_mails_and_is_renewed_after_some() -> None:
    async with ScriptedRelay().running() as relay:
        post = Post(relay.url(), limits=replace(QUICK, mails=3))
        for number in range(7):
            await post.send(text=f"mail {number}")
        await post.channel.close()
    assert len(relay.taken) == 7
    assert relay.connections == 3
    assert relay.said.count("QUIT") == 3


async def test_an_idle_connection_is_given_up() -> None:
    async with ScriptedRelay().running() as relay:
        post = Post(relay.url(), limits=replace(QUICK, idle_s=0.05))
        await post.send()
        await asyncio.sleep(0.2)
        await post.send()
        assert relay.connections == 2


@pytest.mark.parametrize("turn", [Fault.HANG_UP, "421 4.4.2 idle for too long"])
async def test_a_connection_that_the_relay_closed_meanwhile_is_replaced_unnoticed(turn: Fault | str) -> None:
    async with ScriptedRelay().running() as relay:
        post = Post(relay.url())
        await post.send()
        relay.turn("mail", turn)
        await post.send()
        assert (len(relay.taken), relay.connections) == (2, 2)


async def test_any_error_throws_the_connection_away() -> None:
    async with ScriptedRelay().turn("rcpt", "550 5.1.1 no such user").running() as relay:
        post = Post(relay.url())
        with pytest.raises(AddressGone):
            await post.send()
        await post.send()
        assert (len(relay.taken), relay.connections) == (1, 2)


async def test_a_mail_does_not_wait_behind_one_that_hangs() -> None:
    async with ScriptedRelay().turn("dot", Fault.HANG).running() as relay:
        post = Post(relay.url(), limits=replace(QUICK, take_s=2.0))
        hanging = asyncio.create_task(post.send(text="slow"))
        while not relay.taken:
            await asyncio.sleep(0.01)
        await asyncio.wait_for(post.send(text="code"), 1)
        assert not hanging.done()
        with pytest.raises(Uncertain):
            await hanging


async def test_mails_at_once_share_the_kept_connection() -> None:
    async with ScriptedRelay().running() as relay:
        post = Post(relay.url(), limits=replace(QUICK, busy_s=5))
        await asyncio.gather(*(post.send(text=str(number)) for number in range(12)))
        assert (len(relay.taken), relay.connections) == (12, 1)


async def test_a_check_uses_the_kept_connection_and_counts_nothing_as_sent() -> None:
    async with ScriptedRelay().running() as relay:
        post = Post(relay.url())
        for _ in range(3):
            await post.channel.check()
        await post.send()
        assert relay.connections == 1
        relay.turn("noop", Fault.HANG_UP)
        await post.channel.check()
        relay.turn("noop", Fault.HANG_UP).turn("greeting", "554 5.3.2 closed for good")
        with pytest.raises(ChannelFault):
            await post.channel.check()


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
async def test_mail_goes_encrypted_with_a_login(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext], scheme: str, implicit: bool
) -> None:
    server, client = certificate
    extensions = ("AUTH PLAIN",) if implicit else ("STARTTLS", "AUTH PLAIN")
    async with ScriptedRelay(extensions, server).running(implicit_tls=implicit) as relay:
        await Post(relay.url(scheme, "ada:secret%20word@"), trust=client).send()
    assert [mail.encrypted for mail in relay.taken] == [True]
    before_tls = relay.said[: relay.said.index("STARTTLS")] if not implicit else []
    assert not any(line.startswith(("AUTH", "MAIL")) for line in before_tls)


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext], scheme: str, implicit: bool
) -> None:
    server, _ = certificate
    async with ScriptedRelay(("STARTTLS", "AUTH PLAIN"), server).running(implicit_tls=implicit) as relay:
        with pytest.raises(ChannelFault, match="SSLCertVerificationError"):
            await Post(relay.url(scheme, "ada:secret-word@")).send()
    assert not any("AUTH" in line for line in relay.said)


async def test_a_second_relay_stands_in_while_the_first_does_not_take_mail() -> None:
    async with ScriptedRelay().turn("greeting", "554 no").running() as first, ScriptedRelay().running() as second:
        post = Post(first.url(), second.url())
        assert await post.send() == f"taken by 127.0.0.1:{second.port}"
        await post.send()
        assert (first.connections, len(second.taken)) == (1, 2)
        assert list(post.channel.caps) == [f"127.0.0.1:{second.port}", f"127.0.0.1:{first.port}"]
        await post.channel.check()  # the first one is looked after, and found well again
        assert await post.send() is None
        assert len(first.taken) == 1


@pytest.mark.parametrize(
    ("step", "turn"),
    [("auth", "535 5.7.8 no"), ("mail", "421 4.7.0 busy"), ("mail", "451 4.3.0 error"), ("data", Fault.HANG_UP),
     ("dot", "451 4.3.0 error"), ("greeting", Fault.HANG)],
)  # fmt: skip
async def test_another_relay_is_asked_only_after_a_definite_no(step: str, turn: Fault | str) -> None:
    async with ScriptedRelay(("AUTH PLAIN",)).turn(step, turn).running() as first, ScriptedRelay().running() as second:
        await Post(first.url(login="ada:word@"), second.url()).send()
        assert (len(first.taken), len(second.taken)) == (0, 1)


@pytest.mark.parametrize(
    ("step", "turn", "error"),
    [("dot", Fault.HANG, Uncertain), ("dot", Fault.HANG_UP, Uncertain), ("body", Fault.HANG_UP, Uncertain),
     ("rcpt", "550 5.1.1 no such user", AddressGone), ("rcpt", "450 greylisted", Postponed),
     ("dot", "554 spam", Refused)],
)  # fmt: skip
async def test_no_other_relay_is_asked_in_doubt_or_for_what_lies_in_the_mail(
    step: str, turn: Fault | str, error: type[SendError]
) -> None:
    async with ScriptedRelay().turn(step, turn).running() as first, ScriptedRelay().running() as second:
        with pytest.raises(error):
            await Post(first.url(), second.url()).send()
        assert second.connections == 0


async def test_when_both_relays_are_down_the_first_one_is_named() -> None:
    async with ScriptedRelay().turn("greeting", "554 first").running() as first, ScriptedRelay().running() as second:
        second.turn("greeting", "421 second")
        with pytest.raises(ChannelFault, match="first"):
            await Post(first.url(), second.url()).send()


@pytest.mark.parametrize("how", ["said beforehand", "refused"])
async def test_a_mail_too_large_goes_without_its_files_and_says_so(how: str) -> None:
    relay = ScriptedRelay(("SIZE 30000",)) if how == "said beforehand" else ScriptedRelay()
    if how == "refused":
        relay.turn("dot", "552 5.3.4 too big")
    async with relay.running():
        note = await Post(relay.url()).send(attachments=(Attachment("big.png", "image/png", b"x" * 50_000),))
    assert note == "sent without its files"
    [mail] = relay.taken
    assert b"left out" in mail.raw
    assert len(mail.raw) < 30_000


async def test_the_relay_gets_the_mail_byte_for_byte_and_one_recipient() -> None:
    text = "first\n.\n..dots\n" + "long " * 400
    async with ScriptedRelay().running() as relay:
        await Post(relay.url()).send(text=text)
    [mail] = relay.taken
    assert (mail.sender, mail.recipient) == ("bell@example.com", "ada@example.com")
    assert all(len(line) <= 998 for line in mail.raw.split(b"\r\n"))
    assert b"\r\n.\r\n" in mail.raw
    assert b"\r\n..dots\r\n" in mail.raw
    assert mail.raw.isascii()


async def test_the_chats_link_is_asked_for_only_where_it_is_shown_and_not_waited_for() -> None:
    async with ScriptedRelay().running() as relay:
        post = Post(relay.url())
        await post.send()
        assert post.asked == 0
        await post.send(buttons=((Button("Again", data="r:1"),),))
        assert post.asked == 1

        async def away() -> str:
            post.asked += 1
            raise ChannelFault("Telegram can't be reached.")

        silent = EmailChannel(relay.url(), "bell@example.com", KEY, away, limits=QUICK)
        for _ in range(2):
            await silent.send(
                a_delivery(Category.CODE, template="verification_code", params={"nonce": "00"}),
                lambda *_: asyncio.sleep(0),
            )
        assert post.asked == 2
        assert b"Send it to the bot" in relay.taken[-1].raw


async def test_caps_follow_the_provider_and_the_url() -> None:
    post = Post("smtps://u:p@smtp.gmail.com", "smtp://email-smtp.eu-west-1.amazonaws.com?per_minute=60")
    gmail, ses = post.channel.caps.values()
    assert (gmail.per_minute, gmail.per_day) == (None, 500)
    assert (ses.per_minute, ses.per_day) == (60, 50_000)


async def test_an_address_that_not_every_relay_can_take_is_refused_before_anything_is_said() -> None:
    async with ScriptedRelay().running() as relay:
        with pytest.raises(Refused):
            await Post(relay.url()).send(address="dörte@example.com")
        assert relay.connections == 0
