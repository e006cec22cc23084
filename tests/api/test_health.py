"""`/healthz` says which part is ill, `/healthz/live` only whether the web server answers (CONTRACT §9).

That it is so with real processes, PostgreSQL and Redis that end stands in tests/processes.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from django_q.brokers import get_broker

from acton_hub.models import Heartbeat
from api import health

HEALTHY = ("cluster:host:1", "dispatcher:host:2")
with_database = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Which databases have all migrations is asked once a process."""
    health._migrated.cache_clear()
    yield
    health._migrated.cache_clear()


@pytest.fixture
def beating(db: None) -> None:
    for name in HEALTHY:
        Heartbeat.objects.beat(name)


def reasons(client: Client) -> list[str]:
    response = client.get("/healthz")
    found: list[str] = response.json().get("reasons", [])
    assert response.status_code == (503 if found else 200)
    return found


@with_database
def test_all_is_well(client: Client, beating: None) -> None:
    assert reasons(client) == []


@with_database
@pytest.mark.parametrize(("kind", "said"), [("cluster", "no worker has run a task"), ("dispatcher", "no dispatcher")])
@pytest.mark.parametrize("term", [timedelta(minutes=-1), timedelta(hours=1), None])
def test_a_worker_without_a_young_heartbeat(
    client: Client, beating: None, kind: str, said: str, term: timedelta | None
) -> None:
    """Old, or ahead of the clock, or none at all."""
    row = Heartbeat.objects.of(kind)
    if term is None:
        row.delete()
    else:
        row.update(beat_at=timezone.now() + term)
    (reason,) = reasons(client)
    assert said in reason


@with_database
def test_a_migration_that_is_missing(client: Client, beating: None) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("acton_hub", "0002_tallies")
    assert reasons(client) == ["migrations are missing in the database 'default': run `manage.py migrate`"]
    recorder.record_applied("acton_hub", "0002_tallies")
    assert reasons(client) == []


@with_database
def test_a_queue_that_is_away(client: Client, beating: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Any) -> int:
        raise DatabaseError("gone")

    broker = get_broker()
    monkeypatch.setattr(type(broker), "queue_size", away)
    assert reasons(client) == ["the queue does not answer"]


@with_database
def test_a_database_that_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any) -> bool:
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "is_migrated", away)
    assert reasons(client) == ["the database does not answer"]


def test_live_asks_no_database(client: Client) -> None:
    response = client.get("/healthz/live")  # a query would fail this test, which has no database
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
