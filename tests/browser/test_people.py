"""People in the browser: members are invited with a role, see what it lets them see, and secrets are changed over."""

import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.act_on import Sandbox
from tests.browser import gallery
from tests.browser.conftest import PASSWORD
from tests.end_to_end.api import Hub
from tests.running import running_hub

OPERATOR, VIEWER = "operator@acme.example", "viewer@acme.example"


def invite(page: Page, hub: Hub, email: str, role: str) -> str:
    """Make a member; the password, which is shown once."""
    page.goto(f"{hub.running.url}/console/account/members")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Role (required)").select_option(role)
    page.get_by_role("button", name="Make the member").click()
    expect(page.get_by_role("heading", name=f"{email} is a member now")).to_be_visible()
    return page.locator("#password").inner_text()


def logged_in(chromium: Browser, hub: Hub, email: str, password: str) -> Page:
    page = chromium.new_context().new_page()
    page.goto(f"{hub.running.url}/console/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One for all of these tests."""
    with running_hub(tmp_path_factory.mktemp("hub") / "data", BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running:
        yield Hub(running, Sandbox(f"{running.url}/sandbox"))


@pytest.fixture
def admin(hub: Hub, chromium: Browser) -> Page:
    page = chromium.new_context().new_page()
    gallery.sign_in(page, hub)
    return page


def test_members_see_and_do_what_their_role_lets_them(admin: Page, hub: Hub, chromium: Browser) -> None:
    instance = hub.create()
    passwords = {email: invite(admin, hub, email, email.partition("@")[0]) for email in (OPERATOR, VIEWER)}
    operator, viewer = (logged_in(chromium, hub, email, password) for email, password in passwords.items())
    for page in (operator, viewer):
        expect(page.get_by_role("link", name="Audit log")).to_have_count(0)
        page.goto(f"{hub.running.url}/console/account/organization")
        expect(page.get_by_role("link", name="Members")).to_have_count(0)
        expect(page.get_by_role("button", name="Show")).to_have_count(0)
        page.goto(f"{hub.running.url}/console/account/members")
        expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
        page.goto(f"{hub.running.url}/console/instances/{instance}")
        expect(page.get_by_role("button", name="Show the token")).to_have_count(0)
    expect(operator.get_by_role("button", name="Poll now")).to_be_visible()
    expect(viewer.get_by_role("button")).to_have_count(0)  # the log-out is in a menu that is closed

    row = admin.get_by_role("row", name=re.compile(VIEWER))
    admin.goto(f"{hub.running.url}/console/account/members")
    row.get_by_text("More").click()
    row.get_by_role("button", name="Lock out").click()
    expect(row.get_by_text("locked out")).to_be_visible()
    viewer.reload()
    expect(viewer.get_by_role("heading", name="Log in")).to_be_visible()
    close(admin.context, operator.context, viewer.context)


def test_a_secret_is_shown_copied_and_changed_over(admin: Page, hub: Hub, chromium: Browser) -> None:
    admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    admin.goto(f"{hub.running.url}/console/account")
    admin.get_by_role("button", name="Show").click()
    secret = admin.locator("#secret").inner_text()
    assert secret in hub.header["Authorization"]
    admin.get_by_role("button", name="Copy").click()
    expect(admin.get_by_role("button", name="Copied")).to_be_visible()
    assert admin.evaluate("navigator.clipboard.readText()") == secret

    admin.get_by_text("Replace it").click()
    admin.get_by_role("button", name="Make a new one").click()
    expect(admin.get_by_text("The old one is good for 24 hours more.")).to_be_visible()
    admin.get_by_role("button", name="Show").click()
    new = {"Authorization": hub.header["Authorization"].replace(secret, admin.locator("#secret").inner_text())}
    assert new != hub.header
    old = dict(hub.header)
    assert [answer(hub, header) for header in (old, new)] == [200, 200]
    admin.get_by_role("button", name="End it now").click()
    expect(admin.get_by_text("refused from now on")).to_be_visible()
    assert [answer(hub, header) for header in (old, new)] == [401, 200]
    hub.header.update(new)
    close(admin.context)


def answer(hub: Hub, header: dict[str, str]) -> int:
    return requests.get(f"{hub.running.url}/instances", headers=header, timeout=10).status_code


def close(*contexts: BrowserContext) -> None:
    for context in contexts:
        context.close()
