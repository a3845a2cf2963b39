"""Schedules and runs by command line: pages, stories, files, exit codes."""

import io
import json
import sys
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from db.engine import Database
from openbell import cli
from services.planning import PlanningService
from tests.factories import Rows


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Openbell = Callable[..., Done]


@pytest.fixture
def openbell(
    tmp_path: Path,
    database_url: str,
    secret_key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Openbell:
    """The command in this process, against the test's database."""
    for name, value in {"DB_URL": database_url, "SECRET_KEY": secret_key, "DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["openbell", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_schedules_are_listed_by_number_a_page_at_a_time(openbell: Openbell, rows: Rows) -> None:
    assert "There are no schedules" in openbell("schedules", "list").out
    ada, bob = rows.person(), rows.person("bob@example.com", telegram=2000)
    for number in range(3):
        rows.schedule(ada, "30 8 * * 1-5", f"job {number}")
    rows.schedule(bob, "0 9 * * *", "his", telegram=2000)
    shown = openbell("schedules", "list")
    assert shown.code == 0
    assert "every weekday at 08:30" in shown.out
    assert "bob@example.com" in shown.out
    first = openbell("schedules", "list", "--limit", "2")
    assert "--after 2" in first.out
    assert [each["name"] for each in openbell("schedules", "list", "--json", "--after", "2").json] == ["job 2", "his"]
    assert [each["name"] for each in openbell("schedules", "list", "--json", "--owner", "bob@example.com").json] == [
        "his"
    ]
    assert openbell("schedules", "list", "--owner", "eve@example.com").code == 4


def test_one_schedule_is_shown_with_what_comes_and_what_was(
    openbell: Openbell, rows: Rows, house_database: Database
) -> None:
    schedule = rows.schedule(rows.person(), "* 0 1 1 *")  # nothing else comes due while the test looks
    rows.due_ago(schedule, timedelta(0))
    PlanningService(house_database.for_platform()).plan_due_runs()
    shown = openbell("schedules", "show", str(schedule.id))
    assert shown.code == 0
    assert shown.out.count("    next  ") == 3
    assert "run 1  enqueued" in shown.out
    found = openbell("schedules", "show", str(schedule.id), "--json").json
    assert found["when"] == "* 0 1 1 *"
    assert len(found["next"]) == 3
    assert [each["status"] for each in found["last"]] == ["enqueued"]
    missing = openbell("schedules", "show", "99")
    assert (missing.code, "There is no schedule 99" in missing.err) == (4, True)


def test_runs_are_listed_newest_first_and_explained(openbell: Openbell, rows: Rows, house_database: Database) -> None:
    schedule = rows.schedule(rows.person(), "0 0 1 1 *")
    rows.execute("UPDATE job_schedules SET next_run_at = date_trunc('year', now())")
    PlanningService(house_database.for_platform()).plan_due_runs()
    shown = openbell("runs")
    assert "skipped: it was missed while nothing ran here" in shown.out
    [run] = openbell("runs", "--json", "--job", str(schedule.id)).json
    assert (run["status"], run["skip_reason"]) == ("skipped", "window")
    assert openbell("runs", "--json", "--after", str(run["id"])).json == []
    hint = f"more: openbell runs --job {schedule.id} --after {run['id']}"
    assert hint in openbell("runs", "--job", str(schedule.id), "--limit", "1").out
    assert openbell("runs", "--failed", "--json").json == []
    assert openbell("runs", "--job", "99").code == 4
    told = openbell("why", str(run["id"]))
    assert told.code == 0
    assert "Written down: it was due at" in told.out
    story = openbell("why", str(run["id"]), "--json").json
    assert story["verdict"].startswith("It was not run: it was missed")
    assert [moment["what"] for moment in story["moments"]] == ["planned", "skipped"]
    assert openbell("why", "999999").code == 4
    assert openbell("why", "twelve").code == 2


def test_a_file_goes_out_and_comes_back_to_the_same_and_twice_is_once(
    openbell: Openbell, rows: Rows, tmp_path: Path
) -> None:
    ada = rows.person()
    rows.schedule(ada, "30 8 * * 1-5", "GOLD report", jitter_s=60, overlap="queue_one")
    file = tmp_path / "all.toml"
    assert "1 schedule written" in openbell("schedules", "export", str(file)).out
    written = file.read_text(encoding="utf-8")
    assert 'when = "30 8 * * 1-5" # every weekday at 08:30' in written
    assert tomllib.loads(written)["schedule"][0]["params"] == {"symbol": "GOLD", "theme": "light"}
    assert "0 added, 0 changed, 1 unchanged" in openbell("schedules", "import", str(file)).out
    rows.execute("DELETE FROM job_schedules")
    would = openbell("schedules", "import", str(file), "--dry-run")
    assert "GOLD report  would be added" in would.out
    assert rows.all("SELECT 1 FROM job_schedules") == []
    assert "1 added" in openbell("schedules", "import", str(file)).out
    again = openbell("schedules", "import", str(file))
    assert "0 added, 0 changed, 1 unchanged" in again.out
    [row] = rows.all("SELECT name, cron, jitter_s, overlap, next_run_at > now() AS due FROM job_schedules")
    assert tuple(row) == ("GOLD report", "30 8 * * 1-5", 60, "queue_one", True)
    assert openbell("schedules", "export").out == written
    assert openbell("schedules", "export", "--json").json[0]["name"] == "GOLD report"


def test_a_changed_file_changes_what_it_names_and_only_that(openbell: Openbell, rows: Rows) -> None:
    ada = rows.person()
    rows.schedule(ada, "30 8 * * 1-5", "GOLD report")
    rows.schedule(ada, "0 9 * * *", "other")
    text = entry("GOLD report", "every weekday at 9:15") + entry("tea", "every day at 16:00", kind="notification")
    done = openbell("schedules", "import", "-", "--json", stdin=text)
    assert [(each["name"], each["what"]) for each in done.json] == [("GOLD report", "change"), ("tea", "add")]
    assert "cron" in done.json[0]["columns"]
    kept = rows.all("SELECT name, cron FROM job_schedules ORDER BY id")
    assert [tuple(row) for row in kept] == [
        ("GOLD report", "15 9 * * 1-5"),
        ("other", "0 9 * * *"),
        ("tea", "0 16 * * *"),
    ]
    paused = entry("tea", "every day at 16:00", kind="notification", more="enabled = false")
    assert "1 changed" in openbell("schedules", "import", "-", stdin=paused).out
    [row] = rows.all("SELECT enabled, next_run_at FROM job_schedules WHERE name = 'tea'")
    assert tuple(row) == (False, None)


def entry(name: str, when: str, *, owner: str = "ada@example.com", kind: str = "report", more: str = "") -> str:
    params = '{symbol = "GOLD"}' if kind == "report" else '{text = "tea"}'
    return (
        f'[[schedule]]\nowner = "{owner}"\nname = "{name}"\ntype = "{kind}"\nwhen = "{when}"\n'
        f'timezone = "Europe/Berlin"\nparams = {params}\n{more}\n'
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (entry("x", "61 8 * * *"), "column 1 (minute)"),
        (entry("x", "every monday"), "At what time?"),
        (entry("x", "0 9 * * *", owner="eve@example.com"), "eve@example.com"),
        (entry("x", "0 9 * * *", kind="juggling"), "no job type"),
        (entry("x", "0 9 * * *", more='overlap = "in_turn"'), "overlap"),
        (entry("x", "0 9 * * *", more="colour = 1"), "colour"),
        (entry("x", "0 9 * * *", more="hours_only = true"), "hours_only needs a calendar"),
        (entry("x", "0 9 * * *") + entry("X", "0 9 * * *"), "same owner and name"),
        (entry("x", "0 9 * * *", more="starts_at = 2026-01-01T00:00:00"), "no offset from UTC"),
    ],
)
def test_one_wrong_entry_keeps_the_whole_file_out(openbell: Openbell, rows: Rows, text: str, says: str) -> None:
    rows.person()
    done = openbell("schedules", "import", "-", stdin=entry("good", "0 9 * * *") + text)
    assert done.code == 1
    assert "Nothing was taken in" in done.err
    assert says in done.err
    assert rows.all("SELECT 1 FROM job_schedules") == []


@pytest.mark.parametrize(
    ("text", "says"),
    [("[[schedule]", "is no TOML"), ("[jobs]\n", "[[schedule]] tables only"), ("schedule = 1", "list")],
)
def test_what_is_no_such_file_is_a_matter_of_usage(openbell: Openbell, text: str, says: str) -> None:
    done = openbell("schedules", "import", "-", stdin=text)
    assert done.code == 2
    assert says in " ".join(done.err.replace("│", " ").split())


def test_a_file_that_is_not_there_is_not_found(openbell: Openbell) -> None:
    assert openbell("schedules", "import", "gone.toml").code == 4
