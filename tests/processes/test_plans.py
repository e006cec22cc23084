"""No periodic job reads a large table from end to end: the plans of all that they ask the database.

PLANS_ROWS=1000000 makes the tables as large as the goal says; what a plan is like shows in smaller ones, too.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, User
from elements.models import Connection
from events import inbound, outbox, retention
from events.models import (
    Attempt,
    Change,
    Delivery,
    Event,
    EventStatus,
    InboundCall,
    Notification,
    Subscription,
    TrackedObject,
)
from instances.models import Instance
from polling import claims, dispatch
from polling.models import Poll, Poller
from tests import rows
from tests.plans import plans, scanned

ROWS = int(os.environ.get("PLANS_ROWS", "10000"))
# PostgreSQL makes its statistics by itself; on SQLite nobody does.
STATISTICS = [True, False] if connection.vendor == "sqlite" else [True]
FIRST = 10_000_000  # ids of copies begin here, where no sequence comes to


def copies(row: models.Model, count: int, **columns: str) -> None:
    """`count` copies of a stored row, numbered n, with these columns (SQL) instead of the row's own."""
    names = [field.column or "" for field in row._meta.concrete_fields]
    values = ", ".join(columns.get(name, f"{FIRST} + n" if name == "id" else name) for name in names)
    numbers = f"SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}"  # noqa: S608
    series = f"(WITH RECURSIVE s(n) AS ({numbers}) SELECT n FROM s) AS s"  # noqa: S608
    if connection.vendor == "postgresql":
        series = f"generate_series(1, {count}) AS s(n)"
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table}, {series} WHERE id = {row.pk}"  # noqa: S608
        )


def ago(days: int) -> str:
    """SQL of a moment between now and so many days ago, spread over the copies."""
    seconds = f"(CAST(n AS bigint) * 7919 % {days * 86400})"
    if connection.vendor == "postgresql":
        return f"now() - {seconds} * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%S', 'now', '-' || {seconds} || ' seconds')"


@pytest.fixture
def large_tables(user: User) -> None:
    """Nearly everything is done and delivered, as it is in a hub that has run for long."""
    now = timezone.now()
    instance = rows.instance(user)
    rows.record(instance, rows.changes(1))
    event, change, notification = Event.objects.get(), Change.objects.get(), Notification.objects.get()
    delivery, tracked, poll = Delivery.objects.get(), TrackedObject.objects.get(), Poll.objects.get()
    Event.objects.update(status=EventStatus.NOTIFIED)
    Delivery.objects.update(status=Delivery.Status.NOTIFIED, next_attempt_at=None)
    Poll.objects.update(finished_at=now)
    attempt = Attempt.objects.create(delivery=delivery, number=1, started_at=now, duration_ms=1)
    call = InboundCall.objects.create(instance=instance, digest="d", received_at=now)
    entry = AuditEntry.objects.create(organization=user.organization, who="x", at=now, action="a")
    own, of_hub = f"{FIRST} + n", max(2000, ROWS // 20)
    uuid = "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"
    waits = f"CASE WHEN n % 500 = 0 THEN {ago(1)} ELSE next_attempt_at END"
    copies(instance.connection, of_hub, refreshed_at=ago(19))
    copies(instance, of_hub, connection_id=own, token_hash="'h' || n")
    copies(instance.subscription, of_hub, instance_id=own)
    copies(instance.pollers.get(), of_hub, instance_id=own, next_poll_at=ago(1))
    Poller.objects.exclude(pk__lt=FIRST + of_hub // 50).update(next_poll_at=now + timedelta(hours=1))
    copies(event, ROWS, event_date=ago(9))
    new = Event.objects.create(instance=instance, object_type="events", event_date=now, provider_data="{}")
    copies(new, ROWS // 1000, id=f"{2 * FIRST} + n")
    copies(notification, ROWS, event_id=own, webhook_id=uuid, created_at=ago(9))
    copies(delivery, ROWS, notification_id=own, next_attempt_at=waits, created_at=ago(9))
    copies(attempt, ROWS, delivery_id=own)
    copies(tracked, ROWS, object_id="'o' || n")
    copies(poll, ROWS, finished_at=ago(40))
    copies(change, ROWS, event_id=own, poll_id=own, object_id="'o' || n", found_at=ago(9))
    copies(call, ROWS, digest="'d' || n", received_at=ago(9))
    copies(entry, ROWS, at=ago(400))


# What grows with time, and with the instances.
GROWING = {
    model._meta.db_table
    for model in (Attempt, AuditEntry, Change, Delivery, Event, InboundCall, Notification, Poll, TrackedObject)
}
LARGE = GROWING | {model._meta.db_table for model in (Connection, Instance, Poller, Subscription)}


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("with_statistics", STATISTICS)
def test_no_periodic_job_reads_a_large_table_from_end_to_end(
    large_tables: None, api: Client, with_statistics: bool
) -> None:
    if with_statistics:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    now: datetime = timezone.now()
    jobs: dict[str, Callable[[], Any]] = {
        "dispatch": dispatch.dispatch,
        "claim polls": lambda: claims.claim("holder", 16, now),
        "claim deliveries": lambda: outbox.claim("holder", 128, now),
        "arrange": lambda: inbound.arrange(now),
        "prune events": lambda: retention.prune(now),
        "prune polls": lambda: claims.prune(now),
        "prune audit": lambda: audit.prune(now),
        "metrics": lambda: api.get("/metrics"),
    }
    faults: list[str] = []
    for name, job in jobs.items():
        with plans() as found:
            job()
        assert found, f"{name} asked nothing"
        wanted = LARGE if name != "metrics" else GROWING  # metrics add up what instances and their like are
        for sql, plan in found.items():
            if (" WHERE " in sql or " LIMIT " not in sql) and scanned(plan, wanted):
                faults.append(f"{name}: {sql}\n{plan}")
    assert not faults, "\n\n".join(faults)
