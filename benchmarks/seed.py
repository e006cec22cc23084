"""Rows for the benchmarks, made beside a hub: `python -m benchmarks.seed` reads lines of JSON, what to make and with
which arguments, and answers each with a line.

What is measured is not measured here: rows that would take long by way of Act-On are written in bulk.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core import signing  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from acton_hub import bulk  # noqa: E402
from acton_hub.encryption import lookup_hash  # noqa: E402
from acton_hub.queue import wake  # noqa: E402
from benchmarks import by_series  # noqa: E402
from elements.acton.default_poller import DEFAULT  # noqa: E402
from elements.models import CallBudget, Connection  # noqa: E402
from events import notification_body, recording  # noqa: E402
from events.changes import NewChange  # noqa: E402
from events.models import Change, Delivery, Event, EventStatus, Notification, Subscription  # noqa: E402
from instances.models import Instance  # noqa: E402
from polling import schedule  # noqa: E402
from polling.models import Poll, Poller, Position  # noqa: E402

FAR = datetime(2100, 1, 1, tzinfo=UTC)
BATCH = 500


def instances(
    urls: list[str], *, active: bool = True, polled: bool = False, lists: int = 0, minutes: int = 15
) -> list[int]:
    """An instance with a connection of its own for each callback URL. `active`: whether its deliveries are attempted.

    `polled`: whether its poller is due in its turn, with a position for each of so many lists; else it never is.
    """
    user, now = User.objects.order_by("pk")[0], timezone.now()
    host, now_ms = settings.ACTON_API_URL, int(now.timestamp() * 1000)
    first = CallBudget.objects.count()
    budgets = CallBudget.objects.bulk_create(
        [CallBudget(scope=lookup_hash(f"benchmark {first + number}")) for number in range(len(urls))], batch_size=BATCH
    )
    rows = Connection.objects.bulk_create(
        [
            Connection(
                organization=user.organization, budget=budget, host=host, api_key="key", api_key_hash=budget.scope,
                api_secret="secret", access_token="access", refresh_token="refresh",  # noqa: S106
                access_expires_at=now + timedelta(days=1), refreshed_at=now,
            )
            for budget in budgets
        ],
        batch_size=BATCH,
    )  # fmt: skip
    made = Instance.objects.bulk_create(
        [_instance(user, row, url, minutes) for row, url in zip(rows, urls, strict=True)], batch_size=BATCH
    )
    Subscription.objects.bulk_create(
        [
            Subscription(
                organization=user.organization, instance=row, host=urlsplit(row.callback_url).netloc, active=active
            )
            for row in made
        ],
        batch_size=BATCH,
    )
    interval = timedelta(minutes=minutes)
    pollers = Poller.objects.bulk_create(
        [
            Poller(
                instance=row, resource="contacts", configuration=DEFAULT["contacts"],
                started_ms=now_ms if polled else 0,
                next_poll_at=schedule.next_poll(f"{row.pk}/contacts", interval, now) if polled else FAR,
            )
            for row in made
        ],
        batch_size=BATCH,
    )  # fmt: skip
    Position.objects.bulk_create(
        [
            Position(poller=poller, list_id=f"l-{number + 1:04}", list_name="List", position_ms=now_ms)
            for poller in pollers
            for number in range(lists)
        ],
        batch_size=BATCH,
    )
    return [row.pk for row in made]


def _instance(user: User, connection: Connection, url: str, minutes: int) -> Instance:
    row = Instance(
        organization=user.organization, user=user, connection=connection, name="Benchmark", tags=["Docs"],
        events_enabled=True, refresh_minutes=minutes,
        configuration={"event.notification.enabled": True, "event.notification.callback.url": url},
    )  # fmt: skip
    row.set_token()
    row.set_secrets({"event.notification.signature.key": "key"})
    return row


def changes(count: int, start: int = 0) -> list[NewChange]:
    record = {
        "_contact_id_": "", "Email": "ada@example.com", "First Name": "Ada", "Last Name": "Lovelace",
        "Company": "Analytical Engines", "Job Title": "Programmer", "City": "London", "Country": "United Kingdom",
        "Phone": "+44 20 7946 0000", "__created_date": "1479945600000", "__modified_date": "1479945600000",
    }  # fmt: skip
    return [
        NewChange(
            object_id=f"l-0001:{number}", version="1:hash", event_type="CREATED", sequence=1,
            occurred_ms=1_479_945_600_000, record=json.dumps(record | {"_contact_id_": f"l-0001:{number}"}),
            previous="",
        )
        for number in range(start, start + count)
    ]  # fmt: skip


def waiting(instances: list[int], count: int, bodies: str = "", due: bool = True) -> int:
    """Notifications of 10 changes, spread over these instances in turn, due at once; their bodies also as a file."""
    now, some = timezone.now(), changes(10)
    known = {row.pk: row for row in Instance.objects.filter(pk__in=instances).select_related("subscription")}
    rows = [known[instances[number % len(instances)]] for number in range(count)]
    sources = {pk: notification_body.source_of(row, "contacts") for pk, row in known.items()}
    raws = {pk: notification_body.raw(source, some) for pk, source in sources.items()}
    with transaction.atomic():
        ids = bulk.new_ids(Event, count)
        values = {"object_type": "contacts", "status": str(EventStatus.DISPATCHED), "event_date": now}
        bulk.insert(
            Event,
            [
                {"id": pk, "instance_id": row.pk, **values, "provider_data": raws[row.pk]}
                for pk, row in zip(ids, rows, strict=True)
            ],
        )
        notifications = Notification.objects.bulk_create(
            [
                Notification(
                    organization_id=row.organization_id, instance=row, event_id=event, topic=notification_body.TOPIC,
                    body_tail=notification_body.tail(sources[row.pk], event, raws[row.pk], some, now),
                    created_at=now,
                )
                for row, event in zip(rows, ids, strict=True)
            ],
            batch_size=BATCH,
        )  # fmt: skip
        told = [(notification.pk, row.subscription.pk) for row, notification in zip(rows, notifications, strict=True)]
        values = {
            "status": str(Delivery.Status.CREATED), "failures": 0, "attempts_made": 0, "lease_holder": "",
            "next_attempt_at": now if due else None, "last_error": "", "created_at": now, "updated_at": now,
        }  # fmt: skip
        bulk.insert(Delivery, [{"notification_id": pk, "subscription_id": to, **values} for pk, to in told])
        wake("events.tasks.deliver")
    if bodies:
        with open(bodies, "wb") as file:
            file.writelines(notification.body + b"\n" for notification in notifications)
    return len(notifications)


def steadily(instances: list[int], a_second: int, seconds: int) -> dict[str, float]:
    """Store changes as polls do, one notification at a time; event id → when it was committed (monotonic seconds)."""
    rows = list(Instance.objects.filter(pk__in=instances))
    pollers = {poller.instance_id: poller.pk for poller in Poller.objects.filter(instance__in=instances)}
    now = timezone.now()
    polls = Poll.objects.bulk_create(
        Poll(poller_id=poller, trigger=Poll.Trigger.MANUAL, status=Poll.Status.SUCCEEDED, queued_at=now, due_at=now)
        for poller in pollers.values()
    )
    poll_ids = dict(zip(pollers, (poll.pk for poll in polls), strict=True))
    committed: dict[str, float] = {}
    first, began = Change.objects.count() * 10, time.monotonic()
    for number in range(a_second * seconds):
        time.sleep(max(0.0, began + number / a_second - time.monotonic()))
        row = rows[number % len(rows)]
        with transaction.atomic():
            recording.record(
                row, poller_id=pollers[row.pk], poll_id=poll_ids[row.pk], object_type="contacts",
                changes=changes(1, first + number), now=timezone.now(),
            )  # fmt: skip
            event = Event.objects.filter(instance=row).order_by("-pk").values_list("pk", flat=True)[0]
        committed[str(event)] = time.monotonic()
    return committed


def due(instances: list[int]) -> int:
    """These are to be polled now; returns the id of the last poll before."""
    last = Poll.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    Poller.objects.filter(instance__in=instances).update(next_poll_at=timezone.now())
    return last


def polled_in(after: int) -> float:
    """Seconds from the begin of the first to the end of the last of the polls behind that id."""
    Poller.objects.filter(polls__gt=after).update(next_poll_at=FAR)  # or its own time comes in the next round
    polls = Poll.objects.filter(pk__gt=after, events_created__gt=0)
    moments = [(poll.started_at, poll.finished_at) for poll in polls if poll.started_at and poll.finished_at]
    return (max(end for _, end in moments) - min(begin for begin, _ in moments)).total_seconds()


def lateness(instances: list[int], since_ms: int) -> list[float]:
    """Of every poll since then: how many seconds after its poller's due time it began."""
    since = datetime.fromtimestamp(since_ms / 1000, UTC)
    late = []
    for poll in Poll.objects.filter(queued_at__gte=since, started_at__isnull=False).select_related("poller__instance"):
        poller = poll.poller
        following = schedule.next_poll(poller.schedule_key, poller.interval, poll.queued_at)
        assert poll.started_at is not None
        late.append((poll.started_at - (following - poller.interval)).total_seconds())
    return late


