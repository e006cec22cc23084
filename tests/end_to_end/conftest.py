from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.act_on import Sandbox
from tests.end_to_end.api import Hub
from tests.running import running_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A healthy hub with its sandbox."""
    with running_hub(tmp_path / "data") as running:
        yield Hub(running, Sandbox(f"{running.url}/sandbox"))


@pytest.fixture
def hub_apart(tmp_path: Path) -> Iterator[Hub]:
    """A healthy hub, with the sandbox and its inboxes in another process, that goes on whatever becomes of the hub."""
    with running_hub(tmp_path / "act-on", DATABASE_URL="", REDIS_URL="") as act_on:
        env = {"SANDBOX_ENABLED": "false", "ACTON_API_URL": f"{act_on.url}/sandbox"}
        with running_hub(tmp_path / "data", **env) as running:
            sandbox = Sandbox(f"{act_on.url}/sandbox")
            sandbox.account("PUT", body={"lists": 1, "contacts": 5})
            yield Hub(running, sandbox)
