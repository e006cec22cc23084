"""Instances in a browser: made, changed, paused, authenticated again, deleted; the form by keyboard; each failure."""

import os
import re
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.act_on import Sandbox
from tests.browser.conftest import PASSWORD
from tests.browser.test_first_event import log_in_at_act_on, sign_in
from tests.end_to_end.api import Hub
from tests.running import running_hub

KEYBOARD_STEPS = 60


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for all of these tests: each has instances, an API key and an Act-On account, so limits, of its own."""
    folder = tmp_path_factory.mktemp("hub") / "data"
    with running_hub(folder, BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running:
        yield Hub(running, Sandbox(f"{running.url}/sandbox"))


@pytest.fixture
def page(hub: Hub, chromium: Browser) -> Iterator[Page]:
    """A page of somebody who has logged in; whatever its scripts complain of fails the test."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    sign_in(page, hub)
    yield page
    page.close()
    assert [text for text in errors if "status of 400" not in text] == []


def fill(page: Page, hub: Hub, name: str, key: str) -> None:
    page.goto(f"{hub.running.url}/console/instances/new")
    page.get_by_label("Name").first.fill(name)
    page.get_by_label("API Key").fill(key)
    page.get_by_label("API Secret").fill(f"{key}-secret")
    page.get_by_label("Events Enabled").check()
    page.get_by_label("Event Notification Callback URL").fill(f"{hub.running.url}/sandbox/inbox/{key}")


def create(page: Page, hub: Hub, name: str, key: str) -> int:
    """An instance, by way of the form and of Act-On; its id."""
    fill(page, hub, name, key)
    page.get_by_role("button", name="Create Instance").click()
    log_in_at_act_on(page, user=key)
    page.wait_for_url(re.compile(r"/console/instances/\d+"))
    return int(re.findall(r"/instances/(\d+)", page.url)[0])


def test_an_instance_from_its_making_to_its_end(hub: Hub, page: Page) -> None:
    instance = create(page, hub, "Alpha", "lives")
    status = page.locator(".heading > .status").first
    expect(status).to_have_text("polling")

    hub.act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"}, name="lives")
    page.get_by_role("button", name="Poll now").click()
    expect(page.locator("#watched .status")).to_have_text("succeeded", timeout=30_000)
    expect(page.locator("#watched")).to_contain_text(re.compile(r"Pages read\s*[1-9]"))
    expect(page.locator("#figures")).to_contain_text(re.compile(r"Events in 24 h\s*1"))
    expect(page.locator(".poll-chart svg")).to_have_attribute("aria-label", re.compile("succeeded"))

    page.get_by_text("Set back: read contacts again").click()
    page.get_by_label("from the beginning").check()
    page.get_by_role("button", name="Dry run").click()
    would_bring = page.get_by_text(re.compile(r"It would bring [\d,]+ changes?, 1 of them delivered before"))
    expect(would_bring).to_be_visible(timeout=30_000)

    page.goto(f"{hub.running.url}/console/instances/{instance}")
    page.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("paused")
    expect(page.get_by_role("button", name="Poll now")).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("polling")

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name").first.fill("Alpha, changed")
    page.get_by_label("Configure campaigns").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("would be an event now", timeout=30_000)
    expect(page.get_by_role("heading", name="Event Poller Configuration for 'campaigns'")).to_be_visible()
    expect(page.get_by_role("heading", name="Event Poller Configuration for 'contacts'")).to_be_hidden()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alpha, changed")

    hub.act_on.account("POST", "/expire", name="lives")
    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Re-authenticate").click()
    log_in_at_act_on(page, user="lives")
    expect(page.get_by_text("is authenticated again")).to_be_visible()

    page.get_by_role("button", name="Show the token").click()
    expect(page.locator("#the-token")).to_have_text(hub.ok("GET", f"/instances/{instance}")["token"])

    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Type its name").fill("Alpha")
    page.get_by_role("button", name="Delete the instance").click()
    expect(page.get_by_text("Nothing was deleted")).to_be_visible()
    page.get_by_label("Type its name").fill("Alpha, changed")
    page.get_by_role("button", name="Delete the instance").click()
    expect(page.get_by_text("was deleted")).to_be_visible()
    assert hub.call("GET", f"/instances/{instance}").status_code == 404


