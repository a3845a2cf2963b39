"""Links that let one person in, once."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Created, Id


class InviteRow(Base):
    __tablename__ = "usr_invites"
    __table_args__ = (
        UniqueConstraint("token", name="ux_invites_token"),
        CheckConstraint("purpose IN ('invite', 'connect')", name="ck_invites_purpose"),
        CheckConstraint("role IN ('admin', 'trader', 'viewer')", name="ck_invites_role"),
        Index("ix_invites_email", text("lower(email)")),
        Index("ix_invites_user_id", "user_id"),
        {
            "comment": "Links that let one person in, once: an admin's invitation, "
            "or the way of an account to another Telegram."
        },
    )

    id: Mapped[Id]
    token: Mapped[str] = mapped_column(String(64), comment="Keyed hash of the link's token")
    purpose: Mapped[str] = mapped_column(Text, server_default="invite")
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(16), server_default="viewer")
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("usr_users.id", ondelete="CASCADE"),
        comment="The account that a link of the purpose connect belongs to",
    )
    invited_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[Created]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[str | None] = mapped_column(String(255), comment="The Telegram user who used it")


class InvitesRepo(BaseRepository[InviteRow]):
    model = InviteRow
