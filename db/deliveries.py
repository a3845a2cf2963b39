"""Deliveries: the work of sending, one row for a message, a recipient and a channel, moved on by senders alone."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.prepared import execute_prepared
from db.repository import Base, BaseRepository, Created, Id
from domain.messages import BULK_LANE, DeliveryStatus

_STATUSES = ", ".join(f"'{status}'" for status in DeliveryStatus)


class DeliveryRow(Base):
    __tablename__ = "msg_delivery_status"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="ck_delivery_status"),
        UniqueConstraint("message_id", "channel", "address", name="ux_delivery_message_channel_address"),
        Index("ux_delivery_one_sending", "channel", "address", unique=True,
              postgresql_where=text("status = 'sending'")),
        Index("ix_delivery_ready", "lane", "place", "id", postgresql_where=text("status = 'queued' AND NOT held")),
        Index("ix_delivery_held", "not_before", postgresql_where=text("status = 'queued' AND held")),
        Index("ix_delivery_order", "channel", "address", "lane", "id",
              postgresql_where=text("status IN ('queued', 'sending')")),
        Index("ix_delivery_broadcast", "broadcast_id", "status", postgresql_where=text("broadcast_id IS NOT NULL")),
        Index("ix_delivery_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        Index("ix_delivery_provider", "channel", "address", "provider_message_id",
              postgresql_where=text("provider_message_id IS NOT NULL")),
        Index("ix_delivery_stuck", "status", "id", postgresql_where=text("status IN ('dead', 'uncertain', 'failed')")),
        Index("ux_delivery_open_digest", "user_id", "channel", "digest_key", unique=True,
              postgresql_where=text("digest_key IS NOT NULL AND status = 'queued'")),
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
    held: Mapped[bool] = mapped_column(
        Boolean,
        server_default=text("false"),
        comment="Whether it waits for not_before; what is due is found without looking at what waits",
    )
    place: Mapped[int] = mapped_column(
        Integer, server_default=text("0"), comment="Its place in its broadcast: the n-th of each go side by side"
    )
    part: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("0"), comment="The first part that the provider has not taken yet"
    )
    parts: Mapped[list[str]] = mapped_column(
        JSONB, server_default=text("'[]'::jsonb"), comment="The provider's numbers of the parts it took"
    )
    reason: Mapped[str | None] = mapped_column(Text, comment="Why it waits")
    merged_into: Mapped[int | None] = mapped_column(
        comment="The delivery that carries it: a digest, or the newer message that took its place"
    )
    digest_key: Mapped[str | None] = mapped_column(
        Text, comment="Set on an open digest, which gathers until its not_before"
    )
    broadcast_id: Mapped[int | None]
    attempts_log: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB,
        server_default=text("'[]'::jsonb"),
        comment="Every attempt: when, how long, what came of it, what was said",
    )


# What is due leaves the waiting ones, so that a claim never looks at a row that may not be sent yet.
RELEASE = text("""
UPDATE msg_delivery_status SET held = false
WHERE id IN (SELECT id FROM msg_delivery_status WHERE status = 'queued' AND held AND not_before <= now()
             ORDER BY not_before LIMIT 500 FOR UPDATE SKIP LOCKED)
""")

# Of an address only the head may go: nothing beside a row that is being sent, behind an earlier one of its lane
# (one that waits to be tried again included), or behind a more urgent one. Asked for each candidate by itself: joined,
# the planner would gather the whole queue first.
_IS_HEAD = """(SELECT 1 FROM msg_delivery_status e WHERE e.channel = d.channel AND e.address = d.address
        AND e.status IN ('queued', 'sending')
        AND (e.status = 'sending' OR e.lane < d.lane AND NOT e.held
             OR e.lane = d.lane AND e.id < d.id AND (
                 NOT e.held OR e.attempts > 0 AND e.not_before < 'infinity')) LIMIT 1) IS NULL"""

CLAIM = text(f"""
WITH urgent AS (
    SELECT d.id FROM msg_delivery_status d
    WHERE d.status = 'queued' AND NOT d.held AND d.lane < {BULK_LANE} AND d.channel = ANY(CAST(:channels AS text[]))
        AND {_IS_HEAD}
    ORDER BY d.lane, d.place, d.id LIMIT CAST(:most AS integer) FOR UPDATE SKIP LOCKED),
