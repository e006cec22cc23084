"""The first event, in a browser: authorize at the sandbox, change contacts by hand, poll now, look at what arrived."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.act_on import ACCOUNT
from tests.browser.conftest import PASSWORD
from tests.end_to_end.api import Hub


def sign_in(page: Page, hub: Hub) -> None:
    page.goto(f"{hub.running.url}/")
    page.get_by_label("E-mail").fill("admin@localhost")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("(log|sign) in", re.IGNORECASE)).click()


def fill(page: Page, hub: Hub) -> None:
    """The form of a new instance, with a callback in the sandbox."""
    page.get_by_label("Name").first.fill("From the browser")
    page.get_by_label("API Key").fill("my-key")
    page.get_by_label("API Secret").fill("my-secret")
    page.get_by_label("Events Enabled").check()
    page.get_by_label("Event Notification Callback URL").fill(f"{hub.running.url}/sandbox/inbox/first")


def log_in_at_act_on(page: Page, user: str = ACCOUNT) -> None:
    page.locator("#authorizeLink").click()
    page.locator("#oauth_user_name").fill(user)
    page.locator("#oauth_user_password").fill("anything")
    page.locator("#loginBtn").click()


def test_the_form_shows_its_json_and_keeps_what_was_typed(hub: Hub, chromium: Browser) -> None:
    page = chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    sign_in(page, hub)
    page.goto(f"{hub.running.url}/console/instances/new")
    fill(page, hub)
    page.get_by_role("button", name="Generate a key").click()
    expect(page.locator("#the-json")).to_contain_text('"event.notification.signature.key": "********"')
    page.get_by_label("Event poller refresh interval (mins)", exact=True).fill("30")
    expect(page.locator("#cost")).to_contain_text("At least 48 of")
    page.get_by_text("Configure", exact=False).locator("visible=true").last.click()
    page.get_by_role("button", name="Edit as JSON").click()
    raw = page.get_by_label("Pollers as JSON")
    raw.fill(raw.input_value().replace('"_contact_id_"', '"Email"'))
    page.get_by_role("button", name="Back to the form").click()
    expect(page.locator("#the-json")).to_contain_text('"idField": "Email"')
    expect(page.get_by_label("Name").first).to_have_value("From the browser")
    assert not errors
    page.close()


def test_a_refusal_at_act_on_brings_the_form_back(hub: Hub, chromium: Browser) -> None:
    page = chromium.new_page()
    sign_in(page, hub)
    page.goto(f"{hub.running.url}/console/instances/new")
    fill(page, hub)
    page.get_by_role("button", name="Create Instance").click()
    page.locator("#authorizeLink").click()
    page.locator("#oauth_user_name").fill("sandbox")
    page.locator("#oauth_user_password").fill("wrong")
    page.locator("#loginBtn").click()
    state = parse_qs(urlsplit(page.url).query)["state"][0]
    page.goto(f"{hub.running.url}/oauth/callback?error=access_denied&state={state}")
    expect(page.get_by_role("heading", name="Act-On refused")).to_be_visible()
    page.get_by_role("link", name="Back to the form").click()
    expect(page.get_by_label("Name").first).to_have_value("From the browser")
    expect(page.get_by_label("API Secret")).to_have_value("")
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_from_authorizing_to_the_event_log(hub: Hub, chromium: Browser, width: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, hub)
    expect(page).to_have_title(re.compile("Dashboard"))

    page.get_by_role("link", name="Create the first instance").click()
    fill(page, hub)
    page.get_by_role("button", name="Create Instance").click()
    log_in_at_act_on(page)
    page.wait_for_url(re.compile(r"/console/instances/\d+"))
    expect(page.get_by_text("was created")).to_be_visible()
    instance = int(re.findall(r"/instances/(\d+)", page.url)[0])

    page.goto(f"{hub.running.url}/sandbox/accounts/sandbox/lists/l-0001")
    page.get_by_label("Email").first.fill("ada@example.com")
    page.get_by_role("button", name=re.compile("add", re.IGNORECASE)).first.click()
    expect(
        page.get_by_text("ada@example.com").or_(page.locator("input[value='ada@example.com']")).first
    ).to_be_visible()

    page.goto(f"{hub.running.url}/console/instances/{instance}")
    page.get_by_role("button", name="Poll now").click()
    page.goto(f"{hub.running.url}/console/events")
    notified = page.locator("table").get_by_text("NOTIFIED")
    for _ in range(100):
        if notified.count():
            break
        page.wait_for_timeout(200)
        page.reload()
    page.locator("table a").first.click()
    expect(page.get_by_text("Elements-Webhook-Id").first).to_be_visible()
    expect(page.get_by_text("ada@example.com").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not errors
    page.close()
