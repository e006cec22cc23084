"""Calls to be pasted into a shell: nothing that somebody else wrote gets out of its quotes."""

import subprocess
from pathlib import Path

import pytest

from console import curl
from instances.configuration import MASK

# The first is what the hub marks its own variables with; a file that was brought in may hold it, too.
NASTY = [
    "\ue000(touch made)\ue001",
    "\\ue000(touch made)\\ue001",
    "\ue000(touch made)",
    "'; touch made; '",
    "$(touch made)`touch made`",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_call_of_an_instance_runs_nothing_else(text: str, tmp_path: Path) -> None:
    raw = {"oauth.api.secret": MASK, "oauth.api.key": text, text: "x"}
    call = curl.send_instance({"name": text, "configuration": raw}, None)
    script = f'curl() {{ printf "%s\\n" "$@"; }}\n{call}'
    ran = subprocess.run(
        ["bash"], input=script.encode(), cwd=tmp_path, env={"CODE": "the-code", "AUTH": "A"}, check=True,
        capture_output=True,
    )  # fmt: skip
    assert not list(tmp_path.iterdir()), call
    assert '"code": "the-code"' in ran.stdout.decode()
