"""Links that let one person in, on a real database: once, for two days, bound, and never readable from the rows."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from db.engine import Database
from domain import codes
from domain.chat_settings import AccessMode
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.users import Role, User
from services.invites import BadLink, InvitesService
from services.users import Arrival, NotInvited, TooSoon, UsersService, Verified, Waits
from tests.factories import Rows

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BOT = 4242


class Door:
    """The services that let people in, over one database."""

    def __init__(self, database: Database, secret_key: str, rows: Rows) -> None:
        self._database = database
        self._key = secret_key
        self._rows = rows

    @property
    def invites(self) -> InvitesService:
        return InvitesService(self._database.for_platform())

    @property
    def users(self) -> UsersService:
        return UsersService(self._database.for_platform())

    def invite(self, actor: User, email: str, role: Role = Role.VIEWER, now: datetime = NOW) -> str:
        token = self.invites.invite(actor, email, role, secret_key=self._key, now=now).token
        assert token is not None
        return token

    def open(self, telegram: int, token: str, now: datetime = NOW) -> str:
        return self.invites.open(telegram, token, secret_key=self._key, now=now)

    def code(self, telegram: int, email: str, now: datetime = NOW) -> str:
        """Ask for a code, and read it as the mail would say it."""
        self.users.send_code(telegram, email, secret_key=self._key, now=now)
        [row, *_] = self._rows.all("SELECT nonce FROM usr_verification_codes ORDER BY id DESC LIMIT 1")
        return codes.derive(self._key, row.nonce).digits

    def arrive(
        self, telegram: int, email: str, mode: AccessMode = AccessMode.INVITE, now: datetime = NOW
    ) -> Verified | Waits:
        code = self.code(telegram, email, now)
        who = Arrival(telegram, telegram, "Bob")
        return self.users.confirm(who, code, secret_key=self._key, sandbox=False, mode=mode, now=now)

    def connect_link(self, user: User, bot: int = BOT) -> str:
        return self.invites.connect_link(user, bot, secret_key=self._key, now=NOW)

    def connect(self, telegram: int, token: str, bot: int = BOT, now: datetime = NOW) -> User:
        return self.invites.connect(Arrival(telegram, telegram, "Ada"), bot, token, secret_key=self._key, now=now)


@pytest.fixture
def door(house_database: Database, secret_key: str, rows: Rows) -> Door:
    return Door(house_database, secret_key, rows)


@pytest.fixture
def admin(rows: Rows) -> User:
    return rows.person()


def test_an_invited_person_gets_their_role_by_proving_the_address(door: Door, admin: User) -> None:
    token = door.invite(admin, "bob@example.com", Role.TRADER)
    assert door.open(7, token) == "bob@example.com"
    done = door.arrive(7, "bob@example.com")
    assert isinstance(done, Verified)
    assert done.user.role is Role.TRADER
    assert not done.became_admin


def test_without_an_invitation_a_proved_address_is_not_enough(door: Door, admin: User, rows: Rows) -> None:
    with pytest.raises(NotInvited):
        door.arrive(7, "eve@example.com")
    assert door.users.identify(7) is None
    assert rows.all("SELECT FROM usr_verification_codes WHERE consumed_at IS NULL") == []
    assert rows.all("SELECT FROM usr_auth_identities WHERE external_id = '7'") == []


def test_an_address_that_was_invited_comes_in_without_the_link_too(door: Door, admin: User) -> None:
    door.invite(admin, "bob@example.com")
    assert isinstance(door.arrive(7, "bob@example.com"), Verified)


def test_an_invitation_gives_its_role_once_only(door: Door, admin: User, rows: Rows) -> None:
    door.invite(admin, "bob@example.com", Role.TRADER)
    door.arrive(7, "bob@example.com")
    rows.execute("UPDATE usr_users SET role = 'viewer' WHERE email = 'bob@example.com'")
    again = door.arrive(8, "bob@example.com", now=NOW + timedelta(minutes=2))
    assert isinstance(again, Verified)
    assert again.user.role is Role.VIEWER


@pytest.mark.parametrize(
    "wrong",
    ["i_", "i_short", "i_" + "a" * 21, "i_" + "a" * 23, "i_" + "a" * 22, "i_" + "ä" * 22, "c_" + "a" * 22, "i_\0"],
)
def test_a_link_of_the_wrong_length_or_made_up_opens_nothing(door: Door, admin: User, wrong: str) -> None:
    door.invite(admin, "bob@example.com")
    with pytest.raises(BadLink):
        door.open(7, wrong)


def test_a_link_works_for_the_first_who_uses_it_alone(door: Door, admin: User) -> None:
    token = door.invite(admin, "bob@example.com")
    door.open(7, token)
    assert door.open(7, token) == "bob@example.com"
    with pytest.raises(BadLink):
        door.open(8, token)
    door.arrive(7, "bob@example.com")
    with pytest.raises(BadLink):
        door.open(7, token)


def test_of_many_who_use_a_link_at_once_one_gets_through(door: Door, admin: User) -> None:
    token = door.invite(admin, "bob@example.com")
    let_through: list[int] = []
    refused: list[int] = []
    gate = threading.Barrier(6)

    def use(telegram: int) -> None:
        gate.wait()
        try:
            door.open(telegram, token)
        except BadLink:
            refused.append(telegram)
        else:
            let_through.append(telegram)

    together(*[lambda number=number: use(number) for number in range(1, 7)])
    assert (len(let_through), len(refused)) == (1, 5)


def test_a_link_is_over_after_two_days_and_when_a_new_one_is_made(door: Door, admin: User) -> None:
    first = door.invite(admin, "bob@example.com")
    with pytest.raises(BadLink):
        door.open(7, first, now=NOW + timedelta(hours=48))
    second = door.invite(admin, "bob@example.com", now=NOW + timedelta(hours=1))
    with pytest.raises(BadLink):
        door.open(7, first, now=NOW + timedelta(hours=1))
    assert door.open(7, second, now=NOW + timedelta(hours=48)) == "bob@example.com"


def test_a_withdrawn_invitation_lets_nobody_in(door: Door, admin: User) -> None:
    token = door.invite(admin, "bob@example.com")
    [waiting] = door.invites.open_invitations(admin, now=NOW)
    door.invites.withdraw(admin, waiting.id, now=NOW)
    with pytest.raises(BadLink):
        door.open(7, token)
    with pytest.raises(NotInvited):
        door.arrive(7, "bob@example.com")
    with pytest.raises(NotFound):
        door.invites.withdraw(admin, waiting.id, now=NOW)


def test_only_admins_invite_and_nobody_is_invited_twice(door: Door, admin: User, rows: Rows) -> None:
    bob = rows.person("bob@example.com", telegram=7, role="trader")
    with pytest.raises(NotAllowed):
        door.invite(bob, "eve@example.com")
    with pytest.raises(InvalidInput, match="here already"):
        door.invite(admin, "Bob@Example.com")


def test_the_rows_hold_no_token_that_anybody_could_use(door: Door, admin: User, rows: Rows, secret_key: str) -> None:
    token = door.invite(admin, "bob@example.com")
    [row] = rows.all("SELECT token FROM usr_invites")
    assert token not in row.token
    assert row.token == codes.keyed_hash(secret_key, token, "invite")
    with pytest.raises(BadLink):
        door.open(7, codes.INVITE_PREFIX + row.token[:22])


def test_a_known_and_an_unknown_address_are_answered_alike_whatever_the_mode(door: Door, admin: User) -> None:
    door.invite(admin, "bob@example.com")
    known = door.users.send_code(7, "ada@example.com", secret_key="k" * 32, now=NOW)
    invited = door.users.send_code(8, "bob@example.com", secret_key="k" * 32, now=NOW)
    unknown = door.users.send_code(9, "eve@example.com", secret_key="k" * 32, now=NOW)
    assert known.expires_at == invited.expires_at == unknown.expires_at


def test_every_address_takes_the_same_statements(door: Door, admin: User, house_database: Database) -> None:
    """What decides about coming in is asked when the address is proved, so asking for a code tells nothing."""
    from sqlalchemy import event

    door.invite(admin, "bob@example.com")
    door.users.send_code(6, "old@example.com", secret_key="k" * 32, now=NOW - timedelta(days=1))
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(house_database.platform, "before_cursor_execute", note)
    counted = []
    for telegram, email in ((7, "ada@example.com"), (8, "bob@example.com"), (9, "eve@example.com")):
        seen.clear()
        door.users.send_code(telegram, email, secret_key="k" * 32, now=NOW)
        counted.append(list(seen))
    event.remove(house_database.platform, "before_cursor_execute", note)
    assert counted[0] == counted[1] == counted[2]


def test_a_connecting_link_gives_the_account_to_the_first_and_ends_the_sandbox(door: Door, rows: Rows) -> None:
    in_sandbox = 2**52 + 1
    ada = rows.person(telegram=in_sandbox)
    assert door.invites.admin_of_sandbox() == ada
    token = door.connect_link(ada)
    assert door.connect(1001, token).id == ada.id
    found = door.users.identify(1001)
    assert found is not None
    assert found.id == ada.id
    assert door.users.identify(in_sandbox) is None
    assert door.invites.admin_of_sandbox() is None
    with pytest.raises(BadLink):
        door.connect(1002, token)
    with pytest.raises(BadLink):
        door.connect(1001, token)


def test_a_connecting_link_is_worth_nothing_to_another_bot_or_later(door: Door, rows: Rows) -> None:
    ada = rows.person(telegram=2**52 + 1)
    token = door.connect_link(ada)
    with pytest.raises(BadLink):
        door.connect(1001, token, bot=4243)
    with pytest.raises(BadLink):
        door.connect(1001, token, now=NOW + timedelta(hours=48))
    with pytest.raises(BadLink):
        door.connect(1001, "c_" + "a" * 22)
    newer = door.connect_link(ada)
    with pytest.raises(BadLink):
        door.connect(1001, token)
    assert door.connect(1001, newer).id == ada.id


def test_a_connecting_link_is_not_taken_from_somebody_who_is_known_as_another(door: Door, rows: Rows) -> None:
    ada = rows.person(telegram=2**52 + 1)
    rows.person("bob@example.com", telegram=1001, role="viewer")
    token = door.connect_link(ada)
    with pytest.raises(InvalidInput, match="known here as bob"):
        door.connect(1001, token)
    assert door.connect(1002, token).id == ada.id


def test_of_many_who_connect_at_once_one_becomes_the_account(door: Door, rows: Rows) -> None:
    ada = rows.person(telegram=2**52 + 1)
    token = door.connect_link(ada)
    became: list[int] = []
    gate = threading.Barrier(4)

    def use(telegram: int) -> None:
        gate.wait()
        try:
            door.connect(telegram, token)
        except BadLink:
            return
        became.append(telegram)

    together(*[lambda number=number: use(number) for number in range(1001, 1005)])
    assert len(became) == 1
    assert [row.external_id for row in rows.all("SELECT external_id FROM usr_auth_identities")] == [str(became[0])]


def test_nobody_is_bombed_with_mail_by_links_or_by_many_askers(door: Door, admin: User, rows: Rows) -> None:
    token = door.invite(admin, "bob@example.com")
    sent = 0
    for minute in range(50):
        now = NOW + timedelta(minutes=minute)
        for telegram in (7, 100 + minute):  # one who opens the link again and again, and ever new ones who name it
            try:
                if telegram == 7:
                    door.open(7, token, now=now)
                door.users.send_code(telegram, "bob@example.com", secret_key="k" * 32, now=now)
            except TooSoon:
                continue
            sent += 1
    assert sent == codes.SENDS_PER_HOUR
    assert len(rows.all("SELECT FROM msg_messages")) == sent


def test_of_many_codes_asked_for_at_once_one_is_sent(door: Door, rows: Rows) -> None:
    gate = threading.Barrier(6)

    def ask(telegram: int) -> None:
        gate.wait()
        with suppress(TooSoon):
            door.users.send_code(telegram, "bob@example.com", secret_key="k" * 32, now=NOW)

    together(*[lambda number=number: ask(number) for number in (1, 1, 1, 2, 3, 4)])
    assert len(rows.all("SELECT FROM msg_messages")) == 1


def together(*works: object) -> None:
    """Do all of it at once, and wait for the end."""
    threads = [threading.Thread(target=work) for work in works if callable(work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
