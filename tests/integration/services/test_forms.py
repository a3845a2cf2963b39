"""Forms on a real server: they outlive processes, one of two answers counts, and a change can be taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.engine import Database
from domain.errors import InvalidInput, NotFound
from domain.timing import parse_timing
from domain.users import User
from services.adding import AddingService, Said
from services.answering import FormsService
from services.editing import EditingService
from services.forms import FIELDS, PREVIEW, WHEN, WHERE, FormEnded, FormMoved, Page
from services.instruments import Instruments
from services.jobs import JobsService
from services.telegram import TelegramService
from tests.factories import Rows

ADA, BOB = 1000, 1001
PRICES = Instruments("sim", Path("/nonexistent"))


def now() -> datetime:
    return datetime.now(UTC)


class Chat:
    """One person's way through forms, over a database of one process."""

    def __init__(self, database: Database, user: User, telegram: int = ADA) -> None:
        self.database, self.user, self.telegram = database, user, telegram

    def begin(self, said: Said | None = None) -> Page:
        service = AddingService(self.database.for_user(self.user.id))
        return service.begin(self.user, self.telegram, said or Said(), PRICES, now=now())

    def press(self, page: Page, choice: str) -> Page:
        service = FormsService(self.database.for_user(self.user.id))
        return service.press(self.user, self.telegram, page.id, page.version, choice, PRICES, now=now())

    def tap(self, page: Page, label: str) -> Page:
        return self.press(page, str(page.offers.index(label)))

    def type(self, page: Page, text: str) -> Page:
        service = FormsService(self.database.for_user(self.user.id))
        return service.typed(self.user, self.telegram, page.id, page.version, text, PRICES, now=now())

    def save(self, page: Page) -> Any:
        service = AddingService(self.database.for_user(self.user.id))
        return service.save(self.user, self.telegram, page.id, page.version, PRICES, now=now())

    def edit(self, number: int, time: str = "") -> Page:
        service = EditingService(self.database.for_user(self.user.id))
        return service.begin(self.user, self.telegram, number, PRICES, time, now=now())

    def change(self, page: Page) -> Any:
        service = EditingService(self.database.for_user(self.user.id))
        return service.save(self.user, self.telegram, page.id, page.version, PRICES, now=now())

    def undo(self, draft_id: int, at: datetime | None = None) -> Any:
        service = EditingService(self.database.for_user(self.user.id))
        return service.undo(self.user, self.telegram, draft_id, now=at or now())


@pytest.fixture
def ada(house_database: Database, rows: Rows) -> Chat:
    return Chat(house_database, rows.person())


def ready(chat: Chat) -> Page:
    """A form that could be saved."""
    timing = parse_timing("30 8 * * 1-5", timezone="Europe/Berlin", now=now())
    return chat.begin(Said("report", {"symbol": "gold"}, timing))


def test_a_form_outlives_the_process_and_goes_on_in_another(
    ada: Chat, database_url: str, secret_key: str, rows: Rows
) -> None:
    page = ada.tap(ada.begin(), "Report")
    ada.database.close()
    other = Database.connect(database_url, secret_key, on_loop="raise")
    try:
        again = Chat(other, ada.user)
        form = TelegramService(other.for_user(ada.user.id)).asked(ADA, now=now())
        assert form is not None
        assert (form.id, form.version) == (page.id, page.version)
        page = again.tap(again.type(page, "GOLD"), "Every weekday 08:30")
        assert page.step == WHERE
        saved = again.save(again.tap(page, "E-mail"))
    finally:
        other.close()
    [row] = rows.all("SELECT name, cron, task_params, deliver_to FROM job_schedules")
    assert (row.name, row.cron, row.deliver_to) == ("GOLD report", "30 8 * * 1-5", ["email"])
    assert row.task_params == {"symbol": "GOLD", "theme": "light"}
    assert not saved.again


def test_of_two_answers_at_once_one_counts(ada: Chat) -> None:
    page = ada.press(ready(ada), "time")

    def answer(line: str) -> str:
        try:
            return ada.type(page, line).step
        except FormMoved as moved:
            return f"moved to {moved.page.version - page.version}"

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(answer, ("0 7 * * *", "0 9 * * *")))
    assert sorted(found) == ["moved to 1", PREVIEW]


def test_of_two_who_save_one_makes_the_job_and_the_other_hears_so(ada: Chat, rows: Rows) -> None:
    page = ready(ada)
    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(lambda _n: ada.save(page), range(2)))
    assert sorted(each.again for each in made) == [False, True]
    assert len(rows.all("SELECT FROM job_schedules")) == 1


def test_a_form_is_its_owners_alone(ada: Chat, house_database: Database, rows: Rows) -> None:
    page = ready(ada)
    bob = Chat(house_database, rows.person("bob@example.com", telegram=BOB), BOB)
    for act in (lambda: bob.press(page, "time"), lambda: bob.type(page, "every hour"), lambda: bob.save(page)):
        with pytest.raises(NotFound, match="expired"):
            act()
    own = Chat(house_database, bob.user, ADA)
    with pytest.raises(NotFound, match="expired"):
        own.press(page, "time")


def test_a_form_that_ended_is_opened_afresh_with_its_answers(ada: Chat) -> None:
    page = ready(ada)
    ada.begin()
    with pytest.raises(FormEnded):
        ada.press(page, "time")
    service = FormsService(ada.database.for_user(ada.user.id))
    fresh = service.reopen(ada.user, ADA, page.id, PRICES, now=now())
    assert fresh.id != page.id
    assert fresh.proposal is not None
    assert (fresh.step, fresh.proposal.name, fresh.message_id) == (PREVIEW, "GOLD report", None)