LOG_INSTANCES = 10


def log(changes: int) -> dict[str, dict[str, str]]:
    """So many changes, ten an event, in turn of ten instances; the pages to ask for, and a session to ask with.

    Each object has ten changes, whatever their number.
    """
    user = User.objects.order_by("pk")[0]
    ids = instances(["http://127.0.0.1:9/none"] * LOG_INSTANCES, active=False)
    base = by_series.changes(ids, changes)
    api = f"/instances/{ids[1]}/events"
    token = signing.dumps(base + changes // 20, salt=f"newest first {api} []")
    log_of_one = f"/console/events?instance={ids[1]}"
    pages = {
        "event log": "/console/events",
        "event log, deep inside": f"/console/events?before={base + changes // 2}",
        "event log of an instance, deep inside": f"{log_of_one}&before={base + changes // 2}",
        "event log of one object": "/console/events?object_id=l-0001:5",
        "event log of one object of an instance": f"{log_of_one}&object_id=l-0001:5",
        "GET /instances/{id}/events": f"{api}?pageSize=40",
        "GET /instances/{id}/events, deep inside": f"{api}?pageSize=40&nextPage={token}",
    }
    return {"pages": pages, "session": {"cookie": _session(user)}}


def backlog(urls: list[str], deliveries: int) -> list[int]:
    """An instance for each callback URL, and so many deliveries to them in turn, all due, the last of them just now."""
    ids = instances(urls)
    by_series.deliveries(ids, deliveries)
    wake("events.tasks.deliver")
    return ids


def _session(user: User) -> str:
    """The cookie of somebody who has logged in."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


SEEDS: dict[str, Callable[..., Any]] = {
    seed.__name__: seed for seed in (instances, waiting, steadily, due, polled_in, lateness, log, backlog)
}

if __name__ == "__main__":
    for line in sys.stdin:
        what, values = json.loads(line)
        print(json.dumps(SEEDS[what](**values)), flush=True)
