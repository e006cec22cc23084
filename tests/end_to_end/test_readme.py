"""The README's own commands, as they stand there, against a running hub."""

import re
import subprocess

from tests.end_to_end.api import Hub
from tests.running import CHECKOUT, wait_until

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def commands(heading: str) -> list[str]:
    """The shell blocks of a section of the README, in order."""
    section = re.split(r"^## ", README, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    return re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_your_first_event_in_a_minute(hub: Hub) -> None:
    blocks = commands("Your first event")
    assert len(blocks) == 5
    script = "\n".join(["set -euo pipefail", *blocks[:-1]])
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=CHECKOUT,
        env=hub.running.env | {"HUB": hub.running.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    wait_until(lambda: len(hub.act_on.delivered()) == 2, 60, "both events are in the inbox")
    assert {entry["eventType"] for entry in hub.act_on.delivered()} == {"CREATED", "UPDATED"}
    events = hub.ok("GET", "/instances/1/events")
    assert [entry["objectType"] for entry in events]
    (token,) = re.findall(r'"token": "([^"]+)"', ran.stdout)
    assert token


def test_what_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (CHECKOUT / target).exists(), target


def test_every_setting_of_the_readme_is_described_in_the_example_file() -> None:
    example = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
    table = README.partition("## Settings")[2].partition("## Where")[0]
    names = re.findall(r"`([A-Z][A-Z_]+)`", table)
    assert len(names) >= 9
    for name in names:
        assert f"{name}=" in example, name
