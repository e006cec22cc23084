"""How much of one callback's trouble the others notice: nothing (CONTRACT §6, DESIGN promise 7)."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from events import allowance, delivery, outbox, retry, turns
from events.models import Delivery, Subscription
from events.outbox import Outcome
from tests import rows
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def claimed(most: int = 100) -> list[int]:
    """The instances whose deliveries a worker gets, in its order."""
    found = outbox.claim("t", most, timezone.now()).deliveries
    return [row.notification.instance_id or 0 for row in found]


def test_a_long_backlog_of_one_subscription_holds_up_no_other(user: User) -> None:
    first, second = rows.instance(user, "http://one.example/"), rows.instance(user, "http://two.example/")
    rows.record(first, rows.changes(700))
    rows.record(second, rows.changes(20))
    found = claimed()
    assert found.count(first.pk) == allowance.MOST_A_SUBSCRIPTION
    assert found.count(second.pk) == 2
    assert claimed() == []


def test_of_a_backlog_every_instance_gets_its_turn_and_what_is_new_does_not_wait(user: User) -> None:
    """After an outage: one backlog of many hours, others of one, and what comes just now."""
    now = timezone.now()
    giant, *others = [rows.instance(user, f"http://{name}.example/") for name in ("a", "b", "c", "d")]
    rows.record(giant, rows.changes(400))
    Delivery.objects.update(next_attempt_at=now - timedelta(hours=3))
    for other in others[:2]:
        rows.record(other, rows.changes(100))
    Delivery.objects.exclude(subscription__instance=giant).update(next_attempt_at=now - timedelta(hours=1))
    rows.record(others[2], rows.changes(10))
    found = claimed(12)
    assert {row.pk for row in (giant, *others)} == set(found)
    assert max(found.count(row.pk) for row in (giant, *others)) <= 4


@pytest.mark.parametrize(("looked_at", "looks"), [(3, 2), (4, 40), (500, 40)])
def test_in_turn_of_many_subscriptions_none_is_forgotten(
    user: User, monkeypatch: pytest.MonkeyPatch, looked_at: int, looks: int
) -> None:
    monkeypatch.setattr(turns, "SUBSCRIPTIONS", looked_at)
    monkeypatch.setattr(turns, "LOOKS", looks)
    monkeypatch.setattr(outbox, "_turn", turns.Turn())
    instances = [rows.instance(user, f"http://{number}.example/") for number in range(11)]
    for row in instances:
        rows.record(row, rows.changes(30))
    Subscription.objects.filter(instance=instances[3]).update(failing_since=timezone.now())
    resting = Subscription.objects.filter(instance=instances[4])
    resting.update(not_before=timezone.now() + timedelta(hours=1))
    of_each = Counter(claimed(4) + claimed(4) + claimed(4))
    assert sorted(of_each) == sorted({row.pk for row in instances} - {instances[4].pk}), "the first turn"
    for _ in range(40):
        of_each.update(claimed(4))
    expected = {row.pk: 3 for row in instances} | {instances[3].pk: 1}
    del expected[instances[4].pk]
    assert of_each == expected
    resting.update(not_before=None)
    for _ in range(4):
        of_each.update(claimed(4))
    assert of_each[instances[4].pk] == 3


def test_a_failing_subscription_with_a_backlog_holds_up_no_other(user: User) -> None:
    first, second = rows.instance(user, "http://one.example/"), rows.instance(user, "http://two.example/")
    Subscription.objects.filter(instance=first).update(failing_since=timezone.now())
    rows.record(first, rows.changes(500))
    rows.record(second, rows.changes(20))
    assert sorted(claimed()) == [first.pk, second.pk, second.pk]


def test_a_host_that_timed_out_gets_one_delivery_for_all_of_its_subscriptions(user: User) -> None:
    here = [rows.instance(user, f"http://Slow.example:8080/{number}") for number in range(3)]
    there = rows.instance(user, "http://slow.example/")
    for row in (*here, there):
        rows.record(row, rows.changes(30))
    batch = outbox.claim("first", 100, timezone.now())
    timed_out = next(row for row in batch.deliveries if row.notification.instance_id == here[0].pk)
    outbox.settle(batch, [Outcome(timed_out.pk, timezone.now(), 15_000, error="late", timed_out=True)])
    outbox.give_back(batch, [row.pk for row in batch.deliveries])
    assert set(Subscription.objects.filter(timed_out=True).values_list("host", flat=True)) == {"slow.example:8080"}

    half_open = outbox.claim("second", 100, timezone.now())
    hosts = [row.subscription.host for row in half_open.deliveries]
    assert hosts.count("slow.example:8080") == 1
    assert hosts.count("slow.example") == 3
    tried = next(row for row in half_open.deliveries if row.subscription.host == "slow.example:8080")
    outbox.settle(half_open, [Outcome(tried.pk, timezone.now(), 5, 500, "it answers, at least")])
    assert not Subscription.objects.filter(timed_out=True).exists()
    outbox.give_back(half_open, [row.pk for row in half_open.deliveries])
    assert len(outbox.claim("third", 100, timezone.now() + timedelta(seconds=1)).deliveries) > 6


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_for_all_that_is_due_there(user: User, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    receiver.headers = {"Retry-After": "3600"}
    row = rows.instance(user, receiver.url)
    rows.record(row, rows.changes(10))
    before = timezone.now()
    assert delivery.deliver_batch("t", 100) == 1
    waiting = Delivery.objects.get()
    assert waiting.status == "retry"
    assert waiting.next_attempt_at is not None
    assert waiting.next_attempt_at >= before + timedelta(hours=1)
    rows.record(row, rows.changes(10, version=2))
    assert delivery.deliver_batch("t", 100) == 0, "the callback asked for patience"
    assert len(receiver.received) == 1
    receiver.answers = [200]
    outbox.release(Delivery.objects.all(), timezone.now())
    while delivery.deliver_batch("t", 100):
        pass
    assert set(Delivery.objects.values_list("status", flat=True)) == {"notified"}


def test_a_new_host_is_not_blamed_for_the_old_one(user: User) -> None:
    row = rows.instance(user, "http://one.example/")
    Subscription.objects.update(timed_out=True, not_before=timezone.now() + timedelta(hours=1))
    row.configuration["event.notification.callback.url"] = "http://two.example/"
    row.save()
    subscription = Subscription.objects.get()
    subscription.save()
    assert (subscription.host, subscription.timed_out, subscription.not_before) == ("two.example", False, None)


@pytest.mark.parametrize(
    ("status", "text", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (500, "120", 0),
        (200, "120", 0),
        (429, "", 0),
        (429, "soon", 0),
        (429, "-5", 0),
        (429, "9" * 40, 0),
        (503, "Sun, 01 Mar 2026 12:00:30 GMT", 30),
        (503, "Sun, 01 Mar 2026 11:00:30 GMT", 0),
        (503, "Sun, 99 Mar 2026 11:00:30 GMT", 0),
    ],
)
def test_what_an_answer_asks_for(status: int, text: str, seconds: float) -> None:
    assert retry.asked_pause(status, text, NOW) == seconds


@given(st.text())
def test_whatever_an_answer_asks_for_is_read(text: str) -> None:
    assert retry.asked_pause(429, text, NOW) >= 0
