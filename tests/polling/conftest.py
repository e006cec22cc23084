from collections.abc import Iterator

import pytest

from accounts.models import User
from polling import provisioning
from polling.models import Poller
from tests.act_on import Sandbox
from tests.polling.world import World


@pytest.fixture
def world(user: User) -> Iterator[World]:
    world = World(user)
    yield world
    world.clock.stop()


@pytest.fixture
def poller(user: User, act_on: Sandbox) -> Poller:
    """The contacts poller of an instance that was just authenticated."""
    body = act_on.body()
    grant = provisioning.Grant(code=body["providerData"]["code"])
    instance = provisioning.create(user, name="n", tags=[], raw=body["configuration"], grant=grant)
    return instance.pollers.get()
