"""How attempts went is stored, whatever the callback says and the database does meanwhile."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import Organization, User
from events import delivery, outbox, retry
from events.models import Attempt, Delivery, Subscription
from events.outbox import Outcome
from tests import rows
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
NO_DATES = ["Mon, 01 Jan 99999999999999 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"]


def test_what_was_accepted_is_not_sent_again_because_the_database_refused_once(
    user: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers = [200, 503, 200]
    rows.record(rows.instance(user, receiver.url), rows.changes(200))
    original, failed = outbox._mark_hosts, list[bool]()

    def once(*args: Any) -> None:
        if not failed:
            failed.append(True)
            raise OperationalError("deadlock detected")
        original(*args)

    monkeypatch.setattr(outbox, "_mark_hosts", once)
    delivery.deliver_batch("t", 256)
    assert failed
    accepted = Counter(Delivery.objects.values_list("status", flat=True))
    assert accepted["retry"] == 1
    came = Counter(got.headers["Elements-Webhook-Id"] for got in receiver.received)
    assert set(came.values()) == {1}
    assert Attempt.objects.count() == len(receiver.received)
    assert set(Delivery.objects.filter(attempts__isnull=False).values_list("attempts_made", flat=True)) == {1}


def test_patience_that_was_asked_for_outlives_what_was_accepted_beside_it(user: User) -> None:
    rows.record(rows.instance(user, "http://one.example/"), rows.changes(30))
    batch = outbox.claim("t", 10, timezone.now())
    asks, accepts, waits = batch.deliveries
    began = timezone.now()
    outbox.settle(batch, [Outcome(asks.pk, began, 5, 429, "no", retry_after_s=60.0)])
    outbox.settle(batch, [Outcome(accepts.pk, began, 50, 200)])
    outbox.give_back(batch, [waits.pk])
    not_before = Subscription.objects.get().not_before
    assert not_before is not None
    assert not_before >= began + timedelta(seconds=60)
    assert outbox.claim("t", 10, timezone.now()).deliveries == []


def test_a_rest_ends_with_what_is_accepted(user: User) -> None:
    rows.record(rows.instance(user, "http://one.example/"), rows.changes(30))
    batch = outbox.claim("t", 10, timezone.now())
    fails, accepts, waits = batch.deliveries
    outbox.settle(batch, [Outcome(fails.pk, timezone.now(), 5, 500, "no")])
    assert Subscription.objects.get().not_before is not None
    outbox.settle(batch, [Outcome(accepts.pk, timezone.now(), 50, 200)])
    outbox.give_back(batch, [waits.pk])
    assert Subscription.objects.get().not_before is None


@pytest.mark.parametrize("text", NO_DATES)
def test_a_date_that_no_calendar_holds_asks_for_nothing(text: str) -> None:
    assert retry.asked_pause(503, text, timezone.now()) == 0.0


def test_an_answer_with_such_a_date_is_an_attempt_like_any_other(user: User, receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [503], {"Retry-After": NO_DATES[0]}
    rows.record(rows.instance(user, receiver.url), rows.changes(1))
    for _ in range(3):
        delivery.deliver_batch("t", 100)
    assert Delivery.objects.get().status == "retry"
    assert len(receiver.received) == Attempt.objects.count() == 1


def test_what_is_in_hand_when_all_is_released_is_due_afterwards(user: User) -> None:
    Organization.objects.update(failure_policy=Organization.FailurePolicy.QUEUE)
    rows.record(rows.instance(user, "http://one.example/"), rows.changes(20))
    batch = outbox.claim("t", 256, timezone.now())
    first, second = batch.deliveries
    outbox.settle(batch, [Outcome(first.pk, timezone.now(), 5, 500, "no")])
    assert set(Delivery.objects.values_list("status", flat=True)) == {"queued"}
    outbox.release(Delivery.objects.filter(status="queued"), timezone.now())
    outbox.give_back(batch, [second.pk])
    assert Subscription.objects.get().active
    assert Delivery.objects.due(timezone.now()).count() == 2


@pytest.mark.parametrize("name", ["letter", "send"])
def test_a_defect_about_one_delivery_is_an_attempt_of_its_own(
    user: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for path in ("/poison", "/fine"):
        rows.record(rows.instance(user, receiver.url + path), rows.changes(1))
    original = getattr(delivery, name)

    def defective(first: Any, second: Any) -> Any:
        url = second.url if name == "send" else first.subscription.callback_url
        if url.endswith("/poison"):
            raise RuntimeError("a defect")
        return original(first, second)

    monkeypatch.setattr(delivery, name, defective)
    for _ in range(3):
        delivery.deliver_batch("t", 100)
    poison, fine = Delivery.objects.order_by("pk")
    assert (fine.status, poison.status) == ("notified", "retry")
    assert (poison.attempts_made, poison.last_error) == (1, "The hub failed: RuntimeError")
