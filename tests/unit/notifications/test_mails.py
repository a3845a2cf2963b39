"""The mails as they go over the wire: their parts, their headers, and what people cannot put into them."""

import email
import json
import string
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.messages import Attachment, Button, Category
from domain.unsubscribe import OptOut, link
from notifications.channels.email import EmailChannel
from notifications.channels.email import words as words_module
from notifications.channels.email.bounces import message_id
from notifications.channels.email.markup import one_line
from notifications.channels.email.words import chain, words
from notifications.delivery import Delivery
from tests.fakes.mails import a_delivery, a_report

KEY = "k" * 32
FOLDER = Path(words_module.__file__).parents[2] / "templates" / "mail"
CHART = Attachment("GOLD.png", "image/png", b"\x89PNG one")
TABLE = Attachment("bars.csv", "text/csv", b"day,close\n")
DOWN = {"name": "Telegram", "consequence": "Messages wait", "reason": "it is silent", "minutes": 2}
ANYTHING = st.text(max_size=120) | st.sampled_from(
    ["a\r\nBcc: eve@example.com", "a\nb", "\r", "=?utf-8?q?=0ABcc:_eve?=", "\ud800"]
)


async def no_link() -> str:
    raise AssertionError("nobody asks for the link here")


def channel(mail_from: str = "Openbell <bell@example.com>") -> EmailChannel:
    return EmailChannel("smtp+plain://127.0.0.1:25", mail_from, KEY, no_link)


def wire(delivery: Delivery, chat: str | None = "https://t.me/a_bot") -> bytes:
    return channel().compose(delivery, chat).as_bytes()


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, EmailMessage, policy=modern)


def header_lines(raw: bytes) -> list[str]:
    return raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


def names(raw: bytes) -> list[str]:
    return [line.partition(":")[0] for line in header_lines(raw) if line[0] not in " \t"]


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def shape(part: EmailMessage) -> object:
    kind, below = part.get_content_type(), [each for each in part.iter_parts() if isinstance(each, EmailMessage)]
    return (kind, [shape(each) for each in below]) if below else kind


def test_charts_stand_in_the_html_and_files_behind_it() -> None:
    second = Attachment("SILVER.png", "image/png", b"\x89PNG two")
    mail = read(wire(a_report(attachments=(CHART, second, TABLE))))
    html_with_pictures = ("multipart/related", ["text/html", "image/png", "image/png"])
    assert shape(mail) == (
        "multipart/mixed",
        [("multipart/alternative", ["text/plain", html_with_pictures]), "text/csv"],
    )
    pictures = {part["Content-ID"]: part for part in mail.walk() if part["Content-ID"]}
    assert all(name.startswith("<") and f'src="cid:{name[1:-1]}"' in body(mail, "html") for name in pictures)
    assert [part.get_payload(decode=True) for part in pictures.values()] == [CHART.content, second.content]
    assert 'alt="Chart: GOLD 3,345.20 USD ▲ +12.30 since Thursday"' in body(mail, "html")
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_content().encode()) == ("bars.csv", TABLE.content)


def test_a_chat_text_becomes_a_mail_with_a_title_and_the_way_into_the_chat() -> None:
    buttons = ((Button("Again", data="r:1"), Button("Source", url="https://example.com/?a=1&b=2")),)
    mail = read(wire(a_report("<b>GOLD</b> up\nby <i>1 &lt; 2</i>\n/why 7", buttons=buttons)))
    assert mail["Subject"] == "Report: GOLD up"
    html, text = body(mail, "html"), body(mail, "plain")
    assert "<i>1 &lt; 2</i>" in html
    assert 'href="https://example.com/?a=1&amp;b=2"' in html
    assert 'href="https://t.me/a_bot"' in html
    assert text.startswith("GOLD up\nby 1 < 2\n/why 7\n\nSource: https://example.com/?a=1&b=2")
    assert "Again" not in html


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '<a href="javascript:alert(1)">x</a>', "<b>open",
     "</td></table>", "<b><i>crossed</b></i>", '<a href="https://e.com/" onclick="x">y</a>', "<!-- <b> -->",
     "<![CDATA[x]]>", "<style>td{display:none}</style>", "&lt;td&gt;", "{{ words }}"],
)  # fmt: skip
def test_whatever_a_text_holds_the_mail_stays_whole(text: str) -> None:
    whole, plain = (body(read(wire(a_report(f"first\n{each}"))), "html") for each in (text, "plain"))
    for tag in ("<table", "<tr", "<td", "</table>", "</td>"):
        assert whole.count(tag) == plain.count(tag)
    for harm in ("<script", "<img", "onclick=", "javascript:"):
        assert harm not in whole.replace("&lt;", "")


