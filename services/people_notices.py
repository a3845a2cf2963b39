"""What people are told when an admin lets them in, keeps them out or changes their role, and admins of who comes."""

from datetime import datetime
from html import escape

from db.unit_of_work import UnitOfWork
from db.users import UserRow
from domain.ids import UserId
from domain.locales import speaking, t
from domain.messages import Button, Category, Outgoing, Rows
from domain.users import Role
from notifications import outbox


def somebody_waits(uow: UnitOfWork, row: UserRow, now: datetime) -> None:
    """Every admin gets a card with two buttons: a person proved their address, and waits."""
    since = int((row.waiting_since or now).timestamp())
    for admin in uow.users.admins():
        with speaking(admin.locale):
            text = t(
                "<b>{name}</b> would like to come in.\n{email} – the address is proved. "
                "Until you decide, nothing else happens.",
                name=escape(row.display_name or row.email),
                email=escape(row.email),
            )
            buttons = (
                Button(t("Let in"), data=f"rq:{row.id}:in:{since}"),
                Button(t("Refuse"), data=f"rq:{row.id}:no:{since}"),
            )
            subject = t("{email} would like to come in", email=row.email)
        _tell(uow, admin, text, subject, now, (buttons,), key=f"waits:{row.id}:{since}:{admin.id}")


def admin_came(uow: UnitOfWork, row: UserRow, now: datetime) -> None:
    """The other admins hear that an admin spoke from a Telegram account that was not theirs before."""
    for admin in uow.users.admins():
        if admin.id == row.id:
            continue
        with speaking(admin.locale):
            text = t(
                "<b>{email}</b>, an admin, came in from a new Telegram account. "
                "If that was not them, /suspend {email} keeps that account out.",
                email=escape(row.email),
            )
            subject = t("An admin came in: {email}", email=row.email)
        _tell(uow, admin, text, subject, now)


def let_in(uow: UnitOfWork, row: UserRow, now: datetime) -> None:
    """A person hears that they may come in."""
    with speaking(row.locale):
        text = t("✓ <b>You're in.</b> An admin let you in as {email}.", email=escape(row.email))
        buttons = ((Button(t("What can you do?"), data="c:help"), Button(t("Set my clock"), data="c:timezone")),)
        _tell(uow, row, text, t("You're in"), now, buttons)


def refused(uow: UnitOfWork, row: UserRow, now: datetime) -> None:
    """A person hears that they may not come in."""
    with speaking(row.locale):
        text = t("An admin did not let you in. If that is a mistake, talk to whoever runs this Openbell.")
        _tell(uow, row, text, t("You were not let in"), now)


def suspended(uow: UnitOfWork, row: UserRow, now: datetime) -> None:
    """A person hears that they are kept out, and what becomes of their jobs."""
    with speaking(row.locale):
        text = t("An admin suspended your account. Your jobs rest until you are let in again; nothing was deleted.")
        _tell(uow, row, text, t("Your account is suspended"), now)


def role_changed(uow: UnitOfWork, row: UserRow, role: Role, now: datetime) -> None:
    """A person hears of their new role."""
    with speaking(row.locale):
        text = t("Your role is now <b>{role}</b>. /help lists what you may do.", role=role.value)
        _tell(uow, row, text, t("Your role has changed"), now)


def _tell(
    uow: UnitOfWork,
    row: UserRow,
    text: str,
    subject: str,
    now: datetime,
    buttons: Rows = (),
    *,
    key: str | None = None,
) -> None:
    """Queue it, unless this person was named only and never came."""
    if not uow.users.telegram_ids(row.id):
        return
    message = Outgoing(Category.HEALTH, UserId(row.id), text, buttons, subject=subject, dedupe_key=key)
    outbox.enqueue(uow, message, now)
