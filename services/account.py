"""One's own account: the language, and the end of it."""

from datetime import datetime, timedelta

import structlog

from db import erasing
from db.unit_of_work import UnitOfWork
from domain.errors import InvalidInput, NotFound
from domain.locales import LOCALES, t
from domain.users import Role, Standing, User
from services.people import check_not_last_admin

log = structlog.get_logger(__name__)

LANGUAGE_FORM = "language"
_STRANGERS_CHOICE_LIVES = timedelta(days=30)


class AccountService:
    """Use cases around one's own account; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def speak(self, user: User, tag: str | None) -> User:
        """Speak this language to the person from now on; None: what their Telegram says."""
        _check_spoken(tag)
        with self.uow as uow:
            row = uow.users.get_by_id(user.id)
            if row is None:
                raise NotFound(t("I can't find your account any more. Send /start."))
            row.locale = tag
            uow.commit()
            return row.view()

    def speak_to_stranger(self, telegram_user_id: int, tag: str | None, *, now: datetime) -> None:
        """Speak this language to somebody who is not known yet; it stays theirs once they are."""
        _check_spoken(tag)
        with self.uow as uow:
            uow.telegram.end_drafts(telegram_user_id, now, LANGUAGE_FORM)
            uow.telegram.create(
                telegram_user_id=telegram_user_id,
                kind=LANGUAGE_FORM,
                data={"language": tag},
                expires_at=now + _STRANGERS_CHOICE_LIVES,
            )
            uow.commit()

    def language_of_stranger(self, telegram_user_id: int, *, now: datetime) -> str | None:
        """The language that somebody chose who is not known yet."""
        with self.uow as uow:
            row = uow.telegram.open_draft(telegram_user_id, LANGUAGE_FORM, now)
            return row.data["language"] if row is not None else None

    def check_erasable(self, user: User) -> int:
        """How many jobs would end with the account; LastAdmin when nobody else would be an admin."""
        with self.uow as uow:
            if user.role is Role.ADMIN:
                check_not_last_admin(uow, user.id)
            return uow.users.jobs(user.id)

    def erase(self, user: User) -> int:
        """Erase the account with all that is its own; how many jobs ended with it. LastAdmin may not go."""
        with self.uow as uow:
            uow.users.lock_admins()
            row = uow.users.locked(user.id)
            if row is None or row.standing is not Standing.ACTIVE:
                raise NotFound(t("I can't find your account any more. Send /start."))
            is_admin = row.role == Role.ADMIN
            if is_admin:
                check_not_last_admin(uow, row.id)
            telegram, jobs = uow.users.telegram_ids(row.id), uow.users.jobs(row.id)
            erasing.erase(uow.session, row.id, row.email, telegram, acted_on_others=is_admin)
            uow.commit()
            log.info("account_erased", user_id=user.id)
            return jobs


def _check_spoken(tag: str | None) -> None:
    if tag is not None and tag not in LOCALES:
        names = ", ".join(f"{each} ({name})" for each, name in LOCALES.items())
        raise InvalidInput(t("I don't speak “{tag}” yet. I speak {names}.", tag=tag[:20], names=names))
