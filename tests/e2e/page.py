"""The chat page as a person uses it: one browser tab, watched for errors and foreign requests."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Request, expect, sync_playwright

DESKTOP, TALL, PHONE = (1280, 860), (1280, 1080), (390, 844)
SHOTS = os.environ.get("OPENBELL_SCREENSHOTS")


class Tab:
    """One tab on the page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        page.on("requestfailed", self._failed)

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.errors.append(text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(self.address).netloc:
            self.foreign.append(url)

    def _failed(self, request: Request) -> None:
        """What the page's policy stopped never left."""
        if request.failure == "csp" and request.url in self.foreign:
            self.foreign.remove(request.url)

    def part(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    def visit(self, path: str = "/") -> None:
        self.page.goto(self.address + path)

    def say(self, text: str) -> None:
        self.part("input").fill(text)
        self.part("input").press("Enter")
        expect(self.part("message-out").last).to_contain_text(text)

    def chat(self, name: str) -> None:
        """Go to the chat of that person or group."""
        self.page.locator(f"[data-testid=person][data-name^='{name}']").click()

    def press(self, label: str) -> None:
        self.part("inline-button").filter(has_text=label).last.click()

    def replies(self, text: str | re.Pattern[str]) -> Locator:
        return self.part("message-in").filter(has_text=text)

    def hears(self, text: str | re.Pattern[str], *, seconds: float = 15) -> Locator:
        """The newest bubble of the bot with that text."""
        found = self.replies(text).last
        expect(found).to_be_visible(timeout=seconds * 1000)
        return found

    def pictures(self, count: int, *, seconds: float) -> Locator:
        """The newest picture, drawn, once there are that many."""
        images = self.part("messages").locator("img[src^='/api/files/']")
        expect(images).to_have_count(count, timeout=seconds * 1000)
        newest = images.last
        newest.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "image => image.complete && image.naturalWidth >= 300", arg=newest.element_handle(), timeout=10_000
        )
        return newest

    def shows(self, size: tuple[int, int], *, dark: bool = False) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    def look_at(self, message: Locator, *, edge: str = "end") -> None:
        """Scroll until the start or end of a message stands at the edge of the chat."""
        message.evaluate("(node, block) => node.scrollIntoView({block, behavior: 'instant'})", edge)

    def fits(self) -> bool:
        """Whether nothing sticks out to the side."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    def shoot(self, name: str) -> None:
        """Keep a screenshot when a folder for them is named."""
        if not SHOTS:
            return
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        toasts = self.page.locator(".toast")
        expect(toasts).to_have_count(0, timeout=12_000)
        self.page.mouse.move(2, 2)
        self.page.screenshot(path=Path(SHOTS) / f"{name}.png", animations="disabled")


@contextmanager
def browser_tab(address: str) -> Iterator[Tab]:
    """A fresh tab in headless Chromium; skips where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed; install it to run the browser tests.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            context = browser.new_context(
                viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, timezone_id="Europe/London", locale="en-GB"
            )
            yield Tab(context.new_page(), address)
        finally:
            browser.close()
