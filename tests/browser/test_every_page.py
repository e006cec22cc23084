"""Every page, wide and narrow, light and dark: axe-core finds nothing, nothing is scrolled sideways, no errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.act_on import Sandbox
from tests.browser import gallery, world
from tests.browser.conftest import PASSWORD
from tests.browser.gallery import HEIGHT, NARROW, WIDE
from tests.browser.world import World
from tests.end_to_end.api import Hub
from tests.running import running_hub

AXE = (Path(__file__).parent.parent / "vendor" / "axe-core-4.14.1.min.js").read_text(encoding="utf-8")
# All rules that axe-core has switched on, and that of WCAG 2.2 for the size of what is pressed.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
# What another width may change: the page is the same one.
LAYOUT = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "target-size", "scrollable-region-focusable"]}

# A cell of a row that became a card is a label and one thing beside it: a second one falls below the label, and a badge
# that is not in another element is as wide as the cell.
NOT_BESIDE_THEIR_LABEL = """
    [...document.querySelectorAll(".stack :is(td, tbody th)[data-label]")].filter((cell) => {
        const shown = [...cell.childNodes].filter((node) => node.textContent.trim());
        return shown.length > 1 || cell.querySelector(":scope > .status");
    }).map((cell) => cell.outerHTML.slice(0, 200))
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_hub(tmp_path_factory.mktemp("hub") / "data", BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running:
        built = world.build(Hub(running, Sandbox(f"{running.url}/sandbox")), hours=12)
        # One with events whose name and tag have nowhere to be broken: no page may be scrolled sideways for them.
        built.hub.ok(
            "PATCH", f"/instances/{built.others['refused']}", {"name": f"Service {'W' * 90}", "tags": ["t" * 60]}
        )
        yield built


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
    for width, options in ((WIDE, OPTIONS), (NARROW, LAYOUT)):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme="light")
        wrong += [f"{width} light: {line}" for line in faults(page, options)]
        page.emulate_media(color_scheme="dark")
        wrong += [f"{width} dark: {line}" for line in faults(page, COLOURS)]
    wrong += [f"{NARROW}: not beside its label: {cell}" for cell in page.evaluate(NOT_BESIDE_THEIR_LABEL)]
    if page.evaluate("document.documentElement.scrollWidth") > NARROW:
        wrong.append(f"{NARROW}: has to be scrolled sideways")
    return wrong


def test_nothing_is_wrong_with_any_page(full: World, chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": WIDE, "height": HEIGHT}, reduced_motion="reduce")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    wrong = {name: look(page) for name in gallery.walk(page, full)}
    page.close()
    lines = [f"{name} {line}" for name, found in wrong.items() for line in found]
    assert not lines, "\n".join(lines)
    assert not errors
    assert len(wrong) > len(gallery.FURTHER) + 10


def test_a_button_can_be_read_under_the_pointer(full: World, chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": WIDE, "height": HEIGHT}, reduced_motion="reduce", color_scheme="dark")
    gallery.sign_in(page, full.hub)
    page.goto(f"{full.hub.running.url}/console/instances/{full.ids['instance_id']}")
    for name in ("Poll now", "Pause"):
        page.get_by_role("button", name=name, exact=True).hover()
        assert not faults(page, COLOURS), name
    page.close()
