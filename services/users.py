"""Who people are: proving an address, becoming known, choosing a time zone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email

from db.unit_of_work import UnitOfWork
from db.users import CodeRow, UserRow
from domain import codes
from domain.chat_settings import AccessMode
from domain.errors import InvalidInput, NotFound, UserError
from domain.ids import UserId
from domain.locales import current, t, tn
from domain.messages import Category, Outgoing
from domain.users import Role, Standing, User, clean_name
from domain.zones import parse_own_zone
from notifications import outbox
from services import people_notices

PURPOSE = "verify"


class TooSoon(UserError):
    """A code was sent a moment ago."""


class WrongCode(UserError):
    """That code doesn't match."""


class Suspended(UserError):
    """Your account is suspended. Ask an admin of this Openbell to let you in again."""


class NotInvited(UserError):
    """Your address is proved, but this Openbell takes invited people only. Ask an admin there for an invitation."""


@dataclass(frozen=True)
class CodeSent:
    """A code is on its way; it holds until `expires_at`."""

    email: str
    expires_at: datetime


@dataclass(frozen=True)
class Verified:
    """A person who proved an address; `became_admin` when they are the first on an empty install."""

    user: User
    became_admin: bool


@dataclass(frozen=True)
class Waits:
    """A person who proved an address, and whom an admin has to let in; `asked` when that was asked just now."""

    email: str
    asked: bool


@dataclass(frozen=True)
class Arrival:
    """Who arrives, from where: a Telegram user in their private chat."""

    telegram_user_id: int
    chat_id: int
    display_name: str

    @property
    def asker(self) -> str:
        """As codes and identities name them."""
        return str(self.telegram_user_id)


@dataclass(frozen=True)
class Stranger:
    """How somebody stands who is not known: waiting to be let in, kept out, asked for a code, or new."""

    standing: Standing | None
    email: str | None = None
    code_until: datetime | None = None
    """A code of theirs may be tried until then."""


def read_email(text: str) -> str:
    """The one bare address in `text`; InvalidInput says what is wrong with it."""
    address = text.strip()
    if any(ord(c) < 32 or ord(c) == 127 for c in address) or len(address) > 254:
        raise InvalidInput(t("That is no e-mail address. Send it alone, such as ada@example.com"))
    try:
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError as problem:
        said = t(
            "I can't send mail to “{address}”. Is a letter missing? Example: ada@example.com", address=address[:60]
        )
        raise InvalidInput(said) from problem
    if found.domain.lower() == "localhost" or "." not in found.domain:
        said = t("“{domain}” is no mail domain that I can reach. Example: ada@example.com", domain=found.domain)
        raise InvalidInput(said)
    return found.normalized


