"""How people want to be told, how much they may be told, and what admins set for a channel."""

from datetime import datetime, time
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Double, ForeignKey, Integer, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Created, Id


class PreferenceRow(Base):
    __tablename__ = "msg_preferences"
    __table_args__ = (
        CheckConstraint("digest IN ('off', 'hourly', 'daily')", name="ck_preferences_digest"),
        {"comment": "How a person wants to be told, by category; the category * holds for all others."},
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"), primary_key=True)
    category: Mapped[str] = mapped_column(Text, primary_key=True)
    channels: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    quiet_from: Mapped[time | None] = mapped_column(comment="Wall time in the person's own zone, as quiet_until")
    quiet_until: Mapped[time | None]
    digest: Mapped[str] = mapped_column(Text, server_default="off")
    digest_at: Mapped[time | None]
    muted_until: Mapped[datetime | None]
    opted_out: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class RateLimitRow(Base):
    __tablename__ = "msg_rate_limits"
    __table_args__ = (
        UniqueConstraint("user_id", "channel", name="ux_rate_limits_user_channel"),
        {"comment": "How many messages a person may receive by a channel: a bucket that outlives Valkey."},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(32))
    tokens: Mapped[float] = mapped_column(Double)
    last_refill: Mapped[datetime] = mapped_column(server_default=func.now())
    max_tokens: Mapped[int] = mapped_column(Integer)
    refill_rate: Mapped[float] = mapped_column(Double, comment="Tokens an hour")
    held_back: Mapped[int] = mapped_column(
        Integer,
        server_default=text("0"),
        comment="Messages that waited for a token since the person was last told",
    )
    told_at: Mapped[datetime | None]


class ChannelConfigRow(Base):
    __tablename__ = "msg_channel_configs"
    __table_args__ = (
        UniqueConstraint("channel", name="ux_channel_configs_channel"),
        {"comment": "What an admin set for a channel; secrets stand in the environment only."},
    )

    id: Mapped[Id]
    channel: Mapped[str] = mapped_column(String(50))
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    config: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    rate_limit_per_minute: Mapped[int | None] = mapped_column(Integer)
    max_retries: Mapped[int] = mapped_column(Integer, server_default=text("8"))
    timeout_seconds: Mapped[int] = mapped_column(Integer, server_default=text("30"))
    health_check_interval_seconds: Mapped[int] = mapped_column(Integer, server_default=text("10"))
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    updated_by: Mapped[str | None] = mapped_column(String(255))


class PreferencesRepo(BaseRepository[PreferenceRow]):
    model = PreferenceRow
