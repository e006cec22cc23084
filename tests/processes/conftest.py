from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import RunningHub


@pytest.fixture
def new_hub(tmp_path: Path) -> Iterator[Callable[..., RunningHub]]:
    """Makes hubs, not started yet, each with a folder of its own; nothing of them is left after the test."""
    made: list[RunningHub] = []

    def make(name: str = "data", **env: str | None) -> RunningHub:
        made.append(RunningHub(tmp_path / name, **env))
        return made[-1]

    yield make
    for hub in made:
        hub.close()


@pytest.fixture
def hub(new_hub: Callable[..., RunningHub]) -> RunningHub:
    """A healthy hub."""
    return new_hub().start()
