"""What is old goes; what is undelivered stays (CONTRACT §6)."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
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


def in_another_connection(work: Callable[[], Any]) -> None:
    """Do it as another process would; it gives up soon where something is locked."""
    failed: list[DatabaseError] = []

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute("SET lock_timeout = '3s'")
            work()
        except DatabaseError as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failed, f"a writer was locked out: {failed[0]}"


def test_it_works_in_small_batches_and_writers_go_on_meanwhile(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    row = rows.instance(user)
    for version in range(1, 5):
        rows.record(row, rows.changes(100, version=version))  # ten events, as there are at most ten records in one
    old = timezone.now() - timedelta(days=8)
    Event.objects.update(event_date=old)
    Delivery.objects.update(status="notified", next_attempt_at=None)
    batches: list[int] = []
    written: list[str] = []
    delete_batch = retention._delete

    def write(what: str) -> None:
        event = Event.objects.create(instance=row, object_type="x", provider_data="{}", event_date=timezone.now())
        Event.objects.filter(pk=event.pk).update(status="RECEIVED")
        written.append(what)

    def watched(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Within a batch's transaction; SQLite has one writer at a time, who waits for the end of the batch."""
        done = execute(sql, params, many, context)
        if connection.vendor == "postgresql" and sql.startswith("DELETE"):
            in_another_connection(lambda: write("within"))
        return done

    def counted(found: Any, most: int) -> int:
        with connection.execute_wrapper(watched):
            deleted = delete_batch(found, most)
        batches.append(deleted)
        in_another_connection(lambda: write("between"))
        return deleted

    monkeypatch.setattr(retention, "_delete", counted)
    prune()
    assert Event.objects.filter(event_date=old).count() == 0
    assert [size for size in batches if size] == [10] * 4
    assert written.count("between") >= 4
    assert ("within" in written) == (connection.vendor == "postgresql")
