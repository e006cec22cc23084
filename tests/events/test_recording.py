from datetime import timedelta

import pytest
from django.db import DataError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from accounts.models import User
from acton_hub import bulk
from events import recording
from events.models import Change, Delivery, Event, InboundCall, Notification, TrackedObject
from tests import rows


def test_a_version_counts_as_stored_of_its_own_object_alone(user: User) -> None:
    instance = rows.instance(user)
    rows.record(instance, rows.changes(2))
    first, second = Change.objects.order_by("pk")
    Change.objects.filter(pk=second.pk).update(version='other "version", {with} %s')
    poller_id = instance.pollers.get().pk
    pairs = [
        (first.object_id, first.version),
        (first.object_id, 'other "version", {with} %s'),
        (second.object_id, 'other "version", {with} %s'),
        ("unknown", first.version),
    ]
    assert recording.stored_versions(poller_id, pairs) == {pairs[0], pairs[2]}
    assert recording.stored_versions(poller_id + 1, pairs) == set()
    assert recording.stored_versions(poller_id, []) == set()


def test_what_is_remembered_anew_keeps_its_sweep(user: User) -> None:
    instance = rows.instance(user)
    rows.record(instance, rows.changes(1))
    TrackedObject.objects.update(seen_sweep=5, version="old")
    (change,) = rows.changes(1)
    recording.remember(instance.pollers.get().pk, [change], "l-2")
    row = TrackedObject.objects.get()
    assert (row.version, row.seen_sweep, row.list_id) == (change.version, 5, "l-2")


def test_rows_stored_in_bulk_are_as_those_stored_one_by_one(user: User) -> None:
    instance, moment = rows.instance(user), timezone.now() - timedelta(days=1, microseconds=7)
    texts = ["plain", 'a "quote", a {brace}, a \\ and NULL', "Zoë 你好 \U0001f600", ""]
    bulk.insert(
        InboundCall,
        [{"instance_id": instance.pk, "digest": text, "received_at": moment} for text in texts],
    )
    found = InboundCall.objects.order_by("pk")
    assert [(row.digest, row.received_at) for row in found] == [(text, moment) for text in texts]
    bulk.insert(InboundCall, [])


def test_ids_that_were_taken_before_are_nobody_elses(user: User) -> None:
    instance, now = rows.instance(user), timezone.now()
    before = Event.objects.create(instance=instance, object_type="contacts", event_date=now, provider_data="{}").pk
    taken = bulk.new_ids(Event, 3)
    values = {"instance_id": instance.pk, "object_type": "contacts", "status": "NEW", "event_date": now}
    bulk.insert(Event, [{"id": pk, **values, "provider_data": "{}"} for pk in taken])
    after = Event.objects.create(instance=instance, object_type="contacts", event_date=now, provider_data="{}").pk
    assert sorted({before, *taken, after}) == [before, *taken, after]
    Event.objects.all().delete()
    assert min(bulk.new_ids(Event, 1)) > after, "an id is not given twice, even if its row is gone"
    assert bulk.new_ids(Event, 0) == []


def test_a_notification_made_in_bulk_is_like_any_other(user: User) -> None:
    rows.record(rows.instance(user), rows.changes(11))
    made = list(Notification.objects.order_by("pk"))
    blank_one = Notification()
    assert {(row.severity, row.acknowledged) for row in made} == {(blank_one.severity, blank_one.acknowledged)}
    assert len({row.webhook_id for row in made}) == 2
    assert [delivery.notification_id for delivery in Delivery.objects.order_by("pk")] == [row.pk for row in made]
    blank = Delivery()
    for delivery in Delivery.objects.all():
        assert (delivery.failures, delivery.attempts_made, delivery.lease_holder, delivery.last_error) == (
            blank.failures, blank.attempts_made, blank.lease_holder, blank.last_error,
        )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_ids_are_taken_inside_a_transaction_alone() -> None:
    with pytest.raises(TransactionManagementError):
        bulk.new_ids(Event, 1)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no lengths")
def test_what_is_too_long_is_refused_not_cut(user: User) -> None:
    instance = rows.instance(user)
    row = {"instance_id": instance.pk, "digest": "d" * 65, "received_at": timezone.now()}
    with pytest.raises(DataError), transaction.atomic():
        bulk.insert(InboundCall, [row])
    assert not InboundCall.objects.exists()
