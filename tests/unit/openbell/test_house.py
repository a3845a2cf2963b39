"""What holds for the whole: generated files agree, locks name no host, and no process loads what it must not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from openbell import env_example
from openbell.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def loaded_after(program: str) -> set[str]:
    """The top-level modules in a fresh process after `program`."""
    shown = "import sys; sys.stdout.write(' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{shown}"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_the_env_example_agrees_with_the_settings() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert text == env_example.render()
    offered = set(re.findall(r"^# ([A-Z_]+)=", text, re.MULTILINE))
    assert offered == {name.upper() for name in Settings.model_fields} - {"SANDBOX"}


def test_the_core_loads_no_library_of_numbers_or_prices() -> None:
    doors = "import openbell.core, bot.__main__, notifications.__main__, scheduler.__main__, web.__main__"
    heavy = {"numpy", "matplotlib", "pandas", "yfinance", "polars"}
    assert not loaded_after(doors) & heavy


def test_help_comes_without_telegram_or_sqlalchemy() -> None:
    program = "import sys\nfrom typer.testing import CliRunner\nfrom openbell.cli import app\n"
    program += "assert CliRunner().invoke(app, ['--help']).exit_code == 0"
    assert not loaded_after(program) & {"telegram", "sqlalchemy", "psycopg2", "redis", "numpy", "dramatiq"}


@pytest.mark.parametrize("name", ["run", "dev", "browser", "uv"])
def test_lock_files_name_no_host_and_hash_everything(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text)
    packages = re.findall(r"^[a-zA-Z0-9][\w.-]*==.*(?:\n .*)*", text, re.MULTILINE)
    assert packages
    assert [package for package in packages if "--hash=sha256:" not in package] == []
