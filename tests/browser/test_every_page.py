"""Every page, wide and narrow, light and dark: axe-core finds nothing, nothing is scrolled sideways, no errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.act_on import Sandbox
from tests.browser import world
from tests.browser.conftest import PASSWORD
from tests.browser.world import World
from tests.console import pages
from tests.end_to_end.api import Hub
from tests.running import running_hub

AXE = (Path(__file__).parent.parent / "vendor" / "axe-core-4.14.1.min.js").read_text(encoding="utf-8")
WIDE, NARROW = 1280, 390
# All rules that axe-core has switched on, and that of WCAG 2.2 for the size of what is pressed.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
# What the routes of the console do not show by themselves.
FURTHER = {
    "filtered away": "/console/events?object_id=none",
    "a wrong filter": "/console/events?begin=2026-01-02T00:00&end=2026-01-01T00:00",
    "searched in vain": "/console/instances?q=none",
    "no such page": "/console/nowhere",
    "a code": "/oauth/callback?code=abc&state=mine",
    "a refusal": "/oauth/callback?error=access_denied&error_description=No&state=mine",
    "a state of nobody": "/oauth/callback?code=abc&state=console-unknown",
    "the API": "/elements/api-docs",
    "the sandbox": "/sandbox/",
    "an account of the sandbox": "/sandbox/accounts/acme",
    "a list of the sandbox": "/sandbox/accounts/acme/lists/l-0001",
    "the inboxes": "/sandbox/inbox/",
    "an inbox": "/sandbox/inbox/acme",
    "Act-On's log-in": "/sandbox/authorize?response_type=code&client_id=my-key&redirect_uri=http://x.example/&state=s",
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_hub(tmp_path_factory.mktemp("hub") / "data", BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running:
        yield world.build(Hub(running, Sandbox(f"{running.url}/sandbox")), hours=12)


def sign_in(page: Page, hub: Hub) -> None:
    page.goto(f"{hub.running.url}/console/login")
    page.get_by_label("E-mail").fill("admin@localhost")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def faults(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe-core finds, a line an element."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{rule['id']}: {node['html'][:150]} {node['failureSummary'][:300]!r}"
        for rule in found
        for node in rule["nodes"]
    ]


def look(page: Page) -> list[str]:
    """All that is wrong with the page that is open, each with the variant that shows it."""
    wrong = []
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light")
        wrong += [f"{width} light: {line}" for line in faults(page, OPTIONS)]
        page.emulate_media(color_scheme="dark")
        wrong += [f"{width} dark: {line}" for line in faults(page, COLOURS)]
    if page.evaluate("document.documentElement.scrollWidth") > NARROW:
        wrong.append(f"{NARROW}: has to be scrolled sideways")
    return wrong


def test_nothing_is_wrong_with_any_page(full: World, chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": WIDE, "height": 900}, reduced_motion="reduce")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    wrong: dict[str, list[str]] = {}
    page.goto(f"{full.hub.running.url}/console/login")
    wrong["login"] = look(page)
    sign_in(page, full.hub)
    routes = {name: pages.path(name, full.ids) for name in pages.ROUTES if name not in pages.OPEN}
    looked_at = 0
    for name, path in (routes | FURTHER).items():
        answer = page.request.get(full.hub.running.url + path)
        if answer.status == 405 or "attachment" in answer.headers.get("content-disposition", ""):
            continue  # what is done, not shown; what is downloaded
        page.goto(full.hub.running.url + path)
        if page.locator("html[lang]").count():
            looked_at += 1
            wrong[name] = look(page)
    page.close()
    lines = [f"{name} {line}" for name, found in wrong.items() for line in found]
    assert not lines, "\n".join(lines)
    assert not errors
    assert looked_at > len(FURTHER) + 10
