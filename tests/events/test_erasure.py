"""`manage.py erase`: nothing of the object's record is left anywhere, and nothing of another one is touched."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import bootstrap
from accounts.models import AuditEntry, User
from events import delivery, inbound, tasks, webhooks
from events.changes import NewChange
from events.models import Change, Delivery, Event, Notification, TrackedObject
from tests import rows
from tests.conftest import authorization
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def change(object_id: str, email: str, version: str = "1") -> NewChange:
    record = json.dumps({"id": object_id, "Email": email, "n": 1})
    return NewChange(object_id, version, "UPDATED", int(version), 5, record, json.dumps({"Email": f"old-{email}"}))


def whole_database() -> str:
    """Every text of every table."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            found.append(str(cursor.fetchall()))
    return "\n".join(found)


def test_nothing_is_left_of_it_and_all_of_the_others(user: User, receiver: Receiver, capsys: Any) -> None:
    instance = rows.instance(user, receiver.url)
    ada, bob = "l-1:1", "l-1:2"
    rows.record(instance, [change(ada, "ada@example.com"), change(bob, "bob@example.com")])
    rows.record(instance, [change(ada, "ada@example.com", "2")])
    delivery.deliver_batch("t", 10)
    assert "ada@example.com" in whole_database()
    call_command("erase", ada)
    assert "2 changes in 2 events, 1 remembered" in capsys.readouterr().out
    left = whole_database()
    assert "ada@example.com" not in left
    assert "bob@example.com" in left
    assert "old-bob@example.com" in left
    assert Change.objects.count() == 3
    assert TrackedObject.objects.get(object_id=ada).version == "2", "what was told is not told again"
    event = Event.objects.earliest("pk")
    shown = Client(headers=authorization(user)).get(f"/instances/{instance.pk}/events/{event.pk}").json()
    body = json.loads(shown["notifiedData"][0])
    assert body["message"]["raw"] == json.loads(shown["providerData"])
    assert body["message"]["raw"]["contacts"] == [
        {"erased": True}, {"id": bob, "Email": "bob@example.com", "n": 1},
    ]  # fmt: skip
    assert [entry["objectId"] for entry in body["message"]["events"]] == [ada, bob]
    assert AuditEntry.objects.get().target == "2 changes", "the audit log names nobody who was erased"


def test_what_waits_is_left_unless_it_is_asked_for(user: User, receiver: Receiver, capsys: Any) -> None:
    instance = rows.instance(user, receiver.url)
    rows.record(instance, [change("l-1:1", "ada@example.com")])
    call_command("erase", "l-1:1")
    assert "\n1 event waits to be delivered and was left" in capsys.readouterr().out
    assert "ada@example.com" in Notification.objects.get().body_tail
    call_command("erase", "l-1:1", "--undelivered")
    delivery.deliver_batch("t", 10)
    assert Delivery.objects.get().status == "notified"
    assert b"ada@" not in receiver.received[0].body
    json.loads(receiver.received[0].body)
    assert "ada@" not in whole_database()


def test_an_event_from_outside_is_erased_too(user: User, receiver: Receiver) -> None:
    instance = rows.instance(user, receiver.url)
    payload = '{"eventType": "form.submitted", "id": "f-1", "email": "ada@example.com", "n": 1.50}'
    inbound.store([instance.pk], payload, webhooks.meaning_of(payload), timezone.now())
    tasks.arrange()
    delivery.deliver_batch("t", 10)
    call_command("erase", "f-1")
    assert "ada@" not in whole_database()
    json.loads(Notification.objects.get().body)


def test_another_instances_object_of_that_id_stays_where_one_is_named(user: User, receiver: Receiver) -> None:
    mine, other = rows.instance(user, receiver.url), rows.instance(user, receiver.url)
    rows.record(mine, [change("l-1:1", "ada@example.com")])
    rows.record(other, [change("l-1:1", "eve@example.com")])
    delivery.deliver_batch("t", 10)
    call_command("erase", "l-1:1", "--instance", str(mine.pk))
    left = whole_database()
    assert "ada@" not in left
    assert "eve@" in left


def test_an_id_that_several_accounts_know_is_refused_with_the_instances_named(user: User, capsys: Any) -> None:
    stranger = bootstrap.create_organization("Globex", "stranger@example.com")[1]
    mine = rows.instance(user, name="Mine")
    theirs = rows.instance(stranger, name="Theirs", connection=rows.connection(stranger, account="theirs"))
    for row, name in ((mine, "ada"), (theirs, "eve")):
        rows.record(row, [change("l-1:1", f"{name}@example.com")])
    Change.objects.filter(instance=theirs).delete()  # pruned; it is remembered still
    with pytest.raises(CommandError) as refused:
        call_command("erase", "l-1:1", "--undelivered")
    assert f"\n  {theirs.pk}  Theirs, of Globex" in str(refused.value)
    assert f"\n  {mine.pk}  Mine, of {user.organization.name}" in str(refused.value)
    assert all(name in whole_database() for name in ("ada@", "eve@"))
    assert not AuditEntry.objects.exists()
    call_command("erase", "l-1:1", "--undelivered", "--all")
    assert "1 change in 1 event, 2 remembered records" in capsys.readouterr().out


def test_instances_of_one_authorization_know_the_same_contact(user: User) -> None:
    mine = rows.instance(user)
    for row in (mine, rows.instance(user, connection=mine.connection)):
        rows.record(row, [change("l-1:1", "ada@example.com")])
    call_command("erase", "l-1:1", "--undelivered")
    assert "ada@" not in whole_database()


def test_an_empty_id_is_refused(user: User) -> None:
    with pytest.raises(CommandError, match="OBJECT"):
        call_command("erase", " ")
