"""Broadcasts: one row says what goes to whom; each recipient's delivery says what became of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Id
from domain.broadcasts import CANARY, Broadcast, BroadcastStatus, Segment
from domain.ids import UserId
from domain.messages import BULK_LANE

CHUNK = 1000


class BroadcastRow(Base):
    __tablename__ = "telegram_broadcasts"
    __table_args__ = (
        CheckConstraint("status IN ('canary', 'running', 'paused', 'cancelled', 'done')", name="ck_broadcasts_status"),
        Index("ix_broadcasts_open", "id", postgresql_where=text("finished_at IS NULL")),
        {
            "comment": "Every broadcast: what, by whom, to whom, and how it stands; "
            "the view telegram_broadcast_logs counts beside it."
        },
    )

    id: Mapped[Id]
    message: Mapped[str] = mapped_column(Text)
    sent_by: Mapped[str] = mapped_column(String(255))
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("usr_users.id", ondelete="SET NULL"), comment="The admin who sent it"
    )
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    progress_message_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="The message in the admin's chat that shows its progress, edited in place"
    )
    status: Mapped[str] = mapped_column(Text, server_default="canary")
    segment: Mapped[str] = mapped_column(Text)
    buttons: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    reason: Mapped[str | None] = mapped_column(Text)
    first_place: Mapped[int] = mapped_column(
        Integer,
        server_default=text("0"),
        comment="Its recipients take their places behind this one, beside those whose turn it is now",
    )
    started_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When it last began, paused, went on or ended"
    )
    finished_at: Mapped[datetime | None]
    shown_at: Mapped[datetime | None]
    shown: Mapped[str | None] = mapped_column(Text, comment="The progress as it was last shown")


@dataclass(frozen=True)
class Recipient:
    """Somebody whom a broadcast goes to: one delivery, or the reason why there will be none."""

    user_id: int
    channel: str
    address: str
    error: str | None = None
    """Why it is suppressed from the beginning."""


@dataclass(frozen=True)
class Reach:
    """A recipient who waits to be let go."""

    delivery_id: int
    user_id: int


@dataclass(frozen=True)
class First:
    """How the first recipients fare."""

    size: int
    waiting: int
    """Those that are not over and not asleep."""
    failed: int
    flooded: int


_MEMBERS = """
SELECT u.id FROM usr_users u
WHERE u.is_active AND u.verified_at IS NOT NULL AND u.id > :after
    AND CASE :kind
        WHEN 'role' THEN u.role = :value
        WHEN 'zone' THEN u.timezone = :value OR starts_with(u.timezone, :value || '/')
        WHEN 'active' THEN EXISTS (
            SELECT FROM usr_auth_identities i JOIN telegram_command_audits a ON a.telegram_user_id = i.external_id
            WHERE i.user_id = u.id AND i.provider = 'telegram' AND a.created_at > now() - make_interval(days => :days))
        ELSE true END
ORDER BY u.id LIMIT :most
"""

_BEGIN_MESSAGE = """
INSERT INTO msg_messages (user_id, category, lane, payload, broadcast_id, expires_at)
VALUES (:user_id, 'broadcast', :lane, CAST(:payload AS jsonb), :broadcast_id, now() + :keeps) RETURNING id
"""

# Beside those whose turn it is now, so that neither an earlier broadcast nor a later one waits for the other.
_PLACE_NOW = """
SELECT coalesce(min(place), 0) FROM msg_delivery_status WHERE status = 'queued' AND NOT held AND lane = :lane
"""

_ADD = """
INSERT INTO msg_delivery_status (message_id, broadcast_id, user_id, channel, address, lane, place, status, error,
    not_before, held, reason)
SELECT :message_id, :broadcast_id, g.user_id, g.channel, g.address, :lane, :first + g.n,
    CASE WHEN g.error IS NULL THEN 'queued' ELSE 'suppressed' END, g.error,
    CASE WHEN g.error IS NULL AND :n + g.n > :canary THEN 'infinity' ELSE now() END,
    g.error IS NULL AND :n + g.n > :canary,
    CASE WHEN g.error IS NULL AND :n + g.n > :canary THEN 'waits for the first recipients' END
FROM unnest(CAST(:users AS bigint[]), CAST(:channels AS text[]), CAST(:addresses AS text[]), CAST(:errors AS text[]))
    WITH ORDINALITY AS g (user_id, channel, address, error, n)
ON CONFLICT (message_id, channel, address) DO NOTHING
"""

# What is being called at this moment is passed over; whoever drives the broadcast comes back for it.
_HOLD = """
UPDATE msg_delivery_status
SET status = 'queued', held = true, not_before = 'infinity', reason = :reason, owner = NULL, lease_until = NULL,
    fence = fence + 1, updated_at = now()
WHERE id IN (SELECT id FROM msg_delivery_status
             WHERE broadcast_id = :id AND (status = 'queued' AND not_before < 'infinity'
                 OR status = 'sending' AND called_at IS NULL)
             FOR UPDATE SKIP LOCKED)
