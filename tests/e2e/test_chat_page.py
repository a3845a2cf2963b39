"""The chat page alone: what a bot may send is shown well, safely and at once."""

import json
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("playwright", reason="playwright is not installed; make setup-browser installs it.")

from matplotlib.figure import Figure
from playwright.sync_api import expect

from openbell.processes import wait_until
from tests.e2e.page import DESKTOP, PHONE, Tab, browser_tab

pytestmark = pytest.mark.browser
TOKEN = "4242:sandbox-token-of-the-tests"
PERSON = 2**52 + 1
ALARMING = "<img src=x onerror=alert(1)> & <b>not bold</b>"
MAIL = f"""From: bot@example.com
To: ada@example.com
Subject: {ALARMING}
Content-Type: text/html; charset=utf-8

<h1>Hello</h1><script>parent.document.title = "taken"</script><img src="https://example.com/spy.png">
<a href="http://localhost:1/sandbox_bot?start=abc">Open the chat</a>
"""


class Stage:
    """A sandbox as a process, and a bot's side of it."""

    def __init__(self, folder: Path, http: str = "127.0.0.1:0") -> None:
        self.folder = folder
        self.port_file = folder / "ports.json"
        self.start(http)

    def start(self, http: str) -> None:
        self.port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sandbox", "--http", http, "--smtp", "127.0.0.1:0", "--token", TOKEN]
        command += ["--data", str(self.folder / "data"), "--port-file", str(self.port_file)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_until(self.port_file.exists, 15)
        told = json.loads(self.port_file.read_text(encoding="utf-8"))
        self.http, self.smtp = told["http"], told["smtp"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)

    def call(self, method: str, **values: Any) -> Any:
        return self._result(method, json=values)

    def send_files(self, method: str, files: dict[str, tuple[str, bytes]], **values: Any) -> Any:
        fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        return self._result(method, data=fields | {"chat_id": str(PERSON)}, files=files)

    def _result(self, method: str, **request: Any) -> Any:
        answer = httpx.post(f"http://{self.http}/bot{TOKEN}/{method}", timeout=10, **request)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def say(self, text: str, **values: Any) -> int:
        return int(self.call("sendMessage", chat_id=PERSON, text=text, **values)["message_id"])

    def update(self, kind: str) -> dict[str, Any]:
        """The next update of a kind; everything before it is confirmed."""
        for update in self.call("getUpdates", timeout=5):
            self.call("getUpdates", offset=update["update_id"] + 1, timeout=0)
            if kind in update:
                found: dict[str, Any] = update[kind]
                return found
        raise AssertionError(f"no {kind} came")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    running = Stage(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def tab(stage: Stage) -> Iterator[Tab]:
    with browser_tab(f"http://{stage.http}") as opened:
        opened.visit()
        opened.part("start").click()
        expect(opened.part("message-out")).to_have_count(1)
        stage.update("message")
        yield opened
        assert opened.foreign == []


def test_formatting_is_shown_and_markup_in_texts_stays_text(stage: Stage, tab: Tab) -> None:
    stage.say(
        "😀 <b>bold <i>both</i></b> <u>under</u> <s>gone</s> <tg-spoiler>secret</tg-spoiler> <code>x = 1</code>\n"
        '<pre><code class="language-python">print("hi")</code></pre>\n<blockquote>a quote</blockquote>\n'
        'after <a href="https://example.com/">a link</a> /help',
        parse_mode="HTML",
    )
    bubble = tab.replies("😀").last
    expect(bubble.locator("b i")).to_have_text("both")
    expect(bubble.locator("u")).to_have_text("under")
    expect(bubble.locator("pre code")).to_have_text('print("hi")')
    expect(bubble.locator("blockquote")).to_have_text("a quote")
    assert bubble.locator("a").get_attribute("href") == "https://example.com/"
    bubble.locator(".spoiler").click()
    expect(bubble.locator(".spoiler.shown")).to_have_text("secret")
    stage.say(ALARMING)
    expect(tab.part("text").last).to_have_text(ALARMING)
    stage.say("שלום עולם " * 12 + "\n" + "W" * 300)
    stage.say("long " * 810)
    expect(tab.part("message-in")).to_have_count(4)
    assert tab.fits()
    tab.shows(PHONE)
    assert tab.fits()
    tab.shows(DESKTOP)
    expect(bubble.locator(".spoiler.shown")).to_be_visible()
    bubble.scroll_into_view_if_needed()
    tab.shoot("formatting")
    assert tab.errors == []


def test_an_edit_takes_the_place_of_the_message(stage: Stage, tab: Tab) -> None:
    first = stage.say("one")
    stage.say("two")
    expect(tab.part("text").last).to_have_text("two")
    stage.call("editMessageText", chat_id=PERSON, message_id=first, text="one, mended")
    expect(tab.part("message-in").first).to_contain_text("one, mended")
    expect(tab.part("message-in").first.get_by_test_id("edited")).to_be_visible()
    expect(tab.part("message-in")).to_have_count(2)
    stage.call("deleteMessage", chat_id=PERSON, message_id=first)
    expect(tab.part("message-in")).to_have_count(1)


def test_a_pressed_button_waits_for_its_answer(stage: Stage, tab: Tab) -> None:
    rows = [[{"text": "Go", "callback_data": "go"}, {"text": "Site", "url": "https://example.com/"}]]
    stage.say("choose", reply_markup={"inline_keyboard": rows})
    tab.press("Go")
    expect(tab.page.locator("[data-press].waiting")).to_have_count(1)
    press = stage.update("callback_query")
    assert press["data"] == "go"
    stage.call("answerCallbackQuery", callback_query_id=press["id"], text="Gone", show_alert=True)
    expect(tab.part("alert")).to_contain_text("Gone")
    expect(tab.page.locator("[data-press].waiting")).to_have_count(0)
    tab.page.keyboard.press("Enter")
    expect(tab.part("alert")).to_have_count(0)
    tab.press("Go")
    stage.call("answerCallbackQuery", callback_query_id=stage.update("callback_query")["id"], text="Again")
    expect(tab.part("answer")).to_have_text("Again")


def test_the_bots_keyboard_and_its_typing_are_shown(stage: Stage, tab: Tab) -> None:
    stage.call("sendChatAction", chat_id=PERSON, action="typing")
    expect(tab.part("typing")).to_be_visible()
    expect(tab.part("status")).to_have_text("typing…")
    stage.call("setMyName", name="Bell tower")
    expect(tab.page).to_have_title(re.compile("Bell tower"))
    assert tab.part("typing").is_visible(), "news of the bot do not end its typing"
    stage.say("pick", reply_markup={"keyboard": [["Yes", "No"]], "one_time_keyboard": True})
    expect(tab.part("typing")).to_be_hidden()
    tab.part("keyboard").get_by_text("Yes").click()
    expect(tab.part("message-out").last).to_contain_text("Yes")
    expect(tab.part("keyboard")).to_be_hidden()


def test_a_long_chat_shows_its_end_and_loads_the_rest_while_scrolling(stage: Stage, tab: Tab) -> None:
    for number in range(330):
        stage.say(f"message {number}")
    tab.visit()
    expect(tab.part("text").last).to_have_text("message 329")
    assert tab.part("message-in").count() <= 101
    for _ in range(6):
        tab.page.locator(".scroller").evaluate("node => { node.scrollTop = 0; }")
        if tab.replies("message 0").count():
            break
        tab.page.wait_for_timeout(150)
    expect(tab.part("message-in")).to_have_count(330)
    tab.page.locator(".scroller").evaluate("node => { node.scrollTop = 0; }")
    stage.say("something new")
    expect(tab.part("new-messages")).to_contain_text("1 new message")
    expect(tab.page).to_have_title("(1) Sandbox · chat")
    tab.part("new-messages").click()
    expect(tab.part("text").last).to_be_in_viewport()
    expect(tab.part("new-messages")).to_be_hidden()


def test_the_page_says_when_the_sandbox_is_away_and_catches_up(stage: Stage, tab: Tab) -> None:
    stage.stop()
    expect(tab.part("banner")).to_contain_text("not reachable")
    tab.shoot("away")
    stage.start(stage.http)
    stage.say("I am back")
    expect(tab.part("banner")).to_be_hidden(timeout=20_000)
    expect(tab.part("text").last).to_have_text("I am back", timeout=20_000)
    expect(tab.part("message-in")).to_have_count(1)


def picture(color: str, width: int = 640, height: int = 420) -> bytes:
    content = BytesIO()
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=color)
    figure.savefig(content, format="png")
    return content.getvalue()


def test_pictures_albums_and_documents_are_shown_and_kept(stage: Stage, tab: Tab) -> None:
    colors = ("#c9824a", "#4a7fc9", "#4aa36b")
    files = {f"file{n}": (f"{n}.png", picture(color)) for n, color in enumerate(colors)}
    album = [{"type": "photo", "media": f"attach://file{n}"} for n in range(3)]
    stage.send_files("sendMediaGroup", files, media=[album[0] | {"caption": "an album"}, *album[1:]])
    expect(tab.part("messages").locator(".album [data-testid=photo]")).to_have_count(3)
    expect(tab.part("message-in")).to_have_count(1)
    stage.send_files("sendPhoto", {"photo": ("tall.png", picture("#7a55ab", 300, 900))})
    stage.send_files("sendDocument", {"document": ("figures.csv", b"a,b\n1,2\n")}, caption="the figures")
    with tab.page.expect_download() as download:
        tab.part("document").click()
    assert download.value.suggested_filename == "figures.csv"
    tab.pictures(4, seconds=5)
    tab.shoot("album")
    tab.part("photo").first.click()
    expect(tab.part("lightbox")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.part("lightbox")).to_have_count(0)
    tab.shows(PHONE)
    assert tab.fits()


def test_a_person_sends_files_edits_and_blocks(stage: Stage, tab: Tab) -> None:
    tab.page.locator("input[type=file]").set_input_files(
        {"name": "bars.csv", "mimeType": "text/csv", "buffer": b"Date,Close\n"}
    )
    expect(tab.part("document")).to_contain_text("bars.csv")
    tab.say("helo")
    tab.part("input").press("ArrowUp")
    expect(tab.part("input")).to_have_value("helo")
    tab.part("input").fill("hello\nthere")
    tab.part("input").press("Enter")
    expect(tab.part("text").last).to_have_text("hello\nthere")
    expect(tab.part("edited")).to_be_visible()
    tab.part("chat-more").click()
    tab.part("menu").get_by_role("menuitem").click()
    tab.page.get_by_role("button", name="Block", exact=True).click()
    expect(tab.part("unblock")).to_be_visible()
    tab.part("unblock").click()
    expect(tab.part("input")).to_be_visible()


def test_a_mail_cannot_run_scripts_or_load_pictures_and_leads_back_to_the_chat(stage: Stage, tab: Tab) -> None:
    host, _, port = stage.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as client:
        client.sendmail("bot@example.com", ["ada@example.com"], MAIL.encode())
    tab.part("mail-toast").get_by_role("button").click()
    letter = tab.page.frame_locator("[data-testid=mail-html]")
    expect(letter.get_by_text("Hello")).to_be_visible()
    expect(tab.part("mail-subject")).to_have_text(ALARMING)
    assert "taken" not in tab.page.title()
    letter.get_by_role("link").click()
    expect(tab.part("message-out").last).to_contain_text("/start abc")
    expect(tab.part("message-out")).to_have_count(2)


def test_a_group_with_topics_is_made_and_spoken_in_as_any_of_its_members(stage: Stage, tab: Tab) -> None:
    tab.part("add-group").click()
    tab.part("group-title").fill("Trading desk")
    tab.part("group-topics").fill("Gold, FX")
    tab.part("form-ok").click()
    expect(tab.page.get_by_role("heading", name="Trading desk")).to_be_visible()
    tab.part("topic").select_option(label="# Gold")
    tab.say("/jobs")
    said = tab.part("message-out").last
    expect(said).to_contain_text("# Gold")
    tab.shows(PHONE)
    assert tab.fits()
    tab.shows(DESKTOP)
    tab.shoot("group")
    assert tab.errors == []
