"""Polls as the queue's tasks run them, against the sandbox over HTTP (CONTRACT §4, §8; DESIGN's table of failures)."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from elements.acton import lateness, limits
from elements.acton.exceptions import Throttled
from elements.acton.lateness import leave
from elements.models import CallBudget, Connection
from events.models import Change
from instances.models import Instance
from polling import dispatch, provisioning
from polling.models import Poll, Poller
from polling.tasks import run_due_polls
from tests.act_on import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def poll(poller: Poller) -> Poll:
    """Poll now, as the worker would, and give back the poll when it has ended."""
    poller.refresh_from_db()
    Connection.objects.get(pk=poller.instance.connection_id)
    queued = provisioning.poll_now(Poller.objects.get(pk=poller.pk))
    run_due_polls()
    queued.refresh_from_db()
    return queued


def kinds() -> Counter[str]:
    return Counter(Change.objects.values_list("event_type", flat=True))


def requests(act_on: Sandbox) -> int:
    return int(act_on.account("GET", "/counters")["api_calls"])


def fault(act_on: Sandbox, **body: Any) -> None:
    act_on.account("POST", "/faults", body)


def test_what_was_there_before_is_not_sent(poller: Poller, act_on: Sandbox) -> None:
    assert poll(poller).status == "succeeded"
    assert kinds() == {}


def test_created_and_updated(poller: Poller, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    act_on.account("PATCH", "/lists/l-0002/contacts/1", {"First Name": "Grace"})
    ended = poll(poller)
    assert (ended.status, ended.events_created, ended.error) == ("succeeded", 2, "")
    assert kinds() == {"CREATED": 1, "UPDATED": 1}
    poll(poller)
    assert sum(kinds().values()) == 2, "the overlap brings nothing twice"
    act_on.account("PATCH", "/lists/l-0002/contacts/1", {"First Name": "Hopper"})
    poll(poller)
    change = Change.objects.latest("pk")
    assert (change.event_type, change.sequence) == ("UPDATED", 2)
    assert "Grace" in change.previous


def test_an_idle_poll_is_one_request_whatever_the_number_of_lists(
    poller: Poller, act_on: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Twenty lists at five calls a second take almost a slice; the next slice would ask for the lists once more.
    monkeypatch.setattr("polling.driver.SLICE_S", 60.0)
    for number in range(20):
        act_on.account("POST", "/lists", {"name": f"List {number}", "contacts": 3})
    poll(poller)
    later = timezone.now() + timedelta(seconds=settings.POLL_OVERLAP_SECONDS + 2)
    with time_machine.travel(later):
        assert poll(poller).requests == 21, "within the overlap after a change a list is read again"
    with time_machine.travel(later + timedelta(minutes=15)):
        before = requests(act_on)
        assert [poll(poller).requests for _ in range(10)] == [1] * 10
        assert requests(act_on) == before + 10
    assert kinds() == {"CREATED": 60}


def test_a_list_created_later_is_polled_from_its_beginning(poller: Poller, act_on: Sandbox) -> None:
    poll(poller)
    act_on.account("POST", "/lists", {"name": "Later", "contacts": 4})
    poll(poller)
    assert kinds() == {"CREATED": 4}


def test_the_position_is_act_ons_time_of_the_first_answer(poller: Poller, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    began_ms = int(timezone.now().timestamp() * 1000)
    ended = poll(poller)
    position = poller.positions.get(list_id="l-0001")
    assert began_ms - 1000 <= position.position_ms <= int(timezone.now().timestamp() * 1000)
    assert position.position_ms == ended.to_ms
    assert position.position_ms % 1000 == 0 or position.position_ms == poller.started_ms


@pytest.mark.parametrize("offset_ms", [3_600_000, -3_600_000])
def test_with_our_clock_an_hour_off_nothing_is_lost(user: User, act_on: Sandbox, offset_ms: int) -> None:
    act_on.account("PUT", body={"lists": 1, "contacts": 0, "clock_offset_ms": offset_ms})
    body = act_on.body()
    instance = provisioning.create(
        user, name="n", tags=[], raw=body["configuration"], grant=provisioning.Grant(body["providerData"]["code"])
    )
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    poll(instance.pollers.get())
    assert kinds() == {"CREATED": 1}


def test_a_future_dated_record_does_not_push_the_position(poller: Poller, act_on: Sandbox) -> None:
    act_on.account("PATCH", "", {"clock_offset_ms": 86_400_000})
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "future@example.com"})
    act_on.account("PATCH", "", {"clock_offset_ms": 0})
    poll(poller)
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "now@example.com"})
    poll(poller)
    poll(poller)
    assert kinds() == {"CREATED": 2}


FAILURES = ["throttle", "throttle 503", "error", "error 404", "drop", "truncate", "html", "empty"]


@pytest.mark.parametrize(("kind", "at"), [*((kind, at) for kind in FAILURES for at in (1, 2)), ("short_rows", 2)])
def test_a_failing_answer_loses_nothing_and_doubles_nothing(
    poller: Poller, act_on: Sandbox, kind: str, at: int
) -> None:
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    name, _, status = kind.partition(" ")
    fault(act_on, kind=name, at=at, times=1, path="/api/1/list", **({"status": int(status)} if status else {}))
    failed = poll(poller)
    assert failed.status == "failed"
    assert failed.error
    assert failed.to_ms is None
    poller.refresh_from_db()
    assert poller.failures == 1
    assert poller.next_poll_at > timezone.now() + timedelta(seconds=1)
    CallBudget.objects.update(paused_until=None)
    assert poll(poller).status == "succeeded"
    poll(poller)
    assert kinds() == {"CREATED": 1}
    poller.refresh_from_db()
    assert poller.failures == 0


def test_one_failing_list_does_not_hold_back_the_others(poller: Poller, act_on: Sandbox) -> None:
    for list_id in ("l-0001", "l-0002"):
        act_on.account("POST", f"/lists/{list_id}/contacts", {"Email": "ada@example.com"})
    fault(act_on, kind="error", path="/api/1/list/l-0001")
    assert poll(poller).status == "failed"
    assert list(Change.objects.values_list("object_id", flat=True)) == ["l-0002:4"]
    act_on.account("DELETE", "/faults")
    assert poll(poller).status == "succeeded"
    assert Change.objects.count() == 2


def test_an_expired_token_is_renewed_within_the_poll(poller: Poller, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    act_on.account("POST", "/expire", {"access": True})
    assert poll(poller).status == "succeeded"
    assert kinds() == {"CREATED": 1}


class HeldUp:
    """A machine so busy that calls are due a second ago by the time they may leave: so many of them."""

    def __init__(self, times: int) -> None:
        self.times = times

    def leave(self, leave_at: float | None) -> None:
        self.times -= 1
        leave(leave_at if leave_at is None or self.times < 0 else leave_at - 1.0)


def test_a_call_that_missed_its_moment_is_made_at_another(
    poller: Poller, act_on: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    before = requests(act_on)
    monkeypatch.setattr(lateness, "leave", HeldUp(3).leave)
    ended = poll(poller)
    assert (ended.status, kinds()) == ("succeeded", {"CREATED": 1})
    assert ended.requests == requests(act_on) - before, "a call that was not made is no request"


def test_a_poll_that_misses_every_moment_is_tried_again_later(
    poller: Poller, act_on: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = requests(act_on)
    monkeypatch.setattr(lateness, "leave", HeldUp(1000).leave)
    ended = poll(poller)
    assert (ended.status, ended.error) == ("failed", limits.TOO_BUSY)
    assert requests(act_on) == before
    poller.refresh_from_db()
    assert poller.next_poll_at > timezone.now()


def test_a_refused_token_and_no_call_left_fail_that_poll_alone(
    poller: Poller, act_on: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def reserve(budget_id: int, *, wait_s: float) -> float:
        taken.append(budget_id)
        if len(taken) == 2:
            raise Throttled("The account's calls are used up for now.", retry_after=7)
        return real(budget_id, wait_s=wait_s)

    real = limits.reserve_call
    monkeypatch.setattr(limits, "reserve_call", reserve)
    act_on.account("POST", "/expire", {"access": True})
    ended = poll(poller)
    assert (ended.status, ended.error) == ("failed", "The account's calls are used up for now.")


def test_refused_credentials_stop_the_polling_and_authenticating_resumes_at_the_old_position(
    poller: Poller, act_on: Sandbox
) -> None:
    poll(poller)
    act_on.account("POST", "/expire", {"access": True, "refresh": True})
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    assert poll(poller).status == "failed"
    instance = Instance.objects.get()
    assert instance.state == "needs authentication"
    Poller.objects.update(next_poll_at=timezone.now())
    dispatch.dispatch()
    assert not Poll.objects.unfinished().exists()
    grant = provisioning.Grant(code=act_on.code())
    provisioning.update(instance, name=None, tags=None, raw=None, merge=True, grant=grant)
    dispatch.dispatch()
    run_due_polls()
    assert kinds() == {"CREATED": 1}


def test_a_poll_that_never_ended_is_a_failed_poll_and_is_run_again(poller: Poller, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    killed = provisioning.poll_now(poller)
    gone = timezone.now() - timedelta(seconds=1)
    Poll.objects.filter(pk=killed.pk).update(status="running", holder="killed", lease_until=gone)
    Connection.objects.update(poll_lease_holder="killed", poll_lease_until=gone)
    dispatch.dispatch()
    killed.refresh_from_db()
    assert killed.status == "failed"
    assert "did not end" in killed.error
    poller.refresh_from_db()
    assert poller.failures == 1
    Poller.objects.update(next_poll_at=timezone.now())
    dispatch.dispatch()
    run_due_polls()
    assert kinds() == {"CREATED": 1}


def test_a_late_poller_is_polled_once(poller: Poller, act_on: Sandbox) -> None:
    Poller.objects.update(next_poll_at=timezone.now() - timedelta(days=3))
    for _ in range(3):
        dispatch.dispatch()
    assert Poll.objects.count() == 1
    run_due_polls()
    dispatch.dispatch()
    assert Poll.objects.count() == 1


def test_a_poller_that_is_registered_again_is_the_same_one(poller: Poller, act_on: Sandbox) -> None:
    """Two rows would poll, and send, everything twice."""
    instance = poller.instance
    stored = instance.configuration | {"event.poller.configuration": {"contacts": poller.configuration}}
    for merge in (True, False):
        provisioning.update(instance, name=None, tags=None, raw=stored, merge=merge, grant=provisioning.Grant())
    assert list(Poller.objects.values_list("pk", flat=True)) == [poller.pk]
    with pytest.raises(IntegrityError):
        Poller.objects.create(
            instance=instance, resource="contacts", configuration={}, started_ms=0, next_poll_at=timezone.now()
        )


def test_a_poll_that_is_queued_is_not_queued_twice(poller: Poller, act_on: Sandbox) -> None:
    first = provisioning.poll_now(poller)
    assert provisioning.poll_now(poller).pk == first.pk
    Poller.objects.update(next_poll_at=timezone.now())
    dispatch.dispatch()
    assert Poll.objects.count() == 1


def test_a_disabled_instance_is_not_polled_and_enabling_resumes(poller: Poller, act_on: Sandbox) -> None:
    poll(poller)
    Instance.objects.update(disabled=True)
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    Poller.objects.update(next_poll_at=timezone.now() - timedelta(days=1))
    dispatch.dispatch()
    assert Poll.objects.count() == 1
    Instance.objects.update(disabled=False)
    dispatch.dispatch()
    run_due_polls()
    assert kinds() == {"CREATED": 1}


def test_2500_changes_over_3_lists_come_once_and_within_the_limits(poller: Poller, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists", {"name": "Third"})
    for list_id, count in (("l-0001", 1200), ("l-0002", 1000), ("l-0003", 300)):
        act_on.account("POST", f"/lists/{list_id}/contacts?count={count}")
    while Poll.objects.unfinished().exists() or not Poll.objects.exists():
        poll(poller)
    assert kinds() == {"CREATED": 2500}
    counters = act_on.account("GET", "/counters")
    assert counters["most_in_a_second"] <= 5
    assert counters["refused_by_second"] == counters["refused_by_hour"] == 0


def test_a_long_poll_makes_room_and_goes_on_where_it_was(
    poller: Poller, act_on: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polling.driver.SLICE_S", 0.0)
    monkeypatch.setattr("polling.tasks.WORK_S", 0.0)
    act_on.account("POST", "/lists/l-0001/contacts?count=2500")
    act_on.account("POST", "/lists/l-0002/contacts?count=1500")
    queued = provisioning.poll_now(poller)
    slices = 0
    while Poll.objects.unfinished().exists():
        run_due_polls()
        slices += 1
        assert slices < 20
    queued.refresh_from_db()
    assert slices >= 5
    assert (queued.status, queued.events_created) == ("succeeded", 4000)
    assert queued.records_read <= 4010, "no page is read again"
    assert poller.positions.count() == 2
    assert poller.positions.get(list_id="l-0001").position_ms == queued.to_ms