@pytest.mark.parametrize("scripts", [True, False])
def test_pane_and_json_say_the_same(hub: Hub, chromium: Browser, scripts: bool) -> None:
    page = chromium.new_page(java_script_enabled=scripts)
    sign_in(page, hub)
    page.goto(f"{hub.running.url}/console/instances/new")
    expect(page.get_by_label("Event Notification Callback URL")).to_be_hidden()
    fill(page, hub, "Panes", "panes")
    page.get_by_label("Configure contacts").click()
    expect(page.get_by_role("heading", name="Event Poller Configuration for 'contacts'")).to_be_visible()
    pane = page.locator(".pane").first
    pane.get_by_label("ID Field").fill("Email")
    pane.get_by_label("Time zone").fill("Europe/Berlin")
    pane.get_by_label("Advanced Filtering").uncheck()
    expect(pane.get_by_label("Updated Date Field")).to_be_hidden()
    page.get_by_role("button", name="Add another resource").click()
    expect(page.get_by_role("heading", name="Event Poller Configuration for 'contacts-2'")).to_be_visible()
    page.locator("[name='p-1-resource']").fill("people")
    if scripts:
        expect(page.get_by_label("Configure people")).to_have_count(1)
        expect(page.get_by_label("Configure contacts-2")).to_have_count(0)
    page.get_by_role("button", name="Edit as JSON").click()
    raw = page.get_by_label("Pollers as JSON")
    expect(raw).to_have_value(re.compile('"people"'))
    assert "Berlin" not in raw.input_value(), "what is switched off is in no JSON"
    raw.fill(raw.input_value().replace('"Email"', '"id"', 1))
    page.get_by_role("button", name="Back to the form").click()
    page.get_by_label("Configure contacts").click()
    expect(page.locator("[name='p-0-id_field']")).to_have_value("id")
    expect(page.locator("[name='p-1-id_field']")).to_have_value("Email")
    page.locator("[name='p-0-advanced']").check()
    expect(page.locator("[name='p-0-zone']")).to_have_value("Europe/Berlin")
    expect(page.locator("[name='api_secret']")).to_have_count(1)
    page.close()


def to_act_on(page: Page, hub: Hub, key: str) -> str:
    """The form is sent; the state with which the browser stands at Act-On."""
    fill(page, hub, "Never made", key)
    page.get_by_role("button", name="Create Instance").click()
    page.wait_for_url(re.compile("/sandbox/authorize"))
    return parse_qs(urlsplit(page.url).query)["state"][0]


def ends(page: Page, hub: Hub, heading: str, **query: str) -> None:
    """The browser comes back with that, and reads that heading."""
    answer = "&".join(f"{name}={value}" for name, value in query.items())
    page.goto(f"{hub.running.url}/oauth/callback?{answer}")
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def code(hub: Hub, key: str) -> str:
    """A code of the Act-On account that is named like the key."""
    asked = {"client_id": key, "redirect_uri": f"{hub.running.url}/oauth/callback", "user": key}
    return str(hub.act_on.call("POST", "/control/codes", asked)["code"])


def in_shell(hub: Hub, statement: str) -> str:
    """What a statement prints in the hub's own shell, which knows every model."""
    ran = hub.running.manage("shell", "-c", statement)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_each_way_to_fail_at_act_on_has_its_page(hub: Hub, page: Page, chromium: Browser) -> None:
    state = to_act_on(page, hub, "refuses")
    ends(page, hub, "Act-On refused", error="access_denied", error_description="The user said no", state=state)
    expect(page.get_by_text("access_denied: The user said no")).to_be_visible()
    page.get_by_role("link", name="Back to the form").click()
    expect(page.get_by_label("Name").first).to_have_value("Never made")
    expect(page.get_by_label("API Key")).to_have_value("refuses")
    expect(page.get_by_label("API Secret")).to_have_value("")
    ends(page, hub, "This answer was used before", code="any", state=state)

    state = to_act_on(page, hub, "wrong")
    ends(page, hub, "This answer belongs to no request of this hub", code=code(hub, "wrong"), state=f"{state}x")
    ends(page, hub, "Act-On sent no code", state=state)

    state = to_act_on(page, hub, "elsewhere")
    other = chromium.new_page()
    sign_in(other, hub)
    ends(other, hub, "This answer belongs to another session", code=code(hub, "elsewhere"), state=state)
    other.close()

    state = to_act_on(page, hub, "fails")
    brought = code(hub, "fails")
    hub.act_on.account("POST", "/faults", {"kind": "error", "path": "/token", "times": 1}, name="fails")
    ends(page, hub, "Act-On could not be asked", code=brought, state=state)

    state = to_act_on(page, hub, "late")
    age = "from datetime import timedelta; from django.db.models import F"
    in_shell(hub, f"{age}; Authorization.objects.update(created_at=F('created_at') - timedelta(minutes=11))")
    ends(page, hub, "This took longer than ten minutes", code=code(hub, "late"), state=state)
    assert not [row for row in hub.ok("GET", "/instances") if row["name"] == "Never made"]


