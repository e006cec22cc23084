"""The hub's clock is set: back, it makes nothing wait; ahead, it loses nothing (DESIGN, promise 1)."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from acton_hub import steady
from elements.models import Connection
from events import delivery, outbox
from events.models import Delivery, Subscription
from polling import claims, dispatch, provisioning, setback
from polling.models import Poll, Poller
from tests import rows
from tests.act_on import Sandbox
from tests.polling.test_polls import kinds, poll
from tests.receiver import Receiver

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.usefixtures("clock_is_set")]
HOUR = timedelta(hours=1)


def ahead() -> time_machine.travel:
    return time_machine.travel(timezone.now() + HOUR)


@pytest.fixture(autouse=True)
def a_process_that_just_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_watch", setback.Watch())


def test_what_was_put_off_by_the_later_clock_is_due_at_once(user: User, receiver: Receiver) -> None:
    row = rows.instance(user, receiver.url)
    with ahead():
        rows.record(row, rows.changes(1))
    assert delivery.deliver_batch("t", 10) == 0, "due in an hour, by the clock that was set back"
    dispatch.dispatch()
    assert delivery.deliver_batch("t", 10) == 1
    assert Delivery.objects.get().status == "notified"


def test_a_pause_that_the_callback_asked_for_is_no_longer_than_that(user: User, receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [429, 200], {"Retry-After": "5"}
    with ahead():
        rows.record(rows.instance(user, receiver.url), rows.changes(1))
        delivery.deliver_batch("t", 10)
    dispatch.dispatch()
    assert delivery.deliver_batch("t", 10) == 1
    assert Subscription.objects.get().not_before is None


def test_a_lease_of_the_later_clock_ends_within_its_term(poller: Poller) -> None:
    with ahead():
        rows.record(poller.instance, rows.changes(1))
        outbox.claim("killed", 10, timezone.now())
        provisioning.poll_now(poller)
        claims.claim("killed", 1, timezone.now())
        Connection.objects.update(refresh_lease_until=timezone.now() + timedelta(seconds=30))
    dispatch.dispatch()
    connection, now = Connection.objects.get(), timezone.now()
    leases = [
        Delivery.objects.get().lease_until, Poll.objects.get(status="running").lease_until,
        connection.poll_lease_until, connection.refresh_lease_until,
    ]  # fmt: skip
    assert all(until and now < until <= now + timedelta(seconds=60) for until in leases)


def test_a_poller_that_the_later_clock_scheduled_is_due_and_a_poll_that_it_queued_too(poller: Poller) -> None:
    with ahead():
        Poller.objects.update(next_poll_at=timezone.now())
        dispatch.dispatch()
    dispatch._watch = setback.Watch()
    assert not Poll.objects.due(timezone.now()).exists()
    dispatch.dispatch()
    assert Poll.objects.due(timezone.now()).exists()
    poller.refresh_from_db()
    assert poller.next_poll_at <= timezone.now() + poller.interval


def test_it_is_noticed_while_the_process_goes_on() -> None:
    watch = setback.Watch()
    assert watch.is_due(), "at first"
    assert not watch.is_due()
    with ahead():
        assert not watch.is_due(), "set ahead: nothing waits by that"
    assert watch.is_due(), "set back"
    assert watch.is_due(), "and what others store meanwhile"


def test_nothing_is_touched_where_the_clock_is_right(user: User, receiver: Receiver) -> None:
    receiver.answers = [500]
    rows.record(rows.instance(user, receiver.url), rows.changes(1))
    delivery.deliver_batch("t", 10)
    assert setback.mend(timezone.now()) == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_events_enabled_by_a_clock_that_was_set_lose_nothing(user: User, act_on: Sandbox, jump: timedelta) -> None:
    act_on.account("PUT", body={"lists": 1, "contacts": 0})
    body = act_on.body()
    grant = provisioning.Grant(body["providerData"]["code"])
    off = body["configuration"] | {"event.notification.enabled": False}
    instance = provisioning.create(user, name="n", tags=[], raw=off, grant=grant)
    now_ms = int(time.time() * 1000)
    with time_machine.travel(timezone.now() + jump):
        on = {"event.notification.enabled": True}
        provisioning.update(instance, name=None, tags=None, raw=on, merge=True, grant=provisioning.Grant())
        started_ms = instance.pollers.get().started_ms
    assert now_ms - 2000 <= started_ms <= int(time.time() * 1000)
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    poll(instance.pollers.get())
    assert kinds() == {"CREATED": 1}


def test_a_clock_that_is_set_ahead_lets_no_token_expire(user: User) -> None:
    row = rows.connection(user, clock=steady.stamp())
    with ahead():
        assert not row.expires_within(timedelta(minutes=5), timezone.now())
        assert row.expires_within(timedelta(minutes=61), timezone.now())
