"""Mails that arrived at the sink, and how they are read."""

import email
import json
import time
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default as modern
from typing import Any

from sandbox.errors import SandboxError
from sandbox.events import Events
from sandbox.store import Store

PREVIEW = 140


@dataclass(frozen=True)
class Mail:
    """One mail with its parts."""

    id: int
    received_at: float
    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The decoded subject line."""
        return str(self.message.get("Subject", ""))

    @property
    def text(self) -> str:
        """The plain part, or nothing."""
        return _content(self.message.get_body(("plain",)))

    @property
    def html(self) -> str:
        """The HTML part, or nothing."""
        return _content(self.message.get_body(("html",)))

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers in their order."""
        return [(name, str(value)) for name, value in self.message.items()]

    @property
    def attachments(self) -> list[EmailMessage]:
        """The parts that are neither text nor shown inside it."""
        return [part for part in self.message.iter_attachments() if isinstance(part, EmailMessage)]

    def inline(self) -> dict[str, EmailMessage]:
        """Parts that the HTML shows, by their content id."""
        parts = (part for part in self.message.walk() if isinstance(part, EmailMessage))
        return {str(part["Content-ID"]).strip("<>"): part for part in parts if part["Content-ID"]}


class Inbox:
    """Keeps mails."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events

    def add(self, sender: str, recipients: list[str], raw: bytes) -> int:
        """Keep an arrived mail and tell the watchers."""
        mail = _parsed(0, time.time(), sender, recipients, raw)
        preview = " ".join(mail.text.split())[:PREVIEW]
        cursor = self._store.run(
            "INSERT INTO mails (received_at, sender, recipients, subject, preview, raw) VALUES (?, ?, ?, ?, ?, ?)",
            *(mail.received_at, sender, json.dumps(recipients), mail.subject, preview, raw),
        )
        mail_id = int(cursor.lastrowid or 0)
        self._events.publish("mail", id=mail_id, subject=mail.subject, to=recipients)
        return mail_id

    def get(self, mail_id: int) -> Mail:
        """One mail."""
        row = self._store.row("SELECT * FROM mails WHERE id = ?", mail_id)
        if row is None:
            raise SandboxError(f"There is no mail {mail_id}.")
        recipients = json.loads(row["recipients"])
        return _parsed(row["id"], row["received_at"], row["sender"], recipients, row["raw"])

    def all(self) -> list[Mail]:
        """Every mail, oldest first."""
        return [self.get(row["id"]) for row in self._store.rows("SELECT id FROM mails ORDER BY id")]

    def listed(self, limit: int = 200) -> list[dict[str, Any]]:
        """The newest mails as a list shows them."""
        rows = self._store.rows(
            "SELECT id, received_at, sender, recipients, subject, preview, read FROM mails ORDER BY id DESC LIMIT ?",
            limit,
        )
        return [dict(row) | {"recipients": json.loads(row["recipients"])} for row in rows]

    def mark_read(self, mail_id: int) -> None:
        """Somebody has opened the mail."""
        if self._store.run("UPDATE mails SET read = 1 WHERE id = ? AND read = 0", mail_id).rowcount:
            self._events.publish("mail_read", id=mail_id)

    def clear(self) -> None:
        """Empty the inbox."""
        self._store.run("DELETE FROM mails")
        self._events.publish("mail_read", id=0)


def _content(part: Any) -> str:
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        # An unknown or wrong charset: the bytes are still worth showing.
        return str(part.get_payload(decode=True).decode("utf-8", "replace"))


def _parsed(mail_id: int, received_at: float, sender: str, recipients: list[str], raw: bytes) -> Mail:
    message = email.message_from_bytes(raw, EmailMessage, policy=modern)
    return Mail(mail_id, received_at, sender, recipients, message)
