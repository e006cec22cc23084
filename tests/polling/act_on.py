"""An Act-On in memory that answers the two calls of a poll, for tests of many turns; the sandbox is the real thing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from django.utils import timezone

from elements.acton import connections, limits, resources
from elements.acton.client import Answer
from elements.acton.exceptions import ActOnError
from elements.acton.resources import Access
from polling import claims, driver, run
from polling.models import Poll, Poller
from tests import rows


class Killed(BaseException):
    """The process ends here: nothing that is not committed happened."""


@dataclass
class Contact:
    created_ms: int
    modified_ms: int
    version: int = 0


@dataclass
class ActOn:
    """Its clock is `now_ms`; `before` holds what happens before the n-th request from now (0 is the next)."""

    now_ms: int
    order: str = "id"
    lists: dict[str, dict[int, Contact]] = field(default_factory=dict)
    modified_ms: dict[str, int] = field(default_factory=dict)
    before: dict[int, Any] = field(default_factory=dict)
    requests: int = 0
    page_size: int = 1000

    def touch(self, list_id: str, number: int) -> None:
        """Add or change a contact."""
        contact = self.lists[list_id].setdefault(number, Contact(self.now_ms, self.now_ms))
        contact.modified_ms = self.now_ms
        contact.version += 1
        self.modified_ms[list_id] = self.now_ms

    def delete(self, list_id: str, number: int) -> None:
        if self.lists[list_id].pop(number, None):
            self.modified_ms[list_id] = self.now_ms

    def add_list(self, list_id: str) -> None:
        self.lists.setdefault(list_id, {})
        self.modified_ms.setdefault(list_id, self.now_ms)

    def get(self, access: Access, path: str, params: dict[str, str]) -> Answer:
        turn = self.before.pop(0, None)
        self.before = {number - 1: action for number, action in self.before.items()}
        self.requests += 1
        if turn is not None:
            turn()
        offset, count = int(params["offset"]), min(int(params["count"]), self.page_size)
        if path == "/api/1/list":
            rows: list[Any] = [{"id": key, "name": key, "tsLastModified": self.modified_ms[key]} for key in self.lists]
            return self.answer({"result": rows[offset : offset + count], "totalCount": len(rows)})
        list_id = path.rpartition("/")[2]
        if list_id not in self.lists:
            raise ActOnError("Invalid or missing list", status=404)
        since = int(params.get("modafter", 0))
        rows = [
            [f"{list_id}:{number}", str(contact.created_ms), str(contact.modified_ms), str(contact.version)]
            for number, contact in self.ordered(list_id)
            if contact.modified_ms >= since
        ]
        headers = ["_contact_id_", "created_date", "modified_date", "Version"]
        return self.answer({"headers": headers, "data": rows[offset : offset + count], "totalCount": len(rows)})

    def ordered(self, list_id: str) -> list[tuple[int, Contact]]:
        keys: dict[str, Any] = {
            "id": lambda item: item[0],
            "oldest change": lambda item: (item[1].modified_ms, item[0]),
            "newest change": lambda item: (-item[1].modified_ms, item[0]),
        }
        return sorted(self.lists[list_id].items(), key=keys[self.order])

    def answer(self, body: Any) -> Answer:
        date = datetime.fromtimestamp(self.now_ms // 1000, UTC)
        return Answer(body, date, date, date, {})


@contextmanager
def killing_at(page: int, *, before: bool) -> Iterator[None]:
    """The process is killed before, or at the end of, what stores the n-th page (from 0)."""
    real, count = run._store, 0

    def store(*args: Any) -> None:
        nonlocal count
        count += 1
        if count > page and before:
            raise Killed
        real(*args)
        if count > page:
            raise Killed

    with mock.patch.object(run, "_store", store):
        yield


def run_poll(acton: ActOn, poller: Poller, **fields: Any) -> Poll:
    """Run one poll of `poller` as a worker would, with `acton` for Act-On; after Killed its leases have run out."""
    poll = rows.poll(poller.instance, status="queued", **fields)
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(resources, "get", acton.get))
        patches.enter_context(mock.patch.object(limits, "reserve_call", return_value=0.0))
        patches.enter_context(mock.patch.object(limits, "slow_down", return_value=1.0))
        patches.enter_context(mock.patch.object(connections, "access_token", return_value="token"))
        while poll.status == "queued":  # a long poll makes room, and is queued again
            taken = claims.claim("holder", 5, timezone.now())
            assert [row.pk for row in taken] == [poll.pk]
            with suppress(Killed):
                driver.run_polls("holder", taken)
            driver.release_connections("holder")
            Poll.objects.filter(status="running").update(status="failed")
            poll.refresh_from_db()
    return poll
