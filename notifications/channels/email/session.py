"""One SMTP connection, driven step by step, so that a doubt is only said where there is one."""

import asyncio
import contextlib
import re
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache

from aiosmtplib import SMTP, errors

from notifications.channels.email.errors import Step, TooLarge
from notifications.channels.email.relay import Relay

_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"(?m)^\.")
_GO_ON = 354
_GOODBYE_S = 2.0


@dataclass(frozen=True)
class Limits:
    """How long the steps may take, and how long a connection is kept."""

    answer_s: float = 10.0
    before_body_s: float = 12.0
    """All steps before the mail itself, so that two relays are tried within half a minute."""
    take_s: float = 120.0
    """For the answer to the final dot; giving up earlier makes copies."""
    busy_s: float = 2.0
    mails: int = 75
    idle_s: float = 60.0
    age_s: float = 600.0


class Session:
    """One connection; `step` says how far the present mail has got."""

    def __init__(self, relay: Relay, limits: Limits, trust: ssl.SSLContext | None = None) -> None:
        self.step = Step.CONNECT
        self.mails = 0
        self._relay = relay
        self._limits = limits
        self._opened = False
        self._since = time.monotonic()
        self._client = SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls == "implicit",
            start_tls=False,  # not the client's own choice: `open` demands it
            timeout=limits.answer_s,
            tls_context=(trust or _trusted()) if relay.tls != "none" else None,
        )

    @property
    def is_open(self) -> bool:
        return self._opened and self._client.is_connected

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._since

    async def open(self) -> None:
        """Connect, encrypt as the relay's URL demands, log in."""
        client, relay = self._client, self._relay
        self.step = Step.CONNECT
        client.local_hostname = await asyncio.to_thread(_own_name)
        await client.connect()
        await client.ehlo()
        if relay.tls == "starttls":
            self.step = Step.TLS
            await client.starttls()
            await client.ehlo()
        if relay.username is not None:
            self.step = Step.LOGIN
            await client.login(relay.username, relay.password or "")
        self._opened = True

    async def ask(self) -> None:
        """See whether the relay still answers."""
        self.step = Step.CONNECT
        await self._client.noop()

    async def offer(self, sender: str, recipient: str, size: int) -> None:
        """Everything before the mail itself; until this has returned, nothing was sent."""
        client = self._client
        self.step = Step.MAIL
        await client.mail(sender, options=self._options(size))
        self.step = Step.RCPT
        await client.rcpt(recipient)
        self.step = Step.DATA
        answer = await client.execute_command(b"DATA")
        if answer.code != _GO_ON:
            raise errors.SMTPDataError(answer.code, answer.message)

    async def deliver(self, mail: bytes) -> str:
        """The mail itself; the relay's last words come back."""
        protocol = self._client.protocol
        if protocol is None:
            raise errors.SMTPServerDisconnected("Connection lost")
        protocol.write(on_the_wire(mail))
        self.step = Step.BODY  # not a line earlier: a write that raises has sent nothing
        answer = await protocol.read_response(timeout=self._limits.take_s)
        if not 200 <= answer.code < 300:
            raise errors.SMTPDataError(answer.code, answer.message)
        self.mails += 1
        return answer.message

    async def leave(self) -> None:
        """Say goodbye, without insisting on an answer."""
        with contextlib.suppress(errors.SMTPException, OSError):
            await self._client.quit(timeout=_GOODBYE_S)
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _options(self, size: int) -> list[str]:
        client = self._client
        if not client.supports_extension("size"):
            return []
        most = client.esmtp_extensions.get("size", "").strip()
        if most.isdecimal() and 0 < int(most) < size:
            raise TooLarge(f"the relay takes no mail larger than {int(most) // 1024} KiB")
        return [f"SIZE={size}"]


def on_the_wire(mail: bytes) -> bytes:
    """The mail as DATA wants it: CRLF everywhere, dots doubled, the final dot behind it."""
    text = _LINE_END.sub(b"\r\n", mail)
    if not text.endswith(b"\r\n"):
        text += b"\r\n"
    return _DOT.sub(b"..", text) + b".\r\n"


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


@cache
def _own_name() -> str:
    return "".join(c for c in socket.getfqdn() if c.isalnum() or c in ".-") or "localhost"
