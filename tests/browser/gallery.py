"""Every page that can be looked at, as the administrator of a hub with something of everything."""

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser.conftest import PASSWORD
from tests.browser.world import World
from tests.console import pages
from tests.end_to_end.api import Hub

EMPTY = {"export_progress"}  # there is none of it
WIDE, NARROW = 1280, 390
HEIGHT = 900
# What the routes of the console do not show by themselves.
FURTHER = {
    "events-filtered-away": "/console/events?object_id=none",
    "events-wrong-filter": "/console/events?begin=2026-01-02T00:00&end=2026-01-01T00:00",
    "why-found": "/console/events/why?object_id=l-0001:1",
    "why-never-seen": "/console/events/why?object_id=l-0001:999&changed=2026-01-01T00:00",
    "dashboard-by-day": "/console/?by=day",
    "instances-searched-in-vain": "/console/instances?q=none",
    "no-such-page": "/console/nowhere",
    "oauth-code": "/oauth/callback?code=abc&state=mine",
    "oauth-refusal": "/oauth/callback?error=access_denied&error_description=No&state=mine",
    "oauth-state-of-nobody": "/oauth/callback?code=abc&state=console-unknown",
    "api": "/elements/api-docs",
    "sandbox": "/sandbox/",
    "sandbox-account": "/sandbox/accounts/acme",
    "sandbox-list": "/sandbox/accounts/acme/lists/l-0001",
    "sandbox-inboxes": "/sandbox/inbox/",
    "sandbox-inbox": "/sandbox/inbox/acme",
    "sandbox-log-in": "/sandbox/authorize?response_type=code&client_id=my-key&redirect_uri=http://x.example/&state=s",
}


def sign_in(page: Page, hub: Hub) -> None:
    page.goto(f"{hub.running.url}/console/login")
    page.get_by_label("E-mail").fill("admin@localhost")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def walk(page: Page, world: World) -> Iterator[str]:
    """Open one page after the other, in `page`; the name of each, once it is there."""
    page.goto(f"{world.hub.running.url}/console/login")
    yield "login"
    sign_in(page, world.hub)
    routes = {
        name: pages.path(name, world.ids) + world.queries.get(name, "")
        for name in pages.ROUTES
        if name not in pages.OPEN
    }
    states = {f"instance-{name}": f"/console/instances/{pk}" for name, pk in world.others.items()}
    for name, path in (routes | states | FURTHER).items():
        answer = page.request.get(world.hub.running.url + path)
        if answer.status == 405 or "attachment" in answer.headers.get("content-disposition", ""):
            continue  # what is done, not shown; what is downloaded
        assert answer.ok or name not in routes or name in EMPTY, f"{path}: {answer.status}"
        page.goto(world.hub.running.url + path)
        if page.locator("html[lang]").count():  # not a part of a page
            yield name