@pytest.mark.parametrize("template", ["health_down", "health_recovered"])
@pytest.mark.parametrize(
    ("locale", "said"),
    [("en", "well again"), ("de", "wieder"), ("de_AT", "wieder"), ("fr", "well again"), ("../x", "well again")],
)
def test_a_mail_is_written_in_the_readers_language_or_in_english(template: str, locale: str, said: str) -> None:
    mail = read(wire(a_delivery(Category.HEALTH, template=template, params=DOWN, locale=locale)))
    for kind in ("plain", "html"):
        text = body(mail, kind)
        assert said in (text + mail["Subject"]).lower()
        assert "Telegram" in text


def test_every_language_has_every_word() -> None:
    assert set(words("de")) == set(words("en"))
    assert all(words("de")[key] != words("en")[key] for key in words("en") if key != "alert")
    assert chain("de-AT") == ("de-at", "de", "en")


@pytest.mark.parametrize("folder", [path for path in FOLDER.iterdir() if path.is_dir()], ids=lambda path: path.name)
def test_a_language_knows_no_files_and_words_that_english_does_not(folder: Path) -> None:
    assert chain(folder.name)[0] == folder.name
    assert {path.name for path in folder.iterdir()} <= {path.name for path in (FOLDER / "en").iterdir()}
    assert set(json.loads((folder / "words.json").read_text(encoding="utf-8"))) <= set(words("en"))


def test_styles_stand_at_the_tags_and_only_what_depends_on_the_screen_beside_them() -> None:
    html = body(read(wire(a_report())), "html")
    assert 'class="heading" style="' in html
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert style.startswith("@media")
    assert "prefers-color-scheme: dark" in style
    assert len(html) < 20_000


@pytest.mark.parametrize("length", [60, 77, 78, 250])
def test_the_way_out_stays_one_plain_line(length: int) -> None:
    url = "https://bell.example.com/u/"
    url += (string.ascii_letters * 9)[: length - 2 - len(url)]
    raw = wire(a_report(unsubscribe=url))
    assert f"List-Unsubscribe: <{url}>" in header_lines(raw)
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in header_lines(raw)
    assert url in body(read(raw), "html")
    assert url in body(read(raw), "plain")


def test_a_signed_link_goes_into_the_header_as_it_is() -> None:
    url = link("https://bell.example.com", KEY, OptOut(a_report().user_id, "report"))
    assert f"List-Unsubscribe: <{url}>" in header_lines(wire(a_report(unsubscribe=url)))


def test_a_mail_that_one_cannot_opt_out_of_names_no_way_out() -> None:
    assert "List-Unsubscribe" not in names(wire(a_report()))


def test_a_repeat_has_the_same_number_and_says_what_it_is() -> None:
    first, again = (read(wire(a_report(possible_repeat=repeat, ref="7F3K"))) for repeat in (False, True))
    assert first["Message-ID"] == again["Message-ID"] == message_id(KEY, 7, 71, "example.com")
    assert first["Subject"] == again["Subject"]
    assert "7F3K" in body(again, "plain")
    assert "7F3K" in body(again, "html")
    assert "7F3K" not in body(first, "plain")


def test_mails_about_one_thing_are_one_conversation() -> None:
    first, second, other = (read(wire(a_report(thread=thread))) for thread in ("health:x", "health:x", "health:y"))
    assert first["References"] == second["References"] == second["In-Reply-To"] != other["References"]
    assert "References" not in names(wire(a_report()))
    assert first["Auto-Submitted"] == "auto-generated"


@given(ANYTHING, ANYTHING, ANYTHING, st.text(max_size=30))
def test_nobody_writes_a_header_of_their_own(subject: str, text: str, filename: str, content_type: str) -> None:
    usual = names(wire(a_report("x", subject="x", attachments=(TABLE,), thread="t")))
    file = Attachment(filename, content_type, b"1")
    raw = wire(a_report(text, subject=subject, attachments=(file,), thread=text))
    assert names(raw) == usual
    assert all(32 <= ord(c) < 127 for line in header_lines(raw) for c in line)
    mail = read(raw)
    assert mail["To"] == "ada@example.com"
    assert sum(part.get_content_disposition() == "attachment" for part in mail.walk()) == 1


@given(st.text(max_size=200))
def test_a_subject_arrives_as_it_was_written_but_for_what_cannot_stand_in_one(subject: str) -> None:
    mail = read(wire(a_report(subject=f"Gold {subject}")))
    assert mail["Subject"][:110] == one_line(f"Gold {subject}")[:110]


