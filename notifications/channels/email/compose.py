"""The letter as a MIME message; nothing that comes from people can become a header of its own."""

import hashlib
import re
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, localtime, parseaddr
from typing import Any

from domain.errors import InvalidInput
from domain.messages import Attachment
from notifications.channels.email.bounces import message_id
from notifications.channels.email.letter import Letter
from notifications.channels.email.markup import one_line
from notifications.delivery import Delivery

_AS_IT_IS = {"list-unsubscribe", "list-unsubscribe-post", "message-id", "in-reply-to", "references"}
_LONGEST_LINE = 998
_LINK = re.compile(r"https?://[!#-;=?-~]+", re.IGNORECASE)
_TYPE = re.compile(r"(application|audio|font|image|text|video)/([a-z0-9][a-z0-9.+-]{0,60})")


class WirePolicy(EmailPolicy):
    """The standard policy for SMTP, but for headers that a fold or an encoded word would break: those stay one line."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _AS_IT_IS:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        if name.lower() == "subject" and not str(value).isascii():  # the standard fold loses blanks between words
            return f"{name}: {Header(str(value), 'utf-8', header_name=name).encode(linesep=self.linesep)}\r\n".encode()
        return super().fold_binary(name, value)


WIRE = WirePolicy(linesep="\r\n", cte_type="7bit")


class Sender:
    """Who our mails are from: the address of MAIL_FROM, for the letter and for the envelope."""

    def __init__(self, mail_from: str) -> None:
        name, address = parseaddr(mail_from) if mail_from.isprintable() else ("", "")
        try:
            self.header = Address(one_line(name), addr_spec=recipient(address))
        except ValueError:
            raise InvalidInput(f"MAIL_FROM is {mail_from!r}. Example: Openbell <openbell@example.com>") from None
        self.envelope = recipient(address)
        self.domain = self.envelope.rpartition("@")[2]


def compose(delivery: Delivery, letter: Letter, sender: Sender, secret_key: str) -> EmailMessage:
    """mixed(alternative(text, related(HTML, pictures)), files). Raises ValueError where the address is none."""
    mail = EmailMessage(policy=WIRE)
    mail["From"] = sender.header
    mail["To"] = Address(addr_spec=recipient(delivery.address))
    mail["Subject"] = one_line(letter.subject)
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = message_id(secret_key, int(delivery.message_id), int(delivery.id), sender.domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"  # Exchange looks at this one only
    if delivery.thread is not None:
        mail["In-Reply-To"] = mail["References"] = _first_of(delivery.thread, sender)
    _add_way_out(mail, delivery.unsubscribe)
    mail.set_content(letter.text, cte="quoted-printable")
    mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    _add_pictures(mail, letter)
    for file in letter.files:
        kind, subkind = _type(file)
        mail.add_attachment(file.content, kind, subkind, filename=_name(file))
    return mail


def recipient(address: str) -> str:
    """The address as an envelope takes it, its domain in ASCII. Raises ValueError where it is none."""
    name, at, domain = address.rpartition("@")
    if not (name and at and domain) or any(c.isspace() or not c.isprintable() or c in '<>",:;' for c in address):
        raise ValueError("not an address")
    found = f"{name}@{ascii_domain(domain)}"
    try:
        same = Address(addr_spec=found).addr_spec == found
    except (MessageError, IndexError):  # the standard library's parser breaks in several ways
        same = False
    if not same:
        raise ValueError("not an address")
    return found


def ascii_domain(domain: str) -> str:
    """The domain as DNS knows it. Raises ValueError where it cannot be one."""
    return domain if domain.isascii() else domain.encode("idna").decode("ascii")


def _first_of(thread: str, sender: Sender) -> str:
    """A name for the conversation: no mail has it, and mail programs gather those that answer the same one."""
    return f"<openbell.thread.{hashlib.sha256(thread.encode(errors='replace')).hexdigest()[:24]}@{sender.domain}>"


def _add_way_out(mail: EmailMessage, link: str | None) -> None:
    if link is None:
        return
    if not _LINK.fullmatch(link) or len(link) > _LONGEST_LINE - len("List-Unsubscribe: <>"):
        raise ValueError("not a link that a header can hold")
    mail["List-Unsubscribe"] = f"<{link}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _add_pictures(mail: EmailMessage, letter: Letter) -> None:
    body = mail.get_body(("html",))
    if body is None:
        return
    for picture in letter.pictures:
        kind, subkind = _type(picture.file)
        name = _name(picture.file)
        body.add_related(
            picture.file.content, kind, subkind, cid=f"<{picture.cid}>", disposition="inline", filename=name
        )


def _type(file: Attachment) -> tuple[str, str]:
    found = _TYPE.fullmatch(file.content_type.lower())
    return (found[1], found[2]) if found else ("application", "octet-stream")


def _name(file: Attachment) -> str:
    return one_line(file.filename)[:150] or "file"
