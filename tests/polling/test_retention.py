"""What is old goes; what is undelivered stays (CONTRACT §6)."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import Task

from accounts.models import User
from events import retention
from events.models import Change, Delivery, Event, InboundCall, Notification, TrackedObject
from polling.models import Poll
from polling.tasks import prune
from tests import rows

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def test_old_events_go_once_they_are_delivered_and_the_memory_stays(user: User) -> None:
    row = rows.instance(user)
    for version in (1, 2, 3):
        rows.record(row, rows.changes(1, version=version))
    old = timezone.now() - timedelta(days=7, minutes=1)
    first, second, _ = Event.objects.order_by("pk")
    Event.objects.filter(pk__in=[first.pk, second.pk]).update(event_date=old)
    Delivery.objects.filter(notification__event=first).update(status="notified", next_attempt_at=None)
    prune()
    assert list(Event.objects.order_by("pk").values_list("pk", flat=True)) == [second.pk, second.pk + 1]
    assert Change.objects.count() == 2
    assert TrackedObject.objects.count() == 1


def test_what_was_told_and_what_was_seen_of_webhooks_goes_too(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    row = rows.instance(user)
    now = timezone.now()
    for number in range(5):
        old = now - timedelta(days=8 if number else 1)
        InboundCall.objects.create(instance=row, digest=str(number), received_at=old)
        Notification.objects.create(organization=user.organization, topic="a", body_tail="}", created_at=old)
    waiting = Notification.objects.order_by("pk")[1]
    fields = {"subscription": row.subscription, "created_at": now, "updated_at": now}
    Delivery.objects.create(notification=waiting, status="queued", **fields)
    prune()
    assert InboundCall.objects.get().digest == "0"
    assert Notification.objects.count() == 2
    assert Notification.objects.filter(pk=waiting.pk).exists()


def test_polls_and_failed_tasks_are_kept_for_30_days(user: User) -> None:
    row = rows.instance(user)
    now = timezone.now()
    for days in (29, 31):
        rows.poll(row, finished_at=now - timedelta(days=days))
        moment = now - timedelta(days=days)
        Task.objects.create(id=str(days), name="t", func="f", started=moment, stopped=moment, success=False)
    prune()
    assert Poll.objects.count() == 1
    assert Task.objects.count() == 1
