"""Settings of a server behind a proxy that ends TLS: what Django warns of is settled, and cookies keep to TLS."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.running import CHECKOUT, running_hub

PRODUCTION = {"PUBLIC_URL": "https://hub.example.com", "BEHIND_PROXY": "true"}


def manage(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments, "--settings=acton_hub.settings"],
        cwd=CHECKOUT, env={"PATH": os.environ["PATH"]} | env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_deployment_check_finds_nothing(tmp_path: Path) -> None:
    found = manage("check", "--deploy", "--fail-level=WARNING", DATA_DIR=str(tmp_path), **PRODUCTION)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("ENCRYPTION_KEYS", "changeme"), ("BEHIND_PROXY", "perhaps"), ("LOG_FORMAT", "xml")]
)
def test_what_cannot_be_used_ends_the_start_with_one_line_without_the_secret(
    tmp_path: Path, name: str, value: str
) -> None:
    found = manage("check", DATA_DIR=str(tmp_path), **(PRODUCTION | {name: value}))
    assert found.returncode != 0
    assert name in found.stderr
    assert "Traceback" not in found.stderr
    assert name != "ENCRYPTION_KEYS" or value not in found.stderr


def test_secrets_are_made_up_for_each_hub_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    made = []
    for number in range(2):
        folder = tmp_path / str(number)
        assert manage("check", DATA_DIR=str(folder)).returncode == 0
        files = [path for path in folder.iterdir() if path.is_file() and "key" in path.name]
        assert len(files) == 2
        assert all(path.stat().st_mode & 0o077 == 0 for path in files)
        made.append({path.read_text() for path in files})
    assert not made[0] & made[1]


def test_behind_a_proxy_cookies_keep_to_tls_and_answers_say_so(tmp_path: Path) -> None:
    said = {"Host": "hub.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    with running_hub(tmp_path / "data", **PRODUCTION) as running:
        page = requests.get(f"{running.url}/console/login", headers=said, timeout=10)
        assert page.status_code == 200
        assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["X-Frame-Options"] == "DENY"
        cookies = [text for name, text in page.raw.headers.items() if name == "Set-Cookie"]
        assert cookies
        assert all("Secure" in text and "SameSite=Lax" in text for text in cookies)
        plain = requests.get(f"{running.url}/console/login", headers={"Host": "hub.example.com"}, timeout=10)
        assert "Strict-Transport-Security" not in plain.headers
