"""A delivery as channels get it, and what a provider answers."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from db.deliveries import DeliveryRow
from db.messages import AttachmentRow, MessageRow
from domain.destinations import is_group
from domain.ids import DeliveryId, MessageId, UserId
from domain.messages import Attachment, Category, Rows
from notifications.outbox import read_buttons


@dataclass(frozen=True)
class Sent:
    """A provider's yes: its number for the message, what was changed to get it through, how long it took."""

    provider_id: str
    note: str | None
    took: timedelta
    left_topic: bool = False
    """Whether it went to the group itself, as its topic can't be written to."""


@dataclass(frozen=True)
class Delivery:
    """A claimed delivery with all that a channel needs to send it."""

    id: DeliveryId
    message_id: MessageId
    user_id: UserId
    category: Category
    channel: str
    address: str
    owner: str
    fence: int
    attempts: int
    possible_repeat: bool
    text: str
    template: str | None
    params: Mapping[str, Any]
    buttons: Rows
    attachments: tuple[Attachment, ...]
    queued_at: datetime
    expires_at: datetime
    lane: int = 1
    timed_by_user: bool = False
    called: bool = False
    """Whether the provider was called in the attempt that was not finished."""
    part: int = 0
    """The first part that is not known to have been taken; a longer message is sent from there on."""
    edits: str | None = None
    """The provider's number of an earlier message that this one replaces in place."""
    replies_to: int | None = None
    """The message in the chat that this one answers."""
    silent: bool = False
    locale: str = "en"
    subject: str | None = None
    ref: str = ""
    """A short reference that makes a possible repeat recognisable."""
    thread: str | None = None
    """What it is about: mails with the same words here stay one conversation."""
    unsubscribe: str | None = None
    """The signed link that opts this person out of this category; mail only."""
    destination_id: int | None = None
    """The linked group or topic that its message goes to; not every delivery of it does."""

    @classmethod
    def of(cls, row: DeliveryRow, message: MessageRow, files: Sequence[AttachmentRow], owner: str | None) -> "Delivery":
        """The delivery of a row, under the claim of `owner` or of whom the row names."""
        return cls(
            id=DeliveryId(row.id),
            message_id=MessageId(row.message_id),
            user_id=UserId(row.user_id),
            category=Category(message.category),
            channel=row.channel,
            address=row.address,
            owner=owner or row.owner or "",
            fence=row.fence,
            attempts=row.attempts,
            possible_repeat=row.possible_repeat,
            text=message.payload["text"],
            template=message.template,
            params=message.payload["params"],
            buttons=read_buttons(message.payload["buttons"]),
            attachments=tuple(Attachment(file.filename, file.content_type, file.content) for file in files),
            queued_at=message.created_at,
            expires_at=message.expires_at,
            lane=row.lane,
            part=row.part,
            called=row.called_at is not None,
            subject=message.subject,
            timed_by_user=message.timed_by_user,
            thread=message.supersede_key,
            edits=message.payload.get("edits"),
            replies_to=message.payload.get("replies_to"),
            destination_id=message.destination_id,
            silent=message.payload.get("silent", False),
            ref=reference(row.id),
        )

    @property
    def to_group(self) -> bool:
        """Whether this one goes to a linked group, and not to its person."""
        return self.destination_id is not None and is_group(self.address)

    @property
    def label(self) -> dict[str, Any]:
        """What a log line says of it."""
        return {"delivery_id": self.id, "message_id": self.message_id, "channel": self.channel, "lane": self.category}


def reference(delivery_id: int) -> str:
    """Four signs by which a person recognises a message that may have come twice."""
    return base64.b32encode(hashlib.blake2b(str(delivery_id).encode(), digest_size=3).digest()).decode()[:4]