"""

_CANCEL = """
UPDATE msg_delivery_status
SET status = 'cancelled', error = :reason, reason = NULL, owner = NULL, lease_until = NULL, fence = fence + 1,
    updated_at = now()
WHERE id IN (SELECT id FROM msg_delivery_status
             WHERE broadcast_id = :id AND (status = 'queued' OR status = 'sending' AND called_at IS NULL)
             FOR UPDATE SKIP LOCKED)
"""

_HELD = """
SELECT id, user_id FROM msg_delivery_status
WHERE broadcast_id = :id AND status = 'queued' AND not_before = 'infinity'
ORDER BY place LIMIT :most FOR UPDATE SKIP LOCKED
"""

_LET_GO = """
UPDATE msg_delivery_status d SET not_before = g.at, held = g.at > now(), reason = g.reason, updated_at = now()
FROM unnest(CAST(:ids AS bigint[]), CAST(:at AS timestamptz[]), CAST(:reasons AS text[])) AS g (id, at, reason)
WHERE d.id = g.id AND d.status = 'queued'
"""

_AGAIN = """
UPDATE msg_delivery_status
SET status = 'queued', possible_repeat = true, called_at = NULL, held = false, not_before = now(), owner = NULL,
    lease_until = NULL, fence = fence + 1, reason = 'sent again, as an admin asked', updated_at = now()
WHERE broadcast_id = :id AND status = 'uncertain'
"""

_KEEP = """
UPDATE msg_messages SET expires_at = greatest(expires_at, now() + :keeps) WHERE broadcast_id = :id
"""

# Nobody may send by a channel that is not set up any more, so its sender can't be waited for.
_EXPIRE = """
UPDATE msg_delivery_status
SET status = 'expired', error = 'it was too old to be of use', reason = NULL, updated_at = now()
WHERE id IN (SELECT id FROM msg_delivery_status
             WHERE broadcast_id = :id AND status = 'queued' AND message_id IN (
                 SELECT id FROM msg_messages WHERE broadcast_id = :id AND expires_at < now())
             FOR UPDATE SKIP LOCKED)
"""

_FIRST = """
SELECT count(*) AS size,
    count(*) FILTER (WHERE status = 'sending' OR status = 'queued' AND (NOT held OR attempts > 0
        OR not_before < now() + interval '1 minute')) AS waiting,
    count(*) FILTER (WHERE status IN ('failed', 'dead', 'uncertain', 'bounced')) AS failed,
    count(*) FILTER (WHERE jsonb_path_exists(attempts_log, '$[*] ? (@.class == "Flooded")')) AS flooded
FROM msg_delivery_status
WHERE broadcast_id = :id AND place > :first AND place <= :first + :canary
"""

_SHOWN = """
SELECT b.*, l.success_count, l.total_count, l.failed_count, l.blocked_count, l.uncertain_count, l.cancelled_count,
    l.waiting_count,
    (SELECT count(*) FROM msg_delivery_status d WHERE d.broadcast_id = b.id AND d.status = 'queued' AND d.held
        AND d.attempts = 0 AND d.not_before > now() AND d.not_before < 'infinity') AS asleep_count
