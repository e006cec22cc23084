"""The programs of the page "How to connect", as they stand there, against a running hub."""

import html
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.act_on import REDIRECT, Sandbox
from tests.end_to_end.api import Hub
from tests.running import free_port, running_hub, wait_until

PASSWORD = "a-password-for-tests"
KEY = "a key for tests"
RUNS = {"sh": ["bash", "-euo", "pipefail"], "py": [str(Path(".venv/bin/python").resolve())], "mjs": ["node"]}


def snippets(hub: Hub) -> dict[str, str]:
    """Every program of the page by its id, as a browser shows and copies it."""
    browser = requests.Session()
    log_in = browser.get(f"{hub.running.url}/console/login", timeout=10).text
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', log_in)
    sent = {"username": "admin@localhost", "password": PASSWORD, "csrfmiddlewaretoken": token}
    browser.post(f"{hub.running.url}/console/login", sent, timeout=10).raise_for_status()
    page = browser.get(f"{hub.running.url}/console/help/connect", timeout=10).text
    found = re.findall(r'<code id="([a-z-]+)">(.*?)</code>', page, flags=re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


def command(kind: str) -> list[str]:
    """What runs such a program. Without node the test is skipped; with CI=true it fails."""
    if kind == "mjs" and shutil.which("node") is None:
        assert os.environ.get("CI") != "true", "node is not installed"
        pytest.skip("node is not installed")
    return RUNS[kind]


def environment(hub: Hub, **more: str) -> dict[str, str]:
    user, organization = re.findall(r"(?:User|Organization) ([^ ,]+)", hub.header["Authorization"])
    mine = {
        "PATH": os.environ["PATH"],
        "USER_SECRET": user,
        "ORGANIZATION_SECRET": organization,
        "ACTON_API_KEY": "my-key",
        "ACTON_API_SECRET": "my-secret",
        "OAUTH_CALLBACK_URL": REDIRECT,
        "SIGNATURE_KEY": KEY,
    }
    return mine | more


@contextmanager
def callback(hub: Hub, program: Path, kind: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The program as a callback that listens; its URL, and the process."""
    port = free_port()
    process = subprocess.Popen(
        [*command(kind), str(program)],
        env=environment(hub, PORT=str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    url = f"http://127.0.0.1:{port}/events"
    try:
        wait_until(lambda: refuses_what_is_unsigned(url), 30, "the callback listens")
        yield url, process
    finally:
        process.kill()
        process.communicate()


def refuses_what_is_unsigned(url: str) -> bool:
    try:
        answer = requests.post(url, data=b"{}", headers={"Elements-Webhook-Signature": "sha256=AAAA"}, timeout=5)
    except requests.ConnectionError:
        return False
    assert answer.status_code == 401
    return True


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A healthy hub whose administrator has a known password."""
    with running_hub(tmp_path / "data", BOOTSTRAP_ADMIN_PASSWORD=PASSWORD) as running:
        yield Hub(running, Sandbox(f"{running.url}/sandbox"))


def test_each_program_of_the_page_does_what_it_says(tmp_path: Path, hub: Hub) -> None:
    programs = snippets(hub)
    assert programs.keys() >= {f"{task}-{kind}" for task in ("create", "check") for kind in RUNS}
    for name, text in programs.items():
        assert "{{" not in text
        (tmp_path / name).with_suffix(f".{name.rpartition('-')[2]}").write_text(text)

    for kind in ("py", "mjs"):
        with callback(hub, tmp_path / f"check-{kind}.{kind}", kind) as (url, process):
            create(hub, tmp_path, kind, url)
            assert process.stdout
            assert process.stdout.readline().startswith("CREATED contacts l-0001:")
    create(hub, tmp_path, "sh", f"{hub.act_on.url}/inbox/first")
    message = wait_until(hub.act_on.inbox, 30, "it arrives in the inbox")[0]
    given = message["headers"]["Elements-Webhook-Signature"]
    for body, code in ((message["text"], 0), (message["text"] + " ", 1)):
        (tmp_path / "body.json").write_text(body)
        checked = [*RUNS["sh"], str(tmp_path / "check-sh.sh")]
        env = environment(hub, GIVEN=given)
        assert subprocess.run(checked, env=env, cwd=tmp_path, timeout=30, check=False).returncode == code


def create(hub: Hub, folder: Path, kind: str, callback_url: str) -> None:
    """Run the program that makes an instance; and change a contact, so that its callback is told."""
    made = subprocess.run(
        [*command(kind), str(folder / f"create-{kind}.{kind}")],
        env=environment(hub, CALLBACK_URL=callback_url, ACTON_CODE=hub.act_on.code()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    instance = max(each["id"] for each in hub.ok("GET", "/instances"))
    hub.act_on.account("POST", "/lists/l-0001/contacts", {"Email": f"{kind}@example.com"})
    hub.poll(instance)