@pytest.mark.parametrize("field", ["address", "unsubscribe"])
@pytest.mark.parametrize(
    "bad",
    [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\nx",
        "https://e.com/\r\nBcc: eve@e.com",
        "<ada@e.com>",
        "https://e.com/ x",
        "a b@e.com",
        "ada",
    ],
)
async def test_an_address_that_is_none_is_refused_for_good(field: str, bad: str) -> None:
    with pytest.raises(ValueError, match=r"^not an? "):
        channel().compose(a_report(**{field: bad}), None)


def test_an_address_in_other_letters_keeps_its_letters_and_gets_its_domain_in_ascii() -> None:
    assert read(wire(a_report(address="ada@bücher.example")))["To"] == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize("bad", ["", "nobody", "a@", "@example.com", "Openbell <bell@example.com\r\nBcc: x@e.com>"])
def test_a_sender_that_is_no_address_is_refused_at_the_start(bad: str) -> None:
    with pytest.raises(InvalidInput, match="MAIL_FROM"):
        channel(bad)


def test_a_senders_name_in_any_letters_is_shown() -> None:
    mail = read(channel('"Börse, Köln" <bell@example.com>').compose(a_report(), None).as_bytes())
    [sender] = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Börse, Köln", "bell@example.com")


def test_two_accounts_at_one_provider_are_two_relays() -> None:
    urls = "smtps://a:x@smtp.gmail.com smtps://b:y@smtp.gmail.com?per_day=2000"
    caps = EmailChannel(urls, "bell@example.com", KEY, no_link).caps
    assert [each.per_day for each in caps.values()] == [500, 2000]


CHAT_ONLY: dict[str, dict[str, object]] = {
    "run_failed": {"name": "<Gold>", "attempts": 3, "failures": 1, "reason": "no <bars>", "run_id": 7},
    "run_lost": {"name": "<Gold>", "reason": "no beat", "run_id": 7},
    "schedule_paused": {"name": "<Gold>", "failures": 10, "reason": "no bars", "run_id": 7},
    "runs_late": {"count": 2, "minutes": 5, "cause": "the worker is down", "more": 0,
                  "runs": [{"name": "<Gold>", "due": "08:30", "id": 7}, {"name": "b", "due": "08:31", "id": 8}]},
    "runs_missed": {"since": "08:00", "until": "09:00", "skipped": 2, "and_more": False, "caught": 1, "more": 0,
                    "jobs": [{"name": "<Gold>", "count": 2, "more": False}]},
}  # fmt: skip


@pytest.mark.parametrize("template", CHAT_ONLY)
def test_a_kind_that_has_only_a_chat_text_makes_a_decent_mail(template: str) -> None:
    mail = read(wire(a_delivery(Category.FAILURE, template=template, params=CHAT_ONLY[template])))
    assert mail["Subject"][0].isalnum()
    assert "&lt;Gold&gt;" in body(mail, "html")
    assert "<Gold>" in body(mail, "plain")
    assert "<b>" not in body(mail, "plain")


def test_every_template_for_the_chat_is_known_to_make_a_mail() -> None:
    for_chat = {path.name.removesuffix(".telegram.html") for path in FOLDER.parent.glob("*.telegram.html")}
    assert {name for name in for_chat if not words_module.has(name)} <= set(CHAT_ONLY)
    for locale in ("en", "de"):
        own = {path.name.partition(".")[0] for path in (FOLDER / locale).iterdir()} - {"words"}
        assert own == {"verification_code", "health_down", "health_recovered", "digest"}
        for name in own:
            assert {path.name for path in (FOLDER / locale).glob(f"{name}.*")} == {
                f"{name}.html", f"{name}.txt", f"{name}.subject.txt"
            }  # fmt: skip


@pytest.mark.parametrize(("locale", "subject"), [("en", "Digest: 2 messages"), ("de", "Übersicht: 2 Nachrichten")])
def test_a_digest_lists_what_it_holds_and_shows_its_pictures(locale: str, subject: str) -> None:
    lines = [{"at": "", "line": "GOLD <up>"}, {"at": "", "line": "SILVER down"}]
    params = {"count": 2, "lines": lines, "more": 0, "left_out": 3}
    mail = read(
        wire(a_delivery(Category.DIGEST, template="digest", params=params, locale=locale, attachments=(CHART, TABLE)))
    )
    assert mail["Subject"] == subject
    assert "GOLD &lt;up&gt;" in body(mail, "html")
    assert "* GOLD <up>\n* SILVER down\n" in body(mail, "plain")
    assert ": GOLD" in body(mail, "html").partition('alt="')[2].partition('"')[0]
    assert [part.get_filename() for part in mail.iter_attachments()] == ["bars.csv"]
