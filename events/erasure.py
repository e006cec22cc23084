"""What is stored of one object, taken out: records, changes, bodies, answers. Ids and counts stay."""

from collections import Counter
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from events import notification_body
from events.models import Attempt, Change, Delivery, Event, Notification, TrackedObject
from instances.models import Instance

ERASED = '{"erased": true}'
BATCH = 100


def holders(object_id: str) -> QuerySet[Instance]:
    """The instances that know an object by that id."""
    told = Change.objects.filter(object_id=object_id, instance=OuterRef("pk"))
    known = TrackedObject.objects.filter(object_id=object_id, poller__instance=OuterRef("pk"))
    return Instance.objects.filter(Q(Exists(told)) | Q(Exists(known))).select_related("organization").order_by("pk")


def erase(object_id: str, *, instance_id: int | None = None, undelivered: bool = False) -> Counter[str]:
    """Erase what is stored of the objects with that id, of every instance or of one; returns what was done, by kind.

    What still waits to be delivered is left, and counted under "waiting", unless `undelivered` says otherwise: then
    the callback gets the notification without the record.
    """
    done: Counter[str] = Counter()
    memory = TrackedObject.objects.filter(object_id=object_id)
    changes = Change.objects.filter(object_id=object_id)
    if instance_id is not None:
        memory, changes = memory.filter(poller__instance=instance_id), changes.filter(instance=instance_id)
    done["remembered"] = memory.exclude(record=ERASED).update(record=ERASED)
    for events in _batches(sorted(set(changes.values_list("event_id", flat=True)))):
        with transaction.atomic():
            done += _of_events(events, object_id, undelivered=undelivered)
    return done


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _of_events(ids: list[int], object_id: str, *, undelivered: bool) -> Counter[str]:
    waiting = set(
        Delivery.objects.filter(notification__event__in=ids)
        .exclude(status=Delivery.Status.NOTIFIED)
        .values_list("notification__event_id", flat=True)
    )
    done: Counter[str] = Counter()
    for event in Event.objects.select_for_update().filter(pk__in=ids).order_by("pk"):
        if event.pk in waiting and not undelivered:
            done["waiting"] += 1
            continue
        done["changes"] += _of_event(event, object_id)
        done["events"] += 1
        done["answers"] += (
            Attempt.objects.filter(delivery__notification__event=event).exclude(response="").update(response="")
        )
    return done


def _of_event(event: Event, object_id: str) -> int:
    """Take the object's records out of an event's texts, where they stand word for word; returns how many changes."""
    found = list(event.changes.filter(object_id=object_id).exclude(record=ERASED))
    notification = Notification.objects.filter(event=event).first()
    for change in found:
        if change.came_from_outside:
            stored = notification_body.as_json_text(event.provider_data)
            event.provider_data = ERASED
        else:
            stored = change.record
            event.provider_data = event.provider_data.replace(stored, ERASED)
        if notification is not None:
            notification.body_tail = notification.body_tail.replace(stored, ERASED)
        change.record, change.previous = ERASED, ""
    Change.objects.bulk_update(found, ["record", "previous"])
    event.save(update_fields=["provider_data"])
    if notification is not None:
        notification.save(update_fields=["body_tail"])
    return len(found)
