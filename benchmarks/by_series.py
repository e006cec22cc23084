"""Rows by the million, which the database makes itself out of a series of numbers. Called by `benchmarks.seed`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.models import Max

from events.models import Change, Delivery, Event, Notification, Subscription
from instances.models import Instance
from polling.models import Poller

MODELS = (Event, Notification, Delivery, Change)
A_NOTIFICATION = 10
HOURS = 3  # of which a backlog is
EVENTS = """
    INSERT INTO events_event (id, instance_id, object_type, status, event_date, provider_data)
    SELECT {base} + n, {instance}, 'contacts', {event_status}, {now}, '{{"objectType": "contacts"}}' FROM {events}"""
NOTIFICATIONS = """
    INSERT INTO events_notification (id, organization_id, instance_id, event_id, webhook_id, topic, severity,
                                     acknowledged, body_tail, created_at)
    SELECT {base} + n, {organization}, {instance}, {base} + n, {uuid}, 'acton', 'low', {false}, '"topic": "acton"}}',
           {now}
    FROM {events}"""
DELIVERIES = """
    INSERT INTO events_delivery (id, notification_id, subscription_id, status, failures, attempts_made, lease_holder,
                                 last_error, created_at, updated_at, next_attempt_at)
    SELECT {base} + n, {base} + n, {subscription}, {status}, 0, {attempts}, '', '', {now}, {now}, {due} FROM {events}"""
CHANGES = """
    INSERT INTO events_change (id, instance_id, poller_id, event_id, object_type, object_id, event_type, version,
                               sequence, occurred_ms, record, previous, found_at)
    SELECT {base} + n, {instance_of_change}, {poller_of_change}, {base} + (n + 9) / 10, 'contacts',
           'l-0001:' || (n % {objects}), 'UPDATED', n || ':hash', 1, 1479945600000,
           '{{"Email": "ada@example.com"}}', '', {now}
    FROM {changes}"""


def changes(instances: list[int], count: int) -> int:
    """So many changes, ten an event, events in turn of the instances, each delivered; the id before the first.

    Each object has ten changes, whatever their number.
    """
    return _insert(
        [EVENTS, NOTIFICATIONS, DELIVERIES, CHANGES], instances, count // A_NOTIFICATION, changes=_series(count),
        objects=str(max(1, count // 10)), event_status="'NOTIFIED'", status="'notified'", attempts="1", due="NULL",
    )  # fmt: skip


def deliveries(instances: list[int], count: int) -> int:
    """So many deliveries in turn of the instances, due within the last hours, the last one now."""
    seconds = f"(({count} - n) * {HOURS * 3600}.0 / {count})"
    due = f"now() - {seconds} * interval '1 second'"
    if connection.vendor == "sqlite":
        due = f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || {seconds} || ' seconds')"
    return _insert(
        [EVENTS, NOTIFICATIONS, DELIVERIES], instances, count,
        event_status="'DISPATCHED'", status="'created'", attempts="0", due=due,
    )  # fmt: skip


def _series(count: int) -> str:
    if connection.vendor == "postgresql":
        return f"generate_series(1, {count}) AS s(n)"
    return f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"  # noqa: S608


def _insert(statements: list[str], instances: list[int], events: int, **more: str) -> int:
    on_sqlite = connection.vendor == "sqlite"
    base = max(model._default_manager.aggregate(last=Max("pk"))["last"] or 0 for model in MODELS)
    turn, turn_of_change = f"n % {len(instances)}", f"((n + 9) / 10) % {len(instances)}"
    values = {
        "base": base, "instance": f"{instances[0]} + {turn}",
        "instance_of_change": f"{instances[0]} + {turn_of_change}",
        "subscription": f"{_first(Subscription, instances)} + {turn}",
        "poller_of_change": f"{_first(Poller, instances)} + {turn_of_change}",
        "organization": Instance.objects.get(pk=instances[0]).organization_id,
        "events": _series(events),
        "now": "strftime('%Y-%m-%d %H:%M:%f', 'now')" if on_sqlite else "now()",
        "uuid": "lower(hex(randomblob(16)))" if on_sqlite else "gen_random_uuid()",
        "false": "0" if on_sqlite else "false",
    }  # fmt: skip
    with _unhindered(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(**values, **more))
    with connection.cursor() as cursor:
        if not on_sqlite:  # which does this by itself, later; nobody does it on SQLite
            cursor.execute("VACUUM ANALYZE")
            for model in MODELS:  # the sequences know nothing of ids that were given
                table = model._meta.db_table
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) + 1 FROM {table}))"  # noqa: S608
                )
    return base


def _first(model: type[Subscription] | type[Poller], instances: list[int]) -> int:
    return model._default_manager.filter(instance__in=instances).order_by("pk").values_list("pk", flat=True)[0]


@contextmanager
def _unhindered() -> Iterator[None]:
    """Without indexes and constraints, which are made anew: that takes a fraction of keeping them up to date."""
    tables = [model._meta.db_table for model in MODELS]
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) "
                "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
                [tables],
            )
        else:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
                "AND tbl_name IN (SELECT value FROM json_each(%s))",
                [json.dumps(tables)],
            )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _, definition in indexes:
            cursor.execute(definition)
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = DEFAULT")
