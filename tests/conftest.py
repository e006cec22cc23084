"""What every test may use: an organization with its user, and a client that carries their header."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts import bootstrap
from accounts.models import Organization, User
from acton_hub import steady
from tests.act_on import Sandbox
from tests.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def travelling_is_time_passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """time_machine moves the wall clock alone, which the hub would take for a clock that was set."""
    monkeypatch.setattr(steady, "seconds", time.time)


@pytest.fixture
def clock_is_set(travelling_is_time_passing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test time_machine sets the wall clock, and no time passes by that."""
    monkeypatch.setattr(steady, "seconds", time.monotonic)


@pytest.fixture
def organization(db: None) -> Organization:
    return bootstrap.create_organization("Test", "engineer@example.com")[0]


@pytest.fixture
def user(organization: Organization) -> User:
    user = organization.users.get()
    assert isinstance(user, User)
    return user


def authorization(user: User) -> dict[str, str]:
    return {"Authorization": f"User {user.secret}, Organization {user.organization.secret}"}


@pytest.fixture
def api(user: User) -> Client:
    """The API, as this organization's user calls it."""
    return Client(headers=authorization(user))


@pytest.fixture
def act_on(live_server: Any, settings: Any) -> Sandbox:
    """The sandbox, served by a thread of this process, with one account made; the hub's code reaches it by HTTP."""
    settings.SANDBOX_API_URL = f"{live_server.url}/sandbox"
    sandbox = Sandbox(settings.SANDBOX_API_URL)
    sandbox.account("PUT", body={"lists": 2, "contacts": 3})
    return sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A callback."""
    with receiving() as receiver:
        yield receiver
