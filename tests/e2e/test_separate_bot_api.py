"""The first path again, with Telegram and the mail relay in a process that `up` knows by its addresses only."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openbell.processes import wait_until
from tests.e2e.house import code_in
from tests.instance import running_instance

pytestmark = pytest.mark.slow

TOKEN = "5151:token-of-a-bot-api-server-elsewhere"
DELIVERED_BY_ITSELF_WITHIN_S = 100.0
Message = dict[str, Any]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any account may pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="openbell-far-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True)
class BotApi:
    """A Bot API server of another process, seen as a browser sees it."""

    root: str
    smtp: str

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.root}{path}", timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, **wish: Any) -> Any:
        body, headers = json.dumps(wish).encode(), {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.root}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["done"]

    def person(self, name: str) -> "Person":
        return Person(self, self.post("/api/people", first_name=name)["id"])

    def code_for(self, email: str) -> str:
        def mails() -> list[Any]:
            return [mail for mail in self.get("/api/inbox")["mails"] if email in mail["recipients"]]

        assert wait_until(lambda: bool(mails()), 10), f"no mail came for {email}"
        return code_in(self.get(f"/api/inbox/{mails()[0]['id']}")["text"])


@dataclass(frozen=True)
class Person:
    """Somebody at the page."""

    api: BotApi
    id: int

    def send(self, text: str) -> int:
        return int(self.api.post(f"/api/chats/{self.id}/send", text=text)[-1]["message_id"])

    def replies(self) -> list[Message]:
        return [one for one in self.api.get(f"/api/chats/{self.id}/messages")["messages"] if not one["out"]]

    def wait_for(self, wanted: Callable[[Message], bool], seconds: float = 10, *, after: int = 0) -> Message:
        found: list[Message] = []

        def came() -> bool:
            found[:] = [one for one in self.replies() if one["message_id"] > after and wanted(one)]
            return bool(found)

        assert wait_until(came, seconds, every=0.1), [text_of(one) for one in self.replies()]
        return found[0]

    def hears(self, words: str, *, after: int = 0) -> Message:
        return self.wait_for(lambda one: words in text_of(one), after=after)

    def press(self, label: str) -> None:
        for message in reversed(self.replies()):
            for button in (one for row in buttons_of(message) for one in row):
                if label in button["text"]:
                    wish = {"message_id": message["message_id"], "data": button["callback_data"]}
                    self.api.post(f"/api/chats/{self.id}/press", **wish)
                    return
        raise AssertionError(f"no button {label!r}")

    def verifies(self, email: str) -> None:
        self.send("/start")
        self.hears("What is your e-mail address?")
        self.send(email)
        self.hears("I sent a code")
        self.send(self.api.code_for(email))
        self.hears("You're verified")
        self.hears("Where is your clock?")
        self.press("London")
        self.hears("Your time zone is Europe/London")

    def asks(self, text: str) -> str:
        return text_of(self.wait_for(lambda _: True, after=self.send(text)))


def text_of(message: Message) -> str:
    return str(message.get("text") or message.get("caption") or "")


def buttons_of(message: Message) -> list[list[dict[str, str]]]:
    rows: list[list[dict[str, str]]] = message.get("reply_markup", {}).get("inline_keyboard", [])
    return rows


@contextmanager
def bot_api_elsewhere(folder: Path) -> Iterator[BotApi]:
    """`python -m sandbox` on ports of its own; `up` knows it by its addresses only."""
    ports = folder / "ports.json"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox", "--token", TOKEN),
            *("--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0"),
            *("--data", str(folder / "elsewhere"), "--port-file", str(ports)),
        ],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_until(lambda: ports.exists() or process.poll() is not None, 20)
        assert process.poll() is None
        bound = json.loads(ports.read_text())
        yield BotApi(f"http://{bound['http']}", bound["smtp"])
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.slow
def test_the_path_passes_with_a_bot_api_server_and_a_relay_of_other_processes(place: Path) -> None:
    with bot_api_elsewhere(place) as api:
        outside = {
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": api.root,
            "TELEGRAM_LINK_URL": api.root,
            "SMTP_URL": f"smtp+plain://{api.smtp}",
        }
        with running_instance(place / "data", **outside) as instance:
            instance.until_ready()
            assert "sandbox" not in instance.children()
            assert instance.command("admin", "add", "ada@example.com").returncode == 0

            eve, ada = api.person("Eve"), api.person("Ada")
            eve.verifies("eve@example.com")
            assert "Role: viewer" in eve.asks("/whoami"), "the first to come is not admin unless named"
            ada.verifies("ada@example.com")
            assert "Role: admin" in ada.asks("/whoami")

            asked = ada.send("/report GOLD")
            report = ada.wait_for(lambda one: "photo" in one, 30, after=asked)
            assert "GOLD" in text_of(report)
            assert "simulated" in text_of(report)

            asked = ada.send("/schedule * * * * * GOLD")
            assert "every minute" in text_of(ada.hears("Nothing is saved yet", after=asked))
            ada.press("Save")
            saved = ada.hears("Saved as job 1")
            began = time.monotonic()
            delivered = ada.wait_for(
                lambda one: "photo" in one, DELIVERED_BY_ITSELF_WITHIN_S, after=saved["message_id"]
            )
            assert time.monotonic() - began < DELIVERED_BY_ITSELF_WITHIN_S
            assert "GOLD" in text_of(delivered)
            assert instance.stop() == 0
            assert TOKEN not in instance.said()
            assert all(TOKEN not in log.read_text(errors="replace") for log in (place / "data/logs").glob("*.log"))
