"""A member of an organization at the browser, and a stranger with things of her own."""

import pytest
from django.test import Client

from accounts.models import User
from tests.console import rows


@pytest.fixture
def member(db: None) -> User:
    return rows.user()


@pytest.fixture
def stranger(db: None) -> User:
    return rows.user("Other", "stranger@other.example")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    """The pages, as the member sees them."""
    client.force_login(member)
    return client
