"""Mail: one message, one recipient, by one relay; STARTTLS is never downgraded."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, localtime, parseaddr
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, errors

from domain import codes
from domain.errors import InvalidInput
from domain.messages import Category
from notifications.channels.channel import Progress, Receipt
from notifications.deliveries import Delivery
from notifications.errors import AddressGone, ChannelFault, Postponed, Refused, SendError, Uncertain
from notifications.templating import render

GREYLISTED = timedelta(minutes=5)
LATER = timedelta(minutes=1)
ANSWER_WITHIN = 10.0
TAKE_WITHIN = 120.0


@dataclass(frozen=True)
class Relay:
    """Where mail is handed over, and how."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: str

    @classmethod
    def parse(cls, url: str) -> "Relay":
        """Read ``smtp://`` (STARTTLS), ``smtps://`` (implicit TLS) or ``smtp+plain://`` (none, loopback only)."""
        parts = urlsplit(url)
        tls = {"smtp": "starttls", "smtps": "implicit", "smtp+plain": "none"}[parts.scheme]
        host = parts.hostname or ""
        if not host:
            raise InvalidInput("SMTP_URL names no host. Example: smtp://user:password@mail.example.com:587")
        if tls == "none" and host not in {"127.0.0.1", "localhost", "::1"}:
            raise InvalidInput(f"SMTP_URL would send mail to {host} without encryption. Use smtp:// or smtps://.")
        port = parts.port or {"starttls": 587, "implicit": 465, "none": 25}[tls]
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(host, port, username, password, tls)


class EmailChannel:
    """Sends mail over one connection a message, driving each step, so that a doubt is only said where there is one."""

    name = "email"

    def __init__(self, smtp_url: str, mail_from: str, secret_key: str, bot_link: Callable[[], Awaitable[str]]) -> None:
        self._relay = Relay.parse(smtp_url)
        self._from = mail_from
        self._secret_key = secret_key
        self._bot_link = bot_link

    async def open(self) -> None:
        """Nothing to do: each mail opens its own connection."""

    async def close(self) -> None:
        """Nothing to do: no connection is kept."""

    async def check(self) -> None:
        """Greet the relay, with TLS and login as for a mail."""
        client = self._client()
        try:
            await self._greet(client)
            await client.noop()
        except (errors.SMTPException, OSError) as problem:
            raise classify(problem, in_body=False) from problem
        finally:
            client.close()

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:  # noqa: ARG002  # a mail is one part
        """Hand one mail over; the relay's last words come back."""
        mail = self.compose(delivery, await self._link())
        client = self._client()
        in_body = False
        try:
            await self._greet(client)
            await client.mail(_bare(self._from))
            await client.rcpt(delivery.address)
            in_body = True
            _, answer = await client.data(mail.as_bytes(policy=SMTP_POLICY), timeout=TAKE_WITHIN)
        except (errors.SMTPException, OSError) as problem:
            raise classify(problem, in_body=in_body) from problem
        finally:
            client.close()
        return Receipt(answer[:200])

    async def _link(self) -> str | None:
        try:
            return await self._bot_link()
        except SendError:  # Telegram is away: the digits arrive, the one tap is missing
            return None

    def compose(self, delivery: Delivery, bot_link: str | None) -> EmailMessage:
        """The mail as it is sent: text and HTML, the same Message-ID whenever it is repeated."""
        params = dict(delivery.params)
        if delivery.category is Category.CODE:
            code = codes.derive(self._secret_key, params["nonce"])
            link = f"{bot_link}?start={code.link_token}" if bot_link else None
            params = {"code": code.spaced, "link": link}
        mail = EmailMessage(policy=SMTP_POLICY)
        name, sender = parseaddr(self._from)
        mail["From"] = Address(display_name=_one_line(name), addr_spec=sender)
        mail["To"] = Address(addr_spec=delivery.address)
        mail["Subject"] = _one_line(render(f"{delivery.template}.subject.txt", params))
        mail["Date"] = format_datetime(localtime())
        mail["Message-ID"] = f"<openbell.{delivery.message_id}.{delivery.id}@{sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(render(f"{delivery.template}.txt", params))
        mail.add_alternative(render(f"{delivery.template}.html", params), subtype="html")
        return mail

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            use_tls=self._relay.tls == "implicit",
            start_tls=self._relay.tls == "starttls",
            timeout=ANSWER_WITHIN,
            tls_context=ssl.create_default_context() if self._relay.tls != "none" else None,
        )

    async def _greet(self, client: SMTP) -> None:
        await client.connect()
        if self._relay.username is not None:
            await client.login(self._relay.username, self._relay.password or "")
        elif client.is_ehlo_or_helo_needed:
            await client.ehlo()


def classify(problem: Exception, *, in_body: bool) -> SendError:
    """What a failure at some step means; `in_body` once the mail itself was on its way."""
    code = getattr(problem, "code", None)
    said = f"{type(problem).__name__} {code or ''}".strip()
    match problem:
        case errors.SMTPConnectError():
            return ChannelFault(f"The mail relay can't be reached ({said}).")
        case errors.SMTPAuthenticationError() if code is not None and code >= 500:
            return ChannelFault("The mail relay refused the login. Check SMTP_URL.")
        case errors.SMTPRecipientRefused():
            return _of_recipient(problem.code, said)
        case errors.SMTPSenderRefused() if code is not None and code >= 500:
            return ChannelFault("The mail relay refused our sender address. Check MAIL_FROM.")
        case errors.SMTPResponseException() if code is not None and code >= 500:
            return Refused(f"the relay refused the mail ({said})")
        case errors.SMTPResponseException():
            return Postponed(f"the relay said later ({said})", LATER)
        case _ if in_body:
            return Uncertain(f"the connection was lost while the mail was on its way ({said})")
        case errors.SMTPServerDisconnected() | errors.SMTPTimeoutError():
            return Postponed(f"the relay hung up ({said})", LATER)
        case _:
            return ChannelFault(f"The mail relay can't be used ({said}).")


def _of_recipient(code: int, said: str) -> SendError:
    if code >= 500:
        return AddressGone(f"the relay refused the recipient ({said})")
    return Postponed(f"the relay wants to hear of this recipient later ({said})", GREYLISTED)


def _bare(address: str) -> str:
    return parseaddr(address)[1]


def _one_line(text: str) -> str:
    """No control character, line end or encoded word gets into a header."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(kept.replace("=?", "= ?").split())
