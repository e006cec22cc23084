"""Stores changes with all that follows from them: memory, events, notifications, deliveries (CONTRACT §5, §6).

The caller's transaction holds it all, and its own position with it (DESIGN promise 3).
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime

from django.db import connection

from acton_hub import bulk, tallies
from acton_hub.queue import wake
from events import notification_body
from events.changes import NewChange, Remembered
from events.models import Change, Delivery, Event, EventStatus, EventType, Notification, Subscription, TrackedObject
from instances.models import Instance

MOST_A_NOTIFICATION = 10  # CONTRACT §6
SEVERITY = "low"
REMEMBERED = [field.name for field in fields(Remembered)]


def remembered(poller_id: int, object_ids: Iterable[str]) -> dict[str, Remembered]:
    """What is known of these objects from before."""
    rows = TrackedObject.objects.filter(poller_id=poller_id, object_id__in=list(object_ids)).order_by("pk")
    if connection.in_atomic_block:
        rows = rows.select_for_update()  # an event from outside counts on from it, too
    return {row[0]: Remembered(*row[1:]) for row in rows.values_list("object_id", *REMEMBERED)}


def stored_versions(poller_id: int, versions: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these (object id, version) are changes already.

    Each pair is looked up by itself: two lists would have a database try each id with each version.
    """
    wanted = "SELECT value ->> 0 AS object_id, value ->> 1 AS version FROM json_array_elements(%s)"
    if connection.vendor == "sqlite":
        wanted = (
            "SELECT json_extract(value, '$[0]') AS object_id, json_extract(value, '$[1]') AS version FROM json_each(%s)"
        )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT wanted.object_id, wanted.version FROM ({wanted}) AS wanted "  # noqa: S608
            # CROSS JOIN: SQLite takes the tables in this order.
            "CROSS JOIN events_change AS stored WHERE stored.poller_id = %s "
            "AND stored.object_id = wanted.object_id AND stored.version = wanted.version",
            [json.dumps(list(versions)), poller_id],
        )
        return set(cursor.fetchall())


def remember(poller_id: int, changes: Iterable[NewChange], list_id: str = "") -> None:
    """Keep these as what was seen last of their objects; alone, it tells nobody."""
    bulk.insert(
        TrackedObject,
        [
            {
                "poller_id": poller_id,
                "object_id": change.object_id,
                "version": change.seen_version or change.version,
                "record": change.record,
                "sequence": change.sequence,
                "list_id": list_id,
                "seen_sweep": 0,
                "deleted": change.event_type == EventType.DELETED,
            }
            for change in changes
        ],
        unique=["poller_id", "object_id"],
        update=["version", "record", "sequence", "list_id", "deleted"],
    )


def record(
    instance: Instance,
    *,
    poller_id: int,
    poll_id: int,
    object_type: str,
    changes: Sequence[NewChange],
    now: datetime,
    list_id: str = "",
) -> None:
    """Store the changes, in batches of at most 10 a notification, each due to be delivered at once.

    Must be called inside a transaction: the workers are woken when it commits.
    """
    if not changes:
        return
    remember(poller_id, changes, list_id)
    source = notification_body.source_of(instance, object_type)
    batches = [changes[start : start + MOST_A_NOTIFICATION] for start in range(0, len(changes), MOST_A_NOTIFICATION)]
    ids = bulk.new_ids(Event, len(batches))
    events = [(pk, batch, notification_body.raw(source, batch)) for pk, batch in zip(ids, batches, strict=True)]
    bulk.insert(
        Event,
        [
            {
                "id": pk,
                "instance_id": instance.pk,
                "object_type": object_type,
                "status": str(EventStatus.DISPATCHED),
                "event_date": now,
                "provider_data": raw,
            }
            for pk, _, raw in events
        ],
    )
    bulk.insert(
        Change,
        [
            change_row(instance, pk, change, now, object_type=object_type, poller_id=poller_id, poll_id=poll_id)
            for pk, batch, _ in events
            for change in batch
        ],
    )
    notify(instance, source, events, now)
    tallies.add(*counted(changes, "poll", len(events)))


def counted(changes: Iterable[NewChange], origin: str, events: int) -> list[tallies.Amounts]:
    """What the metrics count of changes that are stored in so many events."""
    by_type = tallies.Amounts(("changes", str(change.event_type)) for change in changes)
    return [by_type, tallies.count("events", origin, events)]


def change_row(
    instance: Instance,
    event_id: int,
    change: NewChange,
    found_at: datetime,
    *,
    object_type: str,
    poller_id: int | None = None,
    poll_id: int | None = None,
) -> bulk.Row:
    """The row of a change, to be stored; without poller and poll where it came from outside."""
    return {
        "instance_id": instance.pk,
        "poller_id": poller_id,
        "poll_id": poll_id,
        "event_id": event_id,
        "object_type": object_type,
        "object_id": change.object_id,
        "event_type": str(change.event_type),
        "version": change.version,
        "sequence": change.sequence,
        "occurred_ms": change.occurred_ms,
        "record": change.record,
        "previous": change.previous,
        "found_at": found_at,
    }


def notify(
    instance: Instance,
    source: notification_body.Source,
    events: Sequence[tuple[int, Sequence[NewChange], str]],
    now: datetime,
    *,
    to_own: bool = True,
) -> None:
    """A notification for each event (its id, its changes, JSON text of its `raw`), due to be delivered at once.

    `to_own`: to the instance's own callback too, not to users' subscriptions alone. Must be called inside a
    transaction.
    """
    ids = bulk.new_ids(Notification, len(events))
    bulk.insert(
        Notification,
        [
            {
                "id": pk,
                "organization_id": instance.organization_id,
                "instance_id": instance.pk,
                "event_id": event_id,
                "webhook_id": uuid.uuid4(),
                "topic": notification_body.TOPIC,
                "severity": SEVERITY,
                "acknowledged": False,
                "body_tail": notification_body.tail(source, event_id, raw, changes, now),
                "created_at": now,
            }
            for pk, (event_id, changes, raw) in zip(ids, events, strict=True)
        ],
    )
    own = instance.pk if to_own else None
    subscriptions = Subscription.objects.of_topic(instance.organization_id, notification_body.TOPIC, own)
    deliver(ids, subscriptions, now)


def deliver(notification_ids: Iterable[int], subscriptions: Sequence[Subscription], now: datetime) -> None:
    """A delivery of each notification to each subscription, due at once; queued where a subscription is not active.

    Must be called inside a transaction: the workers are woken when it commits.
    """
    bulk.insert(
        Delivery,
        [
            {
                "notification_id": notification_id,
                "subscription_id": subscription.pk,
                "status": str(Delivery.Status.CREATED if subscription.active else Delivery.Status.QUEUED),
                "failures": 0,
                "attempts_made": 0,
                "next_attempt_at": now if subscription.active else None,
                "lease_holder": "",
                "last_error": "",
                "created_at": now,
                "updated_at": now,
            }
            for notification_id in notification_ids
            for subscription in subscriptions
        ],
    )
    wake("events.tasks.deliver")
