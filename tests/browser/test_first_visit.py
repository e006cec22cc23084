"""A first visit: from the empty dashboard to the first event in at most five clicks, and nothing typed on the way."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD
from tests.end_to_end.api import Hub

CLICKS = 5


class Clicks:
    """Presses buttons and links by their names, and counts."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.count = 0

    def on(self, role: str, name: str) -> None:
        self._page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
        self.count += 1


def test_from_an_empty_hub_to_the_first_event_in_five_clicks(hub: Hub, chromium: Browser) -> None:
    page = chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(hub.running.url)
    page.get_by_label("E-mail").fill("admin@localhost")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_title(re.compile("Dashboard"))

    clicks = Clicks(page)
    clicks.on("link", "Create the first instance")
    clicks.on("button", "Create Instance")
    clicks.on("button", "Log in and authorize")
    clicks.on("button", "Add a contact and poll")
    event = page.get_by_role("row", name=re.compile("CREATED"))
    expect(event).to_be_visible(timeout=30_000)
    event.get_by_role("link").first.click()
    clicks.count += 1
    expect(page.get_by_role("heading", name="CREATED")).to_be_visible()
    expect(page.get_by_text(re.compile(r"ada\.\w+@example\.com")).first).to_be_visible()
    assert clicks.count <= CLICKS
    assert not errors
    page.close()
