"""What Telegram brought: updates kept before Telegram is told so, and which copy of the bot hears."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, Text, func, text
from sqlalchemy import Uuid as UuidType
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

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


class InboxRepo(BaseRepository[InboxRow]):
    model = InboxRow