def test_what_was_thrown_away_comes_back_where_it_stood(ada: Chat) -> None:
    page = ada.press(ready(ada), "time")
    service = FormsService(ada.database.for_user(ada.user.id))
    service.cancel(ada.user, ADA, page.id, PRICES, now=now())
    with pytest.raises(FormEnded):
        ada.type(page, "every hour")
    back = service.restore(ada.user, ADA, page.id, PRICES, now=now())
    assert back.step == WHEN
    assert ada.type(back, "every hour").step == PREVIEW


def test_a_group_that_is_another_persons_is_refused(ada: Chat, house_database: Database, rows: Rows) -> None:
    bob = rows.person("bob@example.com", telegram=BOB)
    rows.execute(
        "INSERT INTO telegram_destinations (user_id, chat_id, title) VALUES (:ada, -100, 'Desk'), (:bob, -200, 'Bobs')",
        ada=ada.user.id,
        bob=bob.id,
    )
    page = ada.press(ready(ada), "more")
    page = ada.press(page, "=where")
    assert page.offers[3:] == ("Desk",)
    assert ada.type(page, "Bobs").problem is not None
    rows.execute("UPDATE telegram_drafts SET data = jsonb_set(data, '{where}', "
                 "(SELECT jsonb_build_object('deliver_to', NULL, 'destination_id', id) "
                 "FROM telegram_destinations WHERE chat_id = -200))")  # fmt: skip
    page = FormsService(house_database.for_user(ada.user.id)).page(ada.user, ADA, page.id, PRICES, now=now())
    with pytest.raises(InvalidInput, match="not linked any more"):
        ada.save(page)
    assert rows.all("SELECT FROM job_schedules") == []


def test_one_field_is_changed_alone_its_cursor_follows_and_undo_puts_it_back(ada: Chat, rows: Rows) -> None:
    number = ada.save(ready(ada)).schedule.id
    [before] = rows.all("SELECT * FROM job_schedules")
    page = ada.press(ada.edit(number), "=when")
    assert page.current == "every weekday at 08:30"
    page = ada.type(page, "every day at 7")
    assert (page.step, page.may_save) == (FIELDS, True)
    changed = ada.change(page)
    [after] = rows.all("SELECT * FROM job_schedules")
    assert after.cron == "0 7 * * *"
    assert after.next_run_at.astimezone(ada.user.zone).hour == 7
    same = ("name", "task_params", "timezone", "deliver_to", "enabled", "target")
    assert all(getattr(after, column) == getattr(before, column) for column in same)
    ada.undo(changed.draft_id)
    [undone] = rows.all("SELECT * FROM job_schedules")
    assert (undone.cron, undone.next_run_at) == (before.cron, before.next_run_at)
    with pytest.raises(NotFound, match="no such change"):
        ada.undo(changed.draft_id)


def test_after_ten_minutes_a_change_stays(ada: Chat) -> None:
    number = ada.save(ready(ada)).schedule.id
    changed = ada.change(ada.edit(number, "every day at 7"))
    with pytest.raises(NotFound, match="more than ten minutes ago"):
        ada.undo(changed.draft_id, now() + timedelta(minutes=11))


def test_a_field_that_was_changed_elsewhere_meanwhile_is_not_overwritten(ada: Chat, rows: Rows) -> None:
    number = ada.save(ready(ada)).schedule.id
    mine, other = ada.edit(number, "every day at 7"), ada.edit(number)
    rows.execute("UPDATE telegram_drafts SET consumed_at = NULL")
    ada.change(ada.type(other, "every day at 6"))
    with pytest.raises(InvalidInput, match="changed elsewhere"):
        ada.change(mine)
    [row] = rows.all("SELECT cron FROM job_schedules")
    assert row.cron == "0 6 * * *"
    changed = ada.change(ada.type(ada.press(ada.edit(number), "=name"), "Gold"))
    JobsService(ada.database.for_user(ada.user.id)).pause(number)
    assert ada.undo(changed.draft_id).name == "GOLD report", "a pause is no other change of its name"


def test_what_was_due_before_a_change_has_its_row(ada: Chat, rows: Rows) -> None:
    schedule = rows.schedule(ada.user, "* * * * *")
    first = rows.due_ago(schedule, timedelta(minutes=3))
    ada.change(ada.edit(schedule.id, "every day at 7"))
    [row] = rows.all("SELECT status, scheduled_for, error FROM job_schedule_runs")
    assert (row.status, row.scheduled_for) == ("skipped", first)
    assert "changed before" in row.error


def test_a_paused_job_stays_paused_through_a_change(ada: Chat, rows: Rows) -> None:
    number = ada.save(ready(ada)).schedule.id
    JobsService(ada.database.for_user(ada.user.id)).pause(number)
    ada.change(ada.edit(number, "every day at 7"))
    [row] = rows.all("SELECT enabled, next_run_at, cron FROM job_schedules")
    assert (row.enabled, row.next_run_at, row.cron) == (False, None, "0 7 * * *")


def test_a_name_that_another_job_has_is_refused_in_the_form(ada: Chat, rows: Rows) -> None:
    rows.schedule(ada.user, "0 1 * * *", name="Other")
    number = ada.save(ready(ada)).schedule.id
    page = ada.type(ada.press(ada.edit(number), "=name"), "OTHER")
    assert page.problem is not None
    assert "is called that already" in page.problem.text
    assert page.step == "name"
