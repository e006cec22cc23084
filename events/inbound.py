"""Events from outside: stored with one row when they come, made into notifications by a worker (CONTRACT §5).

So a burst of calls costs the web server one INSERT each, and what follows is done in bulk.
"""

import json
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import accumulate

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Length

from acton_hub import bulk, tallies
from acton_hub.errors import DATABASE_AWAY
from acton_hub.queue import wake
from events import notification_body, recording, webhooks
from events.changes import NewChange
from events.models import INBOUND, Change, Event, EventStatus, SetAside, TrackedObject
from instances.models import Instance

logger = logging.getLogger(__name__)

AT_ONCE = 200
MOST_CHARACTERS = 4 * 1024**2  # of them together: each is held in memory several times over
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=30)  # of an event that fails by itself
MOST_PROBLEM = 2000
Key = tuple[int, str, str]  # instance, object type, object id
Arranged = tuple[Event, NewChange, str]  # with the JSON text of its payload


def store(instance_ids: Iterable[int], payload: str, meaning: webhooks.Meaning, now: datetime) -> list[int]:
    """Keep what came, verbatim, as one NEW event of each instance; the workers are woken to do the rest. Their ids.

    Where there is more than one instance the caller's transaction makes it all or nothing.
    """
    row = {
        "object_type": meaning.object_type,
        "status": str(EventStatus.NEW),
        "event_date": now,
        "provider_data": payload,
    }
    ids = [bulk.insert_one(Event, {"instance_id": each, **row}) for each in instance_ids]
    wake("events.tasks.arrange")
    return ids


class TestRefused(Exception):
    """A test event would reach nobody; the message says why."""


def store_test(instance: Instance, now: datetime) -> int:
    """Store an event that goes the way of every other one, marked as a test by its type and its payload; its id.

    Raises TestRefused.
    """
    if not instance.tells_callback:
        raise TestRefused("Events are not enabled for the instance.")
    payload = {
        "eventType": webhooks.TEST_TYPE,
        "id": f"test-{uuid.uuid4().hex[:8]}",
        "test": True,
        "text": "A test event of Acton Hub. Nothing changed in Act-On.",
    }
    text = json.dumps(payload)
    (event_id,) = store([instance.pk], text, webhooks.meaning_of(text), now)
    return event_id


def arrange(now: datetime) -> int:
    """Make changes, notifications and deliveries of the oldest NEW events; returns how many events they were.

    Where that fails, they are taken one by one, and what fails by itself is set aside: it is tried again after a pause
    that grows, and holds nothing up. A database that does not answer is nobody's fault: it raises.
    """
    ids, left = _oldest(now)
    if left:  # a task of its own: what is large takes long
        wake("events.tasks.arrange")
    try:
        return _arrange(ids, now)
    except DATABASE_AWAY:
        raise
    except Exception:
        logger.exception("events from outside failed, one by one now first=%s last=%s", ids[0], ids[-1])
    for pk in ids:
        _arrange_alone(pk, now)
    return len(ids)


def _oldest(now: datetime) -> tuple[list[int], bool]:
    """Ids of as many as are made of at once, and at least one; and whether others were left as too large."""
    waiting = Event.objects.to_be_arranged(now).order_by("pk").values_list("pk", Length("provider_data"))[:AT_ONCE]
    found = list(waiting)
    sizes = accumulate(size for _, size in found)
    ids = [pk for (pk, size), up_to in zip(found, sizes, strict=True) if up_to - size < MOST_CHARACTERS]
    return ids, len(ids) < len(found)


def _arrange_alone(pk: int, now: datetime) -> None:
    try:
        _arrange([pk], now)
    except DATABASE_AWAY:
        raise
    except Exception as defect:
        logger.exception("event from outside set aside event=%s", pk)
        _set_aside(pk, f"{type(defect).__name__}: {defect}", now)


def _set_aside(pk: int, problem: str, now: datetime) -> None:
    """Nothing where the event is gone meanwhile, with its instance."""
    if not Event.objects.filter(pk=pk).exists():
        return
    row, _ = SetAside.objects.get_or_create(event_id=pk, defaults={"since": now, "again_at": now, "problem": ""})
    row.failures += 1
    row.problem = problem.replace("\0", "")[:MOST_PROBLEM]
    row.again_at = now + min(FIRST_PAUSE * 2 ** min(row.failures - 1, 20), LONGEST_PAUSE)
    row.save()


