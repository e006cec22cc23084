"""A secret is replaced while programs go on with the one before it, for as long as was chosen and no longer."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import bootstrap, secret_rotation
from accounts.models import FormerSecret, User
from tests.conftest import authorization

pytestmark = pytest.mark.django_db(databases="__all__")
HOUR = timedelta(hours=1)


def accepted(header: dict[str, str]) -> bool:
    status = Client(headers=header).get("/instances").status_code
    assert status in (200, 401)
    return status == 200


@pytest.mark.parametrize("whose", ["user", "organization"])
def test_both_are_good_for_the_chosen_time_and_then_only_the_new_one(user: User, whose: str) -> None:
    before = authorization(user)
    secret_rotation.rotate(user if whose == "user" else user.organization, HOUR, timezone.now())
    after = authorization(user)
    assert before != after
    assert accepted(before)
    assert accepted(after)
    with time_machine.travel(timezone.now() + HOUR, tick=False):
        assert not accepted(before)
        assert accepted(after)
        secret_rotation.prune(timezone.now())
    assert not FormerSecret.objects.exists()


def test_a_leaked_secret_ends_at_once_and_all_former_ones_with_it(user: User) -> None:
    first = authorization(user)
    secret_rotation.rotate(user, HOUR, timezone.now())
    second = authorization(user)
    secret_rotation.rotate(user, timedelta(), timezone.now())
    assert not accepted(first)
    assert not accepted(second)
    assert accepted(authorization(user))


def test_one_former_secret_can_be_ended_and_the_other_goes_on(user: User) -> None:
    headers = []
    for _ in range(2):
        headers.append(authorization(user))
        secret_rotation.rotate(user, HOUR, timezone.now())
    assert secret_rotation.end(user, user.former_secrets.order_by("pk")[0].pk)
    assert [accepted(header) for header in headers] == [False, True]


def test_a_former_secret_opens_nothing_of_others(user: User) -> None:
    other = bootstrap.create_organization("Other", "stranger@example.com")[1]
    theirs = other.organization.secret
    secret_rotation.rotate(other.organization, HOUR, timezone.now())
    secret_rotation.rotate(user, HOUR, timezone.now())
    assert not accepted({"Authorization": f"User {user.secret}, Organization {theirs}"})
    assert not secret_rotation.end(other, user.former_secrets.get().pk)


def test_a_user_who_is_locked_out_has_no_former_secret_either(user: User) -> None:
    before = authorization(user)
    secret_rotation.rotate(user, HOUR, timezone.now())
    User.objects.update(is_active=False)
    assert not accepted(before)


def test_former_secrets_outlive_a_new_encryption_key(user: User, settings: Any) -> None:
    before = authorization(user)
    secret_rotation.rotate(user.organization, HOUR, timezone.now())
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    call_command("rotate_keys")
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert accepted(before)


@pytest.mark.parametrize("keep", [timedelta(seconds=-1), timedelta(days=31)])
def test_no_other_time_can_be_chosen(user: User, keep: timedelta) -> None:
    before = authorization(user)
    with pytest.raises(ValueError, match="30 days at most"):
        secret_rotation.rotate(user, keep, timezone.now())
    assert accepted(before)
