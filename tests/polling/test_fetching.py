"""Reading a set whole while it moves (DESIGN promise 4), against a plain model of "what was there all along"."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elements.acton.exceptions import ActOnError
from elements.acton.resources import Access, Page, Record
from polling.fetching import Bookmark, SetKeptMoving, read_whole

ACCESS = Access("http://127.0.0.1", "token")


@dataclass
class MovingSet:
    """Records that change before the n-th request, as a plan says, in one of Act-On's possible orders."""

    order: str
    records: dict[int, int]  # id → version
    plan: dict[int, list[tuple[str, int]]]
    requests: int = 0
    touched: set[int] = field(default_factory=set)

    def rows(self) -> list[Record]:
        keys = {
            "id": lambda item: item,
            "oldest change": lambda item: (item[1], item[0]),
            "newest change": lambda item: (-item[1], item[0]),
            "name": lambda item: (item[0] * 7919 % 101, item[0]),
        }
        return [{"id": key, "version": version} for key, version in sorted(self.records.items(), key=keys[self.order])]

    def fetch(self, access: Access, offset: int, count: int) -> Page:
        for action, key in self.plan.get(self.requests, []):
            self.touched.add(key)
            if action == "delete":
                self.records.pop(key, None)
            else:
                self.records[key] = 1000 + self.requests
        self.requests += 1
        rows = self.rows()
        return Page(rows[offset : offset + count], offset, len(rows), None)


def read(moving: MovingSet, count: int, bookmark: Bookmark | None = None) -> list[Record]:
    seen: list[Record] = []
    reading = read_whole(moving.fetch, lambda records, last: seen.extend(records), bookmark or Bookmark(), count=count)
    call = next(reading)
    while True:
        try:
            call = reading.send(call.fetch(ACCESS))
        except StopIteration:
            return seen


ORDERS = ["id", "oldest change", "newest change", "name"]
ACTIONS = st.lists(st.tuples(st.sampled_from(["delete", "change", "add"]), st.integers(0, 40)), max_size=4)


@settings(max_examples=600, deadline=None)
@given(
    order=st.sampled_from(ORDERS),
    size=st.integers(0, 30),
    count=st.integers(2, 9),
    plan=st.dictionaries(st.integers(0, 12), ACTIONS, max_size=8),
)
def test_what_does_not_change_while_reading_is_always_read(
    order: str, size: int, count: int, plan: dict[int, list[tuple[str, int]]]
) -> None:
    moving = MovingSet(order, {key: key % 5 for key in range(size)}, plan)
    try:
        seen = read(moving, count)
    except (SetKeptMoving, ActOnError):
        return  # the poll fails with its position unmoved, so nothing is lost
    missing = set(range(size)) - moving.touched - {record["id"] for record in seen}
    assert not missing


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("boundary", [1, 2, 3])
def test_a_record_deleted_before_a_page_hides_none_behind_it(order: str, boundary: int) -> None:
    moving = MovingSet(order, dict.fromkeys(range(20), 0), {boundary: [("delete", 0), ("delete", 1)]})
    assert {record["id"] for record in read(moving, 5)} >= set(range(2, 20))


def test_a_quiet_set_is_read_once_with_one_record_of_overlap_a_page() -> None:
    moving = MovingSet("id", dict.fromkeys(range(10), 0), {})
    assert [record["id"] for record in read(moving, 4)] == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9]


def test_growth_in_front_costs_no_step_back() -> None:
    moving = MovingSet("newest change", dict.fromkeys(range(9), 0), {1: [("add", 100)], 2: [("add", 101)]})
    read(moving, 5)
    assert moving.requests == 3


def test_a_landmark_that_moved_with_its_change_is_none() -> None:
    """By oldest change: 1 and 4 move to the end, so 5 moves in front of the offset. Ids alone would look joined."""
    moving = MovingSet("oldest change", dict.fromkeys(range(6), 0), {1: [("change", 4), ("change", 1)]})
    assert 5 in {record["id"] for record in read(moving, 5)}


def test_a_set_that_never_holds_still_fails_after_three_tries() -> None:
    plan = {request: [("delete", key) for key in range(request * 3, request * 3 + 3)] for request in range(1, 30)}
    with pytest.raises(SetKeptMoving, match="3 tries"):
        read(MovingSet("id", dict.fromkeys(range(90), 0), plan), 3)


def test_reading_goes_on_at_a_bookmark() -> None:
    whole = MovingSet("id", dict.fromkeys(range(12), 0), {})
    bookmark = Bookmark()
    reading = read_whole(whole.fetch, lambda records, last: None, bookmark, count=5)
    call = next(reading)
    reading.send(call.fetch(ACCESS))
    ids = [record["id"] for record in read(whole, 5, Bookmark(bookmark.offset, bookmark.landmarks))]
    assert (ids[0], set(ids)) == (4, set(range(4, 12)))


def test_a_page_that_ends_before_the_announced_total_is_no_end() -> None:
    def fetch(access: Access, offset: int, count: int) -> Page:
        return Page([], offset, 7, None)

    reading = read_whole(fetch, lambda records, last: None, Bookmark(), count=5)
    call = next(reading)
    with pytest.raises(ActOnError, match="announced 7"):
        reading.send(call.fetch(ACCESS))
