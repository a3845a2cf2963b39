"""Links that let one person in, once."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, func, select, text, update
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

    def by_token(self, purpose: str, token_hash: str) -> InviteRow | None:
        """The link behind this hash, locked, so that it is used once."""
        return self.session.scalar(
            select(InviteRow).where(InviteRow.token == token_hash, InviteRow.purpose == purpose).with_for_update()
        )

    def open_for(self, email: str, now: datetime) -> InviteRow | None:
        """The invitation of this address that holds and that nobody came in by, locked."""
        return self.session.scalar(
            select(InviteRow)
            .where(InviteRow.purpose == "invite", func.lower(InviteRow.email) == email.lower())
            .where(InviteRow.user_id.is_(None), InviteRow.expires_at > now)
            .order_by(InviteRow.id.desc())
            .limit(1)
            .with_for_update()
        )

    def open(self, now: datetime, limit: int) -> list[InviteRow]:
        """The invitations that hold and that nobody came in by, newest first."""
        return list(
            self.session.scalars(
                select(InviteRow)
                .where(InviteRow.purpose == "invite", InviteRow.user_id.is_(None), InviteRow.expires_at > now)
                .order_by(InviteRow.id.desc())
                .limit(limit)
            )
        )

    def end(self, email: str, purpose: str, now: datetime) -> None:
        """Links of this address that still hold do so no more."""
        self.session.execute(
            update(InviteRow)
            .where(InviteRow.purpose == purpose, func.lower(InviteRow.email) == email.lower())
            .where(InviteRow.expires_at > now)
            .values(expires_at=now)
            .execution_options(synchronize_session=False)
        )