bulk AS (
    SELECT d.id FROM msg_delivery_status d
    WHERE d.status = 'queued' AND NOT d.held AND d.lane = {BULK_LANE} AND d.channel = ANY(CAST(:channels AS text[]))
        AND {_IS_HEAD}
    ORDER BY d.lane, d.place, d.id LIMIT CAST(:bulk AS integer) FOR UPDATE SKIP LOCKED)
UPDATE msg_delivery_status d
SET status = 'sending', owner = CAST(:owner AS text), fence = d.fence + 1, called_at = NULL, digest_key = NULL,
    updated_at = now(), lease_until = now() + make_interval(secs => CAST(:lease AS double precision))
FROM (SELECT id FROM urgent UNION ALL SELECT id FROM bulk) c
WHERE d.id = c.id AND d.status = 'queued'
RETURNING d.id
""")

ADD = text("""
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, status, not_before, held, reason, error,
    merged_into)
SELECT * FROM unnest(
    CAST(:message_id AS bigint[]), CAST(:user_id AS bigint[]), CAST(:channel AS text[]), CAST(:address AS text[]),
    CAST(:lane AS smallint[]), CAST(:status AS text[]), CAST(:not_before AS timestamptz[]), CAST(:held AS boolean[]),
    CAST(:reason AS text[]), CAST(:error AS text[]), CAST(:merged_into AS bigint[]))
ON CONFLICT (message_id, channel, address) DO NOTHING
""")

BEGIN_DIGEST = text("""
WITH message AS (
    INSERT INTO msg_messages (user_id, category, lane, template, payload, not_before, expires_at, channels)
    VALUES (:user_id, 'digest', 2, 'digest', '{"text": "", "buttons": [], "params": {}}'::jsonb, :closes,
        :closes + interval '24 hours', ARRAY[:channel])
    RETURNING id)
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, not_before, held, reason, digest_key)
SELECT id, :user_id, :channel, :address, 2, :closes, true, 'gathers until then', :digest_key FROM message
ON CONFLICT (user_id, channel, digest_key) WHERE digest_key IS NOT NULL AND status = 'queued' DO NOTHING
""")

FALL_BACK = text("""
WITH message AS (SELECT m.id, m.user_id, m.lane, m.channels,
                     CASE WHEN CAST(:channel AS text) IS NULL THEN 0
                          ELSE array_position(m.channels, CAST(:channel AS text)) END AS place
                 FROM msg_messages m WHERE m.id = :message_id)
SELECT m.channels[m.place + 1] AS channel FROM message m WHERE m.place < array_length(m.channels, 1)
""")

MARK_CALLED = text("""
UPDATE msg_delivery_status SET called_at = now(), attempts = attempts + 1, updated_at = now()
WHERE id = CAST(:id AS bigint) AND owner = CAST(:owner AS text) AND fence = CAST(:fence AS bigint)
    AND status = 'sending' RETURNING id
""")

PART_TAKEN = text("""
UPDATE msg_delivery_status
SET part = :part + 1, parts = parts || jsonb_build_array(CAST(:number AS text)), updated_at = now(),
    lease_until = now() + make_interval(secs => :lease)
WHERE id = CAST(:id AS bigint) AND owner = CAST(:owner AS text) AND fence = CAST(:fence AS bigint)
    AND status = 'sending' RETURNING id
