"""Stores changes with all that follows from them: memory, events, notifications, deliveries (CONTRACT §5, §6).

The caller's transaction holds it all, and its own position with it (DESIGN promise 3).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max

from acton_hub.queue import wake
from events import notification_body
from events.changes import NewChange, Remembered
from events.models import Change, Delivery, Event, EventStatus, EventType, Notification, Subscription, TrackedObject
from instances.models import Instance

MOST_A_NOTIFICATION = 10  # CONTRACT §6
ROWS_A_STATEMENT = 500


def remembered(poller_id: int, object_ids: Iterable[str]) -> dict[str, Remembered]:
    """What is known of these objects from before."""
    rows = TrackedObject.objects.filter(poller_id=poller_id, object_id__in=list(object_ids))
    return {row.object_id: Remembered(row.version, row.record, row.sequence, row.deleted) for row in rows}


def stored_versions(poller_id: int, versions: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these (object id, version) are changes already."""
    wanted = set(versions)
    rows = Change.objects.filter(
        poller_id=poller_id,
        object_id__in={object_id for object_id, _ in wanted},
        version__in={version for _, version in wanted},
    ).values_list("object_id", "version")
    return wanted.intersection(rows)


def remember(poller_id: int, changes: Iterable[NewChange], list_id: str = "") -> None:
    """Keep these as what was seen last of their objects; alone, it tells nobody."""
    TrackedObject.objects.bulk_create(
        [
            TrackedObject(
                poller_id=poller_id,
                object_id=change.object_id,
                version=change.seen_version or change.version,
                record=change.record,
                sequence=change.sequence,
                list_id=list_id,
                deleted=change.event_type == EventType.DELETED,
            )
            for change in changes
        ],
        update_conflicts=True,
        unique_fields=["poller", "object_id"],
        update_fields=["version", "record", "sequence", "list_id", "deleted"],
        batch_size=ROWS_A_STATEMENT,
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
    source = notification_body.Source(instance.pk, instance.name, instance.tags, instance.organization_id, object_type)
    batches = [changes[start : start + MOST_A_NOTIFICATION] for start in range(0, len(changes), MOST_A_NOTIFICATION)]
    events = Event.objects.bulk_create(
        [
            Event(
                instance=instance,
                object_type=object_type,
                status=EventStatus.DISPATCHED,
                event_date=now,
                provider_data=notification_body.raw(source, batch),
            )
            for batch in batches
        ],
        batch_size=ROWS_A_STATEMENT,
    )
    Change.objects.bulk_create(
        [
            _change(instance, poller_id, poll_id, object_type, event, change, now)
            for event, batch in zip(events, batches, strict=True)
            for change in batch
        ],
        batch_size=ROWS_A_STATEMENT,
    )
    _notify(instance, source, list(zip(events, batches, strict=True)), now)


def _change(
    instance: Instance, poller_id: int, poll_id: int, object_type: str, event: Event, change: NewChange, now: datetime
) -> Change:
    return Change(
        instance=instance,
        poller_id=poller_id,
        poll_id=poll_id,
        event=event,
        object_type=object_type,
        object_id=change.object_id,
        event_type=change.event_type,
        version=change.version,
        sequence=change.sequence,
        occurred_ms=change.occurred_ms,
        record=change.record,
        previous=change.previous,
        found_at=now,
    )


def _notify(
    instance: Instance,
    source: notification_body.Source,
    events: list[tuple[Event, Any]],
    now: datetime,
    *,
    raw: str = "",
    to_own: bool = True,
) -> None:
    notifications = Notification.objects.bulk_create(
        [
            Notification(
                organization_id=instance.organization_id,
                instance=instance,
                event=event,
                topic=notification_body.TOPIC,
                body_tail=notification_body.tail(source, event.pk, raw or event.provider_data, batch, now),
                created_at=now,
            )
            for event, batch in events
        ],
        batch_size=ROWS_A_STATEMENT,
    )
    own = instance.pk if to_own else None
    subscriptions = Subscription.objects.of_topic(instance.organization_id, notification_body.TOPIC, own)
    deliver(notifications, subscriptions, now)


def deliver(notifications: Iterable[Notification], subscriptions: Sequence[Subscription], now: datetime) -> None:
    """A delivery of each notification to each subscription, due at once; queued where a subscription is not active.

    Must be called inside a transaction: the workers are woken when it commits.
    """
    Delivery.objects.bulk_create(
        [
            Delivery(
                notification=notification,
                subscription=subscription,
                status=Delivery.Status.CREATED if subscription.active else Delivery.Status.QUEUED,
                next_attempt_at=now if subscription.active else None,
                created_at=now,
                updated_at=now,
            )
            for notification in notifications
            for subscription in subscriptions
        ],
        batch_size=ROWS_A_STATEMENT,
    )
    wake("events.tasks.deliver")


def record_inbound(
    instance: Instance, *, payload: str, object_type: str, object_id: str, event_type: str, now: datetime
) -> Event:
    """Store an event that came from outside: its payload verbatim, one notification with one entry (CONTRACT §5).

    Where the instance's own events are off there is no callback to tell: only users' subscriptions are.
    Must be called inside a transaction.
    """
    told = bool(instance.events_enabled and instance.callback_url)
    source = notification_body.Source(instance.pk, instance.name, instance.tags, instance.organization_id, object_type)
    record = f'{{"payload": {notification_body.as_json_text(payload)}}}'
    event = Event.objects.create(
        instance=instance,
        object_type=object_type,
        status=EventStatus.DISPATCHED if told else EventStatus.RECEIVED,
        event_date=now,
        provider_data=payload,
    )
    occurred_ms = int(now.timestamp() * 1000)
    sequence = _next_sequence(instance, object_type, object_id)
    change = NewChange(object_id, f"inbound:{event.pk}", event_type, sequence, occurred_ms, record, "")
    Change.objects.create(
        instance=instance,
        event=event,
        object_type=object_type,
        object_id=object_id,
        event_type=event_type,
        version=change.version,
        sequence=sequence,
        occurred_ms=occurred_ms,
        record=record,
        found_at=now,
    )
    raw = notification_body.inbound_raw(source, payload)
    _notify(instance, source, [(event, [change])], now, raw=raw, to_own=told)
    return event


def _next_sequence(instance: Instance, object_type: str, object_id: str) -> int:
    """One more than any before, polled ones too; the next poll counts on from it (CONTRACT §6)."""
    changes = Change.objects.filter(instance=instance, object_type=object_type, object_id=object_id)
    memory = TrackedObject.objects.filter(poller__instance=instance, poller__resource=object_type, object_id=object_id)
    known = (rows.aggregate(Max("sequence"))["sequence__max"] or 0 for rows in (changes, memory))
    following = max(known) + 1
    memory.update(sequence=following)
    return following