class UsersService:
    """Use cases around people; each method is one transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    def identify(self, telegram_user_id: int) -> User | None:
        """The verified person behind a Telegram user, or None."""
        with self.uow as uow:
            row = uow.users.by_identity("telegram", str(telegram_user_id))
            return row.view() if row is not None else None

    def get(self, user_id: UserId) -> User | None:
        """The active, verified person of that number, or None."""
        with self.uow as uow:
            row = uow.users.get_by_id(user_id)
            return row.view() if row is not None and row.is_active and row.verified_at is not None else None

    def stranger(self, telegram_user_id: int, *, now: datetime) -> Stranger:
        """How a Telegram user stands whom `identify` does not know."""
        asker = str(telegram_user_id)
        with self.uow as uow:
            row = uow.users.behind("telegram", asker)
            if row is not None and row.standing in (Standing.WAITING, Standing.SUSPENDED):
                return Stranger(row.standing, row.email)
            code = uow.users.waiting_code(asker, PURPOSE, now)
            asked = uow.users.get_by_id(code.user_id) if code is not None else None
            if code is None or asked is None:
                return Stranger(None)
            return Stranger(None, asked.email, code.expires_at)

    def recipients(self, role: Role | None = None) -> list[UserId]:
        """Everybody active and verified, or those of one role, oldest first."""
        with self.uow as uow:
            return uow.users.recipients(role)

    def send_code(self, telegram_user_id: int, email: str, *, secret_key: str, now: datetime) -> CodeSent:
        """Mail a code to the address, whether it is known or not; TooSoon when this asker or it had enough of them."""
        address = read_email(email)
        asker = str(telegram_user_id)
        with self.uow as uow:
            uow.users.lock_sends(asker, address)
            _refuse_suspended(uow, asker)
            user = uow.users.ensure_email(address)
            _check_pace(uow, asker, user.id, now)
            uow.users.retire_codes(user.id, PURPOSE, asker, now)
            nonce = codes.new_nonce()
            code = codes.derive(secret_key, nonce)
            row = uow.users.add_code(
                user_id=user.id,
                code=codes.keyed_hash(secret_key, code.digits, asker),
                link=codes.keyed_hash(secret_key, code.link_token, asker),
                nonce=nonce,
                sent_time=int(now.timestamp()),
                external_id=asker,
                purpose=PURPOSE,
                expires_at=now + codes.LIVES,
                created_at=now,
            )
            mail = Outgoing(
                Category.CODE,
                UserId(user.id),
                text="",
                template="verification_code",
                params={"code_id": row.id, "nonce": nonce, "language": current()},
                dedupe_key=f"code:{row.id}",
            )
            outbox.enqueue(uow, mail, now)
            uow.commit()
            return CodeSent(address, row.expires_at)

    def resend_code(self, telegram_user_id: int, *, secret_key: str, now: datetime) -> CodeSent:
        """A new code for the address of the last one."""
        with self.uow as uow:
            sent = uow.users.codes_sent(since=now - timedelta(days=1), external_id=str(telegram_user_id))
            user = uow.users.get_by_id(sent[0].user_id) if sent else None
        if user is None:
            raise NotFound(t("I have no address of yours yet. Send me your e-mail address."))
        return self.send_code(telegram_user_id, user.email, secret_key=secret_key, now=now)

    def confirm(
        self,
        arrival: Arrival,
        text: str,
        *,
        secret_key: str,
        sandbox: bool,
        mode: AccessMode = AccessMode.OPEN,
        now: datetime,
    ) -> Verified | Waits:
        """Take the code (or one-tap token) that was typed; WrongCode says what is left to try.

        Whoever proved an address is in, unless an admin has to invite them (NotInvited) or to let them in (Waits).
        """
        asker = arrival.asker
        with self.uow as uow:
            row = _tryable(uow, uow.users.live_code(asker, PURPOSE), asker, now)
            row.attempts += 1
            given = text if text.startswith(codes.LINK_PREFIX) else codes.read_digits(text) or ""
            stored = row.link if given.startswith(codes.LINK_PREFIX) else row.code
            if not codes.matches(secret_key, given, asker, stored):
                left = codes.ATTEMPTS_PER_CODE - row.attempts
                uow.commit()
                raise WrongCode(_wrong(left))
            row.consumed_at = now
            outcome = _admit(uow, row.user_id, arrival, mode, sandbox=sandbox, now=now)
            uow.commit()
            if isinstance(outcome, UserError):
                raise outcome
            return outcome

    def set_timezone(self, user: User, zone: str, *, now: datetime) -> User:
        """Read this person's schedules-to-come in `zone`; those saved keep the zone they were saved in."""
        name = parse_own_zone(zone, now).key
        with self.uow as uow:
            row = uow.users.get_by_id(user.id)
            if row is None:
                raise NotFound(t("I can't find your account any more. Send /start."))
            row.timezone, row.timezone_chosen_at = name, now
            uow.commit()
            return row.view()

    def add_admin(self, email: str) -> User:
        """Make the person with this address an admin, now or from the day they verify it."""
        address = read_email(email)
        with self.uow as uow:
            uow.users.lock_admins()
            row = uow.users.ensure_email(address)
            row.role = Role.ADMIN
            uow.commit()
            return row.view()

    def unreachable(self, telegram_user_id: int, reason: str) -> None:
        """Write to this person no more, until they write to us."""
        with self.uow as uow:
            uow.users.disable_address("telegram", str(telegram_user_id), reason)
            uow.commit()

    def reachable_again(self, telegram_user_id: int) -> None:
        """A person who writes to us can be written to: their address works again."""
        with self.uow as uow:
            uow.users.enable_address("telegram", str(telegram_user_id))
            uow.commit()


