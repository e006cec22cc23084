from collections.abc import Iterator

import pytest

from accounts.models import User
from tests.polling.world import World


@pytest.fixture
def world(user: User) -> Iterator[World]:
    world = World(user)
    yield world
    world.clock.stop()
