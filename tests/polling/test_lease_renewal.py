"""A poll may take longer than its lease; meanwhile it and its connection are nobody else's (DESIGN promises 1, 2)."""

from collections.abc import Iterable
from concurrent.futures import Future, wait
from concurrent.futures._base import DoneAndNotDoneFutures
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from elements.acton import connections, limits, resources
from elements.acton.resources import Page
from polling import claims, dispatch, driver
from polling.models import Poll
from polling.run import LEASE
from tests import rows
from tests.polling.world import World

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
MOST_OF_IT_MS = int(LEASE.total_seconds() * 1000 * 0.7)  # twice that is more than a lease
LOOKS = 4


class Others:
    """The dispatcher and another worker, who look most of a lease after they looked the last time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.looks = 0
        self.taken: list[Poll] = []

    def look(self) -> None:
        """Notes the polls that are under way and no longer their holder's, and those that would run beside them."""
        self.looks += 1
        under_way = Poll.objects.filter(status=Poll.Status.RUNNING, holder="holder").select_related("poller__instance")
        before = list(under_way)
        busy = {poll.poller.instance.connection_id for poll in before}
        if not Poll.objects.filter(status=Poll.Status.QUEUED).exists():
            for poll in before:
                shared = rows.instance(poll.poller.instance.user, connection=poll.poller.instance.connection)
                rows.poll(shared, status=Poll.Status.QUEUED)
        self._world.later(MOST_OF_IT_MS)
        now = timezone.now()
        dispatch.fail_abandoned(now)
        self.taken += [poll for poll in before if poll not in under_way.all()]
        beside = claims.claim("another", 16, now)
        self.taken += [poll for poll in beside if poll.poller.instance.connection_id in busy]

    def look_from_a_request(self) -> None:
        """In the thread that makes it, which has a connection to the database of its own."""
        try:
            self.look()
        finally:
            connection.close()


@pytest.fixture(autouse=True)
def one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "SLICE_S", 1e6)


@pytest.fixture
def others(world: World) -> Others:
    return Others(world)


def test_each_page_that_is_stored_renews_the_lease(world: World, others: Others) -> None:
    for number in range(9):
        world.acton.touch("l-0001", number)
    for request_number in range(1, 1 + LOOKS):  # the pages of the first list
        world.acton.before[request_number] = others.look_from_a_request
    assert world.poll() == "succeeded"
    assert (others.looks, others.taken) == (LOOKS, [])
    assert len(world.stored()) == 9


def test_a_lease_is_renewed_while_an_answer_is_out(
    world: World, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    def patience(pending: Iterable[Future[Page]], **how: Any) -> "DoneAndNotDoneFutures[Page]":
        if others.looks < LOOKS:
            others.look()
            return DoneAndNotDoneFutures(set(), set(pending))
        return wait(pending, **how)

    monkeypatch.setattr(driver, "wait", patience)
    world.acton.touch("l-0001", 1)
    assert world.poll() == "succeeded"
    assert (others.looks, others.taken) == (LOOKS, [])
    assert len(world.stored()) == 1


def test_leases_are_renewed_while_what_others_were_answered_is_stored(
    user: User, world: World, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All answers of a round are here at once, and each takes most of a lease to store."""
    store = driver._advance

    def slowly(underway: driver.Underway, page: Page | None, *rest: Any) -> None:
        if page is not None and underway.run.current is not None:
            others.look()
        store(underway, page, *rest)

    monkeypatch.setattr(driver, "_advance", slowly)
    monkeypatch.setattr(driver, "wait", lambda pending, **_: wait(pending))
    monkeypatch.setattr(driver, "time", SimpleNamespace(monotonic=lambda: timezone.now().timestamp()))
    monkeypatch.setattr(resources, "get", world.acton.get)
    monkeypatch.setattr(limits, "reserve_call", lambda *_, **__: 0.0)
    monkeypatch.setattr(connections, "access_token", lambda *_, **__: "token")
    world.acton.touch("l-0001", 1)
    polls = [rows.poll(rows.instance(user), status=Poll.Status.QUEUED) for _ in range(LOOKS)]
    driver.run_polls("holder", claims.claim("holder", LOOKS, timezone.now()))
    assert others.looks >= LOOKS
    assert others.taken == []
    ended = Poll.objects.filter(pk__in=[poll.pk for poll in polls])
    assert set(ended.values_list("status", "events_created")) == {(Poll.Status.SUCCEEDED, 1)}
