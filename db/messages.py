"""The message queue: what is to be said, and to whom."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.deliveries import DeliveryRow
from db.prepared import execute_prepared
from db.repository import Base, BaseRepository, Created, Id
from domain.messages import Category

_CATEGORIES = ", ".join(f"'{category}'" for category in Category)


class MessageRow(Base):
    __tablename__ = "msg_messages"
    __table_args__ = (
        CheckConstraint(f"category IN ({_CATEGORIES})", name="ck_messages_category"),
        UniqueConstraint("dedupe_key", name="ux_messages_dedupe_key"),
        Index("ix_messages_user_id", "user_id"),
        Index("ix_messages_run_id", "run_id"),
        Index("ix_messages_supersede_key", "user_id", "supersede_key",
              postgresql_where=text("supersede_key IS NOT NULL")),
        Index("ix_messages_broadcast_id", "broadcast_id", postgresql_where=text("broadcast_id IS NOT NULL")),
        {"comment": "What is to be said to whom; how far it got stands in msg_delivery_status."},
    )  # fmt: skip

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    category: Mapped[str] = mapped_column(String(32))
    lane: Mapped[int] = mapped_column(SmallInteger)
    template: Mapped[str | None] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="Text, buttons and template parameters; no secrets")
    run_id: Mapped[int | None] = mapped_column(comment="The run that made it")
    dedupe_key: Mapped[str | None] = mapped_column(String(200))
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    created_at: Mapped[Created]
    channels: Mapped[list[str] | None] = mapped_column(
        ARRAY(Text), comment="Where it was told to go; null for what the person prefers"
    )
    subject: Mapped[str | None] = mapped_column(Text)
    supersede_key: Mapped[str | None] = mapped_column(
        String(200), comment="A newer message of this key takes the place of one not sent yet"
    )
    broadcast_id: Mapped[int | None]
    destination_id: Mapped[int | None] = mapped_column(comment="The linked group or topic it goes to")
    timed_by_user: Mapped[bool] = mapped_column(
        Boolean,
        server_default=text("false"),
        comment="Whether the person chose its hour, so that quiet hours let it pass",
    )


class AttachmentRow(Base):
    __tablename__ = "msg_attachments"
    __table_args__ = (
        UniqueConstraint("message_id", "position", name="ux_attachments_message_position"),
        {"comment": "Files that travel with a message, in the same commit."},
    )

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(ForeignKey("msg_messages.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(SmallInteger)
    filename: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)


# The numbers are drawn first, so that each message is known by its place, also where one stands already.
ENQUEUE = text("""
WITH given AS (SELECT *, nextval(pg_get_serial_sequence('msg_messages', 'id')) AS id FROM unnest(
        CAST(:user_id AS bigint[]), CAST(:category AS text[]), CAST(:lane AS smallint[]), CAST(:template AS text[]),
        CAST(:payload AS text[]), CAST(:run_id AS bigint[]), CAST(:dedupe_key AS text[]),
        CAST(:not_before AS timestamptz[]), CAST(:expires_at AS timestamptz[]), CAST(:channels AS text[]),
        CAST(:subject AS text[]), CAST(:supersede_key AS text[]), CAST(:timed_by_user AS boolean[]),
        CAST(:destination_id AS bigint[])) WITH ORDINALITY
    AS g (user_id, category, lane, template, payload, run_id, dedupe_key, not_before, expires_at, channels, subject,
          supersede_key, timed_by_user, destination_id, place)),
made AS (
    INSERT INTO msg_messages (id, user_id, category, lane, template, payload, run_id, dedupe_key, not_before,
        expires_at, channels, subject, supersede_key, timed_by_user, destination_id)
    OVERRIDING SYSTEM VALUE
    SELECT id, user_id, category, lane, template, CAST(payload AS jsonb), run_id, dedupe_key, not_before, expires_at,
        string_to_array(channels, ','), subject, supersede_key, timed_by_user, destination_id
    FROM given
    ON CONFLICT (dedupe_key) DO NOTHING
    RETURNING id)
