"""The event log in a browser, against a running hub: filter, live tail, trace, redelivery, curl, export, dashboard."""

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.act_on import Sandbox
from tests.browser.conftest import PASSWORD
from tests.browser.test_first_event import sign_in
from tests.end_to_end.api import Hub
from tests.running import running_hub, wait_until

LIST = "l-0001"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for all tests here, with an instance; each test makes contacts of its own."""
    folder = tmp_path_factory.mktemp("event-log") / "data"
    with running_hub(folder, BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running:
        hub = Hub(running, Sandbox(f"{running.url}/sandbox"))
        hub.create(**{"event.notification.signature.key": "the key"})
        yield hub


@pytest.fixture
def context(chromium: Browser, shared: Hub) -> Iterator[BrowserContext]:
    """Somebody in New York who has logged in. An error in a script fails the test."""
    errors: list[str] = []
    context = chromium.new_context(timezone_id="America/New_York", viewport={"width": 1280, "height": 900})
    context.on("weberror", lambda error: errors.append(str(error.error)))
    page = context.new_page()
    sign_in(page, shared)
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    page.close()
    yield context
    context.close()
    assert not errors


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def instance_of(hub: Hub) -> int:
    return int(hub.ok("GET", "/instances")[0]["id"])


def add(hub: Hub, *emails: str) -> list[str]:
    """Add contacts, poll, and wait until they are notified; returns their object ids."""
    made = [hub.act_on.account("POST", f"/lists/{LIST}/contacts", {"Email": email}) for email in emails]
    assert hub.poll(instance_of(hub))["status"] == "succeeded"
    ids = [str(contact["id"]) for contact in made]
    wait_until(lambda: set(ids) <= {each["objectId"] for each in hub.act_on.delivered()}, 30, "they are delivered")
    path = f"/instances/{instance_of(hub)}/events"
    wait_until(lambda: {event["status"] for event in hub.ok("GET", path)} == {"NOTIFIED"}, 30, "they are notified")
    return ids


def row(page: Page, object_id: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_text(object_id, exact=True))


def reload_until(page: Page, condition: Callable[[], bool], what: str) -> None:
    def reloaded() -> bool:
        page.reload()
        return condition()

    wait_until(reloaded, 30, what)


def test_a_filter_stands_in_the_url_and_can_be_shared(
    context: BrowserContext, page: Page, shared: Hub, chromium: Browser
) -> None:
    wanted, other = add(shared, "wanted@example.com", "other@example.com")
    page.goto(f"{shared.running.url}/console/events")
    page.get_by_label("Object id").fill(wanted)
    page.get_by_label("Type").select_option("CREATED")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("navigation", name="Time").get_by_role("link", name="last hour").click()
    expect(row(page, wanted)).to_be_visible()
    expect(row(page, other)).to_have_count(0)
    expect(page.get_by_text("1 change", exact=True)).to_be_visible()

    moment = row(page, wanted).locator("time")
    utc, local = moment.get_attribute("datetime"), moment.inner_text()
    assert utc is not None
    assert local != utc.replace("T", " ")[:19], "shown in the reader's zone"
    assert moment.get_attribute("title") == f"{utc.replace('T', ' ')[:19]} UTC"

    plain = chromium.new_context(java_script_enabled=False, storage_state=context.storage_state())
    elsewhere = plain.new_page()
    elsewhere.goto(page.url)
    expect(row(elsewhere, wanted)).to_contain_text(f"{utc.replace('T', ' ')[:19]} UTC")
    expect(row(elsewhere, other)).to_have_count(0)
    plain.close()


def test_moments_are_typed_in_the_readers_zone_and_shared_in_utc(page: Page, shared: Hub) -> None:
    page.goto(f"{shared.running.url}/console/events?begin=2026-01-02T15:30")
    expect(page.get_by_label("From (your time)")).to_have_value("2026-01-02T10:30")
    page.get_by_label("To (your time)").fill("2026-01-02T11:00")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("end=2026-01-02T16%3A00"))
    assert "begin=2026-01-02T15%3A30" in page.url
    page.reload()
    expect(page.get_by_label("From (your time)")).to_have_value("2026-01-02T10:30")


def test_on_other_pages_moments_are_typed_in_the_readers_zone_too(page: Page, shared: Hub) -> None:
    page.goto(f"{shared.running.url}/console/audit")
    page.get_by_label("From (your time)").fill("2026-01-02T10:30")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("since=2026-01-02T15%3A30&until="))
    expect(page.get_by_label("From (your time)")).to_have_value("2026-01-02T10:30")

    page.goto(f"{shared.running.url}/console/events/why")
    page.get_by_label("Object id").fill("l-0001:1")
    page.get_by_label("Changed (your time)").fill("2026-01-02T10:30")
    page.get_by_role("button", name="Find out").click()
    page.wait_for_url(re.compile("changed=2026-01-02T15%3A30"))

    page.goto(f"{shared.running.url}/console/instances/{instance_of(shared)}")
    page.get_by_text("Set back").click()
    page.get_by_label("Everything since (your time)").fill("2026-01-02T10:30")
    with page.expect_request("**/backfill") as asked:
        page.get_by_role("button", name="Dry run").click()
    assert "from=2026-01-02T15%3A30" in (asked.value.post_data or "")


def test_without_scripts_moments_are_typed_in_utc_and_labelled_so(
    context: BrowserContext, shared: Hub, chromium: Browser
) -> None:
    plain = chromium.new_context(java_script_enabled=False, storage_state=context.storage_state())
    page = plain.new_page()
    page.goto(f"{shared.running.url}/console/audit?since=2026-01-02T15:30")
    expect(page.get_by_label("From (UTC)")).to_have_value("2026-01-02T15:30")
    plain.close()


def test_distances_grow_while_one_looks_and_not_while_the_tab_is_hidden(page: Page, shared: Hub) -> None:
    shared.poll(instance_of(shared))
    page.clock.install()
    page.goto(f"{shared.running.url}/console/instances/{instance_of(shared)}")
    figure = page.locator(".stats div")
    last = figure.filter(has_text="Last poll").locator("time")
    following = figure.filter(has_text="Next poll").locator("time")
    expect(last).to_have_text(re.compile(r"^\d+ s ago"))
    expect(following).to_have_text(re.compile("^in "))
    page.clock.run_for(125_000)
    expect(last).to_have_text("2 min ago")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(3 * 3_600_000)
    expect(last).to_have_text("2 min ago")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(last).to_have_text("3 h 2 min ago")
    expect(following).to_have_text("now")


def test_the_live_tail_shows_what_comes_in_and_can_be_paused(page: Page, shared: Hub) -> None:
    asked: list[str] = []
    page.clock.install()
    page.on("request", lambda request: asked.append(request.url) if "/events/tail" in request.url else None)
    page.goto(f"{shared.running.url}/console/events?object_id={LIST}:*")
    page.get_by_role("button", name="Live").click()
    (first,) = add(shared, "live@example.com")
    expect(row(page, first)).to_contain_text("NOTIFIED", timeout=15_000)
    expect(row(page, first)).to_have_count(1)

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused")).to_be_visible()
    before = len(asked)
    (second,) = add(shared, "paused@example.com")
    page.clock.fast_forward("01:00")
    expect(row(page, second)).to_have_count(0)
    assert len(asked) == before

    page.get_by_role("button", name="Live").click()
    expect(row(page, second)).to_contain_text("NOTIFIED", timeout=15_000)
    shown = page.locator("#changes td.id").all_inner_texts()
    assert shown.index(second) < shown.index(first)
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_test_event_comes_by_itself(context: BrowserContext, shared: Hub, chromium: Browser, scripts: bool) -> None:
    elsewhere = chromium.new_context(java_script_enabled=scripts, storage_state=context.storage_state())
    page = elsewhere.new_page()
    page.goto(f"{shared.running.url}/console/events?resource=test")
    before = page.locator("#changes tr").count()
    page.goto(f"{shared.running.url}/console/instances/{instance_of(shared)}")
    page.locator("summary", has_text="More").click()
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_text("A test event is on its way")).to_be_visible()
    expect(page.locator("#changes tr")).to_have_count(before + 1, timeout=15_000)
    expect(page.locator("#changes tr").first).to_contain_text("NOTIFIED", timeout=15_000)
    elsewhere.close()


def test_a_trace_leads_from_the_record_to_the_answer_and_delivers_again(
    context: BrowserContext, page: Page, shared: Hub
) -> None:
    (contact,) = add(shared, "trace@example.com")
    page.goto(f"{shared.running.url}/console/events?object_id={contact}")
    row(page, contact).get_by_role("link").first.click()
    for shown in ("trace@example.com", f"GET /api/1/list/{LIST}?", "Elements-Webhook-Signature: sha256="):
        expect(page.get_by_text(shown).first).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="200")).to_have_count(1)
    page.get_by_role("button", name="Redeliver").click()
    expect(page.get_by_text("It is delivered again, with the same id")).to_be_visible()
    attempts = page.get_by_role("table", name="Attempts").locator("tbody tr")
    reload_until(page, lambda: attempts.count() == 2, "the second attempt is shown")

    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("As curl").click()
    page.locator("details").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    call = str(page.evaluate("navigator.clipboard.readText()"))
    subprocess.run(["bash"], input=call.encode(), check=True, capture_output=True, timeout=60)
    messages = [each for each in shared.act_on.inbox() if "trace@example.com" in each["text"]]
    assert len(messages) == 3, "the first attempt, the second one, and the call"
    assert len({each["text"] for each in messages}) == 1
    for header in ("Elements-Webhook-Id", "Elements-Webhook-Signature", "Content-Type"):
        assert len({each["headers"][header] for each in messages}) == 1


@pytest.mark.parametrize("kind", ["CSV", "NDJSON"])
def test_an_export_holds_the_filter_and_tells_how_far_it_is(page: Page, shared: Hub, tmp_path: Path, kind: str) -> None:
    ids = add(shared, *(f"{kind}-{number}@example.com".lower() for number in range(3)))
    page.goto(f"{shared.running.url}/console/events?object_id={ids[1]}")
    page.get_by_role("link", name="Export").click()
    expect(page.get_by_text("1 change, newest first.")).to_be_visible()
    expect(page.get_by_text("Nothing is written yet")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(f"^{kind}")).click()
    path = tmp_path / "export"
    download.value.save_as(path)
    text = path.read_text()
    found: list[Any] = list(csv.DictReader(io.StringIO(text)))
    if kind == "NDJSON":
        found = [json.loads(line) for line in text.splitlines()]
    assert [each["objectId"] for each in found] == [ids[1]]
    if kind == "NDJSON":
        assert found[0]["record"]["Email"] == "ndjson-1@example.com"
    expect(page.locator("#progress")).to_contain_text(f"1 row written to the {kind} file")


def test_the_dashboard_and_the_story_of_one_contact(page: Page, shared: Hub) -> None:
    (contact,) = add(shared, "story@example.com")
    page.goto(f"{shared.running.url}/console/?by=minute")
    expect(page.get_by_role("img", name=re.compile("Last hour, by minute: [1-9]"))).to_be_visible()
    page.get_by_text("As a table").click()
    page.get_by_role("region", name="Events by minute").get_by_role("link").first.click()
    expect(page.locator("#changes tr").first).to_be_visible()
    page.get_by_role("link", name="Why is one missing?").click()
    page.get_by_label("Object id").fill(contact)
    page.get_by_role("button", name="Find out").click()
    expect(page.get_by_text("It arrived.")).to_be_visible()
    page.get_by_role("button", name="Ask Act-On for the record").click()
    expect(page.get_by_text("It is as it was seen last")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="story@example.com")).to_be_visible()
