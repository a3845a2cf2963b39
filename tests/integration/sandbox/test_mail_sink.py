"""The mail sink takes everything, and the inbox shows it without letting it reach out."""

from email.message import EmailMessage

import aiosmtplib
import httpx
import pytest

from sandbox.inbox import Mail
from tests.integration.sandbox.conftest import World

HTML = (
    '<html><head><base href="http://evil.example/"><script>alert(1)</script></head><body>'
    '<p title="a &amp; b">Hello &lt;Ada&gt;</p><img src="cid:chart@x" alt="chart">'
    '<a href="https://t.me/sandbox_bot?start=v_1" target="_self">Verify</a>'
    '<a href="https://elsewhere.example/?a=1&amp;b=2">Elsewhere</a></body></html>'
)


def letter(picture: bytes = b"") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Your code: 1234 – grüß"
    message["From"] = "Bot <bot@example.com>"
    message["To"] = "Ada <ada@example.com>"
    message["Message-ID"] = "<1@example.com>"
    message.set_content("Hello Ada,\n\n12345678\n\nhttps://t.me/sandbox_bot?start=v_1\n")
    if picture:
        message.add_alternative(HTML, subtype="html")
        alternatives = message.get_payload()
        assert isinstance(alternatives, list)
        html = alternatives[1]
        assert isinstance(html, EmailMessage)
        html.add_related(picture, "image", "png", cid="<chart@x>")
        message.add_attachment(b"a,b\n", maintype="text", subtype="csv", filename="figures ü.csv")
    return message


async def deliver(world: World, message: EmailMessage) -> Mail:
    host, port = world.addresses.smtp.split(":")
    await aiosmtplib.send(message, hostname=host, port=int(port), start_tls=False)
    return await world.sandbox.wait_for_mail("ada@example.com")


async def test_a_mail_is_kept_with_its_parts(world: World, picture: bytes) -> None:
    mail = await deliver(world, letter(picture))
    assert mail.subject == "Your code: 1234 – grüß"
    assert "12345678" in mail.text
    assert "Hello" in mail.html
    assert mail.recipients == ["ada@example.com"]
    assert ("Message-ID", "<1@example.com>") in mail.headers
    assert [part.get_filename() for part in mail.attachments] == ["figures ü.csv"]


async def test_the_inbox_lists_opens_and_counts_as_read(world: World, http: httpx.AsyncClient, picture: bytes) -> None:
    mail = await deliver(world, letter(picture))
    (listed,) = (await http.get("/api/inbox")).json()["mails"]
    assert (listed["subject"], listed["read"]) == (mail.subject, 0)
    opened = (await http.get(f"/api/inbox/{mail.id}")).json()
    assert opened["from"] == "Bot <bot@example.com>"
    assert opened["has_html"]
    assert opened["attachments"][0]["name"] == "figures ü.csv"
    assert (await http.get("/api/inbox")).json()["mails"][0]["read"] == 1
    attachment = await http.get(f"/api/inbox/{mail.id}/attachments/0")
    assert attachment.content == b"a,b\n"
    assert attachment.headers["content-disposition"].startswith("attachment;")
    assert (await http.get(f"/api/inbox/{mail.id}/attachments/7")).status_code == 404
    raw = await http.get(f"/api/inbox/{mail.id}/raw")
    assert b"Message-ID: <1@example.com>" in raw.content


async def test_html_is_shown_in_a_cage_with_its_pictures_inside(
    world: World, http: httpx.AsyncClient, picture: bytes
) -> None:
    mail = await deliver(world, letter(picture))
    page = await http.get(f"/api/inbox/{mail.id}/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert 'src="data:image/png;base64,' in page.text
    assert "<base" not in page.text
    assert 'title="a &amp; b"' in page.text
    assert f'href="{world.addresses.root}/sandbox_bot?start=v_1" target="_top"' in page.text
    assert 'href="https://elsewhere.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer"' in page.text


async def test_a_plain_mail_is_shown_with_its_links(world: World, http: httpx.AsyncClient) -> None:
    mail = await deliver(world, letter())
    assert mail.html == ""
    page = (await http.get(f"/api/inbox/{mail.id}/html")).text
    assert f'href="{world.addresses.root}/sandbox_bot?start=v_1"' in page


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Subject: =?utf-8?q?broken\r\n\r\nx",
        b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"From: \xff\xfe\r\nTo: @@@\r\n\r\nx",
    ],
)
async def test_a_broken_mail_is_kept_and_shown(world: World, http: httpx.AsyncClient, raw: bytes) -> None:
    mail_id = world.sandbox.messenger.inbox.add("a@example.com", ["ada@example.com"], raw)
    for path in ("", "/html", "/raw"):
        assert (await http.get(f"/api/inbox/{mail_id}{path}")).status_code == 200
    assert world.sandbox.inbox()[-1].id == mail_id


async def test_an_emptied_inbox_is_empty(world: World, http: httpx.AsyncClient) -> None:
    await deliver(world, letter())
    assert (await http.delete("/api/inbox")).json() == {"mails": []}
    assert (await http.get("/api/inbox/1")).status_code == 404


async def test_a_planned_refusal_reaches_the_sender(world: World) -> None:
    host, port = world.addresses.smtp.split(":")
    world.sandbox.mail_faults.at_recipient.append("550 No such user")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await aiosmtplib.send(letter(), hostname=host, port=int(port), start_tls=False)
    world.sandbox.mail_faults.at_data.append("451 Try again later")
    with pytest.raises(aiosmtplib.SMTPDataError) as refusal:
        await aiosmtplib.send(letter(), hostname=host, port=int(port), start_tls=False)
    assert refusal.value.code == 451
    assert world.sandbox.inbox() == []
