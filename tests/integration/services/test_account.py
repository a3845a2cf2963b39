"""The end of an account, its language, and all that is a person's own in one file."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.engine import Database
from domain.errors import InvalidInput, NotFound
from domain.messages import Category, Outgoing
from domain.users import User
from notifications import outbox
from services.account import AccountService
from services.exports import ExportsService, cell
from services.feedbacks import FeedbacksService
from services.people import LastAdmin
from services.planning import PlanningService
from services.preferences import PreferencesService
from services.telegram import Audit, TelegramService
from services.users import Arrival, UsersService, settle
from tests.factories import Rows

EMAIL = "bob.erased@example.com"
TELEGRAM = 77_665_544_332_211
SECRET = "a secret of the tests, long enough for anything"


LEFT_BEHIND = """
INSERT INTO telegram_destinations (user_id, chat_id, title) VALUES (:user, -100123, 'Desk');
INSERT INTO telegram_broadcasts (message, sent_by, user_id, chat_id, segment)
    VALUES ('hello', :email, :user, :telegram, 'all');
INSERT INTO telegram_settings (key, value, updated_by) VALUES ('live:group_acting', 'on', :email);
INSERT INTO msg_channel_configs (channel, updated_by) VALUES ('email', :email);
INSERT INTO msg_rate_limits (user_id, channel, tokens, max_tokens, refill_rate) VALUES (:user, 'email', 1, 1, 1);
INSERT INTO usr_invites (token, email, user_id, invited_by, expires_at)
    VALUES ('a', :email, :user, 'ada@example.com', now()), ('b', 'x@example.com', null, :email, now());
INSERT INTO telegram_inbox (update_id, chat_id, done_at) VALUES (1, :telegram, now());
INSERT INTO job_schedule_runs (scheduled_for, job_type, job_id, user_id, job_snapshot)
    VALUES (now(), 'report', :job, :user, jsonb_build_object('name', 'x'));
INSERT INTO job_schedule_runs (scheduled_for, job_type, job_snapshot, events)
    VALUES (now(), 'report', '{}', jsonb_build_array(jsonb_build_object('by', CAST(:email AS text))));
INSERT INTO msg_attachments (message_id, user_id, position, filename, content_type, content)
    SELECT id, user_id, 0, 'a', 'b', 'c' FROM msg_messages WHERE user_id = :user LIMIT 1
"""


def everything_of(rows: Rows, user: User) -> None:
    """A row of this person in as many tables as there are."""
    database, now = rows.database, datetime.now(UTC)
    schedule = rows.schedule(user, "0 8 * * *", telegram=TELEGRAM)
    platform = database.for_platform
    UsersService(platform()).send_code(TELEGRAM, EMAIL, secret_key=SECRET, now=now)
    TelegramService(platform()).claim(f"p:{TELEGRAM}:1:x")
    TelegramService(platform()).claim(f"m:{TELEGRAM}:1")
    TelegramService(platform()).menu_was_set(str(TELEGRAM), "x")
    TelegramService(platform()).menu_was_set(f"{TELEGRAM}:de", "x")
    known = Audit(TELEGRAM, "/jobs", f"/jobs of {EMAIL}", now, user.id, EMAIL, chat_id=TELEGRAM)
    TelegramService(platform()).audit([known, Audit(TELEGRAM, "/start", "/start", now, chat_id=TELEGRAM)])
    PreferencesService(database.for_user(user.id)).leave(user, "report")
    FeedbacksService(platform()).write(user, "It is too small", 5, now=now)
    with platform() as uow:
        outbox.enqueue(uow, Outgoing(Category.REPORT, user.id, f"For {EMAIL}"), now)
        uow.commit()
    places = {"user": user.id, "telegram": TELEGRAM, "email": EMAIL, "job": schedule.id}
    for statement in LEFT_BEHIND.split(";"):
        used = {name: value for name, value in places.items() if f":{name}" in statement}
        rows.execute(statement, **used)


OWNED = """
    SELECT FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'user_id' AND table_name = :name