def tab_to(page: Page, selector: str) -> None:
    """Reach it with the Tab key alone; where the focus is can be seen."""
    for _ in range(KEYBOARD_STEPS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {selector} cannot be seen"
            return
    raise AssertionError(f"{selector} was not reached")


def test_the_slider_shows_no_other_interval_than_the_number(hub: Hub, page: Page) -> None:
    page.goto(f"{hub.running.url}/console/instances/new")
    page.get_by_label("Events Enabled").check()
    slider, number = page.locator("#interval"), page.locator("#id_refresh_minutes")
    number.fill("240")
    expect(slider).to_be_visible()
    expect(slider).to_have_value("240")
    number.fill("241")
    expect(slider).to_be_hidden()
    number.fill("30")
    expect(slider).to_have_value("30")
    expect(slider).to_be_visible()


def test_the_form_by_keyboard_alone(hub: Hub, page: Page) -> None:
    page.goto(f"{hub.running.url}/console/instances/new")
    for selector, text in (("#id_name", "By keyboard"), ("#id_api_key", "keys"), ("#id_api_secret", "s3cret")):
        tab_to(page, selector)
        page.keyboard.type(text)
    tab_to(page, "#id_events_enabled")
    page.keyboard.press("Space")
    tab_to(page, "#id_callback_url")
    page.keyboard.type(f"{hub.running.url}/sandbox/inbox/keys")
    tab_to(page, "#generate")
    page.keyboard.press("Enter")
    expect(page.locator("#id_signature_key")).not_to_have_value("")
    tab_to(page, "#interval")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#id_refresh_minutes")).to_have_value("16")
    tab_to(page, "summary[aria-label='Configure contacts']")
    page.keyboard.press("Enter")
    tab_to(page, "[name='p-0-id_field']")
    page.keyboard.press("Control+A")
    page.keyboard.type("Email")
    tab_to(page, "#switch")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Pollers as JSON")).to_have_value(re.compile('"idField": "Email"'))
    expect(page.locator("#switch")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Pollers as JSON")).to_have_count(0)
    expect(page.locator("#switch")).to_be_focused()
    expect(page.locator("#the-json")).to_contain_text('"event.poller.refresh_interval": 16')
    tab_to(page, ".buttons button[value='save']")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/sandbox/authorize"))


def test_the_call_that_the_page_shows_makes_the_same_instance(hub: Hub, page: Page) -> None:
    fill(page, hub, "As curl", "curl")
    page.get_by_label("Tags").fill("Docs, it's")
    page.get_by_label("Callback Notification Signature Key").fill("a+key/of=mine")
    expect(page.locator("#the-json")).to_contain_text("it's")
    expect(page.locator("#the-json")).to_contain_text('"event.notification.signature.key": "********"')
    call = page.locator("#the-curl").text_content() or ""
    assert "curl-secret" not in call
    page.get_by_role("button", name="Create Instance").click()
    log_in_at_act_on(page, user="curl")
    page.wait_for_url(re.compile(r"/console/instances/\d+"))

    variables = {
        "AUTH": f"Authorization: {hub.header['Authorization']}",
        "CODE": code(hub, "curl"),
        "OAUTH_API_KEY": "curl",
        "OAUTH_API_SECRET": "curl-secret",
        "EVENT_NOTIFICATION_SIGNATURE_KEY": "a+key/of=mine",
    }
    ran = subprocess.run(
        ["bash", "-c", f"set -eu\n{call} --fail --silent --show-error"],
        env=variables | {"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    second, first = (row for row in hub.ok("GET", "/instances") if row["name"] == "As curl")
    told_apart = ("id", "token", "createdDate")
    assert {k: v for k, v in first.items() if k not in told_apart} == {
        k: v for k, v in second.items() if k not in told_apart
    }
    made = "Instance.objects.filter(name='As curl').select_related('connection')"
    secrets = "(row.signature_key, row.connection.api_key, row.connection.api_secret)"
    told = in_shell(hub, f"print({{{secrets} for row in {made}}})")
    assert "{('a+key/of=mine', 'curl', 'curl-secret')}" in told
