"""What is old goes, in small batches; nothing undelivered is ever pruned (CONTRACT §6)."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from events.models import Delivery, Event, EventStatus, InboundCall, Notification, TrackedObject
from instances.models import Instance

BATCH = 200
AT_ONCE = 500  # of an instance that somebody deletes and waits for


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
        _delete(events.order_by("event_date"), BATCH)
        + _delete(notifications.order_by("pk"), BATCH)
        + _delete(calls.order_by("received_at"), BATCH)
    )


def empty(instance: Instance) -> None:
    """Delete all that an instance's polls and events have left, however much it is, while others write, too.

    To be done once nothing more is made of it: of its NEW events nothing will be.
    """
    Event.objects.filter(instance=instance, status=EventStatus.NEW).update(status=EventStatus.RECEIVED)
    of_its_pollers = TrackedObject.objects.filter(poller__instance=instance)
    for rows in (
        Event.objects.filter(instance=instance).order_by("-pk"),
        Notification.objects.filter(instance=instance, event=None).order_by("pk"),
        of_its_pollers.order_by("poller", "object_id"),
    ):
        began = time.monotonic()
        while _delete(rows, AT_ONCE) == AT_ONCE:
            if settings.ON_SQLITE:  # whoever waits for its one writer looks again only now and then
                time.sleep((time.monotonic() - began) / 2)
            began = time.monotonic()


def hold(rows: QuerySet[Any], deliveries: QuerySet[Delivery]) -> None:
    """Wait for whoever is at work on these; until the transaction ends nobody settles or makes anything of them.

    What came in between would hold on to what it belongs to. As elsewhere subscriptions are locked first, which is the
    caller's, then deliveries, then events, each by their ids.
    """
    list(deliveries.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))


def _delete(rows: QuerySet[Any], most: int) -> int:
    """The first of these; in an order that an index has, or all that is younger would be looked at, too."""
    with transaction.atomic():
        old = list(rows.values_list("pk", flat=True)[:most])
        chosen = rows.model._default_manager.filter(pk__in=old)
        told = {Event: Notification.objects.filter(event__in=old), Notification: chosen}.get(rows.model)
        if told is not None:
            ids = list(told.values_list("pk", flat=True))  # joined, all deliveries might be read
            hold(chosen, Delivery.objects.filter(notification__in=ids))
        chosen.delete()
    return len(old)