"""


def left_of(rows: Rows, user: User) -> dict[str, list[Any]]:
    """Every row of every table that still names this person, by address, Telegram number or account."""
    found: dict[str, list[Any]] = {}
    tables = rows.all(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    )
    for table in tables:
        look = f"SELECT t::text AS row FROM {table.name} t WHERE "  # names of our own tables
        named = rows.all(f"{look} t::text ILIKE :email", email=f"%{user.email}%")
        named += rows.all(f"{look} t::text LIKE :telegram", telegram=f"%{TELEGRAM}%")
        if rows.all(OWNED, name=table.name):
            named += rows.all(f"{look} user_id = :id", id=user.id)
        if named:
            found[table.name] = [each.row for each in named]
    return found


def test_an_erased_account_leaves_nothing_in_any_table(house_database: Database, rows: Rows) -> None:
    rows.person()
    user = rows.person(EMAIL, telegram=TELEGRAM)  # an admin: admins leave the most behind
    everything_of(rows, user)
    before = left_of(rows, user)
    assert {"usr_users", "job_schedules", "telegram_command_audits", "telegram_broadcasts", "msg_messages"} <= set(
        before
    )
    assert AccountService(house_database.for_platform()).erase(user) == 1
    assert left_of(rows, user) == {}
    audits = rows.all(
        "SELECT command, user_id, full_message, telegram_user_id FROM telegram_command_audits ORDER BY id"
    )
    assert [(each.command, each.user_id, each.full_message, each.telegram_user_id) for each in audits] == [
        ("/jobs", None, None, "erased"),
        ("/start", None, None, "erased"),
    ]
    assert rows.all("SELECT sent_by FROM telegram_broadcasts")[0].sent_by == "erased"


def test_what_is_others_stays_when_an_account_is_erased(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    rows.schedule(ada)
    TelegramService(house_database.for_platform()).audit(
        [Audit(1000, "/jobs", "/jobs", datetime.now(UTC), ada.id, ada.email)]
    )
    counts = "SELECT (SELECT count(*) FROM job_schedules) AS jobs, (SELECT count(*) FROM usr_auth_identities) AS ways, "
    counts += "(SELECT count(*) FROM telegram_command_audits WHERE user_email = 'ada@example.com') AS audits"
    before = rows.all(counts)
    bob = rows.person(EMAIL, telegram=TELEGRAM, role="viewer")
    rows.schedule(bob, "0 8 * * *", telegram=TELEGRAM)
    AccountService(house_database.for_platform()).erase(bob)
    assert rows.all(counts) == before


def test_the_last_admin_is_not_erased(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    rows.person(EMAIL, telegram=TELEGRAM, role="trader")
    service = AccountService(house_database.for_platform())
    with pytest.raises(LastAdmin):
        service.check_erasable(ada)
    with pytest.raises(LastAdmin):
        service.erase(ada)
    assert len(rows.all("SELECT FROM usr_users")) == 2


def test_an_account_is_erased_once_and_its_person_may_begin_anew(house_database: Database, rows: Rows) -> None:
    rows.person()
    bob = rows.person(EMAIL, telegram=TELEGRAM, role="viewer")
    service = AccountService(house_database.for_platform())
    service.erase(bob)
    with pytest.raises(NotFound):
        service.erase(bob)
    again = rows.person(EMAIL, telegram=TELEGRAM, role="viewer")
    assert again.id != bob.id
    assert UsersService(house_database.for_platform()).identify(TELEGRAM) == again


def test_a_stranger_keeps_the_language_that_they_chose(house_database: Database, rows: Rows) -> None:
    now = datetime.now(UTC)
    service = AccountService(house_database.for_platform())
    assert service.language_of_stranger(5, now=now) is None
    service.speak_to_stranger(5, "en", now=now)
    service.speak_to_stranger(5, "de", now=now)
    assert service.language_of_stranger(5, now=now) == "de"
    with house_database.for_platform() as uow:
        row = uow.users.ensure_email("tom@example.com")
        settle(uow, row, Arrival(5, 5, "Tom"))
        assert row.locale == "de"
    with pytest.raises(InvalidInput, match="I don't speak “xx” yet"):
        service.speak_to_stranger(5, "xx", now=now)


def exported(database: Database, user: User, **limits: int) -> zipfile.ZipFile:
    made = ExportsService(database.for_user(user.id)).make(user, now=datetime.now(UTC), **limits)
    return zipfile.ZipFile(io.BytesIO(made.content))


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode("utf-8-sig"))))


def test_an_export_holds_all_that_is_a_persons_own_and_nothing_of_others(house_database: Database, rows: Rows) -> None:
    ada, bob = rows.person(), rows.person(EMAIL, telegram=TELEGRAM, role="viewer")
    rows.schedule(ada, name="=HYPERLINK(ada)")
    everything_of(rows, bob)
    with exported(house_database, bob) as archive:
        account = json.loads(archive.read("account.json"))
        assert [each["email"] for each in account["account"]] == [EMAIL]
        assert {each["provider"] for each in account["identities"]} == {"telegram"}
        assert [each["title"] for each in account["groups"]] == ["Desk"]
        assert [each["name"] for each in table(archive, "jobs")] == ["GOLD report"]
        assert [each["name"] for each in table(archive, "runs")] == ["x"]
        assert f"For {EMAIL}" in [each["text"] for each in table(archive, "messages")]
        assert [each["message"] for each in table(archive, "feedback")] == ["It is too small"]
        assert [each["command"] for each in table(archive, "commands")] == ["/jobs"]
        everything = b"".join(archive.read(name) for name in archive.namelist())
        assert b"HYPERLINK" not in everything
    with exported(house_database, ada) as archive:
        assert [each["name"] for each in table(archive, "jobs")] == ["'=HYPERLINK(ada)"]


def test_an_export_that_is_too_large_keeps_the_newest_rows_and_says_so(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    start = datetime.now(UTC)
    TelegramService(house_database.for_platform()).audit(
        [Audit(1000, "/jobs", f"/jobs {n}", start + timedelta(seconds=n), ada.id, ada.email) for n in range(50)]
    )
    with exported(house_database, ada, most_rows=10) as archive:
        assert [each["full_message"] for each in table(archive, "commands")] == [
            f"/jobs {n}" for n in range(49, 39, -1)
        ]
        assert "commands.csv holds the newest rows only" in archive.read("README.txt").decode()


@pytest.mark.parametrize(
    ("value", "written"),
    [("=1+1", "'=1+1"), ("+49", "'+49"), ("-x", "'-x"), ("@a", "'@a"), ("\tx", "'\tx"), (-5, "-5"), (None, ""),
     ("plain", "plain"), ({"a": 1}, '{"a": 1}'), (True, "True")],
)  # fmt: skip
def test_no_cell_is_taken_for_a_formula(value: Any, written: str) -> None:
    assert cell(value) == written


def test_an_address_that_nobody_proved_is_forgotten_after_a_week(house_database: Database, rows: Rows) -> None:
    rows.person()
    with house_database.for_platform() as uow:
        for name in ("old", "fresh", "asked", "named", "waits"):
            uow.users.ensure_email(f"{name}@example.com")
        uow.commit()
    rows.execute("UPDATE usr_users SET created_at = now() - interval '8 days' WHERE email NOT LIKE 'fresh%'")
    rows.execute("UPDATE usr_users SET role = 'trader' WHERE email LIKE 'named%'")
    rows.execute("UPDATE usr_users SET waiting_since = now() WHERE email LIKE 'waits%'")
    service = UsersService(house_database.for_platform())
    service.send_code(5, "asked@example.com", secret_key=SECRET, now=datetime.now(UTC))
    PlanningService(house_database.for_platform()).housekeep(12)
    left = [each.email.partition("@")[0] for each in rows.all("SELECT email FROM usr_users ORDER BY email")]
    assert left == ["ada", "asked", "fresh", "named", "waits"]