def _admit(
    uow: UnitOfWork, user_id: int, arrival: Arrival, mode: AccessMode, *, sandbox: bool, now: datetime
) -> Verified | Waits | UserError:
    """What becomes of a person who just proved their address; the code is spent in any case."""
    uow.users.lock_admission()
    user = uow.users.locked(user_id)
    if user is None or not user.is_active:
        return Suspended()
    became_admin = sandbox and not uow.users.anyone_verified()
    if not became_admin and user.verified_at is None and not _expected(uow, user, arrival, now):
        if mode is AccessMode.INVITE:
            return NotInvited()
        if mode is AccessMode.APPROVE:
            return _wait(uow, user, arrival, now)
    if became_admin:
        user.role = Role.ADMIN.value
    new_here = uow.users.behind("telegram", arrival.asker) is not user
    user.verified_at, user.waiting_since, user.last_login = user.verified_at or now, None, now
    settle(uow, user, arrival)
    if user.role == Role.ADMIN and new_here:
        people_notices.admin_came(uow, user, now)
    return Verified(user.view(), became_admin)


def _expected(uow: UnitOfWork, user: UserRow, arrival: Arrival, now: datetime) -> bool:
    """Whether an admin named this address; an invitation gives its role, once."""
    invite = uow.invites.open_for(user.email, now)
    if invite is None:
        return user.role != Role.VIEWER
    if not Role(user.role).includes(Role(invite.role)):
        user.role = invite.role
    invite.user_id = user.id
    invite.used_at, invite.used_by = invite.used_at or now, invite.used_by or arrival.asker
    return True


def _wait(uow: UnitOfWork, user: UserRow, arrival: Arrival, now: datetime) -> Waits:
    asked = user.waiting_since is None
    user.waiting_since = user.waiting_since or now
    settle(uow, user, arrival)
    if asked:
        people_notices.somebody_waits(uow, user, now)
    return Waits(user.email, asked)


def settle(uow: UnitOfWork, user: UserRow, arrival: Arrival) -> None:
    """Know this account by that Telegram user from now on; the code arrived, so mail does."""
    if not user.display_name:
        user.display_name = _shown_name(arrival.display_name)
    if user.locale is None:
        user.locale = uow.telegram.chosen_language(int(arrival.asker))
    uow.users.link(user.id, "telegram", arrival.asker, chat_id=arrival.chat_id, language=current())
    uow.users.enable_address("email", user.email.lower())


def _refuse_suspended(uow: UnitOfWork, asker: str) -> None:
    row = uow.users.behind("telegram", asker)
    if row is not None and not row.is_active:
        raise Suspended


def _check_pace(uow: UnitOfWork, asker: str, user_id: int, now: datetime) -> None:
    hour, most = now - timedelta(hours=1), codes.SENDS_PER_HOUR
    for sent in (
        uow.users.codes_sent(since=hour, external_id=asker),
        uow.users.codes_sent(since=hour, user_id=user_id),
    ):
        if sent and sent[0].created_at > now - codes.BETWEEN_SENDS:
            wait = round((sent[0].created_at + codes.BETWEEN_SENDS - now).total_seconds())
            raise TooSoon(t("A code was sent a moment ago. Look into the inbox, or ask again in {n} s.", n=wait))
        if len(sent) >= most:
            wait = round((sent[-1].created_at + timedelta(hours=1) - now).total_seconds() / 60)
            raise TooSoon(t("{most} codes an hour is the most. Ask again in {n} min.", most=most, n=wait))


def _tryable(uow: UnitOfWork, row: CodeRow | None, asker: str, now: datetime) -> CodeRow:
    if row is None:
        raise WrongCode(t("There is no code waiting for you. Send /start to get one."))
    if row.expires_at <= now:
        raise WrongCode(t("That code has expired. Press the button to get a new one."))
    if row.attempts >= codes.ATTEMPTS_PER_CODE:
        raise WrongCode(t("That code was tried too often and no longer works. Press the button to get a new one."))
    if uow.users.attempts_since(asker, now, timedelta(days=1)) >= codes.ATTEMPTS_PER_DAY:
        raise WrongCode(t("Too many wrong codes today. Try again tomorrow, or ask your admin."))
    return row


def _wrong(left: int) -> str:
    if left <= 0:
        return t("That code doesn't match, and it no longer works. Press the button to get a new one.")
    return tn("That code doesn't match. {n} try left.", "That code doesn't match. {n} tries left.", left)


def _shown_name(text: str) -> str:
    try:
        return clean_name(text[:64], "name", 64)
    except InvalidInput:
        return ""
