"""The command from outside: exit codes, and sentences instead of traces."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openbell.settings import Settings


def openbell(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an empty folder with nothing set but what is given."""
    ours = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in ours}
    return subprocess.run(
        [sys.executable, "-m", "openbell", *arguments],
        env=kept | environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["version"], 0, "openbell 0."),
        (["--help"], 0, "doctor"),
        (["dance"], 2, "No such command 'dance'"),
        (["run", "dancer"], 2, "there is no role 'dancer'"),
        (["run", "worker"], 2, "worker needs DB_URL, REDIS_URL, SECRET_KEY"),
        (["run", "bot"], 2, "TELEGRAM_TOKEN"),
        (["doctor"], 3, "start it: make run"),
        (["doctor", "--only", "nothing-of-this-name"], 2, "no check is named"),
        (["db", "url"], 1, "Nothing runs on"),
        (["admin", "add", "ada@example.com"], 1, "start `openbell up` in another terminal"),
        (["import-bars", "gone.csv"], 1, "gone.csv"),
        (["ballast", "release"], 0, "nothing left to release"),
    ],
)
def test_each_way_out_has_its_code_and_a_sentence(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    done = openbell(tmp_path, *arguments)
    said = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in said
    assert (done.returncode, says in said) == (code, True), said


def test_a_wrong_setting_is_a_matter_of_usage(tmp_path: Path) -> None:
    done = openbell(tmp_path, "up", TELEGRAM_TOKEN="123456 with blanks")
    assert done.returncode == 2
    assert done.stderr.strip().startswith("TELEGRAM_TOKEN is ***: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unusable_data_directory_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = openbell(tmp_path, "up", DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert "name a folder you may write to" in done.stderr
    assert "Traceback" not in done.stderr
