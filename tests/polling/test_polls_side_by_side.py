"""What becomes of one poll is no other poll's trouble."""

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from elements.acton import client, connections, limits, resources
from elements.acton.exceptions import Unauthorized
from elements.models import Connection
from instances.models import Instance
from polling import claims, dispatch, driver, tasks
from polling.models import Poll
from tests import rows
from tests.polling.world import World

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def test_a_claim_that_comes_too_late_holds_no_connection(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    row = rows.instance(user)
    waiting = rows.poll(row, status=Poll.Status.QUEUED)
    lease = claims._lease_connection

    def late(*args: Any) -> bool:
        """Another worker has run the poll since it was looked up."""
        Poll.objects.filter(pk=waiting.pk).update(status=Poll.Status.SUCCEEDED, finished_at=timezone.now())
        return lease(*args)

    monkeypatch.setattr(claims, "_lease_connection", late)
    tasks.run_due_polls()
    assert Connection.objects.get().poll_lease_until is None
    rows.poll(row, status=Poll.Status.QUEUED)
    assert Poll.objects.due(timezone.now()).count() == 1


def test_a_token_that_somebody_else_refreshes_costs_no_other_poll_its_lease(
    user: User, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process has left its lease on the refresh."""
    fine = rows.instance(user, connection=rows.connection(user, access_expires_at=timezone.now() + timedelta(days=1)))
    stuck = rows.instance(user, connection=rows.connection(user, access_expires_at=timezone.now()))
    until = timezone.now() + connections.REFRESH_LEASE
    Connection.objects.filter(pk=stuck.connection_id).update(refresh_lease_until=until)
    good = rows.poll(fine, status="queued", due_at=timezone.now() - timedelta(seconds=1))
    rows.poll(stuck, status="queued")

    def sleep(seconds: float) -> None:
        world.later(1000)
        dispatch.fail_abandoned(timezone.now())

    clock = SimpleNamespace(monotonic=lambda: timezone.now().timestamp(), sleep=sleep)
    for module in (connections, driver):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(resources, "get", world.acton.get)
    monkeypatch.setattr(limits, "reserve_call", lambda *_, **__: 0.0)
    driver.run_polls("holder", claims.claim("holder", 16, timezone.now()))
    good.refresh_from_db()
    assert (good.status in ("queued", "succeeded"), good.error) == (True, "")  # its slice may be over


def test_an_instance_that_is_deleted_in_mid_poll_stops_no_other_poll(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token is refused, and its connection is gone by then."""
    gone = rows.instance(user, connection=rows.connection(user, access_token="gone"))
    fine = rows.instance(user, connection=rows.connection(user, access_token="fine"))
    for row in (gone, fine):
        rows.poll(row, status="queued")
    deleted = threading.Event()

    def get(access: resources.Access, *_: object) -> client.Answer:
        if access.token == "gone":
            Instance.objects.filter(pk=gone.pk).delete()
            Connection.objects.filter(pk=gone.connection_id).delete()
            connection.close()
            deleted.set()
            raise Unauthorized("no", status=401)
        assert deleted.wait(10)
        moment = timezone.now()
        return client.Answer({"result": [], "totalCount": 0}, moment, moment, moment, {})

    monkeypatch.setattr(resources, "get", get)
    monkeypatch.setattr(limits, "reserve_call", lambda *_, **__: 0.0)
    driver.run_polls("holder", claims.claim("holder", 16, timezone.now()))
    assert Poll.objects.get().status == "succeeded"
    assert Instance.objects.get() == fine
