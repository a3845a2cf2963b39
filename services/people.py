"""People, as an admin treats them: who is there, what they may do, who comes in and who is kept out."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from db.unit_of_work import UnitOfWork
from db.users import UserRow
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.ids import UserId
from domain.locales import t
from domain.schedules import Schedule
from domain.users import Account, Role, Standing, User
from services import people_notices

log = structlog.get_logger(__name__)

LONGEST_REASON = 200
MOST_WORDS = 30


class LastAdmin(InvalidInput):
    """That is the last admin here, so nothing was changed. Make somebody else an admin first, with /role."""


@dataclass(frozen=True)
class Changed:
    """A person after a change; `was_so` when there was nothing to change."""

    account: Account
    was_so: bool = False


class PeopleService:
    """Use cases around people; the unit of work is the platform's, so every method looks who asks."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def page(
        self, actor: User, *, words: str = "", standing: Standing | None = None, after: int = 0, limit: int = 7
    ) -> list[Account]:
        """A page of people by their number: those of a standing, or whose address or name holds `words`."""
        if len(words.encode()) > MOST_WORDS:
            raise InvalidInput(t("That is too long to look for. A part of the address or the name is enough."))
        with self.uow as uow:
            check_admin(uow, actor)
            rows = uow.users.page(after=after, limit=limit, words=words, standing=standing)
            return [_account(uow, row) for row in rows]

    def counts(self, actor: User) -> dict[Standing, int]:
        """How many people stand where."""
        with self.uow as uow:
            check_admin(uow, actor)
            return uow.users.counts()

    def one(self, actor: User, user_id: int) -> Account:
        """A person by their number."""
        with self.uow as uow:
            check_admin(uow, actor)
            return _account(uow, _found(uow, user_id))

    def find(self, actor: User, who: str) -> Account:
        """The one person of that number or address, or whose address or name holds `who`."""
        with self.uow as uow:
            check_admin(uow, actor)
            return _account(uow, _named(uow, who))

    def jobs(self, actor: User, user_id: int, *, after: int = 0, limit: int = 7) -> list[Schedule]:
        """A page of a person's live schedules by their number."""
        with self.uow as uow:
            check_admin(uow, actor)
            return [row.view() for row in uow.jobs.all_live(after=after, limit=limit, user_id=user_id)]

    def set_role(self, actor: User, user_id: int, role: Role, *, now: datetime) -> Changed:
        """Give a person a role, and tell them; LastAdmin when nobody else would be one."""
        with self.uow as uow:
            row = _to_change(uow, actor, user_id)
            if row.role == role:
                return Changed(_account(uow, row), was_so=True)
            if role is not Role.ADMIN:
                check_not_last_admin(uow, user_id)
            row.role = role.value
            people_notices.role_changed(uow, row, role, now)
            return _done(uow, row, actor, "role_given")

    def suspend(self, actor: User, user_id: int, reason: str, *, now: datetime) -> Changed:
        """Keep a person out, whose jobs rest from now on; LastAdmin when nobody else would be one."""
        with self.uow as uow:
            row = _to_change(uow, actor, user_id)
            if user_id == actor.id:
                raise InvalidInput(t("That is you, so nothing was changed. Another admin can do that."))
            if not row.is_active:
                return Changed(_account(uow, row), was_so=True)
            check_not_last_admin(uow, user_id)
            people_notices.suspended(uow, row, now)
            row.is_active, row.suspended_at = False, now
            row.suspended_reason = reason.strip()[:LONGEST_REASON] or None
            return _done(uow, row, actor, "person_suspended")

    def restore(self, actor: User, user_id: int, *, now: datetime) -> Changed:
        """Let a person in again whom an admin kept out, or had refused."""
        with self.uow as uow:
            row = _to_change(uow, actor, user_id)
            if row.is_active:
                return Changed(_account(uow, row), was_so=True)
            row.is_active, row.suspended_at, row.suspended_reason = True, None, None
            if row.waiting_since is not None:
                row.verified_at, row.waiting_since = now, None
            people_notices.let_in(uow, row, now)
            return _done(uow, row, actor, "person_restored")

    def let_in(self, actor: User, user_id: int, *, asked_at: int | None = None, now: datetime) -> Changed:
        """Let a person in who proved their address and waits, and tell them."""
        with self.uow as uow:
            row = _waiting(uow, actor, user_id, asked_at)
            if row.standing is Standing.ACTIVE:
                return Changed(_account(uow, row), was_so=True)
            row.verified_at, row.waiting_since = now, None
            people_notices.let_in(uow, row, now)
            return _done(uow, row, actor, "person_let_in")

    def refuse(self, actor: User, user_id: int, *, asked_at: int | None = None, now: datetime) -> Changed:
        """Keep a person out who waits, and tell them; `restore` lets them in after all."""
        with self.uow as uow:
            row = _waiting(uow, actor, user_id, asked_at)
            if row.standing is Standing.ACTIVE:
                raise InvalidInput(t("That person was let in already. /suspend keeps them out."))
            people_notices.refused(uow, row, now)
            row.is_active, row.suspended_at, row.suspended_reason = False, now, t("not let in")
            return _done(uow, row, actor, "person_refused")


