"""Broadcasts: one row says what goes to whom; each recipient's delivery says what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Id


class BroadcastRow(Base):
    __tablename__ = "telegram_broadcast_logs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('preview', 'canary', 'running', 'paused', 'cancelled', 'done')", name="ck_broadcasts_status"
        ),
        Index("ix_broadcasts_open", "id", postgresql_where=text("status IN ('canary', 'running', 'paused')")),
        {"comment": "Every broadcast: what, by whom, to whom, how far it got."},
    )

    id: Mapped[Id]
    message: Mapped[str] = mapped_column(Text)
    sent_by: Mapped[str] = mapped_column(String(255))
    success_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    total_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("usr_users.id", ondelete="SET NULL"), comment="The admin who sent it"
    )
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    progress_message_id: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text, server_default="preview")
    segment: Mapped[str] = mapped_column(Text)
    buttons: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    failed_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    blocked_count: Mapped[int] = mapped_column(
        Integer, server_default=text("0"), comment="Recipients who had blocked the bot or opted out"
    )
    uncertain_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    cancelled_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    reason: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class BroadcastsRepo(BaseRepository[BroadcastRow]):
    model = BroadcastRow
