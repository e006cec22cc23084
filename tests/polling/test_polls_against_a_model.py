"""After any sequence of changes, polls, failures and crashes, what was stored is what changed (DESIGN promises 1 to 4).

A state machine drives an Act-On in memory and the real poll, against a plain model: for each contact, the versions
that Act-On held when a poll could see them.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.models import User
from elements.acton.exceptions import ActOnError, Throttled
from elements.models import Connection
from events.models import Change, TrackedObject
from polling.models import Poller
from tests import rows
from tests.polling.act_on import ActOn, killing_at, run_poll

START_MS = 1_800_000_000_000
LISTS = ["l-0001", "l-0002"]
OVERLAP_MS = 60_000
CONTACTS = st.integers(1, 12)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_was_stored_is_what_changed(user: User) -> None:
    class Machine(RuleBasedStateMachine):
        @initialize(
            order=st.sampled_from(["id", "oldest change", "newest change"]),
            skew_ms=st.sampled_from([0, 3_600_000, -3_600_000]),
        )
        def start(self, order: str, skew_ms: int) -> None:
            Connection.objects.all().update(poll_lease_until=None)
            self.acton = ActOn(START_MS, order, page_size=3)
            self.skew_ms = skew_ms  # our clock less Act-On's
            self.clock = time_machine.travel(self.ours(), tick=False)
            self.traveller = self.clock.start()
            for list_id in LISTS:
                self.acton.add_list(list_id)
                for number in range(1, 5):
                    self.acton.touch(list_id, number)
            self.advance(1000)
            row = rows.instance(user, connection=rows.connection(user))
            self.poller: Poller = row.pollers.get()
            self.poller.started_ms = self.acton.now_ms
            self.poller.save()
            self.advance(1)
            self.expected: Counter[tuple[str, str]] = Counter()

        def ours(self) -> datetime:
            return datetime.fromtimestamp((self.acton.now_ms + self.skew_ms) / 1000, UTC)

        @rule(ms=st.sampled_from([1, 400, 1000, 30_000, 90_000, 900_000]))
        def advance(self, ms: int) -> None:
            self.acton.now_ms += ms
            self.traveller.move_to(self.ours())

        @rule(list_id=st.sampled_from(LISTS), number=CONTACTS)
        def touch(self, list_id: str, number: int) -> None:
            self.acton.touch(list_id, number)

        @rule(list_id=st.sampled_from(LISTS), number=CONTACTS)
        def delete(self, list_id: str, number: int) -> None:
            self.acton.delete(list_id, number)

        @rule()
        def new_list(self) -> None:
            self.acton.add_list("l-0003")
            self.acton.touch("l-0003", 1)

        @rule(
            moves=st.dictionaries(
                st.integers(0, 8),
                st.tuples(st.sampled_from(["touch", "delete"]), st.sampled_from(LISTS), CONTACTS),
                max_size=4,
            )
        )
        def poll_while_it_moves(self, moves: dict[int, tuple[str, str, int]]) -> None:
            def turn(action: str, list_id: str, number: int) -> Any:
                def act() -> None:
                    self.acton.now_ms += 7
                    getattr(self.acton, action)(list_id, number)

                return act

            self.acton.before = {at: turn(*move) for at, move in moves.items()}
            self.poll()
            self.acton.before = {}

        @rule(at=st.integers(0, 6), error=st.sampled_from([ActOnError("drop"), ActOnError("500", status=500)]))
        def poll_that_fails(self, at: int, error: ActOnError) -> None:
            def fail() -> None:
                raise error

            self.acton.before = {at: fail}
            self.poll()
            self.acton.before = {}

        @rule()
        def poll_that_is_throttled(self) -> None:
            def fail() -> None:
                raise Throttled("slow down", retry_after=1)

            self.acton.before = {1: fail}
            self.poll()
            self.acton.before = {}

        @rule(page=st.integers(0, 5), before=st.booleans())
        def poll_that_is_killed(self, page: int, before: bool) -> None:
            """Killed before or after the transaction of the n-th page."""
            with killing_at(page, before=before):
                self.poll()

        def poll(self) -> None:
            run_poll(self.acton, self.poller)
            self.poller.refresh_from_db()

        @invariant()
        def nothing_is_stored_twice_or_out_of_thin_air(self) -> None:
            if not hasattr(self, "poller"):
                return
            stored = Change.objects.filter(poller=self.poller).values_list("object_id", "occurred_ms", "event_type")
            assert all(moment is not None and moment > self.poller.started_ms for _, moment, _ in stored)

        def teardown(self) -> None:
            if not hasattr(self, "poller"):
                return
            try:
                self.advance(1000)
                for _ in range(2):
                    self.poll()
                memory = {
                    row.object_id: row.version.partition(":")[0]
                    for row in TrackedObject.objects.filter(poller=self.poller)
                }
                for list_id, contacts in self.acton.lists.items():
                    for number, contact in contacts.items():
                        if contact.modified_ms > self.poller.started_ms:
                            assert memory.get(f"{list_id}:{number}") == str(contact.modified_ms), (list_id, number)
                idle = self.acton.requests
                self.advance(OVERLAP_MS + 2000)
                self.poll()  # within the overlap after a change a list is read again, once more
                idle = self.acton.requests
                self.poll()
                # With our clock behind, positions are behind as well: changes are read again until it catches up.
                assert self.acton.requests == idle + 1 or self.skew_ms < 0, "an idle poll is one request"
            finally:
                self.clock.stop()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
