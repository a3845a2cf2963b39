"""Groups and topics that were linked, so that jobs may be told there."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Created, Id


class DestinationRow(Base):
    __tablename__ = "telegram_destinations"
    __table_args__ = (
        UniqueConstraint("chat_id", "thread_id", name="ux_destinations_place"),
        CheckConstraint("state IN ('active', 'degraded', 'disabled')", name="ck_destinations_state"),
        Index("ix_destinations_user_id", "user_id"),
        {"comment": "Groups and topics that verified group admins linked, so that jobs may be told there."},
    )

    id: Mapped[Id]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"), comment="Who linked it")
    chat_id: Mapped[int]
    thread_id: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), comment="The topic in the group; 0 for the group itself"
    )
    title: Mapped[str] = mapped_column(Text, server_default="")
    topic: Mapped[str | None] = mapped_column(Text)
    acting: Mapped[bool] = mapped_column(
        Boolean,
        server_default=text("false"),
        comment="Whether verified members may act there, which an admin switched on",
    )
    state: Mapped[str] = mapped_column(
        Text,
        server_default="active",
        comment="degraded: its topic is gone, so the group itself is used; disabled: nothing can be sent there",
    )
    reason: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[Created]


class DestinationsRepo(BaseRepository[DestinationRow]):
    model = DestinationRow
