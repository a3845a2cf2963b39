"""What Telegram brought: updates kept before Telegram is told so, and which copy of the bot hears."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, Text, delete, func, select, text
from sqlalchemy import Uuid as UuidType
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.prepared import execute_prepared
from db.repository import Base, BaseRepository


class InboxRow(Base):
    __tablename__ = "telegram_inbox"
    __table_args__ = (
        Index("ix_inbox_waiting", "update_id", postgresql_where=text("done_at IS NULL")),
        Index("ix_inbox_received_at", "received_at"),
        {
            "comment": "Every update that Telegram brought, kept before Telegram is told so; "
            "done once it was answered.",
            "postgresql_with": {"fillfactor": 70},
        },
    )

    update_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    chat_id: Mapped[int | None]
    body: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="The update as it came; null once it is done, so that no text stays here"
    )
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    done_at: Mapped[datetime | None]


class BotLeaseRow(Base):
    __tablename__ = "telegram_leases"
    __table_args__ = ({"comment": "Which of several copies of the bot hears: one at a time, the others stand by."},)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    holder: Mapped[UUID] = mapped_column(UuidType)
    holder_name: Mapped[str] = mapped_column(Text, server_default="")
    expires_at: Mapped[datetime]


KEEP = text("""
INSERT INTO telegram_inbox (update_id, chat_id, body)
SELECT * FROM unnest(CAST(:update_ids AS bigint[]), CAST(:chat_ids AS bigint[]), CAST(:bodies AS jsonb[]))
ON CONFLICT (update_id) DO NOTHING RETURNING update_id
""")

WAITING = text("""
SELECT update_id, body, extract(epoch FROM now() - received_at) AS age FROM telegram_inbox
WHERE done_at IS NULL AND NOT (update_id = ANY(CAST(:known AS bigint[])))
ORDER BY update_id LIMIT CAST(:limit AS integer)
""")

DONE = text("""
UPDATE telegram_inbox SET done_at = now(), body = NULL WHERE update_id = ANY(CAST(:update_ids AS bigint[]))
""")

LEASE = text("""
INSERT INTO telegram_leases AS l (name, holder, holder_name, expires_at)
VALUES ('hearing', :holder, :holder_name, now() + make_interval(secs => :seconds))
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, holder_name = excluded.holder_name, expires_at = excluded.expires_at
WHERE l.expires_at < now() OR l.holder = excluded.holder
RETURNING holder
""")


class InboxRepo(BaseRepository[InboxRow]):
    model = InboxRow

    def keep(self, update_ids: Sequence[int], chat_ids: Sequence[int | None], bodies: Sequence[str]) -> set[int]:
        """Keep updates; the ids of those that were not kept before."""
        given = {"update_ids": list(update_ids), "chat_ids": list(chat_ids), "bodies": list(bodies)}
        return {row.update_id for row in execute_prepared(self.session, KEEP, given)}

    def waiting(self, known: Collection[int], limit: int) -> list[tuple[int, dict[str, Any], float]]:
        """What was kept and is not done, but for the `known`: id, body and age in seconds, in the order of ids."""
        rows = execute_prepared(self.session, WAITING, {"known": list(known), "limit": limit})
        return [(row.update_id, row.body, float(row.age)) for row in rows]

    def done(self, update_ids: Collection[int]) -> None:
        """These were answered: what they said is forgotten."""
        execute_prepared(self.session, DONE, {"update_ids": sorted(update_ids)})

    def notify(self) -> None:
        """Wake whoever hears, once this is committed."""
        self.session.execute(text("NOTIFY openbell_inbox"))

    def lease(self, holder: UUID, holder_name: str, length: timedelta) -> str | None:
        """Take or renew the lease of who hears: None, or the name of the one who holds it."""
        given = {"holder": holder, "holder_name": holder_name, "seconds": length.total_seconds()}
        if self.session.execute(LEASE, given).first() is not None:
            return None
        return self.session.scalar(select(BotLeaseRow.holder_name).where(BotLeaseRow.name == "hearing")) or "?"

    def release(self, holder: UUID) -> None:
        """Give the lease back, if it is still this one's."""
        self.session.execute(delete(BotLeaseRow).where(BotLeaseRow.holder == holder))

    def forget(self) -> None:
        """Forget every update: another bot's have numbers of their own."""
        self.session.execute(delete(InboxRow))

    def prune(self, older_than: timedelta) -> None:
        """Forget updates that Telegram cannot bring again."""
        horizon = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than.total_seconds())
        self.session.execute(delete(InboxRow).where(InboxRow.received_at < horizon, InboxRow.done_at.is_not(None)))
