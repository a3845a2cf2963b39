"""From the sandbox to a real bot: the sandbox stands in for Telegram, and the command is run as a person runs it."""

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.engine import Database
from openbell.settings import Settings
from tests.e2e.house import TOKEN, House
from tests.e2e.test_separate_bot_api import TOKEN as LIVE_TOKEN
from tests.e2e.test_separate_bot_api import BotApi, bot_api_elsewhere
from tests.e2e.transcript import Stage
from tests.factories import Rows
from tests.instance import running_instance

pytestmark = pytest.mark.slow

OF_THE_SANDBOX = 2**52 + 500


@pytest.fixture
def rows(database_url: str, owner_database_url: str, secret_key: str) -> Iterator[Rows]:
    database = Database.connect(database_url, secret_key)
    made = Rows(database, owner_database_url)
    yield made
    made.close()
    database.close()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


async def connect(
    house: House, folder: Path, *arguments: str, says: str = "y\n", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run the command in `folder`, beside the servers of the house."""
    ours = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in ours}
    assert house.settings.db_url is not None
    assert house.settings.secret_key is not None
    told = {
        "DB_URL": house.settings.db_url.get_secret_value(),
        "SECRET_KEY": house.settings.secret_key.get_secret_value(),
        "TELEGRAM_API_URL": house.settings.telegram_api_url,
        "TELEGRAM_LINK_URL": house.settings.telegram_link_url,
        "PYTHONIOENCODING": "utf-8",
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "openbell", "telegram", "connect", *arguments],
        env=kept | told | environment,
        cwd=folder,
        input=says,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def link_in(said: str) -> str:
    found = re.search(r"\?start=(c_[\w-]{22})\b", said)
    assert found is not None, said
    return found[1]


async def test_the_sandboxs_admin_goes_along_to_whoever_opens_the_link_first(
    house: House, rows: Rows, tmp_path: Path, token_file: Path
) -> None:
    ada = await asyncio.to_thread(rows.person, telegram=OF_THE_SANDBOX)
    await asyncio.to_thread(rows.schedule, ada, "30 8 * * 1-5", telegram=OF_THE_SANDBOX)
    env = tmp_path / ".env"
    env.write_text("# mine\nSMTP_URL=smtp://relay.example.com\nTELEGRAM_TOKEN=1234:an-old-one\nDATA_DIR=/srv/bell\n")
    env.chmod(0o644)
    done = await connect(house, tmp_path, "--token-file", str(token_file))
    assert done.returncode == 0, done.stderr
    assert "Telegram knows this bot" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert "█" in done.stdout
    assert env.read_text() == (
        f"# mine\nSMTP_URL=smtp://relay.example.com\nTELEGRAM_TOKEN={TOKEN}\nDATA_DIR=/srv/bell\n"
    )
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    stage = Stage(house)
    stage.kept["token"] = link_in(done.stdout)
    await stage.play("""
        Ada: /start {token}
        bot: ✓ Welcome to the real thing. You are ada@example.com here too: … your role is admin. …
             [My jobs] [What can you do?]
        bot: Where is your clock? …
        Eve: /start {token}
        bot: That link doesn't work: …
        Ada: /jobs
        bot: … GOLD report …
        Ada: /whoami
        bot: ada@example.com Role: admin …
    """)
    assert "users" in stage.people["Ada"].commands()
    again = await connect(house, tmp_path, "--token-file", str(token_file), "--admin", "eve@example.com")
    assert (again.returncode, "no admin of the sandbox" in again.stderr) == (4, True)


async def test_nothing_is_written_without_a_yes_or_for_a_wrong_token(
    house: House, tmp_path: Path, token_file: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("1234:not-the-token-of-any-bot")
    no_token = tmp_path / "none"
    no_token.write_text("hello")
    for arguments, says, code, words in (
        (["--token-file", str(token_file)], "n\n", 1, "Aborted"),
        (["--token-file", str(wrong)], "y\n", 1, "Telegram does not know that token"),
        (["--token-file", str(no_token)], "y\n", 1, "That is no token"),
        (["--token-file", str(tmp_path / "gone")], "y\n", 1, "can't be read"),
    ):
        done = await connect(house, tmp_path, *arguments, says=says)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
        assert "Traceback" not in done.stderr
        assert "not-the-token" not in done.stdout + done.stderr
    away = await connect(house, tmp_path, "--token-file", str(token_file), TELEGRAM_API_URL="http://127.0.0.1:9")
    assert (away.returncode, "does not answer" in away.stderr) == (1, True), away.stderr
    assert not (tmp_path / ".env").exists()


async def test_without_an_account_to_take_along_the_way_to_a_first_admin_is_said(
    house: House, tmp_path: Path, token_file: Path
) -> None:
    done = await connect(house, tmp_path, "--token-file", "-", says=f"{TOKEN}\ny\n", TELEGRAM_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert "openbell admin add" in done.stdout
    assert "wins over .env" in done.stdout
    assert "SMTP_URL is not set" in done.stdout
    assert "start=" not in done.stdout
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any account may pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="openbell-live-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def test_the_whole_way_from_up_in_the_sandbox_to_up_with_a_bot(place: Path) -> None:
    (place / "token").write_text(LIVE_TOKEN)
    with bot_api_elsewhere(place) as live:
        (place / ".env").write_text(
            f"TELEGRAM_API_URL={live.root}\nTELEGRAM_LINK_URL={live.root}\nSMTP_URL=smtp+plain://{live.smtp}\n"
        )
        with running_instance(place / "data") as instance:
            instance.until_ready()
            sandbox = BotApi(str(json.loads((place / "data/run/environment.json").read_text())["TELEGRAM_API_URL"]), "")
            ada = sandbox.person("Ada")
            ada.send("/start")
            ada.hears("What is your e-mail address?")
            ada.send("ada@example.com")
            ada.hears("I sent a code")
            ada.send(live.code_for("ada@example.com"))
            ada.hears("you are the admin")
            ada.send("/timezone Zurich")
            ada.hears("Your time zone is Europe/Zurich")
            done = instance.command("telegram", "connect", "--token-file", "token", "--yes")
            assert done.returncode == 0, done.stderr
            assert "ada@example.com" in done.stdout
            token = link_in(done.stdout)
        with running_instance(place / "data") as instance:
            instance.until_ready()
            assert "sandbox" not in instance.children()
            eve, ada = live.person("Eve"), live.person("Ada")
            ada.send(f"/start {token}")
            ada.hears("Welcome to the real thing")
            said = ada.asks("/whoami")
            assert "Role: admin" in said
            assert "Europe/Zurich" in said
            eve.send(f"/start {token}")
            eve.hears("That link doesn't work")
            assert token not in instance.said()
