"""An SMTP server that takes every mail and keeps it in the inbox; nothing is sent on."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.inbox import Inbox

log = logging.getLogger("sandbox.mail")
LARGEST = 25 * 1024 * 1024


@dataclass
class MailFaults:
    """Answers that the next mails get instead of being taken, one each: "451 Try again later" and the like."""

    at_recipient: list[str] = field(default_factory=list)
    at_data: list[str] = field(default_factory=list)


class _Handler:
    """aiosmtpd calls these by name."""

    def __init__(self, inbox: Inbox, faults: MailFaults) -> None:
        self._inbox = inbox
        self._faults = faults

    async def handle_RCPT(  # noqa: N802 (the name is aiosmtpd's)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self._faults.at_recipient:
            return self._faults.at_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._faults.at_data:
            return self._faults.at_data.pop(0)
        raw = envelope.original_content or b""
        mail_id = self._inbox.add(envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        log.info("mail %s taken for %s recipient(s)", mail_id, len(envelope.rcpt_tos))
        return "250 OK"


@asynccontextmanager
async def taking_mail(inbox: Inbox, faults: MailFaults, sock: socket.socket) -> AsyncIterator[None]:
    """Take mail on a bound socket for the time of the block."""
    # aiosmtpd logs every command of a session, addresses included, at INFO.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    loop = asyncio.get_running_loop()
    handler = _Handler(inbox, faults)
    sessions: set[SMTP] = set()

    def session() -> SMTP:
        smtp = SMTP(handler, hostname="sandbox", ident="sandbox", data_size_limit=LARGEST, enable_SMTPUTF8=True)
        sessions.add(smtp)
        return smtp

    server = await loop.create_server(session, sock=sock)
    try:
        yield
    finally:
        server.close()
        for smtp in sessions:
            if smtp.transport:
                smtp.transport.close()
