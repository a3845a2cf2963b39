"""How people want to be told, how much they may be told, and what admins set for a channel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from db.prepared import execute_prepared
from db.repository import Base, BaseRepository, Created, Id
from domain.locales import DEFAULT
from domain.messages import ChannelConfig
from domain.preferences import Gather, Preference, Preferences, QuietHours


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
        CheckConstraint(
            "rate_limit_per_minute > 0 AND max_retries >= 0 AND timeout_seconds > 0", name="ck_channel_configs_limits"
        ),
        {"comment": "What an admin set for a channel; secrets stand in the environment only."},
    )

    id: Mapped[Id]
    channel: Mapped[str] = mapped_column(String(50))
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    rate_limit_per_minute: Mapped[int | None] = mapped_column(Integer)
    max_retries: Mapped[int | None] = mapped_column(Integer)
    timeout_seconds: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    updated_by: Mapped[str | None] = mapped_column(String(255))


SPOKEN = """coalesce(u.locale, (SELECT i.metadata ->> 'language' FROM usr_auth_identities i
    WHERE i.user_id = u.id AND i.provider = 'telegram' ORDER BY i.id DESC LIMIT 1))"""
"""The language of a person `u`: what they chose, else what their Telegram said when they came."""

# What a batch of messages needs to know of those whom it is for, in one question.
READERS = text(f"""
SELECT u.id, u.email, u.timezone,
    {SPOKEN} AS locale,
    (SELECT coalesce(m.disabled_reason, '') FROM usr_auth_identities m
     WHERE m.user_id = u.id AND m.provider = 'email' AND m.external_id = lower(u.email)
        AND m.disabled_at IS NOT NULL) AS mail_disabled,
    (SELECT jsonb_agg(to_jsonb(p)) FROM msg_preferences p WHERE p.user_id = u.id) AS preferences,
    (SELECT jsonb_agg(jsonb_build_object('channel', replace(i.provider, 'channel:', ''),
            'address', coalesce(i.metadata ->> 'chat_id', i.external_id),
            'disabled', CASE WHEN i.disabled_at IS NOT NULL THEN coalesce(i.disabled_reason, '') END)
        ORDER BY i.disabled_at IS NOT NULL DESC, i.id)
     FROM usr_auth_identities i
     WHERE i.user_id = u.id AND (i.provider = 'telegram' OR i.provider LIKE 'channel:%')) AS addresses
FROM usr_users u WHERE u.id = ANY(CAST(:users AS bigint[]))
""")  # noqa: S608  # composed of our own constant, never of input

# A bucket that may go below nothing: how far below says how long what comes now has to wait.
CHARGE = text("""
INSERT INTO msg_rate_limits AS l (user_id, channel, tokens, max_tokens, refill_rate)
SELECT g.user_id, g.channel, g.burst - g.messages, g.burst, g.hourly
FROM unnest(CAST(:users AS bigint[]), CAST(:channels AS text[]), CAST(:messages AS integer[]),
    CAST(:bursts AS integer[]), CAST(:hourly AS double precision[])) AS g (user_id, channel, messages, burst, hourly)
ORDER BY g.user_id, g.channel
ON CONFLICT (user_id, channel) DO UPDATE
SET tokens = least(l.max_tokens, l.tokens + extract(epoch FROM now() - l.last_refill) / 3600 * l.refill_rate)
        - (excluded.max_tokens - excluded.tokens),
    last_refill = now()
RETURNING user_id, channel, tokens, refill_rate
""")


@dataclass(frozen=True)
class Address:
    """Where somebody is reached by a channel; `disabled` says why it is not used any more."""

    address: str
    disabled: str | None = None


@dataclass(frozen=True)
class Reader:
    """Whom a message is for: their wishes, and where they are reached."""

    user_id: int
    locale: str
    """What they chose, else what their Telegram said when they came."""
    preferences: Preferences
    addresses: Mapping[str, Address]


class PreferencesRepo(BaseRepository[PreferenceRow]):
    model = PreferenceRow

    def readers(self, user_ids: Iterable[int]) -> dict[int, Reader]:
        """These people, by their number."""
        found = execute_prepared(self.session, READERS, {"users": sorted(set(user_ids))})
        return {row.id: _reader(row) for row in found}

    def locale_of(self, user_id: int) -> str:
        """The language that this person reads."""
        reader = self.readers([user_id]).get(user_id)
        return reader.locale if reader is not None else DEFAULT

    def charge(
        self, counts: Mapping[tuple[int, str], int], limits: Mapping[str, tuple[int, int]]
    ) -> dict[tuple[int, str], float]:
        """Charge so many messages to (person, channel); the hours that the last of each has to wait come back.

        `limits` are messages at once and messages an hour by channel; a row that an admin changed keeps its own.
        """
        charged = sorted(key for key in counts if key[1] in limits)
        if not charged:
            return {}
        given = {
            "users": [user for user, _ in charged],
            "channels": [channel for _, channel in charged],
            "messages": [counts[key] for key in charged],
            "bursts": [limits[channel][0] for _, channel in charged],
            "hourly": [float(limits[channel][1]) for _, channel in charged],
        }
        rows = execute_prepared(self.session, CHARGE, given)
        return {(row.user_id, row.channel): max(-row.tokens, 0.0) / row.refill_rate for row in rows}

    def channel_configs(self) -> dict[str, ChannelConfig]:
        """What admins set for channels, by their names."""
        return {row.channel: _config(row) for row in self.session.scalars(select(ChannelConfigRow))}

    def set_channel(self, channel: str, by: str, **changes: Any) -> ChannelConfig:
        """Set these columns for a channel; the others stay as they are."""
        row = self.session.scalar(select(ChannelConfigRow).where(ChannelConfigRow.channel == channel).with_for_update())
        if row is None:
            row = ChannelConfigRow(channel=channel, enabled=True)
            self.session.add(row)
        for name, value in (changes | {"updated_by": by}).items():
            setattr(row, name, value)
        self.session.flush()
        return _config(row)

    def chosen(self, user_id: int, category: str) -> PreferenceRow:
        """What a person chose for a category, locked; a new row where nothing was chosen."""
        found = self.session.get(PreferenceRow, (user_id, category), with_for_update=True)
        if found is None:
            found = PreferenceRow(user_id=user_id, category=category)
            self.session.add(found)
            self.session.flush()
        return found


def _config(row: ChannelConfigRow) -> ChannelConfig:
    return ChannelConfig(row.enabled, row.rate_limit_per_minute, row.max_retries, row.timeout_seconds)


def _reader(row: Any) -> Reader:
    addresses = {each["channel"]: Address(each["address"], each["disabled"]) for each in row.addresses or ()}
    addresses["email"] = Address(row.email, row.mail_disabled)
    chosen = {each["category"]: _preference(each) for each in row.preferences or ()}
    locale = row.locale or DEFAULT
    return Reader(row.id, locale, Preferences(ZoneInfo(row.timezone), chosen, locale), addresses)


def _preference(stored: Mapping[str, Any]) -> Preference:
    begins, ends, muted = stored["quiet_from"], stored["quiet_until"], stored["muted_until"]
    return Preference(
        channels=tuple(stored["channels"]) if stored["channels"] else None,
        quiet=QuietHours(time.fromisoformat(begins), time.fromisoformat(ends)) if begins and ends else None,
        gather=Gather(stored["digest"]),
        gather_at=time.fromisoformat(stored["digest_at"]) if stored["digest_at"] else None,
        muted_until=datetime.fromisoformat(muted) if muted else None,
        opted_out=stored["opted_out"],
    )