""")

FINISH = text("""
UPDATE msg_delivery_status
SET status = CAST(:status AS text), owner = NULL, lease_until = NULL, updated_at = now(),
    not_before = coalesce(now() + make_interval(secs => CAST(:after AS double precision)), not_before),
    held = coalesce(CAST(:after AS double precision) > 0, false),
    called_at = CASE WHEN CAST(:status AS text) = 'queued' THEN NULL ELSE called_at END,
    sent_at = CASE WHEN CAST(:status AS text) = 'sent' THEN now() ELSE sent_at END,
    attempts = greatest(attempts - CAST(:uncounted AS integer), 0),
    possible_repeat = possible_repeat OR CAST(:repeat AS boolean),
    provider_message_id = coalesce(CAST(:number AS text), provider_message_id),
    latency_ms = coalesce(CAST(:latency AS integer), latency_ms),
    reason = CAST(:reason AS text), error = CAST(:error AS text), error_class = CAST(:kind AS text),
    merged_into = coalesce(CAST(:merged_into AS bigint), merged_into),
    attempts_log = attempts_log || CASE
        WHEN reason IS NULL OR reason = CAST(:reason AS text) OR reason = attempts_log -> -1 ->> 'said'
        THEN CAST('[]' AS jsonb)  -- why it waited is remembered once, when it waits no more
        ELSE jsonb_build_array(jsonb_build_object('at', updated_at, 'outcome', 'waited', 'said', reason)) END
        || CAST(:log AS jsonb)
WHERE id = CAST(:id AS bigint) AND owner = CAST(:owner AS text) AND fence = CAST(:fence AS bigint)
    AND status = 'sending' RETURNING id
