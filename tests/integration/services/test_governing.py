"""What an admin governs: live settings, the audit, feedback; and that nobody else does."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.engine import Database
from domain.chat_settings import FOREVER, AccessMode, ChatSettings
from domain.errors import InvalidInput, NotAllowed, NotFound
from services.audits import AuditFilter, AuditsService, read_filter
from services.chat_settings import ChatSettingsService
from services.feedbacks import MOST_A_DAY, FeedbacksService
from services.telegram import Audit, TelegramService
from tests.factories import Rows

DEFAULTS = ChatSettings(commands_per_minute=7)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def settings_of(database: Database) -> ChatSettingsService:
    return ChatSettingsService(database.for_platform())


def test_a_setting_is_typed_kept_and_goes_back_to_what_it_was(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    service = settings_of(house_database)
    assert service.current(DEFAULTS) == DEFAULTS
    service.set(ada, "access_mode", "Invite", DEFAULTS, now=NOW)
    service.set(ada, "stale-after", "2h", DEFAULTS, now=NOW)
    held = service.set(ada, "group_acting", "yes", DEFAULTS, now=NOW)
    assert (held.value, held.changed_by, held.changed_at) == (True, "ada@example.com", NOW)
    changed = service.current(DEFAULTS)
    assert changed == ChatSettings(AccessMode.INVITE, None, 7, 20, timedelta(hours=2), group_acting=True)
    for key in ("access_mode", "stale_after", "group_acting"):
        assert not service.set(ada, key, "default", DEFAULTS, now=NOW).is_changed
    assert service.current(DEFAULTS) == DEFAULTS


@pytest.mark.parametrize(
    ("key", "text"),
    [("access_mode", "everybody"), ("commands_per_minute", "0"), ("commands_per_minute", "1e3"),
     ("command_burst", "٣"), ("stale_after", "30s"), ("stale_after", "25h"), ("group_acting", "perhaps"),
     ("default_language", "xx")],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_an_example_and_nothing_changes(
    house_database: Database, rows: Rows, key: str, text: str
) -> None:
    ada = rows.person()
    service = settings_of(house_database)
    with pytest.raises(InvalidInput, match=f"nothing was changed.*Example: /set {key} "):
        service.set(ada, key, text, DEFAULTS, now=NOW)
    assert service.current(DEFAULTS) == DEFAULTS


def test_a_setting_that_nobody_knows_names_those_that_there_are(house_database: Database, rows: Rows) -> None:
    with pytest.raises(NotFound, match="access_mode, command_burst"):
        settings_of(house_database).one(rows.person(), "speed", DEFAULTS)


def test_what_another_version_stored_is_left_out(house_database: Database, rows: Rows) -> None:
    rows.execute("INSERT INTO telegram_settings (key, value) VALUES ('live:colour', 'red'), ('live:stale_after', '?')")
    assert settings_of(house_database).current(DEFAULTS) == DEFAULTS


def test_maintenance_lasts_until_its_end_or_until_it_is_ended(house_database: Database, rows: Rows) -> None:
    ada, service = rows.person(), settings_of(house_database)
    service.maintain(ada, NOW + timedelta(hours=1), now=NOW)
    held = service.current(DEFAULTS)
    assert held.in_maintenance(NOW)
    assert not held.in_maintenance(NOW + timedelta(hours=1))
    service.maintain(ada, None, now=NOW)
    assert service.current(DEFAULTS).maintenance_until == FOREVER
    service.end_maintenance(ada, now=NOW)
    assert service.current(DEFAULTS) == DEFAULTS
    with pytest.raises(InvalidInput, match="over already"):
        service.maintain(ada, NOW, now=NOW)


def test_nobody_but_an_admin_governs(house_database: Database, rows: Rows) -> None:
    rows.person()
    bob = rows.person("bob@example.com", telegram=2000, role="trader")
    service = settings_of(house_database)
    feedbacks = FeedbacksService(house_database.for_platform())
    for attempt in (
        lambda: service.all(bob, DEFAULTS),
        lambda: service.set(bob, "group_acting", "on", DEFAULTS, now=NOW),
        lambda: service.maintain(bob, None, now=NOW),
        lambda: service.end_maintenance(bob, now=NOW),
        lambda: AuditsService(house_database.for_platform()).page(bob, AuditFilter(), before=None, limit=5),
        lambda: feedbacks.page(bob, before=None, limit=5),
        lambda: feedbacks.one(bob, 1),
        lambda: feedbacks.answer(bob, 1, "x", now=NOW),
        lambda: feedbacks.close(bob, 1),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_an_admin_whose_role_was_taken_a_moment_ago_governs_no_more(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    rows.execute("UPDATE usr_users SET role = 'viewer'")
    with pytest.raises(NotAllowed):
        settings_of(house_database).set(ada, "group_acting", "on", DEFAULTS, now=NOW)


def test_the_audit_is_filtered_and_turned_page_by_page(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    bob = rows.person("bob_x@example.com", telegram=2000, role="viewer")
    begin = datetime.now(UTC) - timedelta(days=3)
    made = [Audit(1000, "/run", f"/run {n}", begin + timedelta(hours=n), ada.id, ada.email) for n in range(10)]
    made += [Audit(2000, "/jobs", "/jobs", begin, bob.id, bob.email), Audit(3000, "/start", "/start", begin)]
    made[3].success, made[3].error_message, made[3].reference = False, "RuntimeError", "E-7F3A"
    TelegramService(house_database.for_platform()).audit(made)

    def found(before: int | None = None, limit: int = 50, **wanted: object) -> list[str]:
        service = AuditsService(house_database.for_platform())
        page = service.page(ada, AuditFilter(**wanted), before=before, limit=limit)  # type: ignore[arg-type]
        return [each.said for each in page]

    assert len(found()) == 12
    assert found(who="bob_x") == found(who=str(bob.id)) == found(who="2000") == ["/jobs"]
    assert found(who="bob%") == found(who="bobxx") == []
    assert found(who="3000") == ["/start"]
    assert found(who="9" * 40) == []
    assert found(command="/run", since=begin + timedelta(hours=8)) == ["/run 9", "/run 8"]
    assert found(failed=True) == found(reference="E-7F3A") == ["/run 3"]
    service = AuditsService(house_database.for_platform())
    first = service.page(ada, AuditFilter(command="/run"), before=None, limit=4)
    assert found(before=first[-1].id, limit=4, command="/run") == ["/run 5", "/run 4", "/run 3", "/run 2"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", AuditFilter()),
        ("ada@example.com /run 7d", AuditFilter("ada@example.com", "/run", NOW - timedelta(days=7))),
        ("failed since 2026-11-02 @Ada", AuditFilter("ada", "", datetime(2026, 11, 1, 23, tzinfo=UTC), True)),
        ("e-7f3a", AuditFilter(reference="E-7F3A")),
        ("seit gestern fehler", AuditFilter(since=datetime(2026, 11, 19, 23, tzinfo=UTC), failed=True)),
        ("24h 17", AuditFilter("17", "", NOW - timedelta(hours=24))),
    ],
)
def test_the_words_behind_audit_may_stand_in_any_order(words: str, wanted: AuditFilter) -> None:
    assert read_filter(words.split(), NOW, BERLIN) == wanted


def test_feedback_is_kept_with_a_note_to_every_admin_and_answered_once(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    rows.person("eve@example.com", telegram=3000)
    bob = rows.person("bob@example.com", telegram=2000, role="viewer")
    service = FeedbacksService(house_database.for_platform())
    number = service.write(bob, "  <b>Too small\x00\u202e</b> ", 55, now=NOW)
    notes = rows.all("SELECT user_id, payload ->> 'text' AS text FROM msg_messages ORDER BY id")
    assert [each.user_id for each in notes] == [ada.id, ada.id + 1]
    assert all("&lt;b&gt;Too small&lt;/b&gt;" in each.text for each in notes)
    answered = service.answer(ada, number, "Soon", now=NOW)
    assert (answered.status, answered.answer, answered.answered_by) == ("answered", "Soon", "ada@example.com")
    [answer] = rows.all("SELECT payload FROM msg_messages WHERE user_id = :id", id=bob.id)
    assert answer.payload["replies_to"] == 55
    with pytest.raises(InvalidInput, match=r"answered already, by ada@example\.com"):
        service.answer(ada, number, "Again", now=NOW)
    assert service.page(ada, before=None, limit=5) == []
    assert [each.id for each in service.page(ada, before=None, limit=5, only_open=False)] == [number]


def test_closed_feedback_leaves_the_inbox_and_can_still_be_answered(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    service = FeedbacksService(house_database.for_platform())
    number = service.write(ada, "Hello", None, now=NOW)
    assert service.close(ada, number).status == "closed"
    assert service.page(ada, before=None, limit=5) == []
    assert service.answer(ada, number, "Hi", now=NOW).status == "answered"
    assert service.close(ada, number).status == "answered"


def test_feedback_has_a_length_and_a_number_a_day(house_database: Database, rows: Rows) -> None:
    ada = rows.person()
    service = FeedbacksService(house_database.for_platform())
    for text, said in (("x" * 2001, "2001 characters"), (" \u200b\n", "no text")):
        with pytest.raises(InvalidInput, match=said):
            service.write(ada, text, None, now=NOW)
    for _ in range(MOST_A_DAY):
        service.write(ada, "Hello", None, now=NOW)
    with pytest.raises(InvalidInput, match="that is the most"):
        service.write(ada, "Hello", None, now=NOW)
    service.write(ada, "Hello", None, now=NOW + timedelta(days=1, seconds=1))
