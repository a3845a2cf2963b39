"""Who people are: accounts, the ways they are known, and their verification codes."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    and_,
    cast,
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
from domain.ids import UserId
from domain.users import Role, Standing, User


class UserRow(Base):
    __tablename__ = "usr_users"
    __table_args__ = (
        CheckConstraint("role IN ('admin', 'trader', 'viewer')", name="ck_users_role"),
        Index("ix_users_email", text("lower(email)"), unique=True),
        Index("ix_users_waiting", "waiting_since", postgresql_where=text("waiting_since IS NOT NULL")),
        {"comment": "People, by their e-mail address; verified once verified_at is set."},
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(16), server_default="viewer")
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    timezone: Mapped[str] = mapped_column(Text, server_default="UTC", comment="IANA name; schedules are read in it")
    timezone_chosen_at: Mapped[datetime | None]
    locale: Mapped[str | None] = mapped_column(Text)
    display_name: Mapped[str] = mapped_column(Text, server_default="")
    verified_at: Mapped[datetime | None] = mapped_column(comment="When the address was first proved")
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    last_login: Mapped[datetime | None]
    waiting_since: Mapped[datetime | None] = mapped_column(
        comment="Since when a person who proved an address waits for an admin to let them in"
    )
    suspended_at: Mapped[datetime | None] = mapped_column(
        comment="Since when an admin keeps this person out; is_active is false then"
    )
    suspended_reason: Mapped[str | None] = mapped_column(Text)

    def view(self) -> User:
        return User(
            id=UserId(self.id),
            email=self.email,
            role=Role(self.role),
            timezone=self.timezone,
            timezone_chosen=self.timezone_chosen_at is not None,
            display_name=self.display_name,
            locale=self.locale,
        )

    @property
    def standing(self) -> Standing | None:
        """Where the person stands; None for an address that somebody named and nobody proved."""
        if not self.is_active:
            return Standing.SUSPENDED
        if self.verified_at is not None:
            return Standing.ACTIVE
        if self.waiting_since is not None:
            return Standing.WAITING
        return Standing.EXPECTED if self.role != Role.VIEWER else None

    @property
    def since(self) -> datetime:
        """Since when they stand there."""
        match self.standing:
            case Standing.SUSPENDED:
                return self.suspended_at or self.created_at
            case Standing.ACTIVE:
                return self.verified_at or self.created_at
            case Standing.WAITING:
                return self.waiting_since or self.created_at
            case _:
                return self.created_at


def _stands(standing: Standing) -> ColumnElement[bool]:
    """What `UserRow.standing` says, as a condition."""
    proved, waits = UserRow.verified_at.is_not(None), UserRow.waiting_since.is_not(None)
    match standing:
        case Standing.SUSPENDED:
            return UserRow.is_active.is_(False)
        case Standing.ACTIVE:
            return and_(UserRow.is_active, proved)
        case Standing.WAITING:
            return and_(UserRow.is_active, ~proved, waits)
        case Standing.EXPECTED:
            return and_(UserRow.is_active, ~proved, ~waits, UserRow.role != Role.VIEWER.value)


class IdentityRow(Base):
    __tablename__ = "usr_auth_identities"
    __table_args__ = (
        UniqueConstraint("provider", "external_id", name="ix_auth_identities_provider_external"),
        CheckConstraint(
            "provider IN ('telegram', 'email', 'api_token', 'web') OR provider LIKE 'channel:%'",
            name="ck_auth_identities_provider",
        ),
        Index("ix_auth_identities_user_id", "user_id"),
        {"comment": "The ways a person is known; a Telegram user id stands in external_id."},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(String(32))
    external_id: Mapped[str] = mapped_column(String(255))
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default=text("'{}'::jsonb"))
    disabled_at: Mapped[datetime | None] = mapped_column(comment="Set when the address refused us for good")
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]


class CodeRow(Base):
    __tablename__ = "usr_verification_codes"
    __table_args__ = (
        Index("ix_verification_codes_user_id", "user_id"),
        Index("ix_verification_codes_external_id", "external_id", "sent_time"),
        Index(
            "ux_verification_codes_live",
            "user_id", "purpose", "external_id",
            unique=True,
            postgresql_where=text("consumed_at IS NULL"),
        ),
        {"comment": "Codes as keyed hashes; the code itself is derived from the nonce and the secret key."},
    )  # fmt: skip

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("usr_users.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(64), comment="Keyed hash of the digits")
    link: Mapped[str] = mapped_column(String(64), comment="Keyed hash of the one-tap token")
    nonce: Mapped[str] = mapped_column(String(32))
    sent_time: Mapped[int] = mapped_column(BigInteger, comment="Epoch seconds")
    provider: Mapped[str] = mapped_column(String(32), server_default="telegram")
    external_id: Mapped[str] = mapped_column(String(255), comment="The Telegram user who asked, and nobody else")
    purpose: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    consumed_at: Mapped[datetime | None]
    created_at: Mapped[Created]


class UsersRepo(BaseRepository[UserRow]):
    model = UserRow

    def by_identity(self, provider: str, external_id: str) -> UserRow | None:
        """The active, verified person behind an identity."""
        return self.session.scalar(
            select(UserRow)
            .join(IdentityRow, IdentityRow.user_id == UserRow.id)
            .where(IdentityRow.provider == provider, IdentityRow.external_id == external_id)
            .where(UserRow.is_active, UserRow.verified_at.is_not(None))
        )

    def by_email(self, email: str) -> UserRow | None:
        return self.session.scalar(select(UserRow).where(func.lower(UserRow.email) == email.lower()))

    def behind(self, provider: str, external_id: str) -> UserRow | None:
        """Whose identity it is, known, waiting or kept out."""
        return self.session.scalar(
            select(UserRow)
            .join(IdentityRow, IdentityRow.user_id == UserRow.id)
            .where(IdentityRow.provider == provider, IdentityRow.external_id == external_id)
        )

    def locked(self, user_id: int) -> UserRow | None:
        """A person, as they are now, locked until the end of the transaction."""
        return self.session.scalar(select(UserRow).where(UserRow.id == user_id).with_for_update())

    def page(self, *, after: int, limit: int, words: str = "", standing: Standing | None = None) -> list[UserRow]:
        """A page of people by their number: those of a standing, or whose address or name holds `words`."""
        found = select(UserRow).where(UserRow.id > after)
        found = found.where(_stands(standing) if standing is not None else or_(*map(_stands, Standing)))
        if words:
            named = UserRow.display_name.icontains(words, autoescape=True)
            found = found.where(or_(UserRow.email.icontains(words, autoescape=True), named))
        return list(self.session.scalars(found.order_by(UserRow.id).limit(limit)))

    def counts(self) -> dict[Standing, int]:
        """How many people stand where."""
        counted = self.session.execute(select(*(func.count().filter(_stands(each)) for each in Standing))).one()
        return dict(zip(Standing, counted, strict=True))

    def telegram_ids(self, user_id: int) -> list[int]:
        """The Telegram users that are this person, the newest first; a private chat has its person's number."""
        found = select(IdentityRow.external_id).where(
            IdentityRow.user_id == user_id, IdentityRow.provider == "telegram"
        )
        return [int(each) for each in self.session.scalars(found.order_by(IdentityRow.id.desc()))]

    def jobs(self, user_id: int) -> int:
        """How many live schedules this person has."""
        counted = text("SELECT count(*) FROM job_schedules WHERE user_id = :id AND deleted_at IS NULL")
        return int(self.session.scalar(counted, {"id": user_id}) or 0)

    def admins(self) -> list[UserRow]:
        """Everybody who is an admin now, oldest first."""
        found = select(UserRow).where(_stands(Standing.ACTIVE), UserRow.role == Role.ADMIN.value)
        return list(self.session.scalars(found.order_by(UserRow.id)))

    def lock_admins(self) -> None:
        """One at a time may take an admin away."""
        self.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('openbell:admins'))"))

    def unlink(self, user_id: int, provider: str, *, above: int) -> None:
        """Forget the numeric identities of this person that are greater than `above`."""
        self.session.execute(
            delete(IdentityRow).where(
                IdentityRow.user_id == user_id,
                IdentityRow.provider == provider,
                cast(IdentityRow.external_id, BigInteger) > above,
            )
        )

    def recipients(self, role: Role | None) -> list[UserId]:
        """Everybody active and verified, or those of one role, oldest first."""
        who = select(UserRow.id).where(UserRow.is_active, UserRow.verified_at.is_not(None)).order_by(UserRow.id)
        found = who if role is None else who.where(UserRow.role == role.value)
        return [UserId(number) for number in self.session.scalars(found)]

    def ensure_email(self, email: str) -> UserRow:
        """The account of this address, made now if there is none."""
        row = insert(UserRow).values(email=email).on_conflict_do_nothing(index_elements=[text("lower(email)")])
        self.session.execute(row)
        return self.session.scalars(select(UserRow).where(func.lower(UserRow.email) == email.lower())).one()

    def anyone_verified(self) -> bool:
        return self.session.scalar(select(UserRow.id).where(UserRow.verified_at.is_not(None)).limit(1)) is not None

    def link(self, user_id: int, provider: str, external_id: str, **metadata: Any) -> None:
        """Know this person by that identity from now on, enabled, whoever it belonged to before."""
        values = {"user_id": user_id, "provider": provider, "external_id": external_id, "metadata_": metadata}
        row = insert(IdentityRow).values(values)
        self.session.execute(
            row.on_conflict_do_update(
                constraint="ix_auth_identities_provider_external",
                set_={
                    "user_id": user_id,
                    "metadata": row.excluded["metadata"],
                    "disabled_at": None,
                    "disabled_reason": None,
                },
            )
        )

    def disable_channel(self, user_id: int, channel: str, reason: str) -> None:
        """Reach this person by a channel no more, until they name an address anew."""
        self.session.execute(
            update(IdentityRow)
            .where(IdentityRow.user_id == user_id, IdentityRow.provider == f"channel:{channel}")
            .values(disabled_at=func.now(), disabled_reason=reason)
        )

    def disable_mail(self, user_id: int, reason: str) -> None:
        """This person's e-mail address takes nothing any more, until they prove it again."""
        address = select(func.lower(UserRow.email)).where(UserRow.id == user_id).scalar_subquery()
        values = {"user_id": user_id, "provider": "email", "external_id": address, "disabled_at": func.now()}
        row = insert(IdentityRow).values(values | {"disabled_reason": reason})
        self.session.execute(
            row.on_conflict_do_update(
                constraint="ix_auth_identities_provider_external",
                set_={"user_id": user_id, "disabled_at": func.now(), "disabled_reason": reason},
            )
        )

    def unlink_channel(self, user_id: int, channel: str) -> None:
        """Forget where this person is reached by a channel."""
        self.session.execute(
            delete(IdentityRow).where(IdentityRow.user_id == user_id, IdentityRow.provider == f"channel:{channel}")
        )

    def address(self, user_id: int, provider: str) -> IdentityRow | None:
        """Where this person is reached by `provider`; the newest identity, disabled or not."""
        return self.session.scalar(
            select(IdentityRow)
            .where(IdentityRow.user_id == user_id, IdentityRow.provider == provider)
            .order_by(IdentityRow.disabled_at.is_not(None), IdentityRow.id.desc())
            .limit(1)
        )

    def disable_address(self, provider: str, external_id: str, reason: str) -> None:
        self.session.execute(
            update(IdentityRow)
            .where(IdentityRow.provider == provider, IdentityRow.external_id == external_id)
            .values(disabled_at=func.now(), disabled_reason=reason)
        )

    def move_address(self, provider: str, old_chat: str, new_chat: str) -> None:
        """A group became a supergroup: whoever is reached there is reached at its new number."""
        moved = func.jsonb_set(IdentityRow.metadata_, text("'{chat_id}'"), func.to_jsonb(cast(new_chat, Text)))
        self.session.execute(
            update(IdentityRow)
            .where(IdentityRow.provider == provider, IdentityRow.metadata_["chat_id"].astext == old_chat)
            .values(metadata_=moved)
        )

    def enable_address(self, provider: str, external_id: str) -> None:
        self.session.execute(
            update(IdentityRow)
            .where(
                IdentityRow.provider == provider,
                IdentityRow.external_id == external_id,
                IdentityRow.disabled_at.is_not(None),
            )
            .values(disabled_at=None, disabled_reason=None)
        )

    def lock_admission(self) -> None:
        """One at a time may become the first verified person."""
        self.session.execute(text("SELECT pg_advisory_xact_lock(hashtext('openbell:first-admin'))"))

    def lock_sends(self, external_id: str, email: str) -> None:
        """One at a time may count how often this asker and this address were served; always in the same order."""
        for key in sorted((f"asker:{external_id}", f"email:{email.lower()}")):
            self.session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"openbell:{key}"})

    def codes_sent(
        self, *, since: datetime, external_id: str | None = None, user_id: int | None = None
    ) -> list[CodeRow]:
        """The codes sent since then to one asker, or to one account, newest first."""
        found = select(CodeRow).where(CodeRow.created_at > since).order_by(CodeRow.created_at.desc())
        if external_id is not None:
            found = found.where(CodeRow.external_id == external_id)
        if user_id is not None:
            found = found.where(CodeRow.user_id == user_id)
        return list(self.session.scalars(found))

    def retire_codes(self, user_id: int, purpose: str, external_id: str, now: datetime) -> None:
        """An earlier code of the same purpose stops working when a new one is sent."""
        self.session.execute(
            update(CodeRow)
            .where(
                CodeRow.user_id == user_id,
                CodeRow.purpose == purpose,
                CodeRow.external_id == external_id,
                CodeRow.consumed_at.is_(None),
            )
            .values(consumed_at=now)
        )

    def add_code(self, **values: Any) -> CodeRow:
        row = CodeRow(**values)
        self.session.add(row)
        self.session.flush()
        return row

    def code(self, code_id: int) -> CodeRow | None:
        return self.session.get(CodeRow, code_id)

    def waiting_code(self, external_id: str, purpose: str, now: datetime) -> CodeRow | None:
        """The newest code of this asker that may still be tried; nothing is locked."""
        return self.session.scalar(
            select(CodeRow)
            .where(CodeRow.external_id == external_id, CodeRow.purpose == purpose)
            .where(CodeRow.consumed_at.is_(None), CodeRow.expires_at > now)
            .order_by(CodeRow.id.desc())
            .limit(1)
        )

    def live_code(self, external_id: str, purpose: str) -> CodeRow | None:
        """The newest code of this asker that was not consumed, locked so that two tries count as two."""
        return self.session.scalar(
            select(CodeRow)
            .where(CodeRow.external_id == external_id, CodeRow.purpose == purpose, CodeRow.consumed_at.is_(None))
            .order_by(CodeRow.id.desc())
            .limit(1)
            .with_for_update()
        )

    def attempts_since(self, external_id: str, now: datetime, window: timedelta) -> int:
        """How many codes this asker tried within `window`."""
        counted = select(func.coalesce(func.sum(CodeRow.attempts), 0)).where(
            CodeRow.external_id == external_id, CodeRow.created_at > now - window
        )
        return int(self.session.scalar(counted) or 0)
