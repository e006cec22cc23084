"""What others lost at the edges of windows, one test each (DESIGN's table of failures), with an Act-On in memory."""

import resource
from pathlib import Path

import pytest
from django.db import connection

from elements.acton.client import Answer
from elements.acton.resources import Access
from events.models import Change
from polling.models import Poll, Position
from tests.polling.act_on import ActOn, Contact, killing_at
from tests.polling.world import OVERLAP_MS, World

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.mark.parametrize("request_number", [1, 2])
def test_a_process_that_lost_its_poll_stores_nothing_more(world: World, request_number: int) -> None:
    """It hung for longer than its lease, and another has taken over: the position would move ahead of that one's."""
    for number in range(4):
        world.acton.touch("l-0001", number)
    world.later(1000)

    def taken_over() -> None:
        Poll.objects.filter(status="running").update(holder="another")
        connection.close()  # that of the thread which makes the request

    world.acton.before[request_number] = taken_over
    world.poll()
    assert Change.objects.count() == 3 * (request_number - 1)
    assert not Position.objects.exists()


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("page", [0, 1, 2, 3])
def test_cursor_and_items_are_saved_together(world: World, page: int, before: bool) -> None:
    """Killed at any page, with changes older than the overlap: nothing is lost, nothing doubled."""
    for number in range(9):
        world.acton.touch("l-0001", number)
    world.later(10 * OVERLAP_MS)
    with killing_at(page, before=before):
        world.poll()
    world.later(10 * OVERLAP_MS)
    assert world.poll() == "succeeded"
    assert world.stored() == {f"l-0001:{number}": 1 for number in range(9)}


def test_several_records_in_one_millisecond_over_pages_are_all_taken(world: World) -> None:
    for number in range(10):
        world.acton.touch("l-0001", number)
    assert world.poll() == "succeeded"
    assert len(world.stored()) == 10


def test_a_record_at_the_very_edge_of_the_window_is_taken(world: World) -> None:
    world.acton.touch("l-0001", 1)
    world.poll()
    for _ in range(3):
        world.acton.now_ms = world.acton.now_ms // 1000 * 1000
        world.later(1000)
        world.acton.touch("l-0001", 1)
        world.poll()
    assert world.stored() == {"l-0001:1": 4}


@pytest.mark.parametrize("late_ms", [1, OVERLAP_MS // 2, OVERLAP_MS - 2000])
def test_a_record_that_is_indexed_late_is_found_within_the_overlap(world: World, late_ms: int) -> None:
    world.acton.touch("l-0001", 1)
    changed_ms = world.acton.now_ms
    world.later(late_ms)
    world.poll()
    world.later(500)
    world.acton.lists["l-0001"][2] = Contact(changed_ms, changed_ms)
    world.acton.modified_ms["l-0001"] = changed_ms
    world.poll()
    assert world.stored() == {"l-0001:1": 1, "l-0001:2": 1}


def test_a_future_dated_record_does_not_hide_the_ones_after_it(world: World) -> None:
    future_ms = world.acton.now_ms + 86_400_000
    world.acton.lists["l-0001"][1] = Contact(future_ms, future_ms)
    world.acton.modified_ms["l-0001"] = world.acton.now_ms
    for number in (2, 3):
        world.poll()
        world.later(10 * OVERLAP_MS)
        world.acton.touch("l-0001", number)
    world.poll()
    assert world.stored() == {"l-0001:1": 1, "l-0001:2": 1, "l-0001:3": 1}


def test_every_later_update_is_a_change_and_the_newest_is_not_repeated(world: World) -> None:
    for _ in range(4):
        world.acton.touch("l-0001", 1)
        world.poll()
        world.poll()
        world.later(10 * OVERLAP_MS)
    world.poll()
    assert world.stored() == {"l-0001:1": 4}
    assert list(Change.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2, 3, 4]


def test_what_a_list_does_not_tell_is_found_by_the_sweep_of_24_hours(world: World) -> None:
    world.acton.touch("l-0001", 1)
    world.poll()
    world.later(10 * OVERLAP_MS)
    world.poll()
    untold_ms = world.acton.now_ms
    world.acton.lists["l-0001"][2] = Contact(untold_ms, untold_ms)
    world.later(3_600_000)
    world.poll()
    assert "l-0001:2" not in world.stored()
    world.later(24 * 3_600_000)
    world.poll()
    assert world.stored()["l-0001:2"] == 1


@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000])
def test_our_clock_may_jump_in_mid_poll(world: World, jump_ms: int) -> None:
    for number in range(8):
        world.acton.touch("l-0001", number)
    world.later(10 * OVERLAP_MS)
    world.acton.before = {2: lambda: world.later(1000, skew_ms=jump_ms)}
    world.poll()
    world.acton.touch("l-0001", 100)
    world.later(10 * OVERLAP_MS)
    world.poll()
    assert world.stored() == {f"l-0001:{number}": 1 for number in [*range(8), 100]}


def test_a_deleted_list_does_not_hold_back_the_others(world: World) -> None:
    for list_id in ("l-0001", "l-0002"):
        world.acton.touch(list_id, 1)
    world.acton.before = {1: lambda: world.acton.lists.pop("l-0001")}
    assert world.poll() == "failed"
    assert world.stored() == {"l-0002:1": 1}
    assert world.poll() == "succeeded"


class Countless(ActOn):
    """One list of 100,000 contacts, made up page by page; notes the process's memory at each request."""

    count = 100_000
    resident_mib: list[float]

    def get(self, access: Access, path: str, params: dict[str, str]) -> Answer:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.resident_mib.append(pages * resource.getpagesize() / 2**20)
        if path == "/api/1/list":
            return super().get(access, path, params)
        offset, moment = int(params["offset"]), str(self.now_ms)
        rows = [[f"l-0001:{number}", moment, moment, "1"] for number in range(offset, min(offset + 1000, self.count))]
        headers = ["_contact_id_", "created_date", "modified_date", "Version"]
        return self.answer({"headers": headers, "data": rows, "totalCount": self.count})


def test_memory_does_not_grow_with_the_number_of_changes(world: World) -> None:
    world.acton = Countless(world.acton.now_ms, lists={"l-0001": {}}, modified_ms={"l-0001": world.acton.now_ms})
    world.acton.resident_mib = []
    assert world.poll() == "succeeded"
    assert Change.objects.count() == 100_000
    memory = world.acton.resident_mib
    assert len(memory) > 100
    assert max(memory[10:]) - memory[10] < 50, "MiB more than after the first ten pages"
