"""Who people are: proving an address, becoming known, choosing a time zone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email

from db.unit_of_work import UnitOfWork
from db.users import CodeRow
from domain import codes
from domain.errors import InvalidInput, NotFound, UserError
from domain.ids import UserId
from domain.messages import Category, Outgoing
from domain.users import Role, User, clean_name
from domain.zones import parse_zone
from notifications import outbox

PURPOSE = "verify"


class TooSoon(UserError):
    """A code was sent a moment ago."""


class WrongCode(UserError):
    """That code doesn't match."""


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


def read_email(text: str) -> str:
    """The one bare address in `text`; InvalidInput says what is wrong with it."""
    address = text.strip()
    if any(ord(c) < 32 or ord(c) == 127 for c in address) or len(address) > 254:
        raise InvalidInput("That is no e-mail address. Send it alone, such as ada@example.com")
    try:
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError as problem:
        raise InvalidInput(f"I can't send mail to “{address[:60]}”. {problem} Example: ada@example.com") from problem
    if found.domain.lower() == "localhost" or "." not in found.domain:
        raise InvalidInput(f"“{found.domain}” is no mail domain that I can reach. Example: ada@example.com")
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
                params={"code_id": row.id, "nonce": nonce},
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
            raise NotFound("I have no address of yours yet. Send me your e-mail address.")
        return self.send_code(telegram_user_id, user.email, secret_key=secret_key, now=now)

    def confirm(
        self,
        telegram_user_id: int,
        text: str,
        *,
        chat_id: int,
        display_name: str,
        secret_key: str,
        sandbox: bool,
        now: datetime,
    ) -> Verified:
        """Take the code (or one-tap token) that was typed; WrongCode says what is left to try."""
        asker = str(telegram_user_id)
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
            verified = self._admit(uow, row.user_id, asker, chat_id, display_name, sandbox, now)
            uow.commit()
            return verified

    def _admit(
        self, uow: UnitOfWork, user_id: int, asker: str, chat_id: int, display_name: str, sandbox: bool, now: datetime
    ) -> Verified:
        uow.users.lock_admission()
        user = uow.users.get_by_id(user_id)
        if user is None or not user.is_active:
            raise NotFound("This account is suspended. Ask your admin.")
        became_admin = sandbox and not uow.users.anyone_verified()
        if became_admin:
            user.role = Role.ADMIN
        user.verified_at = user.verified_at or now
        user.last_login = now
        user.display_name = user.display_name or _shown_name(display_name)
        uow.users.link(user.id, "telegram", asker, chat_id=chat_id)
        uow.users.enable_address("email", user.email.lower())  # the code arrived, so mail does
        return Verified(user.view(), became_admin)

    def set_timezone(self, user: User, zone: str, *, now: datetime) -> User:
        """Read this person's schedules-to-come in `zone`; those saved keep the zone they were saved in."""
        name = parse_zone(zone).key
        with self.uow as uow:
            row = uow.users.get_by_id(user.id)
            if row is None:
                raise NotFound("I can't find your account any more. Send /start.")
            row.timezone, row.timezone_chosen_at = name, now
            uow.commit()
            return row.view()

    def add_admin(self, email: str) -> User:
        """Make the person with this address an admin, now or from the day they verify it."""
        address = read_email(email)
        with self.uow as uow:
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


def _check_pace(uow: UnitOfWork, asker: str, user_id: int, now: datetime) -> None:
    hour = now - timedelta(hours=1)
    for sent in (
        uow.users.codes_sent(since=hour, external_id=asker),
        uow.users.codes_sent(since=hour, user_id=user_id),
    ):
        if sent and sent[0].created_at > now - codes.BETWEEN_SENDS:
            wait = (sent[0].created_at + codes.BETWEEN_SENDS - now).total_seconds()
            raise TooSoon(f"A code was sent a moment ago. Look into the inbox, or ask again in {wait:.0f} s.")
        if len(sent) >= codes.SENDS_PER_HOUR:
            wait = (sent[-1].created_at + timedelta(hours=1) - now).total_seconds() / 60
            raise TooSoon(f"{codes.SENDS_PER_HOUR} codes an hour is the most. Ask again in {wait:.0f} min.")


def _tryable(uow: UnitOfWork, row: CodeRow | None, asker: str, now: datetime) -> CodeRow:
    if row is None:
        raise WrongCode("There is no code waiting for you. Send /start to get one.")
    if row.expires_at <= now:
        raise WrongCode("That code has expired. Press the button to get a new one.")
    if row.attempts >= codes.ATTEMPTS_PER_CODE:
        raise WrongCode("That code was tried too often and no longer works. Press the button to get a new one.")
    if uow.users.attempts_since(asker, now, timedelta(days=1)) >= codes.ATTEMPTS_PER_DAY:
        raise WrongCode("Too many wrong codes today. Try again tomorrow, or ask your admin.")
    return row


def _wrong(left: int) -> str:
    if left <= 0:
        return "That code doesn't match, and it no longer works. Press the button to get a new one."
    return f"That code doesn't match. {left} {'try' if left == 1 else 'tries'} left."


def _shown_name(text: str) -> str:
    try:
        return clean_name(text, "name", 64)
    except InvalidInput:
        return ""
