"""A past, stored beside a running hub: `python -m tests.browser.history '{"instance": 1, "hours": 48}'`.

`hours`: polls a quarter of an hour apart, with the changes that they found, all delivered. `many`: so many at once.
"""

import json
import math
import random
import sys
from datetime import datetime, timedelta

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from events import recording  # noqa: E402
from events.changes import NewChange  # noqa: E402
from events.models import Attempt, Delivery, Event, EventStatus, EventType  # noqa: E402
from instances.models import Instance  # noqa: E402
from polling.models import Poll  # noqa: E402

FIRST = ("Ada", "Grace", "Alan", "Mary", "Edsger", "Barbara", "Donald", "Radia", "Leslie", "Margaret")
LAST = ("Lovelace", "Hopper", "Turing", "Jackson", "Dijkstra", "Liskov", "Knuth", "Perlman", "Lamport", "Hamilton")
CITIES = ("London", "Arlington", "Manchester", "Hampton", "Rotterdam", "Cambridge", "Stanford", "Portsmouth")
BEGIN = 1000  # the first record's number: those of the sandbox are lower
QUARTER = timedelta(minutes=15)
ROWS = 500


def changes(count: int, first: int, at: datetime, luck: random.Random) -> list[NewChange]:
    """So many contacts, some of them known from before and changed."""
    at_ms = int(at.timestamp() * 1000)
    rows = []
    for number in range(first, first + count):
        name, last = luck.choice(FIRST), luck.choice(LAST)
        known = luck.random() < 0.6
        record = {
            "_contact_id_": f"l-0001:{number}",
            "Email": f"{name.lower()}.{last.lower()}{number}@example.com",
            "First Name": name,
            "Last Name": last,
            "City": luck.choice(CITIES),
            "__created_date": str(at_ms - (86_400_000 if known else 0)),
            "__modified_date": str(at_ms),
        }
        rows.append(
            NewChange(
                object_id=f"l-0001:{number}",
                version=f"{at_ms}:{number}",
                event_type=EventType.UPDATED if known else EventType.CREATED,
                sequence=2 if known else 1,
                occurred_ms=at_ms,
                record=json.dumps(record),
                previous=json.dumps({"City": luck.choice(CITIES)}) if known else "",
            )
        )
    return rows


@transaction.atomic
def write(instance_id: int, hours: int = 0, many: int = 0) -> None:
    instance, luck = Instance.objects.get(pk=instance_id), random.Random(instance_id)
    now, first = timezone.now(), BEGIN + Event.objects.count() * 20
    if many:
        store(instance, many, first, now - timedelta(hours=hours), luck)
        return
    for step in range(hours * 4, 0, -1):
        at = now - step * QUARTER
        busy = 4 + 4 * math.sin(at.hour / 24 * 2 * math.pi - 1.5)
        count = max(0, round(luck.gauss(busy, 2.5)))
        store(instance, count, first, at, luck)
        first += count


def store(instance: Instance, count: int, first: int, at: datetime, luck: random.Random) -> None:
    """A poll that found so many changes, and their deliveries, each accepted at the first attempt."""
    poller, at_ms = instance.pollers.get(), int(at.timestamp() * 1000)
    poll = Poll.objects.create(
        poller=poller, trigger=Poll.Trigger.SCHEDULE, status=Poll.Status.SUCCEEDED, queued_at=at, due_at=at,
        started_at=at, finished_at=at + timedelta(milliseconds=luck.randint(150, 900)), from_ms=at_ms - 960_000,
        to_ms=at_ms, requests=2 if count else 1, records_read=count, events_created=count,
    )  # fmt: skip
    before = Event.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    recording.record(
        instance, poller_id=poller.pk, poll_id=poll.pk, object_type="contacts", changes=changes(count, first, at, luck),
        now=at,
    )  # fmt: skip
    Event.objects.filter(pk__gt=before).update(status=EventStatus.NOTIFIED)
    new = Delivery.objects.filter(notification__event__pk__gt=before)
    new.update(status=Delivery.Status.NOTIFIED, attempts_made=1, next_attempt_at=None)
    Attempt.objects.bulk_create(
        [
            Attempt(
                delivery=row, number=1, started_at=at + timedelta(seconds=1), duration_ms=luck.randint(8, 140),
                status_code=200, response='{"received": 1}',
            )
            for row in new
        ],
        batch_size=ROWS,
    )  # fmt: skip


if __name__ == "__main__":
    write(**{"instance_id" if name == "instance" else name: value for name, value in json.loads(sys.argv[1]).items()})
