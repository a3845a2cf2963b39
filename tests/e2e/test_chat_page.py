"""The chat page alone: what a bot may send is shown well, safely and at once."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed; make setup-browser installs it.")

from playwright.sync_api import expect

from openbell.processes import wait_until
from tests.e2e.page import DESKTOP, PHONE, Tab, browser_tab

pytestmark = pytest.mark.browser
TOKEN = "4242:sandbox-token-of-the-tests"
PERSON = 6_100_000_001
ALARMING = "<img src=x onerror=alert(1)> & <b>not bold</b>"


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
        self.http = json.loads(self.port_file.read_text(encoding="utf-8"))["http"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)

    def call(self, method: str, **values: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - always our own address on loopback
            f"http://{self.http}/bot{TOKEN}/{method}",
            json.dumps(values).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)["result"]

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