def check_not_last_admin(uow: UnitOfWork, user_id: int) -> None:
    """LastAdmin if without this person nobody would be an admin; the answer holds until the transaction ends."""
    uow.users.lock_admins()
    admins = [row.id for row in uow.users.admins()]
    if admins == [user_id]:
        raise LastAdmin


def check_admin(uow: UnitOfWork, actor: User) -> None:
    """NotAllowed unless this person is an admin at this moment."""
    row = uow.users.get_by_id(actor.id)
    if row is None or row.standing is not Standing.ACTIVE or row.role != Role.ADMIN:
        raise NotAllowed


def _to_change(uow: UnitOfWork, actor: User, user_id: int) -> UserRow:
    """A person, locked, one change of anybody's rights after another."""
    uow.users.lock_admins()
    check_admin(uow, actor)
    return _found(uow, user_id, lock=True)


def _waiting(uow: UnitOfWork, actor: User, user_id: int, asked_at: int | None) -> UserRow:
    """A person who waits, or is in already; `asked_at` tells one request from an earlier one."""
    row = _to_change(uow, actor, user_id)
    if row.standing is Standing.SUSPENDED:
        raise InvalidInput(t("That person was refused already. /user {number} lets them in after all.", number=row.id))
    if row.standing is Standing.ACTIVE:
        return row
    if row.waiting_since is None or (asked_at is not None and int(row.waiting_since.timestamp()) != asked_at):
        raise NotFound(t("That request is over. /users waiting lists those who wait."))
    return row


def _found(uow: UnitOfWork, user_id: int, *, lock: bool = False) -> UserRow:
    row = uow.users.locked(user_id) if lock else uow.users.get_by_id(user_id)
    if row is None:
        raise NotFound(t("I can't find person {number}. /users lists everybody.", number=user_id))
    return row


def _named(uow: UnitOfWork, who: str) -> UserRow:
    wanted = who.strip()
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 18:
        return _found(uow, int(wanted))
    if "@" in wanted.removeprefix("@") and (row := uow.users.by_email(wanted)) is not None:
        return row
    rows = uow.users.page(after=0, limit=2, words=wanted.removeprefix("@")[:MOST_WORDS]) if wanted else []
    if not rows:
        raise NotFound(t("I can't find “{who}” among the people here. /users lists everybody.", who=wanted[:60]))
    if len(rows) > 1:
        said = t(
            "More than one person fits “{who}”. Name the number; /users {who} lists them.", who=wanted[:MOST_WORDS]
        )
        raise InvalidInput(said)
    return rows[0]


def _account(uow: UnitOfWork, row: UserRow) -> Account:
    return Account(
        user=row.view(),
        standing=row.standing or Standing.EXPECTED,
        since=row.since,
        reason=row.suspended_reason,
        last_login=row.last_login,
        telegram_ids=tuple(uow.users.telegram_ids(row.id)),
        jobs=uow.users.jobs(row.id),
    )


def _done(uow: UnitOfWork, row: UserRow, actor: User, what: str) -> Changed:
    uow.session.flush()
    changed = Changed(_account(uow, row))
    uow.commit()
    log.info(what, user_id=UserId(row.id), role=row.role, by=actor.email)
    return changed
