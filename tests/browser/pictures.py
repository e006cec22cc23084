"""A picture of every page, wide and narrow, light and dark: `python -m tests.browser.pictures FOLDER`."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import django
from playwright.sync_api import Page, sync_playwright

django.setup()  # the pages are found in the URL configuration

from tests.act_on import Sandbox  # noqa: E402
from tests.browser import gallery, world  # noqa: E402
from tests.browser.conftest import FLAGS, PASSWORD, installed  # noqa: E402
from tests.browser.gallery import HEIGHT, NARROW, WIDE  # noqa: E402
from tests.end_to_end.api import Hub  # noqa: E402
from tests.running import running_hub  # noqa: E402

SCHEMES: tuple[Any, ...] = ("light", "dark")


def take(page: Page, folder: Path, name: str) -> None:
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)


def main(folder: Path) -> None:
    path = installed()
    if path is None:
        sys.exit("Chromium is not installed: the pictures are taken with it.")
    folder.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        running_hub(Path(temporary) / "data", BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        hub = Hub(running, Sandbox(f"{running.url}/sandbox"))
        page = browser.new_page(reduced_motion="reduce")
        gallery.sign_in(page, hub)
        for name, first in (("first-visit", "/console/"), ("first-instance", "/console/instances/new?first")):
            page.goto(running.url + first)
            take(page, folder, name)
        full = world.build(hub)
        page = browser.new_page(reduced_motion="reduce")
        for name in gallery.walk(page, full):
            take(page, folder, name)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
