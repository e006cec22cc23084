import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.act_on import Sandbox
from tests.end_to_end.api import Hub
from tests.running import running_hub

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "a-password-for-tests"


def installed() -> str | None:
    """Where Chromium is, if it is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The installed Chromium; without one the test is skipped, with CI=true it fails."""
    path = installed()
    if path is None and os.environ.get("CI") != "true":
        pytest.skip("Chromium is not installed")
    assert path, "Chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A healthy hub whose administrator has a known password."""
    with running_hub(tmp_path / "data", BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running:
        yield Hub(running, Sandbox(f"{running.url}/sandbox"))
