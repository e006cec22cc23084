"""What is old goes, in small batches; nothing undelivered is ever pruned (CONTRACT §6)."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

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
    events = events.exclude(
        pk__in=undelivered.filter(notification__event__isnull=False).values("notification__event_id")
    )
    notifications = Notification.objects.filter(event=None, created_at__lt=before).exclude(
        pk__in=undelivered.values("notification")
    )
    calls = InboundCall.objects.filter(received_at__lt=before)
    return _delete(events) + _delete(notifications) + _delete(calls)


def _delete(rows: QuerySet[Any]) -> int:
    with transaction.atomic():
        old = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        rows.model._default_manager.filter(pk__in=old).delete()
    return len(old)
