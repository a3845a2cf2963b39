"""What the chat leaves behind: audits, forms in the making, presses already acted on, settings."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Identity,
    Index,
    Integer,
    String,
    Text,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from db.repository import Base, BaseRepository, Created, Id


class CommandAuditRow(Base):
    __tablename__ = "telegram_command_audits"
    __table_args__ = (
        Index("ix_telegram_command_audits_telegram_user_id", "telegram_user_id", "created_at"),
        Index("ix_telegram_command_audits_success", "success"),
        Index("ix_telegram_command_audits_user_id", "user_id", "created_at"),
        Index("ix_telegram_command_audits_reference", "reference", postgresql_where=text("reference IS NOT NULL")),
        {
            "comment": "Every command and press, who sent it, what came of it and how long the answer took.",
            "postgresql_partition_by": "RANGE (created_at)",
        },
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True, server_default=func.now())
    telegram_user_id: Mapped[str] = mapped_column(String(255))
    command: Mapped[str] = mapped_column(String(100))
    full_message: Mapped[str | None] = mapped_column(Text, comment="As it was sent, with codes and tokens redacted")
    is_registered_user: Mapped[bool] = mapped_column(Boolean)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_email: Mapped[str | None] = mapped_column(String(254))
    success: Mapped[bool] = mapped_column(Boolean)
    error_message: Mapped[str | None] = mapped_column(Text)
    response_time_ms: Mapped[int | None] = mapped_column(Integer)
    chat_id: Mapped[int | None]
    reference: Mapped[str | None] = mapped_column(
        String(16), comment="The code, such as E-7F3A, that the person was shown"
    )


class DraftRow(Base):
    __tablename__ = "telegram_drafts"
    __table_args__ = (
        Index("ix_telegram_drafts_asker", "telegram_user_id", "kind"),
        {"comment": "Forms that a person has begun: what was asked, what was answered, until when it holds."},
    )

    id: Mapped[Id]
    telegram_user_id: Mapped[int]
    user_id: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(32))
    chat_id: Mapped[int | None]
    thread_id: Mapped[int | None]
    message_id: Mapped[int | None] = mapped_column(comment="The one message that shows the form, edited in place")
    step: Mapped[str] = mapped_column(String(32), server_default="", comment="The question that is open")
    version: Mapped[int] = mapped_column(
        Integer, server_default=text("1"), comment="Counts the answers: a button of an earlier version is an old one"
    )
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    consumed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    created_at: Mapped[Created]


class ActionRow(Base):
    __tablename__ = "telegram_actions"
    __table_args__ = ({"comment": "What was already acted on, so that a message or press that comes twice acts once."},)

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    claimed_at: Mapped[Created]
    finished_at: Mapped[datetime | None]


class SettingRow(Base):
    __tablename__ = "telegram_settings"
    __table_args__ = ({"comment": "Settings of the chat, such as the hash of the command menu last set."},)

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[Created]
    updated_by: Mapped[str | None] = mapped_column(String(255))


class TelegramRepo(BaseRepository[DraftRow]):
    model = DraftRow

    def audit(self, rows: Sequence[dict[str, Any]]) -> None:
        self.session.execute(insert(CommandAuditRow), rows)

    def audits(
        self,
        *,
        who: str = "",
        command: str = "",
        since: datetime | None = None,
        failed: bool = False,
        reference: str = "",
        before: int | None = None,
        limit: int,
    ) -> list[CommandAuditRow]:
        """A page of what was done, the newest first: whatever is named has to fit."""
        row = CommandAuditRow
        found = select(row).order_by(row.id.desc()).limit(limit)
        if who.isascii() and who.isdecimal():
            found = found.where(or_(row.telegram_user_id == who, row.user_id == (int(who) if len(who) < 19 else 0)))
        elif who:
            found = found.where(row.user_email.icontains(who, autoescape=True))
        if command:
            found = found.where(row.command == command)
        if since is not None:
            found = found.where(row.created_at >= since)
        if failed:
            found = found.where(row.success.is_(False))
        if reference:
            found = found.where(row.reference == reference)
        if before is not None:
            found = found.where(row.id < before)
        return list(self.session.scalars(found))

    def commands_since(self, telegram_user_id: int, instant: datetime) -> int:
        """How many commands of this person are in the audit since then."""
        counted = select(func.count()).where(
            CommandAuditRow.telegram_user_id == str(telegram_user_id),
            CommandAuditRow.created_at > instant,
            CommandAuditRow.command.startswith("/"),
        )
        return int(self.session.scalar(counted) or 0)

    def claim_action(self, key: str) -> Literal["new", "finished", "interrupted"]:
        """``new`` for the first caller of this key; later ones hear ``finished`` or ``interrupted``."""
        claimed = self.session.execute(
            insert(ActionRow).values(key=key).on_conflict_do_nothing().returning(ActionRow.key)
        ).scalar_one_or_none()
        if claimed is not None:
            return "new"
        finished = self.session.scalar(select(ActionRow.finished_at).where(ActionRow.key == key))
        return "finished" if finished is not None else "interrupted"

    def finish_action(self, key: str) -> None:
        self.session.execute(update(ActionRow).where(ActionRow.key == key).values(finished_at=func.now()))

    def release_action(self, key: str) -> None:
        self.session.execute(delete(ActionRow).where(ActionRow.key == key))

    def prune(self, older_than: timedelta) -> None:
        """Forget actions and forms that nobody can repeat any more."""
        horizon = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than.total_seconds())
        self.session.execute(delete(ActionRow).where(ActionRow.claimed_at < horizon))
        self.session.execute(delete(DraftRow).where(DraftRow.expires_at < horizon))

    def open_draft(self, telegram_user_id: int, kind: str, now: datetime) -> DraftRow | None:
        """The newest form of this kind that the person has begun and not ended."""
        return self.session.scalar(
            select(DraftRow)
            .where(DraftRow.telegram_user_id == telegram_user_id, DraftRow.kind == kind)
            .where(DraftRow.consumed_at.is_(None), DraftRow.expires_at > now)
            .order_by(DraftRow.id.desc())
            .limit(1)
        )

    def chosen_language(self, telegram_user_id: int) -> str | None:
        """The language that somebody chose before they were known."""
        row = self.session.scalar(
            select(DraftRow)
            .where(DraftRow.telegram_user_id == telegram_user_id, DraftRow.kind == "language")
            .order_by(DraftRow.id.desc())
            .limit(1)
        )
        return row.data["language"] if row is not None else None

    def asking(self, telegram_user_id: int, now: datetime) -> DraftRow | None:
        """The newest open form of this person that waits for typed text."""
        return self.session.scalar(
            select(DraftRow)
            .where(DraftRow.telegram_user_id == telegram_user_id, DraftRow.kind.startswith("ask_", autoescape=True))
            .where(DraftRow.consumed_at.is_(None), DraftRow.expires_at > now)
            .order_by(DraftRow.id.desc())
            .limit(1)
        )

    def end_asking(self, telegram_user_id: int, now: datetime) -> None:
        """End the person's open forms that wait for typed text."""
        self.session.execute(
            update(DraftRow)
            .where(DraftRow.telegram_user_id == telegram_user_id, DraftRow.kind.startswith("ask_", autoescape=True))
            .where(DraftRow.consumed_at.is_(None), DraftRow.expires_at > now)
            .values(consumed_at=now)
            .execution_options(synchronize_session=False)
        )

    def draft(self, draft_id: int, telegram_user_id: int) -> DraftRow | None:
        """A form of this person, locked, so that it is consumed once."""
        return self.session.scalar(
            select(DraftRow)
            .where(DraftRow.id == draft_id, DraftRow.telegram_user_id == telegram_user_id)
            .with_for_update()
        )

    def end_drafts(self, telegram_user_id: int, now: datetime, *kinds: str) -> list[str]:
        """End the person's open forms (of these kinds); the kinds that were open come back."""
        ended = (
            update(DraftRow)
            .where(DraftRow.telegram_user_id == telegram_user_id)
            .where(DraftRow.consumed_at.is_(None), DraftRow.expires_at > now)
            .values(consumed_at=now)
            .returning(DraftRow.kind)
            .execution_options(synchronize_session=False)
        )
        if kinds:
            ended = ended.where(DraftRow.kind.in_(kinds))
        return list(self.session.scalars(ended))

    def setting(self, key: str) -> str | None:
        return self.session.scalar(select(SettingRow.value).where(SettingRow.key == key))

    def set_setting(self, key: str, value: str, *, by: str | None = None, at: datetime | None = None) -> None:
        """Keep a value, and who set it when."""
        values = {"value": value, "updated_by": by, "updated_at": at or func.now()}
        row = insert(SettingRow).values(key=key, **values)
        self.session.execute(row.on_conflict_do_update(index_elements=["key"], set_=values))

    def lock_bot(self) -> None:
        """One copy at a time may say which bot we are."""
        self.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('openbell:bot'))"))

    def forget_bot(self) -> None:
        """Forget which presses and messages were acted on, and which menus were set: another bot counts anew."""
        self.session.execute(delete(ActionRow))
        self.session.execute(delete(SettingRow).where(SettingRow.key.startswith("menu:", autoescape=True)))

    def drop_setting(self, key: str) -> None:
        self.session.execute(delete(SettingRow).where(SettingRow.key == key))

    def settings(self, prefix: str) -> list[SettingRow]:
        """Every setting whose key begins so."""
        found = select(SettingRow).where(SettingRow.key.startswith(prefix, autoescape=True))
        return list(self.session.scalars(found.order_by(SettingRow.key)))