@dataclass(frozen=True)
class _Read:
    """What an event's payload says. Reading it takes longest, and on SQLite every writer waits for a transaction."""

    text: str  # JSON
    meaning: webhooks.Meaning
    object_id: str

    @classmethod
    def of(cls, payload: str) -> "_Read":
        """What has no id of its own is known by its content."""
        meaning = webhooks.meaning_of(payload)
        object_id = meaning.object_id or sha256(payload.encode()).hexdigest()[:16]
        return cls(notification_body.as_json_text(payload), meaning, object_id)


def _arrange(ids: list[int], now: datetime) -> int:
    """In one transaction, so that a killed worker leaves them NEW. Two workers take turns: the second one waits for the
    rows of the first, and finds them done, so that sequences neither repeat nor skip.
    """
    payloads = Event.objects.filter(pk__in=ids, status=EventStatus.NEW).values_list("pk", "provider_data")
    read = {pk: _Read.of(payload) for pk, payload in payloads}
    with transaction.atomic():
        new = Event.objects.select_for_update(of=("self",)).filter(pk__in=read, status=EventStatus.NEW)
        events = list(new.select_related("instance").defer("provider_data").order_by("pk"))
        SetAside.objects.filter(event__in=events).delete()
        sequences = _Sequences(_key(event, read[event.pk]) for event in events)
        of_instance: dict[Instance, list[Arranged]] = defaultdict(list)
        for event in events:
            said = read[event.pk]
            of_instance[event.instance].append((event, _change(event, said, sequences), said.text))
        sequences.store()
        for instance, found in of_instance.items():
            _tell(instance, found, now)
        stored = [change for found in of_instance.values() for _, change, _ in found]
        tallies.add(*recording.counted(stored, "outside", len(stored)))
    return len(ids)


def _key(event: Event, read: _Read) -> Key:
    return event.instance_id, event.object_type, read.object_id


class _Sequences:
    """One more than any before, of polled changes too; the next poll counts on from it (CONTRACT §6)."""

    def __init__(self, keys: Iterable[Key]) -> None:
        wanted = set(keys)
        instances = {instance for instance, _, _ in wanted}
        object_types = {object_type for _, object_type, _ in wanted}
        object_ids = {object_id for _, _, object_id in wanted}
        self._memory = {
            (row.poller.instance_id, row.poller.resource, row.object_id): row
            for row in TrackedObject.objects.select_related("poller")
            .filter(poller__instance__in=instances, poller__resource__in=object_types, object_id__in=object_ids)
            .order_by("pk")
            .select_for_update(of=("self",))
        }
        changes = Change.objects.filter(instance__in=instances, object_id__in=object_ids, object_type__in=object_types)
        highest = changes.order_by().values_list("instance", "object_type", "object_id").annotate(Max("sequence"))
        self._last: dict[Key, int] = {(row[0], row[1], row[2]): row[3] for row in highest}
        for key, row in self._memory.items():
            self._last[key] = max(self._last.get(key, 0), row.sequence)

    def next(self, key: Key) -> int:
        self._last[key] = self._last.get(key, 0) + 1
        if key in self._memory:
            self._memory[key].sequence = self._last[key]
        return self._last[key]

    def store(self) -> None:
        TrackedObject.objects.bulk_update(self._memory.values(), ["sequence"])


def _change(event: Event, read: _Read, sequences: _Sequences) -> NewChange:
    record = f'{{"payload": {read.text}}}'
    occurred_ms = int(event.event_date.timestamp() * 1000)
    sequence = sequences.next(_key(event, read))
    version = f"{INBOUND}{event.pk}"
    return NewChange(read.object_id, version, read.meaning.event_type, sequence, occurred_ms, record, "")


def _tell(instance: Instance, found: list[Arranged], now: datetime) -> None:
    """Where the instance's own events are off there is no callback to tell: only users' subscriptions are."""
    told = instance.tells_callback
    bulk.insert(
        Change,
        [
            recording.change_row(instance, event.pk, change, event.event_date, object_type=event.object_type)
            for event, change, _ in found
        ],
    )
    by_type: dict[str, list[Arranged]] = defaultdict(list)
    for each in found:
        by_type[each[0].object_type].append(each)
    for object_type, some in by_type.items():
        source = notification_body.source_of(instance, object_type)
        batches = [(event.pk, [change], notification_body.inbound_raw(source, text)) for event, change, text in some]
        recording.notify(instance, source, batches, now, to_own=told)
    status = EventStatus.DISPATCHED if told else EventStatus.RECEIVED
    Event.objects.filter(pk__in=[event.pk for event, _, _ in found]).update(status=status)