""")


class DeliveriesRepo(BaseRepository[DeliveryRow]):
    model = DeliveryRow

    def claim(
        self, owner: str, lease: timedelta, *, channels: Sequence[str], most: int, bulk: int
    ) -> list[DeliveryRow]:
        """Due deliveries by lane, `bulk` of the bulk lane at most beside `most` others, one an address; now ours."""
        execute_prepared(self.session, RELEASE, {})
        given = {"owner": owner, "lease": lease.total_seconds(), "channels": list(channels)}
        ours = list(execute_prepared(self.session, CLAIM, given | {"most": most, "bulk": bulk}).scalars())
        if not ours:
            return []
        found = select(DeliveryRow).where(DeliveryRow.id.in_(ours)).order_by(DeliveryRow.lane, DeliveryRow.id)
        return list(self.session.scalars(found))

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Queue these deliveries; one that stands already stays as it is."""
        if rows:
            execute_prepared(self.session, ADD, {name: [row[name] for row in rows] for name in rows[0]})

    def open_digest(self, user_id: int, channel: str, digest_key: str | None) -> int | None:
        """The digest that gathers by this key, locked, so that it does not go before what is added is committed."""
        found = select(DeliveryRow.id).where(
            DeliveryRow.user_id == user_id,
            DeliveryRow.channel == channel,
            DeliveryRow.digest_key == digest_key,
            DeliveryRow.status == DeliveryStatus.QUEUED,
        )
        return self.session.scalar(found.with_for_update())

    def begin_digest(
        self, user_id: int, channel: str, digest_key: str | None, *, address: str, closes: datetime
    ) -> None:
        """Open a digest that goes at `closes`; another that was opened meanwhile stays the one."""
        given = {"user_id": user_id, "channel": channel, "digest_key": digest_key, "address": address}
        self.session.execute(BEGIN_DIGEST, given | {"closes": closes})

    def next_channel(self, message_id: int, channel: str | None) -> str | None:
        """The channel that this message goes by after a definite failure of `channel`; the first where that is None."""
        found: str | None = self.session.execute(
            FALL_BACK, {"message_id": message_id, "channel": channel}
        ).scalar_one_or_none()
        return found

    def mark_called(self, delivery_id: int, owner: str, fence: int) -> bool:
        """Write that the provider is about to be called; False when the delivery is no longer ours."""
        given = {"id": delivery_id, "owner": owner, "fence": fence}
        return execute_prepared(self.session, MARK_CALLED, given).scalar_one_or_none() is not None

    def renew(self, delivery_id: int, owner: str, fence: int, lease: timedelta) -> None:
        """Renew the lease of a delivery of ours."""
        self.session.execute(
            text("UPDATE msg_delivery_status SET lease_until = now() + make_interval(secs => :lease) "
                 "WHERE id = :id AND owner = :owner AND fence = :fence AND status = 'sending'"),
            {"id": delivery_id, "owner": owner, "fence": fence, "lease": lease.total_seconds()},
        )  # fmt: skip

    def part_taken(self, delivery_id: int, owner: str, fence: int, *, part: int, number: str, lease: timedelta) -> bool:
        """Write that the provider took a part; the lease is renewed with it. False when it is no longer ours."""
        given = {"id": delivery_id, "owner": owner, "fence": fence, "part": part, "number": number}
        found = self.session.execute(PART_TAKEN, given | {"lease": lease.total_seconds()}).scalar_one_or_none()
        return found is not None

    def finish(
        self,
        delivery_id: int,
        owner: str,
        fence: int,
        status: DeliveryStatus,
        *,
        attempt: dict[str, Any] | None = None,
        after: timedelta | None = None,
        counts: bool = True,
        repeat: bool = False,
        number: str | None = None,
        latency_ms: int | None = None,
        reason: str | None = None,
        error: str | None = None,
        error_class: str | None = None,
        merged_into: int | None = None,
    ) -> bool:
        """Move a delivery of ours on; False when somebody else owns it by now, and then nothing was written.

        With `after` it waits so long. An attempt that does not count is taken back; `attempt` is written to its log.
        """
        given = {
            "id": delivery_id, "owner": owner, "fence": fence, "status": str(status),
            "after": after.total_seconds() if after is not None else None, "uncounted": 0 if counts else 1,
            "repeat": repeat, "number": number, "latency": latency_ms, "reason": reason, "error": error,
            "kind": error_class, "merged_into": merged_into, "log": json.dumps([attempt] if attempt else []),
        }  # fmt: skip
        return execute_prepared(self.session, FINISH, given).scalar_one_or_none() is not None

    def bounced(self, message_id: int, delivery_id: int, attempt: dict[str, Any], reason: str) -> DeliveryRow | None:
        """What counted as sent and came back; None when it is no such delivery, or was told before."""
        row = self.session.scalar(
            select(DeliveryRow)
            .where(
                DeliveryRow.id == delivery_id,
                DeliveryRow.message_id == message_id,
                DeliveryRow.status.in_((DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN)),
            )
            .with_for_update()
        )
        if row is not None:
            row.status, row.error, row.error_class = DeliveryStatus.BOUNCED, reason, "Bounced"
            row.attempts_log = [*row.attempts_log, attempt]
        return row

    def lapsed(self, limit: int) -> list[DeliveryRow]:
        """Deliveries whose sender let the lease lapse, locked."""
        found = (
            select(DeliveryRow)
            .where(DeliveryRow.status == DeliveryStatus.SENDING, DeliveryRow.lease_until < func.now())
            .limit(limit)
            .with_for_update(of=DeliveryRow, skip_locked=True)
        )
        return list(self.session.scalars(found))

    def park(self, channel: str, address: str, wait: timedelta, reason: str) -> None:
        """Let everything that is queued for an address wait: nothing of any kind may be sent there meanwhile."""
        self.session.execute(
            text("UPDATE msg_delivery_status SET held = true, reason = :reason, updated_at = now(), "
                 "not_before = greatest(not_before, now() + make_interval(secs => :wait)) "
                 "WHERE channel = :channel AND address = :address AND status = 'queued'"),
            {"channel": channel, "address": address, "wait": wait.total_seconds(), "reason": reason},
        )  # fmt: skip

    def move_chat(self, channel: str, old: str, new: str) -> None:
        """Everything still to be sent to a chat, or to a topic of it, goes to the chat `new`."""
        self.session.execute(
            text("UPDATE msg_delivery_status "
                 "SET updated_at = now(), address = :new || substr(address, length(:old) + 1) "
                 "WHERE channel = :channel AND status = 'queued' AND (address = :old OR address LIKE :old || '/%')"),
            {"channel": channel, "old": old, "new": new},
        )  # fmt: skip

    def send_elsewhere(self, old: int, new: int) -> None:
        """The messages for one linked group are for another from now on."""
        self.session.execute(
            text("UPDATE msg_messages SET destination_id = :new WHERE destination_id = :old"), {"old": old, "new": new}
        )

    def move_address(self, channel: str, old: str, new: str) -> None:
        """Everything still to be sent to `old` goes to `new`."""
        self.session.execute(
            text("UPDATE msg_delivery_status SET address = :new, updated_at = now() "
                 "WHERE channel = :channel AND address = :old AND status = 'queued'"),
            {"channel": channel, "old": old, "new": new},
        )  # fmt: skip
