"""The message queue: what is to be said, and the work of delivering it, one row for each recipient and channel."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, aliased, mapped_column

from db.repository import Base, BaseRepository, Created, Id
from domain.messages import Category, DeliveryStatus

_STATUSES = ", ".join(f"'{status}'" for status in DeliveryStatus)
_CATEGORIES = ", ".join(f"'{category}'" for category in Category)


class MessageRow(Base):
    __tablename__ = "msg_messages"
    __table_args__ = (
        CheckConstraint(f"category IN ({_CATEGORIES})", name="ck_messages_category"),
        UniqueConstraint("dedupe_key", name="ux_messages_dedupe_key"),
        Index("ix_messages_user_id", "user_id"),
        Index("ix_messages_run_id", "run_id"),
        {"comment": "What is to be said to whom; how far it got stands in msg_delivery_status."},
    )

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


class DeliveryRow(Base):
    __tablename__ = "msg_delivery_status"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="ck_delivery_status"),
        UniqueConstraint("message_id", "channel", "address", name="ux_delivery_message_channel_address"),
        Index("ux_delivery_one_sending", "channel", "address", unique=True,
              postgresql_where=text("status = 'sending'")),
        Index("ix_delivery_queued", "lane", "not_before", postgresql_where=text("status = 'queued'")),
        Index("ix_delivery_leases", "lease_until", postgresql_where=text("status = 'sending'")),
        Index("ix_delivery_user_id", "user_id"),
        {"comment": "One row for a message, recipient and channel: the states of semantics.md, section 4."},
    )  # fmt: skip

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(ForeignKey("msg_messages.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(Text)
    lane: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str] = mapped_column(String(16), server_default="queued")
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    owner: Mapped[str | None] = mapped_column(String(100))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    lease_until: Mapped[datetime | None]
    called_at: Mapped[datetime | None] = mapped_column(comment="Set just before the provider is called")
    sent_at: Mapped[datetime | None]
    provider_message_id: Mapped[str | None] = mapped_column(Text)
    possible_repeat: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    error_class: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    latency_ms: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


# The numbers are drawn first, so that each message is known by its place, also where one stands already.
ENQUEUE = text("""
WITH given AS (SELECT *, nextval(pg_get_serial_sequence('msg_messages', 'id')) AS id FROM unnest(
        CAST(:user_id AS bigint[]), CAST(:category AS text[]), CAST(:lane AS smallint[]), CAST(:template AS text[]),
        CAST(:payload AS text[]), CAST(:run_id AS bigint[]), CAST(:dedupe_key AS text[]),
        CAST(:not_before AS timestamptz[]), CAST(:expires_at AS timestamptz[])) WITH ORDINALITY
    AS g (user_id, category, lane, template, payload, run_id, dedupe_key, not_before, expires_at, place)),
made AS (
    INSERT INTO msg_messages (id, user_id, category, lane, template, payload, run_id, dedupe_key, not_before,
        expires_at)
    OVERRIDING SYSTEM VALUE
    SELECT id, user_id, category, lane, template, CAST(payload AS jsonb), run_id, dedupe_key, not_before, expires_at
    FROM given
    ON CONFLICT (dedupe_key) DO NOTHING
    RETURNING id)
SELECT given.place, made.id FROM made JOIN given USING (id)
""")

BY_CHAT = text("""
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, status, not_before, error)
SELECT m.id, m.user_id, 'telegram', coalesce(i.chat, 'none'), m.lane,
    CASE WHEN i.chat IS NULL OR i.disabled_at IS NOT NULL THEN 'suppressed' ELSE 'queued' END, m.not_before,
    CASE WHEN i.chat IS NULL THEN 'the person has no telegram address'
         WHEN i.disabled_at IS NOT NULL THEN 'the address is disabled: ' || coalesce(i.disabled_reason, '') END
FROM msg_messages m LEFT JOIN LATERAL (
    SELECT coalesce(a.metadata ->> 'chat_id', a.external_id) AS chat, a.disabled_at, a.disabled_reason
    FROM usr_auth_identities a WHERE a.user_id = m.user_id AND a.provider = 'telegram'
    ORDER BY a.disabled_at IS NOT NULL, a.id DESC LIMIT 1) i ON true
