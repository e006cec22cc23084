"""An instance that is deleted while something is done to it: a 404 and nothing stored, by API and by pages."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from accounts.models import AuditEntry, User
from events import retention
from events.models import Attempt, Change, Delivery, Event, Notification, Subscription, TrackedObject
from instances.models import Instance
from polling import provisioning
from polling.models import Poll
from tests import rows

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
OF_AN_INSTANCE = (Attempt, Change, Delivery, Event, Instance, Notification, Poll, Subscription, TrackedObject)


WRITES = ("BEGIN", "INSERT", "UPDATE")


@contextmanager
def deleted_before_the_first_write(instance: Instance) -> Iterator[None]:
    """Another request deletes it after this one has looked it up."""
    left = [instance]

    def deleting() -> None:
        provisioning.delete(left.pop())
        connections.close_all()

    def delete(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if left and (sql.startswith(WRITES) or "FOR UPDATE" in sql):
            other = threading.Thread(target=deleting)
            other.start()
            other.join()
        return execute(sql, *rest)

    with connection.execute_wrapper(delete):
        yield
    assert not left


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/events/acton/{pk}", {"a": 1}),
        ("post", "/instances/{pk}/events/test", None),
        ("post", "/instances/{pk}/poll", None),
        ("delete", "/instances/{pk}/enabled", None),
        ("patch", "/instances/{pk}", {"name": "Another"}),
    ],
)
def test_a_call_for_what_is_deleted_meanwhile_is_404(
    api: Client, user: User, method: str, path: str, body: Any
) -> None:
    instance = rows.instance(user)
    with deleted_before_the_first_write(instance):
        response = getattr(api, method)(path.format(pk=instance.pk), body, content_type="application/json")
    assert response.status_code == 404, response.content
    assert not any(model.objects.exists() for model in OF_AN_INSTANCE)
    assert not AuditEntry.objects.exists()


def test_an_event_for_several_of_which_one_is_deleted_is_for_none(api: Client, user: User) -> None:
    stays, goes = rows.instance(user), rows.instance(user)
    headers = {"Element-Instances": f"{stays.pk},{goes.pk}"}
    with deleted_before_the_first_write(goes):
        response = api.post("/events/acton", {"a": 1}, content_type="application/json", headers=headers)
    assert response.status_code == 404
    assert not Event.objects.exists()


def test_by_its_token_too(api: Client, user: User) -> None:
    instance = rows.instance(user)
    header = {"Authorization": f"User {user.secret}, Element {instance.token}"}
    with deleted_before_the_first_write(instance):
        assert api.delete("/instances/enabled", headers=header).status_code == 404


def test_on_a_page_too(client: Client, user: User) -> None:
    instance = rows.instance(user)
    client.force_login(user)
    with deleted_before_the_first_write(instance):
        assert client.post(f"/console/instances/{instance.pk}/enabled", {"enabled": "false"}).status_code == 404


def test_all_of_it_goes_batch_by_batch_and_what_is_anothers_stays(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    goes, stays = rows.instance(user), rows.instance(user)
    for instance in (goes, stays):
        for version in range(1, 6):
            rows.record(instance, rows.changes(3, version=version))
    before = {model: model.objects.count() for model in OF_AN_INSTANCE}
    statements: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        provisioning.delete(goes)
    assert {model: 2 * model.objects.count() for model in OF_AN_INSTANCE} == before
    assert Instance.objects.get() == stays
    batches = [sql for sql in statements if sql.startswith('DELETE FROM "events_event"')]
    assert len(batches) == 3


def test_what_a_deletion_left_when_it_was_killed_is_disabled_and_can_be_deleted(
    api: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = rows.instance(user)
    rows.record(instance, rows.changes(3))

    def killed(of: Instance) -> None:
        raise SystemExit

    with monkeypatch.context() as once:
        once.setattr(retention, "empty", killed)
        with pytest.raises(SystemExit):
            provisioning.delete(instance)
    assert Instance.objects.get().disabled
    assert api.delete(f"/instances/{instance.pk}").status_code == 200
    assert not Instance.objects.exists()
