"""The queue that the settings name: a table, or a list in Redis."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django_q.brokers import get_broker
from django_q.signing import SignedPackage

from acton_hub import queue
from acton_hub.queue import wake

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def waiting() -> list[tuple[str, tuple[Any, ...]]]:
    packages = [SignedPackage.loads(package) for package in get_broker().waiting()]
    return [(package["func"], tuple(package["args"])) for package in packages]


@pytest.fixture(autouse=True)
def _empty() -> None:
    get_broker().purge_queue()


def test_equal_wake_ups_wait_once() -> None:
    for _ in range(3):
        wake("events.tasks.deliver")
        wake("events.tasks.deliver", 7)
    assert waiting() == [("events.tasks.deliver", ()), ("events.tasks.deliver", (7,))]


def test_a_wake_up_waits_for_the_commit() -> None:
    with transaction.atomic():
        wake("events.tasks.deliver")
        assert waiting() == []
    assert len(waiting()) == 1


def test_a_wake_up_is_taken_once() -> None:
    wake("events.tasks.deliver")
    one, other = type(get_broker())(), type(get_broker())()
    taken = [item for item in one.dequeue() + other.dequeue() if "deliver" in str(SignedPackage.loads(item[1])["func"])]
    assert len(taken) == 1
    assert waiting() == []


def test_a_queue_that_is_away_fails_nobody(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(type(get_broker()), "enqueue", _away)
    wake("events.tasks.deliver")
    assert "queue away task=events.tasks.deliver error=away" in caplog.text


def test_a_pusher_outlives_a_queue_that_is_away_and_its_heart_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    pusher = queue.Pusher(_away)
    heartbeat = pusher.dequeue()
    assert SignedPackage.loads(heartbeat[0][1])["func"] == queue.HEARTBEAT_TASK
    assert pusher.dequeue() == []
    assert caplog.text.count("queue away again_in_s=1") == 1


def _away(*args: Any) -> Any:
    raise DatabaseError("away")