SELECT given.place, made.id FROM made JOIN given USING (id)
""")

SUPERSEDE = text("""
UPDATE msg_delivery_status o
SET status = 'merged', merged_into = n.id, reason = 'a newer message took its place', updated_at = now()
FROM msg_delivery_status n JOIN msg_messages nm ON nm.id = n.message_id
    JOIN msg_messages om ON om.user_id = nm.user_id AND om.supersede_key = nm.supersede_key AND om.id <> nm.id
WHERE n.message_id = ANY(CAST(:ids AS bigint[])) AND o.message_id = om.id AND o.channel = n.channel
    AND o.status = 'queued' AND o.called_at IS NULL
""")


class MessagesRepo(BaseRepository[MessageRow]):
    model = MessageRow

    def enqueue(self, rows: Sequence[dict[str, Any]]) -> list[int | None]:
        """The new messages' numbers, in order; None for one whose dedupe_key stands already."""
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        numbers = {row.place: row.id for row in execute_prepared(self.session, ENQUEUE, columns)}
        return [numbers.get(place) for place in range(1, len(rows) + 1)]

    def supersede(self, message_ids: Sequence[int]) -> None:
        """Whatever of the same key waits for the same person and channel is carried by these messages now."""
        if message_ids:
            self.session.execute(SUPERSEDE, {"ids": list(message_ids)})

    def attach(self, **values: Any) -> None:
        self.session.add(AttachmentRow(**values))

    def by_ids(self, message_ids: Sequence[int]) -> dict[int, MessageRow]:
        """These messages by their numbers."""
        found = self.session.scalars(select(MessageRow).where(MessageRow.id.in_(set(message_ids))))
        return {row.id: row for row in found}

    def attachments_of(self, message_ids: Sequence[int]) -> dict[int, list[AttachmentRow]]:
        """The files of these messages, in their order."""
        found: dict[int, list[AttachmentRow]] = {}
        asked = select(AttachmentRow).where(AttachmentRow.message_id.in_(set(message_ids)))
        for row in self.session.scalars(asked.order_by(AttachmentRow.position)):
            found.setdefault(row.message_id, []).append(row)
        return found

    def gathered(self, delivery_ids: Sequence[int]) -> dict[int, list[MessageRow]]:
        """What each of these digests gathers, oldest first."""
        found: dict[int, list[MessageRow]] = {}
        asked = (
            select(DeliveryRow.merged_into, MessageRow)
            .join(MessageRow, MessageRow.id == DeliveryRow.message_id)
            .where(DeliveryRow.merged_into.in_(delivery_ids), DeliveryRow.status == "merged")
            .order_by(DeliveryRow.id)
        )
        for number, message in self.session.execute(asked):
            found.setdefault(int(number or 0), []).append(message)
        return found

    def deliveries_of(self, message_id: int) -> list[DeliveryRow]:
        """The deliveries of a message, oldest first."""
        found = select(DeliveryRow).where(DeliveryRow.message_id == message_id).order_by(DeliveryRow.id)
        return list(self.session.scalars(found))

    def delivered_as(self, user_id: int, channel: str, address: str, number: str) -> DeliveryRow | None:
        """A person's newest delivery that came as this message of the channel's own, or of which this was a part."""
        found = (
            select(DeliveryRow)
            .where(DeliveryRow.user_id == user_id, DeliveryRow.channel == channel)
            .where(or_(DeliveryRow.address == address, DeliveryRow.address.startswith(f"{address}/", autoescape=True)))
            .where(or_(DeliveryRow.provider_message_id == number, DeliveryRow.parts.contains([number])))
            .order_by(DeliveryRow.id.desc())
            .limit(1)
        )
        return self.session.scalar(found)

    def of_runs(self, run_ids: Sequence[int]) -> dict[int, DeliveryRow]:
        """For each of these runs the delivery of its newest message."""
        rows = self.session.execute(
            select(MessageRow.run_id, DeliveryRow)
            .join(DeliveryRow, DeliveryRow.message_id == MessageRow.id)
            .where(MessageRow.run_id.in_(run_ids))
            .order_by(DeliveryRow.id)
        )
        return {run_id: delivery for run_id, delivery in rows if run_id is not None}
