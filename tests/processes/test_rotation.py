"""`manage.py rotate_keys`: everything under the newest key, found as before, online and resumable."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from accounts.models import User
from acton_hub.encryption import lookup_hash
from elements.acton import limits
from elements.models import CallBudget, Connection
from instances.models import Instance
from processes import rotation
from tests import rows
from tests.conftest import authorization

pytestmark = pytest.mark.django_db(databases="__all__")


def test_everything_is_found_and_read_with_the_new_key_alone(user: User, settings: Any) -> None:
    instance = rows.instance(user, signature_key="planted-key")
    connection = instance.connection
    CallBudget.objects.filter(pk=connection.budget_id).update(
        scope=limits.scope_of(connection.host, connection.api_key, connection.account)
    )
    before = (instance.token, instance.webhook_key, instance.signature_key, connection.refresh_token)
    header = authorization(user)
    old, new = settings.ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.ENCRYPTION_KEYS = [new, old]
    assert Client(headers=header).get("/instances").status_code == 200, "the old key is tried in look-ups"
    assert limits.budget_for(connection.host, connection.api_key, connection.account).pk == connection.budget_id
    call_command("rotate_keys")

    settings.ENCRYPTION_KEYS = [new]
    instance = Instance.objects.select_related("connection").get()
    after = (instance.token, instance.webhook_key, instance.signature_key, instance.connection.refresh_token)
    assert after == before
    assert Client(headers=header).get(f"/instances/{instance.pk}").json()["token"] == instance.token
    by_token = {"Authorization": f"User {user.secret}, Element {instance.token}"}
    assert Client(headers=by_token).get("/instances").json()["id"] == instance.pk
    assert limits.budget_for(connection.host, connection.api_key, connection.account).pk == connection.budget_id
    assert Connection.objects.filter(api_key_hash=lookup_hash(connection.api_key)).exists()


def test_it_goes_on_where_it_was_stopped(user: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    for _ in range(5):
        rows.instance(user)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    stopped = rotation.rotate(Instance)
    assert next(stopped) == 2
    del stopped
    assert list(rotation.rotate(Instance)) == [0, 2, 1]
    assert list(rotation.rotate(Instance)) == [0, 0, 0]


def test_a_key_that_is_missing_is_said_and_nothing_is_lost(user: User, settings: Any) -> None:
    instance = rows.instance(user)
    old = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="none of ENCRYPTION_KEYS"):
        call_command("rotate_keys")
    settings.ENCRYPTION_KEYS = old
    assert Instance.objects.get().token == instance.token


def test_no_model_with_secrets_is_forgotten() -> None:
    names = {model.__name__ for model in rotation.encrypted_models()}
    assert names >= {"Organization", "User", "FormerSecret", "Connection", "Instance", "Authorization"}
