"""Our kinds of jobs as a worker carries them out: their results, their messages, and who may have them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db import dumps
from db.engine import Database
from domain.calendars import EXCHANGES
from domain.errors import InvalidInput, NotAllowed
from domain.users import User
from market.importing import import_file
from services.jobs import JobsService
from services.market import MarketService, lacking
from services.planning import PlanningService
from tests.factories import Rows
from tests.integration.workers.test_execution import Shop, open_shop
from workers.execution import Execution

Work = Callable[..., Any]


@pytest.fixture
def shop(house_database: Database, database_url: str, secret_key: str, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(house_database, database_url, secret_key, tmp_path) as found:
        yield found


@pytest.fixture
def work(shop: Shop, rows: Rows, owner_database_url: str) -> Work:
    """Carries out what waits, and gives the run's row."""

    def carry_out() -> Any:
        for bell in PlanningService(shop.database.for_platform()).ring_waiting():
            execution = Execution(shop.database, shop.desk, shop.watch, "sim", shop.folder, owner_database_url)
            execution.execute(bell.run_id, bell.attempt)
        return rows.all("SELECT * FROM job_schedule_runs ORDER BY id DESC LIMIT 1")[0]

    return carry_out


def ordered(database: Database, user: User, job_type: str, params: Mapping[str, Any]) -> None:
    jobs = JobsService(database.for_user(user.id))
    jobs.run_once(user, job_type, "a test", params, now=datetime.now(UTC))


def messages(rows: Rows) -> list[tuple[int, str, str]]:
    found = rows.all("SELECT user_id, category, payload->>'text' AS text FROM msg_messages ORDER BY id")
    return [(row.user_id, row.category, row.text) for row in found]


def test_a_reminder_reaches_its_owner_with_everything_escaped(house_database: Database, rows: Rows, work: Work) -> None:
    ada = rows.person(role="viewer")
    ordered(house_database, ada, "notification", {"text": "Roll <GOLD> & go"})
    row = work()
    assert (row.status, row.result) == ("succeeded", {"recipients": 1})
    assert messages(rows) == [(ada.id, "alert", "⏰ Roll &lt;GOLD&gt; &amp; go")]


def test_an_admin_reaches_everybody_of_a_role_in_a_message_each(
    house_database: Database, rows: Rows, work: Work
) -> None:
    ada = rows.person()
    traders = [rows.person(f"t{number}@example.com", telegram=2000 + number, role="trader") for number in range(3)]
    rows.person("viewer@example.com", telegram=3000, role="viewer")
    rows.execute("UPDATE usr_users SET is_active = false WHERE id = :id", id=traders[2].id)
    ordered(house_database, ada, "notification", {"text": "Closing early", "to": "traders"})
    assert work().result == {"recipients": 2}
    assert [who for who, _, _ in messages(rows)] == [trader.id for trader in traders[:2]]
    assert len(rows.all("SELECT FROM msg_delivery_status")) == 2


def test_only_admins_write_to_others_also_when_the_role_was_taken_meanwhile(
    house_database: Database, rows: Rows, work: Work
) -> None:
    eve = rows.person("eve@example.com", role="trader")
    with pytest.raises(NotAllowed, match="Only admins may write to everyone"):
        ordered(house_database, eve, "notification", {"text": "hi", "to": "everyone"})
    ada = rows.person("ada@example.com", telegram=2000)
    ordered(house_database, ada, "notification", {"text": "hi", "to": "everyone"})
    rows.execute("UPDATE usr_users SET role = 'viewer' WHERE id = :id", id=ada.id)
    row = work()
    assert row.status == "failed"
    assert "Only admins may write" in row.error
    assert [template for (template,) in rows.all("SELECT template FROM msg_messages")] == ["run_failed"]


def test_a_text_without_a_letter_is_refused(house_database: Database, rows: Rows) -> None:
    with pytest.raises(InvalidInput, match="“text” of this job"):
        ordered(house_database, rows.person(), "notification", {"text": " \u202e\t "})


def test_a_backup_is_made_and_its_owner_told_its_checksum(
    house_database: Database, rows: Rows, work: Work, shop: Shop
) -> None:
    ada = rows.person()
    for _ in range(2):
        ordered(house_database, ada, "backup", {"keep": 1})
        row = work()
    [made] = dumps.kept_in(shop.folder / "backups")
    assert row.status == "succeeded", row.error
    assert (row.result["file"], row.result["kept"]) == (str(made), 1)
    assert row.result["sha256"] == dumps.checksum(made)
    who, category, text = messages(rows)[-1]
    assert (who, category) == (ada.id, "report")
    assert row.result["sha256"] in text
    assert made.name in text
    assert f"from {row.result['tables']} tables" in text


def test_a_backup_is_for_admins(house_database: Database, rows: Rows) -> None:
    with pytest.raises(NotAllowed, match="role admin"):
        ordered(house_database, rows.person(role="trader"), "backup", {})