WHERE m.id = ANY(CAST(:ids AS bigint[]))
ORDER BY m.id
""")

BY_MAIL = text("""
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, not_before)
SELECT m.id, m.user_id, 'email', u.email, m.lane, m.not_before
FROM msg_messages m JOIN usr_users u ON u.id = m.user_id
WHERE m.id = ANY(CAST(:ids AS bigint[]))
ORDER BY m.id
""")


class MessagesRepo(BaseRepository[MessageRow]):
    model = MessageRow

    def enqueue(self, rows: Sequence[dict[str, Any]]) -> list[int | None]:
        """The new messages' numbers, in order; None for one whose dedupe_key stands already."""
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        numbers = {row.place: row.id for row in self.session.execute(ENQUEUE, columns)}
        return [numbers.get(place) for place in range(1, len(rows) + 1)]

    def deliver_by_chat(self, message_ids: Sequence[int]) -> None:
        """Queue a delivery of each message to its person's chat; one that can't be reached is kept and says why."""
        if message_ids:
            self.session.execute(BY_CHAT, {"ids": list(message_ids)})

    def deliver_by_mail(self, message_ids: Sequence[int]) -> None:
        """Queue a delivery of each message to its person's e-mail address."""
        if message_ids:
            self.session.execute(BY_MAIL, {"ids": list(message_ids)})

    def attach(self, **values: Any) -> None:
        self.session.add(AttachmentRow(**values))

    def attachments(self, message_id: int) -> list[AttachmentRow]:
        found = select(AttachmentRow).where(AttachmentRow.message_id == message_id)
        return list(self.session.scalars(found.order_by(AttachmentRow.position)))

    def claim(self, owner: str, limit: int, lease: timedelta) -> list[tuple[DeliveryRow, MessageRow]]:
        """Due deliveries by lane, at most one for an address, none behind an earlier one of its lane; now ours."""
        earlier = aliased(DeliveryRow)
        blocked = exists().where(
            earlier.channel == DeliveryRow.channel,
            earlier.address == DeliveryRow.address,
            (earlier.status == "sending")
            | ((earlier.status == "queued") & (earlier.lane == DeliveryRow.lane) & (earlier.id < DeliveryRow.id)),
        )
        head = aliased(DeliveryRow)
        more_urgent = exists().where(
            head.channel == DeliveryRow.channel,
            head.address == DeliveryRow.address,
            head.status == "queued",
            head.not_before <= func.now(),
            head.lane < DeliveryRow.lane,
        )
        due = (
            select(DeliveryRow.id)
            .where(DeliveryRow.status == "queued", DeliveryRow.not_before <= func.now(), ~blocked, ~more_urgent)
            .order_by(DeliveryRow.lane, DeliveryRow.not_before, DeliveryRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ours = self.session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(due), DeliveryRow.status == "queued")
            .values(
                status=DeliveryStatus.SENDING,
                owner=owner,
                fence=DeliveryRow.fence + 1,
                lease_until=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, lease.total_seconds()),
                called_at=None,
            )
            .returning(DeliveryRow.id)
            .execution_options(synchronize_session=False)
        ).scalars()
        rows = self.session.execute(
            select(DeliveryRow, MessageRow)
            .join(MessageRow, MessageRow.id == DeliveryRow.message_id)
            .where(DeliveryRow.id.in_(list(ours)))
            .order_by(DeliveryRow.lane, DeliveryRow.id)
        )
        return [(delivery, message) for delivery, message in rows]

    def mark_called(self, delivery_id: int, owner: str, fence: int) -> bool:
        """Write that the provider is about to be called; False when the delivery is no longer ours."""
        return self._ours(delivery_id, owner, fence, called_at=func.now(), attempts=DeliveryRow.attempts + 1)

    def finish(self, delivery_id: int, owner: str, fence: int, status: DeliveryStatus, **values: Any) -> bool:
        """Move a delivery of ours on; False when somebody else owns it by now, and then nothing was written."""
        return self._ours(delivery_id, owner, fence, status=status, lease_until=None, owner=None, **values)

    def _ours(self, delivery_id: int, owner_now: str, fence: int, /, **values: Any) -> bool:
        changed = self.session.execute(
            update(DeliveryRow)
            .where(
                DeliveryRow.id == delivery_id,
                DeliveryRow.owner == owner_now,
                DeliveryRow.fence == fence,
                DeliveryRow.status == DeliveryStatus.SENDING,
            )
            .values(**values)
            .returning(DeliveryRow.id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        return changed is not None

    def lapsed(self, limit: int) -> list[tuple[DeliveryRow, MessageRow]]:
        """Deliveries whose sender let the lease lapse, locked, with their messages."""
        rows = self.session.execute(
            select(DeliveryRow, MessageRow)
            .join(MessageRow, MessageRow.id == DeliveryRow.message_id)
            .where(DeliveryRow.status == DeliveryStatus.SENDING, DeliveryRow.lease_until < func.now())
            .limit(limit)
            .with_for_update(of=DeliveryRow, skip_locked=True)
        )
        return [(delivery, message) for delivery, message in rows]

    def of_runs(self, run_ids: Sequence[int]) -> dict[int, DeliveryRow]:
        """For each of these runs the delivery of its newest message."""
        rows = self.session.execute(
            select(MessageRow.run_id, DeliveryRow)
            .join(DeliveryRow, DeliveryRow.message_id == MessageRow.id)
            .where(MessageRow.run_id.in_(run_ids))
            .order_by(DeliveryRow.id)
        )
        return {run_id: delivery for run_id, delivery in rows if run_id is not None}
