"""Settings of a server behind a proxy that ends TLS: what Django warns of is settled, and no secret is a default."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.running import CHECKOUT, free_port

PRODUCTION = {
    "PUBLIC_URL": "https://hub.example.com",
    "BEHIND_PROXY": "true",
    "SECRET_KEY": "xkcd-936-correct-horse-battery-staple-0123456789-abcdefghijk",
    "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}


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


@pytest.mark.parametrize("name", ["SECRET_KEY", "ENCRYPTION_KEYS"])
@pytest.mark.parametrize(
    "value", [None, "", "changeme", "django-insecure-" + "x9" * 30, "a" * 60, "A" * 43 + "=", "0123456789" * 3]
)
def test_production_does_not_start_with_a_default_or_missing_secret(
    tmp_path: Path, name: str, value: str | None
) -> None:
    env = {key: given for key, given in (PRODUCTION | {name: value}).items() if given is not None}
    for command in (["web"], ["worker"], ["start"], ["check"]):
        found = manage(*command, DATA_DIR=str(tmp_path), **env)
        assert found.returncode == 1
        assert found.stderr.startswith(name)
        assert len(found.stderr.splitlines()) == 1
        assert not value or value not in found.stderr
        if value:
            break  # all of them read the same settings
    assert not list(tmp_path.iterdir()), "nothing was made up"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOTSTRAP_ADMIN_PASSWORD", "password"),
        ("BOOTSTRAP_USER_SECRET", "short"),
        ("BOOTSTRAP_ORGANIZATION_SECRET", "secret"),
    ],
)
def test_production_makes_no_first_user_with_a_secret_that_can_be_guessed(
    tmp_path: Path, name: str, value: str
) -> None:
    found = manage("start", DATA_DIR=str(tmp_path), PORT=str(free_port()), **PRODUCTION, **{name: value})
    assert found.returncode == 1
    assert f"{name} cannot be used" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_production_hub_takes_secrets_that_are_kept_in_its_folder(tmp_path: Path) -> None:
    """As a hub that was tried out, and then got a name, has them."""
    assert manage("check", DATA_DIR=str(tmp_path)).returncode == 0
    env = {name: value for name, value in PRODUCTION.items() if "KEY" not in name}
    assert manage("check", "--deploy", "--fail-level=WARNING", DATA_DIR=str(tmp_path), **env).returncode == 0


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


def test_no_secret_and_no_data_come_into_an_image_and_all_code_does() -> None:
    """Everything is left out but what is named; what is named is there, and every folder of the hub is among it."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    named = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert all((CHECKOUT / name).exists() for name in named)
    assert not named & {".env", ".git", ".venv", "var", "tests", "."}
    code = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert named >= code | {"templates", "static", "manage.py", "requirements.txt"}
