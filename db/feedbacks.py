"""What people wrote to those who run this Openbell, and what they were answered."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Created, Id


class FeedbackRow(Base):
    __tablename__ = "telegram_feedbacks"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'answered', 'closed')", name="ck_feedbacks_status"),
        Index("ix_feedbacks_user_id", "user_id"),
        Index("ix_feedbacks_open", "id", postgresql_where=text("status = 'open'")),
        {"comment": "What people wrote to those who run this Openbell, and what they were answered."},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(32), server_default="feedback")
    message: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(32), server_default="open")
    created_at: Mapped[Created]
    message_id: Mapped[int | None] = mapped_column(
        comment="The message in the person's chat that the answer replies to"
    )
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(255))
    answer: Mapped[str | None] = mapped_column(Text)


class FeedbacksRepo(BaseRepository[FeedbackRow]):
    model = FeedbackRow

    def locked(self, number: int) -> FeedbackRow | None:
        """What was written under that number, locked, so that it is answered once."""
        return self.session.scalar(select(FeedbackRow).where(FeedbackRow.id == number).with_for_update())

    def page(self, *, before: int | None, limit: int, only_open: bool) -> list[FeedbackRow]:
        """A page of what was written, the newest first."""
        found = select(FeedbackRow).order_by(FeedbackRow.id.desc()).limit(limit)
        if only_open:
            found = found.where(FeedbackRow.status == "open")
        if before is not None:
            found = found.where(FeedbackRow.id < before)
        return list(self.session.scalars(found))

    def count_since(self, user_id: int, since: datetime) -> int:
        """How often this person wrote since then."""
        counted = select(func.count()).where(FeedbackRow.user_id == user_id, FeedbackRow.created_at > since)
        return int(self.session.scalar(counted) or 0)
