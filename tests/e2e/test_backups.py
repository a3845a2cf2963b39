"""A backup and its restore by the commands, on an instance with its own PostgreSQL."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from tests.instance import OURS, Instance, running_instance


@pytest.fixture
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="openbell-backups-"))
    found.chmod(0o711)  # under root the database server is another account and passes through
    yield found
    shutil.rmtree(found, ignore_errors=True)


def alone(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command while nothing runs."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.run(
        [sys.executable, "-m", "openbell", *arguments],
        env=kept | {"DATA_DIR": str(data_dir)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=data_dir.parent,
    )


def ask(instance: Instance, query: str) -> list[tuple[object, ...]]:
    url = instance.command("db", "url", "--owner").stdout.strip()
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


@pytest.mark.slow
def test_what_was_changed_after_a_backup_is_undone_by_its_restore(folder: Path) -> None:
    data = folder / "data"
    with running_instance(data) as instance:
        instance.until_ready()
        ask(instance, "INSERT INTO usr_users (email) VALUES ('ada@example.com')")
        made = instance.command("backup", "--json")
        assert made.returncode == 0, made.stderr
        backup = json.loads(made.stdout)
        ask(instance, "DELETE FROM usr_users")
        refused = instance.command("restore", "latest")
        assert (refused.returncode, "already runs on" in refused.stderr) == (1, True), refused.stderr
        assert instance.stop() == 0
    cut = folder / "cut.dump"
    cut.write_bytes(Path(backup["file"]).read_bytes()[:-100])
    damaged = alone(data, "restore", str(cut))
    assert (damaged.returncode, damaged.stderr.startswith("cut.dump is damaged")) == (1, True), damaged.stderr
    restored = alone(data, "restore", Path(backup["file"]).name, "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["tables"] == backup["tables"]
    with running_instance(data) as instance:
        instance.until_ready()
        instance.until_healthy()
        assert ask(instance, "SELECT email FROM usr_users") == [("ada@example.com",)]


@pytest.mark.slow
def test_a_backup_brings_an_instance_to_life_on_a_new_machine(folder: Path) -> None:
    with running_instance(folder / "old") as instance:
        instance.until_ready()
        ask(instance, "INSERT INTO usr_users (email) VALUES ('ada@example.com')")
        backup = json.loads(instance.command("backup", "--json").stdout)
    restored = alone(folder / "new", "restore", backup["file"])
    assert restored.returncode == 0, restored.stderr
    with running_instance(folder / "new") as instance:
        instance.until_ready()
        instance.until_healthy()
        assert ask(instance, "SELECT email FROM usr_users") == [("ada@example.com",)]


@pytest.mark.slow
def test_each_way_out_has_its_code_and_a_sentence(tmp_path: Path) -> None:
    for arguments, code, says in (
        (["backup"], 1, "Nothing runs on"),
        (["backup", "--keep", "0"], 2, "greater than or equal to 1"),
        (["backup", "--list"], 0, "There are no backups yet."),
        (["backup", "--list", "--json"], 0, "[]"),
        (["restore"], 2, "Missing argument"),
        (["restore", "latest"], 4, "There is no backup latest."),
        (["restore", str(Path(__file__))], 1, "is no backup"),
    ):
        done = alone(tmp_path / "data", *arguments)
        said = " ".join((done.stdout + done.stderr).split())
        assert "Traceback" not in said
        assert (done.returncode, says in said) == (code, True), (arguments, done.returncode, said)
