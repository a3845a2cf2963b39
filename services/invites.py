"""Links that let one person in, once: an admin's invitations, and the way of an account to a real bot."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from db.invites import InviteRow
from db.unit_of_work import UnitOfWork
from db.users import UserRow
from domain import codes
from domain.errors import InvalidInput, NotFound, UserError
from domain.locales import t
from domain.users import Role, Standing, User
from services import people_notices
from services.people import check_admin
from services.users import Arrival, read_email, settle

log = structlog.get_logger(__name__)

INVITE, CONNECT = "invite", "connect"
LARGEST_TELEGRAM_ID = 2**52
"""Numbers above it were made up by the sandbox: Telegram's own have at most 52 bits."""


class BadLink(UserError):
    """That link doesn't work: it is incomplete, was used already, or is older than two days. Ask for a new one."""


@dataclass(frozen=True)
class Invitation:
    """An invitation; `token` is known at its making only."""

    id: int
    email: str
    role: Role
    expires_at: datetime
    token: str | None = None


class InvitesService:
    """Use cases around links; the unit of work is the platform's, so what is for admins looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def invite(self, actor: User, email: str, role: Role, *, secret_key: str, now: datetime) -> Invitation:
        """A link for whoever has this address, good once for two days; an earlier one of the address ends."""
        address = read_email(email)
        token = codes.new_token(codes.INVITE_PREFIX)
        with self.uow as uow:
            check_admin(uow, actor)
            known = uow.users.by_email(address)
            if known is not None and known.standing is Standing.ACTIVE:
                raise InvalidInput(
                    t("{email} is here already, as {role}. /role changes that.", email=address, role=known.role)
                )
            if known is not None and known.standing is Standing.SUSPENDED:
                raise InvalidInput(
                    t("{email} is kept out. /user {number} lets them in again.", email=address, number=known.id)
                )
            uow.invites.end(address, INVITE, now)
            row = uow.invites.create(
                token=codes.keyed_hash(secret_key, token, INVITE),
                purpose=INVITE,
                email=address,
                role=role.value,
                invited_by=actor.email,
                created_at=now,
                expires_at=now + codes.LINKS_LIVE,
            )
            view = _view(row, token)
            uow.commit()
            log.info("person_invited", email=address, role=role.value, by=actor.email)
            return view

    def open_invitations(self, actor: User, *, now: datetime, limit: int = 10) -> list[Invitation]:
        """The invitations that nobody came in by yet, newest first."""
        with self.uow as uow:
            check_admin(uow, actor)
            return [_view(row) for row in uow.invites.open(now, limit)]

    def withdraw(self, actor: User, invite_id: int, *, now: datetime) -> Invitation:
        """End an invitation that nobody came in by yet."""
        with self.uow as uow:
            check_admin(uow, actor)
            row = uow.invites.get_by_id(invite_id)
            if row is None or row.purpose != INVITE or row.user_id is not None or row.expires_at <= now:
                raise NotFound(t("That invitation is over. /users shows who is here."))
            uow.invites.end(row.email, INVITE, now)
            view = _view(row)
            uow.commit()
            return view

    def open(self, telegram_user_id: int, token: str, *, secret_key: str, now: datetime) -> str:
        """The address that an invitation is for, which a code has to prove; BadLink for all but its first user."""
        asker = str(telegram_user_id)
        if not codes.is_token(token, codes.INVITE_PREFIX):
            raise BadLink
        with self.uow as uow:
            row = _holding(uow, INVITE, token, INVITE, secret_key, now)
            if row.user_id is not None or row.used_by not in (None, asker):
                raise BadLink
            row.used_at, row.used_by = row.used_at or now, asker
            uow.commit()
            return row.email

    def admin_of_sandbox(self, email: str | None = None) -> User | None:
        """The admin who came in the sandbox: the first, or the one of that address."""
        with self.uow as uow:
            admins = [row for row in uow.users.admins() if _came_in_sandbox(uow, row)]
            named = [row for row in admins if email is None or row.email.lower() == email.lower()]
            return named[0].view() if named else None

    def connect_link(self, user: User, bot_id: int, *, secret_key: str, now: datetime) -> str:
        """A token that gives this account to the first who sends it to that bot; an earlier one ends."""
        token = codes.new_token(codes.CONNECT_PREFIX)
        with self.uow as uow:
            uow.invites.end(user.email, CONNECT, now)
            uow.invites.create(
                token=codes.keyed_hash(secret_key, token, _for_bot(bot_id)),
                purpose=CONNECT,
                email=user.email,
                role=user.role.value,
                user_id=user.id,
                invited_by="openbell telegram connect",
                created_at=now,
                expires_at=now + codes.LINKS_LIVE,
            )
            uow.commit()
            log.info("connect_link_made", user_id=user.id)
            return token

    def connect(self, arrival: Arrival, bot_id: int, token: str, *, secret_key: str, now: datetime) -> User:
        """Give the account of the link to this Telegram user, who leaves the sandbox with it; BadLink otherwise."""
        if not codes.is_token(token, codes.CONNECT_PREFIX):
            raise BadLink
        with self.uow as uow:
            row = _holding(uow, CONNECT, token, _for_bot(bot_id), secret_key, now)
            user = uow.users.locked(row.user_id) if row.user_id is not None else None
            if row.used_at is not None or user is None or user.standing is not Standing.ACTIVE:
                raise BadLink
            _check_nobody_else(uow, arrival, user)
            row.used_at, row.used_by = now, arrival.asker
            user.last_login = now
            uow.users.unlink(user.id, "telegram", above=LARGEST_TELEGRAM_ID)
            settle(uow, user, arrival)
            if user.role == Role.ADMIN:
                people_notices.admin_came(uow, user, now)
            uow.commit()
            log.info("account_connected", user_id=user.id)
            return user.view()


def _holding(uow: UnitOfWork, purpose: str, token: str, bound_to: str, secret_key: str, now: datetime) -> InviteRow:
    """The link of that token, locked, if it is not over."""
    row = uow.invites.by_token(purpose, codes.keyed_hash(secret_key, token, bound_to))
    if row is None or row.expires_at <= now or not codes.matches(secret_key, token, bound_to, row.token):
        raise BadLink
    return row


def _for_bot(bot_id: int) -> str:
    """What the hash of a connecting token is keyed by: it means nothing to another bot."""
    return f"{CONNECT}:{bot_id}"


def _check_nobody_else(uow: UnitOfWork, arrival: Arrival, user: UserRow) -> None:
    other = uow.users.behind("telegram", arrival.asker)
    if other is not None and other.id != user.id:
        raise InvalidInput(t("You are known here as {email} already, so the link was not used.", email=other.email))


def _came_in_sandbox(uow: UnitOfWork, row: UserRow) -> bool:
    return any(number > LARGEST_TELEGRAM_ID for number in uow.users.telegram_ids(row.id))


def _view(row: InviteRow, token: str | None = None) -> Invitation:
    return Invitation(row.id, row.email, Role(row.role), row.expires_at, token)
