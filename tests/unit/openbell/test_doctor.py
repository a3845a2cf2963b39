"""The doctor: each trouble becomes a finding with the thing to do, and none keeps the others from being found."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from openbell import doctor
from openbell.doctor import Finding, examine, examine_patiently
from openbell.processes import ProcessId
from openbell.settings import Settings


def settings_in(folder: Path, **values: object) -> Settings:
    (folder / "data" / "run").mkdir(parents=True, exist_ok=True)
    return Settings(data_dir=folder / "data", _env_file=None, **values)  # type: ignore[arg-type] # values of any field


def only(settings: Settings, name: str) -> Finding:
    found = examine(settings, name)
    assert len(found) == 1, found
    return found[0]


def test_everything_that_fails_says_what_to_do(tmp_path: Path) -> None:
    findings = examine(settings_in(tmp_path))
    assert {"PostgreSQL", "Valkey", "Processes", "SMTP"} <= {one.name for one in findings if one.state == "fail"}
    assert all(one.fix for one in findings if one.state != "ok" and one.name != "Telegram"), findings


def test_a_check_that_breaks_is_a_finding_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: Settings) -> list[Finding]:
        raise RuntimeError("cannot reach postgresql://me:hidden-word@db/x\nand more")

    monkeypatch.setitem(doctor.CHECKS, "Valkey", breaks)
    found = only(settings_in(tmp_path), "valkey")
    assert (found.state, found.text) == ("fail", "cannot reach postgresql://me:***@db/x")
    assert "make run" in found.fix


def test_a_recorded_process_counts_only_while_it_is_the_same(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    me = ProcessId.of(os.getpid())
    assert me is not None
    child = {"name": "core", "pid": me.pid, "started": me.started, "started_at": 0.0, "restarts": 0, "ready": True}
    other = child | {"name": "worker", "started": "1"}
    record = {"up": {"pid": me.pid, "started": me.started}, "children": [child, other]}
    (tmp_path / "data/run/processes.json").write_text(json.dumps(record))
    assert [(one.name, one.state) for one in examine(settings, "processes")] == [
        ("Process core", "ok"),
        ("Process worker", "fail"),
    ]


def test_a_child_that_just_started_is_waited_for(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    me = ProcessId.of(os.getpid())
    assert me is not None
    path = tmp_path / "data/run/processes.json"

    def record(*, ready: bool, started_at: float) -> None:
        child = {"name": "core", "pid": me.pid, "started": me.started, "restarts": 0}
        child |= {"ready": ready, "started_at": started_at}
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"up": {"pid": me.pid, "started": me.started}, "children": [child]}))
        fresh.replace(path)

    record(ready=False, started_at=time.time() - 60)
    assert examine_patiently(settings, "processes")[0].state == "fail"
    record(ready=False, started_at=time.time())
    later = threading.Timer(0.2, record, kwargs={"ready": True, "started_at": time.time()})
    later.start()
    assert examine_patiently(settings, "processes")[0].state == "ok"
    later.join()


def test_a_file_that_others_can_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_in(tmp_path)
    key = tmp_path / "data/secret_key"
    key.write_text("x")
    key.chmod(0o644)
    found = only(settings, "secrets")
    assert found.state == "fail"
    assert found.fix == f"run: chmod 600 {key}"
    key.chmod(0o600)
    assert only(settings, "secrets").state == "ok"


def test_a_relay_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    found = only(settings_in(tmp_path, smtp_url="smtp+plain://me:hidden-word@127.0.0.1:1"), "smtp")
    assert found.state == "fail"
    assert "127.0.0.1:1" in found.text
    assert "hidden-word" not in found.text + found.fix


def test_each_of_two_relays_is_looked_at(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, smtp_url="smtp+plain://127.0.0.1:1 smtp+plain://me:hidden-word@127.0.0.1:2")
    found = examine(settings, "smtp")
    assert [(one.name, one.state, one.text.partition(": ")[0]) for one in found] == [
        ("SMTP", "fail", "127.0.0.1:1"),
        ("SMTP", "fail", "127.0.0.1:2"),
    ]


def test_a_csv_feed_without_files_says_how_to_import(tmp_path: Path) -> None:
    found = only(settings_in(tmp_path, market_feed="csv"), "feed")
    assert found.state == "fail"
    assert "import-bars FILE" in found.fix
