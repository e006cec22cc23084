"""A backfill over several pages counts each change once, and sends each notification once (CONTRACT §9)."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from events import outbox
from events.models import Attempt
from events.outbox import Outcome
from polling.models import Poll
from tests.polling.act_on import run_poll
from tests.polling.world import World

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture(params=[5.0, 0.0], ids=["one slice", "a slice a page"])
def slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polling.driver.SLICE_S", request.param)


def backfill(world: World, **options: Any) -> Poll:
    world.later(1000)
    since = {"from": 0, "dry_run": False, "redeliver": False, "list": "l-0001", **options}
    return run_poll(world.acton, world.poller, trigger=Poll.Trigger.BACKFILL, backfill=since)


def accept_all() -> None:
    """The callback accepts all that is due."""
    while (batch := outbox.claim("callback", 50, timezone.now())).deliveries:
        outbox.settle(batch, [Outcome(each.pk, timezone.now(), 1, status_code=200) for each in batch.deliveries])


def sent() -> Counter[int]:
    """How often each notification was sent."""
    accept_all()
    return Counter(Attempt.objects.values_list("delivery__notification", flat=True))


def accept_before_each_page(world: World) -> None:
    def accept() -> None:
        world.later(1000)
        accept_all()
        connection.close()  # that of the thread which makes the request

    world.acton.before = dict.fromkeys(range(20), accept)


@pytest.mark.usefixtures("slices")
def test_a_record_that_two_pages_share_is_one_change(world: World) -> None:
    for number in range(10):  # pages of three share a record
        world.acton.touch("l-0001", number)
    dry = backfill(world, dry_run=True)
    assert (dry.status, dry.events_created, dry.repeated, dry.records_read) == ("succeeded", 10, 0, 10)
    done = backfill(world)
    assert (done.status, done.events_created, done.repeated, done.records_read) == ("succeeded", 10, 0, 10)
    again = backfill(world)
    assert (again.status, again.events_created, again.repeated) == ("succeeded", 0, 10)


@pytest.mark.usefixtures("slices")
def test_what_a_backfill_brings_is_not_delivered_again_by_it(world: World) -> None:
    for number in range(10):
        world.acton.touch("l-0001", number)
    accept_before_each_page(world)
    done = backfill(world, redeliver=True)
    assert (done.status, done.events_created, done.repeated) == ("succeeded", 10, 0)
    assert set(sent().values()) == {1}


@pytest.mark.usefixtures("slices")
def test_a_notification_whose_changes_lie_on_many_pages_is_delivered_again_once(world: World) -> None:
    world.acton.page_size = 1000
    for number in range(10):
        world.acton.touch("l-0001", number)
    assert world.poll() == "succeeded"
    assert list(sent().values()) == [1]
    world.acton.page_size = 3
    accept_before_each_page(world)
    done = backfill(world, redeliver=True)
    assert (done.status, done.events_created, done.repeated) == ("succeeded", 0, 10)
    assert list(sent().values()) == [2]


def test_a_page_that_is_read_again_because_the_set_moved_delivers_nothing_twice(world: World) -> None:
    for number in range(12):
        world.acton.touch("l-0001", number)
    accept_before_each_page(world)
    accept = world.acton.before[2]

    def two_go() -> None:
        accept()
        for number in (0, 1):
            world.acton.delete("l-0001", number)

    world.acton.before[2] = two_go
    assert backfill(world, redeliver=True).status == "succeeded"
    assert world.stored() == {f"l-0001:{number}": 1 for number in range(12)}
    assert set(sent().values()) == {1}
