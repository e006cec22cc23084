"""DELETED: what is gone is told once, and nothing that is there (CONTRACT §4)."""

from collections import Counter

import pytest

from elements.acton.exceptions import ActOnError
from events.models import Change, TrackedObject
from polling.models import Poller, Position
from tests.polling.world import World

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
DAY_MS = 86_400_000
SWEPT_MS = DAY_MS + DAY_MS // 10 + 1000  # by then every list is due, whatever its share


@pytest.fixture
def swept(world: World) -> World:
    """Six contacts in two lists, polled and swept once."""
    configuration = {**world.poller.configuration, "detectDeletes": True}
    Poller.objects.update(configuration=configuration)
    for number in range(6):
        world.acton.touch("l-0001", number)
    world.acton.touch("l-0002", 1)
    world.later(1000)
    assert world.poll() == "succeeded"
    assert told(world) == {"CREATED": 7}
    return world


def told(world: World) -> Counter[str]:
    return Counter(Change.objects.values_list("event_type", flat=True))


def deleted(world: World) -> set[str]:
    return set(Change.objects.filter(event_type="DELETED").values_list("object_id", flat=True))


def test_what_is_gone_is_told_once_with_its_last_record(swept: World) -> None:
    swept.acton.delete("l-0001", 2)
    swept.later(SWEPT_MS)
    assert swept.poll() == "succeeded"
    assert deleted(swept) == {"l-0001:2"}
    change = Change.objects.get(event_type="DELETED")
    assert '"l-0001:2"' in change.record
    assert change.sequence == 2
    swept.later(SWEPT_MS)
    swept.poll()
    assert told(swept) == {"CREATED": 7, "DELETED": 1}


def test_no_sweep_before_its_time(swept: World) -> None:
    swept.acton.delete("l-0001", 2)
    swept.later(DAY_MS // 2)
    assert swept.poll() == "succeeded"
    assert deleted(swept) == set()


def test_a_contact_that_comes_back_is_created_again_even_as_it_was(swept: World) -> None:
    gone = swept.acton.lists["l-0001"][2]
    swept.acton.delete("l-0001", 2)
    swept.later(SWEPT_MS)
    swept.poll()
    swept.acton.lists["l-0001"][2] = gone
    gone.modified_ms = swept.acton.now_ms
    swept.acton.modified_ms["l-0001"] = swept.acton.now_ms
    swept.later(1000)
    swept.poll()
    swept.poll()
    kinds = Change.objects.filter(object_id="l-0001:2").order_by("pk").values_list("event_type", flat=True)
    assert list(kinds) == ["CREATED", "DELETED", "CREATED"]
    swept.acton.delete("l-0001", 2)
    swept.later(SWEPT_MS)
    swept.poll()
    assert Change.objects.filter(object_id="l-0001:2").count() == 4


def test_a_contact_that_never_changed_is_known_by_the_sweep(world: World) -> None:
    """It was there before events were enabled, so no poll ever told of it."""
    Poller.objects.update(configuration={**world.poller.configuration, "detectDeletes": True})
    for number in range(3):
        world.acton.touch("l-0001", number)
    world.later(10 * DAY_MS)
    Poller.objects.update(started_ms=world.acton.now_ms)
    world.later(1000)
    world.poll()
    assert not Change.objects.exists()
    world.acton.delete("l-0001", 1)
    world.later(SWEPT_MS)
    world.poll()
    assert deleted(world) == {"l-0001:1"}


@pytest.mark.parametrize("request_number", [1, 2, 3, 4, 5, 6])
def test_a_sweep_that_did_not_read_every_page_deletes_nothing(swept: World, request_number: int) -> None:
    def fails() -> None:
        raise ActOnError("dropped")

    swept.acton.delete("l-0001", 2)
    swept.later(SWEPT_MS)
    swept.acton.before[request_number] = fails
    swept.poll()
    assert deleted(swept) <= {"l-0001:2"}
    before = deleted(swept)
    swept.later(1000)
    assert swept.poll() == "succeeded"
    assert deleted(swept) == {"l-0001:2"}
    assert Change.objects.filter(event_type="DELETED").count() == 1
    assert before <= deleted(swept)


def test_a_list_that_vanished_deletes_no_contact(swept: World) -> None:
    del swept.acton.lists["l-0002"]
    swept.later(SWEPT_MS)
    swept.poll()
    assert deleted(swept) == set()


@pytest.mark.parametrize("order", ["id", "oldest change", "newest change"])
@pytest.mark.parametrize("request_number", range(1, 7))
def test_a_contact_that_moves_while_its_list_is_read_is_not_gone(swept: World, order: str, request_number: int) -> None:
    swept.acton.order = order
    swept.later(SWEPT_MS)

    def moves() -> None:
        swept.later(10)
        swept.acton.touch("l-0001", 1)
        swept.acton.touch("l-0001", 5)
        swept.acton.touch("l-0001", 9)
        swept.acton.delete("l-0001", 0)

    swept.acton.before[request_number] = moves
    swept.poll()
    assert deleted(swept) <= {"l-0001:0"}
    swept.later(SWEPT_MS)
    swept.poll()
    assert deleted(swept) == {"l-0001:0"}
    assert Change.objects.filter(object_id="l-0001:9", event_type="CREATED").count() == 1


def test_what_the_sweep_saw_first_is_still_told_by_the_next_poll(swept: World) -> None:
    """A contact that is added between the poll's reading and the sweep's."""
    swept.later(SWEPT_MS)
    swept.acton.before[3] = lambda: swept.acton.touch("l-0001", 7)
    swept.poll()
    swept.later(1000)
    swept.poll()
    assert Change.objects.filter(object_id="l-0001:7").count() == 1
    assert TrackedObject.objects.get(object_id="l-0001:7").record


def test_every_list_remembers_its_own_sweep(swept: World) -> None:
    assert Position.objects.filter(swept_ms=None).count() == 0
