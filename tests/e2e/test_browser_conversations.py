"""The main conversations at the chat page, in a real browser, on a desktop and on a phone; also their pictures.

``OPENBELL_SCREENSHOTS=folder`` keeps a picture of each scene, as they stand in ``docs/images``.
"""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("playwright", reason="playwright is not installed; make setup-browser installs it.")

from playwright.sync_api import expect

from tests.e2e.page import DESKTOP, PHONE, Tab, browser_tab
from tests.instance import running_instance

pytestmark = pytest.mark.browser
CODE = re.compile(r"\b\d{4} ?\d{4}\b")
WITHIN = 20.0
JOBS = (
    '/add "Oil at noon" report WTI every weekday 12:00',
    '/add "Silver week" report SILVER every friday 17:00',
    "/remind check margins every day at 9",
)

GERMAN_SCREENS = {
    "/settings": "Deine Einstellungen",
    "/jobs": "Tippe auf eine Nummer",
    "/job 6": "Als Nächstes",
    "/notify": "Wie ich dir schreibe",
    "/quiet": "Ruhezeiten: keine",
    "/digest": "Übersichten",
    "/timezone": "Europe/Berlin",
    "/language": "Deutsch",
    "/status": "Jobs",
    "/add": "Was soll ich tun?",
    "/help": "Ergebnisse",
}
HIGH = (1280, 1200)


class Cast:
    """The people of the scenes, who speak through the page's own interface while nobody films them."""

    def __init__(self, address: str) -> None:
        self._page = httpx.Client(base_url=address, timeout=10, trust_env=False)
        (you,) = self._page.get("/api/state").json()["people"]
        self.ids = {"You": int(you["id"])}

    def close(self) -> None:
        self._page.close()

    def comes(self, name: str, language: str = "en") -> None:
        first, _, last = name.partition(" ")
        wish = {"first_name": first, "last_name": last, "language_code": language}
        self.ids[first] = int(self._do("people", wish)["id"])

    def says(self, who: str, text: str, expected: str) -> dict[str, Any]:
        """Write a text, and wait for the answer to it."""
        sent = self._do(f"chats/{self.ids[who]}/send", {"text": text})[-1]["message_id"]
        return self._until(who, lambda m: not m["out"] and m["message_id"] > sent and expected in _words(m))

    def taps(self, who: str, message: dict[str, Any], label: str, expected: str) -> None:
        rows = message["reply_markup"]["inline_keyboard"]
        data = next(one["callback_data"] for row in rows for one in row if one["text"] == label)
        self._do(f"chats/{self.ids[who]}/press", {"message_id": message["message_id"], "data": data})
        self._until(who, lambda m: expected in _words(m))

    def is_let_in(self, who: str, email: str, zone: str, said: tuple[str, str, str, str]) -> None:
        """By the front door: an address, the code that is mailed to it, and a time zone."""
        self.says(who, email, said[0])
        self.says(who, self._code(email), said[1])
        self._until(who, lambda m: said[2] in _words(m))
        self.says(who, f"/timezone {zone}", said[3])

    def _code(self, email: str) -> str:
        deadline = time.monotonic() + WITHIN
        while True:
            mails = self._page.get("/api/state").json()["mails"]
            found = next((mail for mail in mails if email in mail["recipients"]), None)
            if found is not None and (code := CODE.search(found["preview"])) is not None:
                return code[0]
            assert time.monotonic() < deadline, f"no code was mailed to {email}"
            time.sleep(0.1)

    def _do(self, what: str, wish: dict[str, Any]) -> Any:
        answer = self._page.post(f"/api/{what}", json=wish)
        assert answer.status_code == 200, answer.text
        return answer.json()["done"]

    def _until(self, who: str, wanted: Any) -> dict[str, Any]:
        deadline = time.monotonic() + WITHIN
        while True:
            messages = self._page.get(f"/api/chats/{self.ids[who]}/messages").json()["messages"]
            if (found := next((m for m in messages if wanted(m)), None)) is not None:
                return dict(found)
            assert time.monotonic() < deadline, [_words(m) for m in messages[-3:]]
            time.sleep(0.05)


ENGLISH = ("I sent a code", "You're verified", "Where is your clock?", "Your time zone is")
GERMAN = ("Ich habe einen Code", "Du bist bestätigt", "Wo steht deine Uhr?", "Deine Zeitzone ist")


def _words(message: dict[str, Any]) -> str:
    return str(message.get("text") or message.get("caption") or "")


@pytest.fixture
def address() -> Iterator[str]:
    """The page of a whole instance that was just started."""
    folder = Path(tempfile.mkdtemp(prefix="openbell-page-"))
    folder.chmod(0o711)
    with running_instance(folder / "data") as instance:
        instance.until_ready()
        told = json.loads((folder / "data/run/sandbox.json").read_text(encoding="utf-8"))
        yield f"http://{told['http']}"
    shutil.rmtree(folder)


@pytest.fixture
def cast(address: str) -> Iterator[Cast]:
    found = Cast(address)
    found.is_let_in("You", "ada@example.com", "London", ENGLISH)
    found.says("You", "/set commands_per_minute 10000", "10,000")  # no person writes as fast as these scenes
    yield found
    found.close()


@pytest.fixture
def tab(address: str, cast: Cast) -> Iterator[Tab]:
    with browser_tab(address) as opened:
        yield opened
        assert opened.foreign == []
        assert opened.errors == []


def test_the_main_conversations_read_well_on_a_desktop_and_on_a_phone(tab: Tab, cast: Cast) -> None:
    tab.visit()
    wizard(tab)
    wizard_on_a_phone(tab, cast)
    jobs(tab, cast)
    settings(tab)
    group(tab, cast)
    admin(tab, cast)
    german(tab, cast)
    assert not tab.errors, "\n".join(tab.errors)