def test_without_the_owners_address_a_backup_says_what_it_needs(
    house_database: Database, rows: Rows, shop: Shop, database_url: str
) -> None:
    ordered(house_database, rows.person(), "backup", {})
    [bell] = PlanningService(house_database.for_platform()).ring_waiting()
    execution = Execution(house_database, shop.desk, shop.watch, "sim", shop.folder, database_url)
    execution.execute(bell.run_id, bell.attempt)
    [row] = rows.all("SELECT status, error FROM job_schedule_runs")
    assert (row.status, "DB_URL names no user" in row.error) == ("failed", True)


def test_the_embedded_servers_owner_is_found_by_its_secret(
    house_database: Database, rows: Rows, shop: Shop, database_url: str
) -> None:
    (shop.folder / "secrets").mkdir()
    (shop.folder / "secrets" / "postgres_owner").write_text("throwaway-owner\n", encoding="utf-8")
    ordered(house_database, rows.person(), "backup", {})
    [bell] = PlanningService(house_database.for_platform()).ring_waiting()
    execution = Execution(house_database, shop.desk, shop.watch, "sim", shop.folder, database_url)
    execution.execute(bell.run_id, bell.attempt)
    [row] = rows.all("SELECT status, error FROM job_schedule_runs")
    assert (row.status, row.error) == ("succeeded", None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_platforms_own_run_learns_the_sessions(house_database: Database, rows: Rows, work: Work) -> None:
    market = MarketService(house_database.for_platform())
    market.order_fill()
    row = work()
    assert row.status == "succeeded", row.error
    assert row.result["exchanges"] == len(EXCHANGES)
    missing = lacking(market.known_until(), datetime.now(UTC))
    assert set(missing) <= set(row.result["short"])
    assert "XNYS" not in missing
    assert messages(rows) == []


def test_a_trader_has_imported_prices_looked_over(
    house_database: Database, rows: Rows, work: Work, shop: Shop, tmp_path: Path
) -> None:
    with pytest.raises(NotAllowed):
        ordered(house_database, rows.person("viewer@example.com", role="viewer"), "data_processing", {})
    eve = rows.person("eve@example.com", telegram=2000, role="trader")
    exported = tmp_path / "gold.csv"
    lines = ["Date,Open,High,Low,Close,Volume"]
    lines += [f"2026-03-{day:02},100,109,99,{100 + day},1000" for day in range(2, 5)]
    exported.write_text("\n".join(lines) + "\n", encoding="utf-8")
    import_file(exported, shop.folder / "bars", "GOLD")
    ordered(house_database, eve, "data_processing", {"task": "imports"})
    row = work()
    assert row.status == "succeeded", row.error
    assert row.result["files"] == 1
    [(who, _, text)] = messages(rows)
    assert who == eve.id
    assert "GOLD: newest 04 Mar 2026" in text


def test_with_no_imports_the_owner_hears_how_to_make_some(house_database: Database, rows: Rows, work: Work) -> None:
    ordered(house_database, rows.person(), "data_processing", {"task": "imports"})
    row = work()
    assert (row.status, "openbell import-bars" in row.error) == ("failed", True)


def test_a_report_is_drawn_with_the_parameters_it_was_saved_with(
    house_database: Database, rows: Rows, work: Work
) -> None:
    ada = rows.person(role="viewer")
    with pytest.raises(InvalidInput, match="“theme” of this job is “pink”"):
        ordered(house_database, ada, "report", {"symbol": "GOLD", "theme": "pink"})
    ordered(house_database, ada, "report", {"symbol": "GOLD", "theme": "dark"})
    row = work()
    assert row.status == "succeeded", row.error
    assert row.job_snapshot["task_params"] == {"symbol": "GOLD", "theme": "dark"}
    assert (row.job_snapshot["target"], row.result["simulated"]) == ("GOLD", True)
    [picture] = rows.all("SELECT filename, content FROM msg_attachments")
    assert picture.filename == "GOLD.png"
    assert bytes(picture.content).startswith(b"\x89PNG")


def test_the_platforms_own_run_of_a_kind_that_reports_to_somebody_fails_in_a_sentence(
    house_database: Database, rows: Rows, work: Work
) -> None:
    ordered(house_database, rows.person(), "report", {"symbol": "GOLD"})
    rows.execute("UPDATE job_schedule_runs SET user_id = NULL")
    row = work()
    assert (row.status, row.attempt, "have nobody" in row.error) == ("failed", 1, True)
    assert messages(rows) == []


def test_a_row_of_a_later_versions_kind_fails_in_a_sentence_and_is_not_repeated(
    house_database: Database, rows: Rows, work: Work
) -> None:
    ordered(house_database, rows.person(), "notification", {"text": "hi"})
    rows.execute("UPDATE job_schedule_runs SET job_type = 'screener'")
    row = work()
    assert (row.status, row.attempt) == ("failed", 1)
    assert row.error.startswith("Screeners come with version 0.3")
