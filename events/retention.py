"""What is old goes, in small batches; nothing undelivered is ever pruned (CONTRACT §6)."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from events.models import Delivery, Event, EventStatus, InboundCall, Notification

BATCH = 200


def prune(now: datetime) -> int:
    """Delete one batch of what is older than EVENT_RETENTION_DAYS, with all that hangs on it; returns how many rows.

    An event that nothing was made of yet stays, however old; so does one, or a notification of a user's, with a
    delivery that is not accepted yet.
    """
    before = now - timedelta(days=settings.EVENT_RETENTION_DAYS)
    undelivered = Delivery.objects.exclude(status=Delivery.Status.NOTIFIED)
    events = Event.objects.filter(event_date__lt=before).exclude(status=EventStatus.NEW)
    events = events.exclude(Exists(undelivered.filter(notification__event=OuterRef("pk"))))
    notifications = Notification.objects.filter(event=None, created_at__lt=before)
    notifications = notifications.exclude(Exists(undelivered.filter(notification=OuterRef("pk"))))
    calls = InboundCall.objects.filter(received_at__lt=before)
    return (
        _delete(events.order_by("event_date"))
        + _delete(notifications.order_by("pk"))
        + _delete(calls.order_by("received_at"))
    )


def _delete(rows: QuerySet[Any]) -> int:
    """The first of these; in an order that an index has, or all that is younger would be looked at, too."""
    with transaction.atomic():
        old = list(rows.values_list("pk", flat=True)[:BATCH])
        rows.model._default_manager.filter(pk__in=old).delete()
    return len(old)