def scene(tab: Tab, name: str) -> None:
    """The end of the chat, in full, with nothing that sticks out or wraps."""
    expect(tab.page.locator("[data-press].waiting")).to_have_count(0)
    tab.look_at(tab.part("message-in").last)
    tab.shoot(name)
    assert tab.fits()
    wrapped = tab.page.evaluate(
        "[...document.querySelectorAll('[data-testid=inline-button]')]"
        ".filter(button => button.getClientRects().length && button.clientHeight > 46).map(button => button.innerText)"
    )
    tab.errors += [f"{name}: these buttons need two lines: {wrapped}"] if wrapped else []


def wizard(tab: Tab) -> None:
    tab.say("/add")
    tab.hears("What shall I do?")
    scene(tab, "wizard-first")
    tab.press("Report")
    tab.hears("Instrument?")
    tab.press("GOLD")
    tab.hears("When shall “GOLD report” come?")
    scene(tab, "wizard-when")
    tab.say("every weekday at 8:30")
    tab.hears("Where shall it go?")
    tab.press("This chat")
    preview = tab.hears("Nothing is saved yet").inner_text()
    assert len(re.findall(r"08:30 (?:GMT|BST)", preview)) == 3
    scene(tab, "wizard")
    tab.press("Save")
    tab.hears("Saved as job 1")


def wizard_on_a_phone(tab: Tab, cast: Cast) -> None:
    cast.comes("Bob Meyer")
    cast.is_let_in("Bob", "bob@example.com", "Zurich", ENGLISH)
    tab.chat("Bob")
    tab.shows(PHONE)
    tab.say("/add")
    tab.hears("What shall I do?")
    scene(tab, "wizard-phone-first")
    tab.press("Report")
    tab.hears("Instrument?")
    tab.press("GOLD")
    tab.hears("When shall “GOLD report” come?")
    scene(tab, "wizard-phone")
    tab.press("Cancel")
    tab.hears("Nothing was saved")
    tab.shows(DESKTOP)
    tab.chat("You")


def jobs(tab: Tab, cast: Cast) -> None:
    for number, line in enumerate(JOBS, start=2):
        shown = cast.says("You", line, "Nothing is saved yet")
        cast.taps("You", shown, "Save", f"Saved as job {number}")
    tab.say("/pause 3")
    tab.hears("is paused")
    tab.say("/tag 1 #gold #morning")
    tab.hears("#morning")
    tab.say("/jobs")
    tab.hears("Silver week")
    scene(tab, "jobs-list")
    tab.say("/job 1")
    tab.hears("Next:")
    tab.shows(HIGH)
    scene(tab, "jobs")
    tab.shows(PHONE)
    scene(tab, "jobs-phone")
    tab.shows(DESKTOP)


def settings(tab: Tab) -> None:
    tab.say("/settings")
    tab.hears("Your settings")
    scene(tab, "settings")
    tab.shows(PHONE)
    scene(tab, "settings-phone")
    tab.shows(DESKTOP)


def group(tab: Tab, cast: Cast) -> None:
    tab.part("add-group").click()
    tab.part("group-title").fill("Trading desk")
    tab.part("group-topics").fill("Gold, FX")
    tab.part("form-ok").click()
    expect(tab.page.get_by_role("heading", name="Trading desk")).to_be_visible()
    tab.part("topic").select_option(label="# Gold")
    tab.say("/link")
    tab.hears("is linked")
    tab.chat("You")
    tab.say('/add "Gold for the desk" report GOLD every weekday 8:30')
    tab.hears("Nothing is saved yet")
    tab.press("Change more…")
    tab.press("To…")
    tab.hears("Where shall it go?")
    tab.press("Trading desk › Gold")
    tab.press("Save")
    tab.hears("Saved as job 5")
    tab.say("/run 5")
    tab.chat("Trading desk")
    tab.pictures(1, seconds=40)
    tab.shows(HIGH)
    scene(tab, "group")
    tab.shows(PHONE)
    scene(tab, "group-phone")
    tab.shows(DESKTOP)


def admin(tab: Tab, cast: Cast) -> None:
    tab.chat("You")
    cast.says("Bob", "/job 999", "can't find")
    cast.says("Bob", "/report GOLD", "GOLD")
    cast.comes("Clara Weiß", "de")
    cast.is_let_in("Clara", "clara@example.com", "Berlin", GERMAN)
    tab.say("/role bob@example.com trader")
    tab.hears("is trader now")
    tab.say("/users")
    tab.hears("3 people here")
    tab.say("/audit")
    tab.hears("Who did what")
    tab.shows(HIGH)
    scene(tab, "admin")
    tab.shows(DESKTOP)


def german(tab: Tab, cast: Cast) -> None:
    tab.chat("Clara")
    tab.say("/settings")
    tab.hears("Zeitzone")
    tab.say("jeden Werktag um 8:30 der Goldbericht")
    tab.hears("Noch ist nichts gespeichert")
    scene(tab, "german")
    tab.press("Speichern")
    tab.hears("Gespeichert als Job")
    tab.shows(PHONE)
    for command, heard in GERMAN_SCREENS.items():
        before = tab.part("message-in").count()
        tab.say(command)
        expect(tab.part("message-in")).to_have_count(before + 1)
        tab.hears(heard)
        scene(tab, f"german-phone-{command.strip('/').replace(' ', '-')}")
    tab.say("/report GOLD")
    tab.pictures(1, seconds=40)
    scene(tab, "german-phone")
    tab.shows(DESKTOP)
