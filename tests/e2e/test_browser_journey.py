"""The whole path at the chat page, from the empty page to the delivered report, in a real browser."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed; make setup-browser installs it.")

from playwright.sync_api import expect

from tests.e2e.page import DESKTOP, PHONE, TALL, Tab, browser_tab
from tests.instance import running_instance

pytestmark = pytest.mark.browser
SCHEDULED_WITHIN_S = 100
CODE = re.compile(r"\b\d{4} ?\d{4}\b")


@pytest.fixture
def address() -> Iterator[str]:
    """The page of a whole instance that was just started; any account may pass through its folder."""
    folder = Path(tempfile.mkdtemp(prefix="openbell-page-"))
    folder.chmod(0o711)
    with running_instance(folder / "data") as instance:
        instance.until_ready()
        told = json.loads((folder / "data/run/sandbox.json").read_text(encoding="utf-8"))
        yield f"http://{told['http']}"
    shutil.rmtree(folder)


@pytest.fixture
def tab(address: str) -> Iterator[Tab]:
    with browser_tab(address) as opened:
        yield opened
        assert opened.foreign == []
        assert opened.errors == []


def test_a_stranger_at_the_page_becomes_admin_and_receives_scheduled_reports(tab: Tab) -> None:
    ask_to_be_known(tab)
    confirm_by_link(tab)
    choose_zone(tab)
    report_and_schedule(tab)
    wait_for_the_scheduled_report(tab)
    read_history(tab)
    look_around(tab)
    second_person(tab)


def ask_to_be_known(tab: Tab) -> None:
    tab.visit()
    expect(tab.part("greeting")).to_contain_text("Telegram and e-mail are simulated on this computer")
    tab.shoot("greeting")
    tab.part("start").click()
    tab.hears("What is your e-mail address?")
    expect(tab.part("greeting")).to_be_hidden()
    tab.say("ada@example.com")
    tab.hears("I sent a code to ada@example.com")


def confirm_by_link(tab: Tab) -> None:
    expect(tab.part("mail-toast")).to_contain_text("ada@example.com")
    expect(tab.part("inbox-badge")).to_have_text("1")
    expect(tab.page).to_have_title(re.compile(r"^\(1\) "))
    tab.part("tab-inbox").click()
    expect(tab.part("mail-row")).to_have_count(1)
    tab.part("mail-row").click()
    letter = tab.page.frame_locator("[data-testid=mail-html]")
    expect(letter.get_by_text(CODE).filter(visible=True)).to_have_count(1)  # a preview of it is hidden in the head
    expect(tab.part("inbox-badge")).to_be_hidden()
    expect(tab.part("mail-toast")).to_have_count(0, timeout=12_000)
    tab.shoot("inbox")
    letter.get_by_role("link").click()
    tab.hears("You're verified")
    tab.hears("you are the admin")
    assert "?start" not in tab.page.url


def choose_zone(tab: Tab) -> None:
    tab.hears("Where is your clock?")
    tab.press("London")
    tab.hears("Your time zone is Europe/London")
    expect(tab.page.locator(".waiting")).to_have_count(0)


def report_and_schedule(tab: Tab) -> None:
    tab.part("command-menu").click()
    expect(tab.part("command").filter(has_text="/report")).to_be_visible()
    tab.shoot("command-menu")
    tab.part("input").fill("/rep")
    expect(tab.part("command")).to_have_count(1)
    tab.part("input").press("Tab")
    expect(tab.part("input")).to_have_value("/report ")
    tab.say("/report GOLD")
    tab.pictures(1, seconds=40)
    expect(tab.part("message-in").filter(has=tab.part("photo"))).to_contain_text("simulated")
    tab.part("photo").click()
    expect(tab.part("lightbox")).to_be_visible()
    tab.part("lightbox-close").click()
    tab.press("Every weekday 08:30")
    preview = tab.hears("every weekday at 08:30")
    assert len(re.findall(r"08:30 (?:GMT|BST)", preview.inner_text())) == 3
    tab.shoot("preview")
    tab.press("Save")
    tab.hears("Saved as job 1")


def wait_for_the_scheduled_report(tab: Tab) -> None:
    tab.say("/schedule * * * * * GOLD")
    tab.hears("every minute")
    tab.press("Save")
    tab.hears("Saved as job 2")
    tab.pictures(2, seconds=SCHEDULED_WITHIN_S)
    tab.say("/pause 2")
    tab.hears("is paused")


def read_history(tab: Tab) -> None:
    tab.say("/history")
    told = tab.hears("newest first").inner_text()
    assert len(re.findall(r"✓ GOLD.*\n#\d+ · [\d.]+ m?s · .*delivered \d\d:\d\d:\d\d", told)) >= 2


def look_around(tab: Tab) -> None:
    tab.shoot("history")
    report = tab.part("message-in").filter(has=tab.part("photo")).first
    tab.shows(TALL)
    tab.look_at(report)
    tab.shoot("chat-desktop")
    tab.shows(TALL, dark=True)
    tab.shoot("chat-dark")
    tab.shows(PHONE)
    expect(tab.part("add-person")).to_be_hidden()
    assert tab.fits()
    tab.look_at(report, edge="start")
    tab.shoot("chat-phone")
    tab.part("back").click()
    expect(tab.part("add-person")).to_be_visible()
    expect(tab.part("input")).to_be_hidden()
    assert tab.fits()
    tab.shoot("people-phone")
    tab.part("tab-inbox").click()
    tab.part("mail-row").click()
    expect(tab.part("mail-subject")).to_be_visible()
    assert tab.fits()
    tab.shoot("inbox-phone")
    tab.shows(DESKTOP)


def second_person(tab: Tab) -> None:
    tab.part("tab-chats").click()
    tab.part("add-person").click()
    tab.part("first-name").fill("Bob")
    tab.part("form-ok").click()
    expect(tab.part("as")).to_contain_text("Bob")
    tab.part("start").click()
    tab.hears("What is your e-mail address?")
    tab.say("bob@example.com")
    tab.hears("I sent a code to bob@example.com")
    tab.say(code_for(tab, "bob@example.com"))
    tab.hears("You're verified")
    tab.press("London")
    tab.hears("Your time zone is Europe/London")
    tab.say("/whoami")
    expect(tab.hears("bob@example.com\nRole:")).not_to_contain_text("admin")
    tab.say("/jobs")
    tab.hears("You have no jobs yet")
    assert tab.replies("you are the admin").count() == 0


def code_for(tab: Tab, recipient: str) -> str:
    """The code as a person reads it: opens the mail, looks, and comes back to the chat."""
    tab.part("tab-inbox").click()
    tab.part("mail-row").filter(has_text=recipient).first.click()
    tab.part("part-text").click()
    found = CODE.search(tab.part("mail-text").inner_text())
    assert found is not None
    tab.part("tab-chats").click()
    return found[0]