FROM telegram_broadcasts b JOIN telegram_broadcast_logs l USING (id)
"""

_FAILURES = """
SELECT u.email, d.channel, d.status, d.error_class, d.error, d.attempts, d.updated_at
FROM msg_delivery_status d JOIN usr_users u ON u.id = d.user_id
WHERE d.broadcast_id = :id AND d.status IN ('failed', 'dead', 'expired', 'bounced', 'suppressed', 'uncertain')
ORDER BY d.place
"""

_FIRST_SHOWN = """
SELECT d.provider_message_id FROM msg_messages m JOIN msg_delivery_status d ON d.message_id = m.id
WHERE m.user_id = :user_id AND m.supersede_key = :key AND d.channel = 'telegram' AND d.status = 'sent'
ORDER BY d.id LIMIT 1
"""


class BroadcastsRepo(BaseRepository[BroadcastRow]):
    model = BroadcastRow

    def members(self, segment: Segment) -> Iterator[list[int]]:
        """Those whom a segment means, a thousand at a time."""
        after = 0
        given = {"kind": segment.kind, "value": segment.value, "days": segment.days, "most": CHUNK}
        while found := list(self.session.execute(text(_MEMBERS), given | {"after": after}).scalars()):
            yield found
            after = found[-1]

    def begin(self, row: BroadcastRow, recipients: Sequence[Recipient], canary: int, keeps: timedelta) -> None:
        """Fix the recipients, in this order: the first `canary` go at once, the others are held."""
        row.first_place = int(self.session.execute(text(_PLACE_NOW), {"lane": BULK_LANE}).scalar_one())
        self.session.flush()
        payload = json.dumps({"text": row.message, "buttons": row.buttons or [], "params": {}})
        given = {"broadcast_id": row.id, "lane": BULK_LANE}
        message_id = self.session.execute(
            text(_BEGIN_MESSAGE), given | {"user_id": row.user_id, "payload": payload, "keeps": keeps}
        ).scalar_one()
        given |= {"message_id": message_id, "canary": canary}
        for n in range(0, len(recipients), CHUNK):
            chunk = recipients[n : n + CHUNK]
            columns = {
                "users": [each.user_id for each in chunk],
                "channels": [each.channel for each in chunk],
                "addresses": [each.address for each in chunk],
                "errors": [each.error for each in chunk],
            }
            self.session.execute(text(_ADD), given | columns | {"n": n, "first": row.first_place + n})

    def locked(self, broadcast_id: int) -> BroadcastRow | None:
        """A broadcast that nobody else moves on until we commit."""
        return self.session.get(BroadcastRow, broadcast_id, with_for_update=True)

    def open(self) -> list[int]:
        """The broadcasts that are not over."""
        found = select(BroadcastRow.id).where(BroadcastRow.finished_at.is_(None)).order_by(BroadcastRow.id)
        return list(self.session.scalars(found))

    def take(self, broadcast_id: int) -> BroadcastRow | None:
        """An open broadcast, locked; None when somebody else moves it on at this moment."""
        found = select(BroadcastRow).where(BroadcastRow.id == broadcast_id, BroadcastRow.finished_at.is_(None))
        return self.session.scalar(found.with_for_update(skip_locked=True))

    def hold(self, broadcast_id: int, reason: str) -> None:
        """Nobody gets it before it is let go again; calls that have begun are finished."""
        self.session.execute(text(_HOLD), {"id": broadcast_id, "reason": reason})

    def cancel(self, broadcast_id: int, reason: str) -> int:
        """Whoever waits for it gets it no more; calls that have begun are finished."""
        return self._count(_CANCEL, {"id": broadcast_id, "reason": reason})

    def held(self, broadcast_id: int, most: int = CHUNK) -> list[Reach]:
        """The next of those that wait to be let go, locked."""
        rows = self.session.execute(text(_HELD), {"id": broadcast_id, "most": most})
        return [Reach(row.id, row.user_id) for row in rows]

    def let_go(self, moments: Sequence[tuple[int, datetime, str | None]]) -> None:
        """Each of these deliveries goes from its moment on."""
        columns = {
            "ids": [delivery for delivery, _, _ in moments],
            "at": [moment for _, moment, _ in moments],
            "reasons": [reason for _, _, reason in moments],
        }
        self.session.execute(text(_LET_GO), columns)

    def send_again(self, broadcast_id: int) -> int:
        """Queue those in doubt once more, marked as possible repeats; how many there were."""
        return self._count(_AGAIN, {"id": broadcast_id})

    def keep(self, broadcast_id: int, keeps: timedelta) -> None:
        """Let its message be of use for so long from now on, at least."""
        self.session.execute(text(_KEEP), {"id": broadcast_id, "keeps": keeps})

    def expire(self, broadcast_id: int) -> None:
        """End what still waits when its time is over."""
        self.session.execute(text(_EXPIRE), {"id": broadcast_id})

    def first(self, row: BroadcastRow) -> First:
        """How its first recipients fare."""
        found = self.session.execute(text(_FIRST), {"id": row.id, "first": row.first_place, "canary": CANARY}).one()
        return First(found.size, found.waiting, found.failed, found.flooded)

    def view(self, broadcast_id: int) -> Broadcast | None:
        """A broadcast with its counts of this moment."""
        found = self.session.execute(text(f"{_SHOWN} WHERE b.id = :id"), {"id": broadcast_id}).one_or_none()
        return _view(found) if found is not None else None

    def page(self, before: int | None, limit: int) -> list[Broadcast]:
        """Broadcasts with a smaller number than `before`, newest first."""
        asked = text(f"{_SHOWN} WHERE b.id < coalesce(:before, 9223372036854775807) ORDER BY b.id DESC LIMIT :limit")
        return [_view(row) for row in self.session.execute(asked, {"before": before, "limit": limit})]

    def failures(self, broadcast_id: int) -> list[Any]:
        """Those who did not get it for sure, and why."""
        return list(self.session.execute(text(_FAILURES), {"id": broadcast_id}))

    def first_shown(self, user_id: int, key: str) -> int | None:
        """The provider's number of the first progress message of this key that was sent."""
        found = self.session.execute(text(_FIRST_SHOWN), {"user_id": user_id, "key": key}).scalar_one_or_none()
        return int(found) if found and found.isdecimal() else None

    def _count(self, statement: str, given: dict[str, Any]) -> int:
        done = self.session.execute(text(f"{statement} RETURNING id"), given)
        return len(done.all())


def _view(row: Any) -> Broadcast:
    return Broadcast(
        id=row.id,
        text=row.message,
        segment=row.segment,
        sent_by=row.sent_by,
        user_id=UserId(row.user_id) if row.user_id is not None else None,
        status=BroadcastStatus(row.status),
        reason=row.reason,
        created=row.created,
        changed_at=row.changed_at,
        finished_at=row.finished_at,
        total=row.total_count,
        sent=row.success_count,
        failed=row.failed_count,
        blocked=row.blocked_count,
        uncertain=row.uncertain_count,
        cancelled=row.cancelled_count,
        waiting=row.waiting_count,
        asleep=row.asleep_count,
    )
