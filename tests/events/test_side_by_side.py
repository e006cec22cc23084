"""Workers, polls and people at the same rows at the same moment. On SQLite, with its one writer, they take turns."""

from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Organization, User
from events import inbound, outbox, recording, retry, turns, webhooks
from events.changes import NewChange
from events.models import Attempt, Change, Delivery, Subscription
from events.outbox import Batch, Outcome
from tests import rows
from tests.events.concurrency import in_the_midst, meet_before, run_together

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def leased(delivery: Delivery, holder: str) -> Delivery:
    row = Delivery.objects.filter(pk=delivery.pk)
    row.update(lease_holder=holder, lease_until=timezone.now() + outbox.LEASE)
    return row.select_related("notification", "subscription__instance", "subscription__organization").get()


def outcome(delivery: Delivery, status: int | None) -> Outcome:
    """What the callback answered; with None it did not answer in time."""
    return Outcome(delivery.pk, timezone.now(), 15, status, timed_out=status is None)


def test_two_workers_store_that_a_host_does_not_answer(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        rows.record(rows.instance(user, f"http://one.example/{number}"), rows.changes(1))
    found = [leased(row, str(row.pk)) for row in Delivery.objects.order_by("pk")]
    meet_before(monkeypatch, outbox, "_mark_hosts")
    run_together(*(partial(outbox.settle, Batch(str(row.pk), [row]), [outcome(row, None)]) for row in found))
    assert Attempt.objects.count() == 2
    assert set(Subscription.objects.values_list("timed_out", flat=True)) == {True}


def test_two_workers_store_that_a_callback_refuses_under_the_policy_queue(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Organization.objects.update(failure_policy=Organization.FailurePolicy.QUEUE)
    rows.record(rows.instance(user, "http://one.example/"), rows.changes(20))
    found = [leased(row, str(row.pk)) for row in Delivery.objects.order_by("pk")]
    meet_before(monkeypatch, outbox, "_mark_subscriptions")
    run_together(*(partial(outbox.settle, Batch(str(row.pk), [row]), [outcome(row, 500)]) for row in found))
    assert Attempt.objects.count() == 2
    assert set(Delivery.objects.values_list("status", flat=True)) == {"queued"}


def test_two_workers_store_that_each_of_two_callbacks_accepts_and_refuses(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        rows.record(rows.instance(user, f"http://{number}.example/"), rows.changes(20))
    Subscription.objects.update(failing_since=timezone.now())
    a1, a2, b1, b2 = Delivery.objects.order_by("subscription", "pk")
    jobs = []
    for holder, accepted, refused in (("a", a1, b1), ("b", b2, a2)):
        batch = Batch(holder, [leased(accepted, holder), leased(refused, holder)])
        jobs.append(partial(outbox.settle, batch, [outcome(accepted, 200), outcome(refused, 500)]))
    meet_before(monkeypatch, retry, "rest_after")
    run_together(*jobs)
    assert Attempt.objects.count() == 4


def test_what_is_stored_while_somebody_releases_is_due(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    row = rows.instance(user, "http://one.example/")
    Subscription.objects.update(active=False)
    rows.record(row, rows.changes(1))
    assert Delivery.objects.get().status == "queued"
    in_the_midst(
        monkeypatch,
        lambda: rows.record(row, rows.changes(1, version=2)),
        type(Subscription.objects),
        "of_topic",
        lambda: outbox.release(Delivery.objects.filter(status="queued"), timezone.now()),
    )
    assert Subscription.objects.get().active
    assert Delivery.objects.filter(next_attempt_at__isnull=False).count() == 2


def test_what_is_stored_while_the_callback_is_given_up_is_queued(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    row = rows.instance(user, "http://one.example/")
    rows.record(row, rows.changes(1))
    Delivery.objects.update(failures=retry.MOST_RETRIES)
    batch = outbox.claim("t", 10, timezone.now())
    in_the_midst(
        monkeypatch,
        lambda: rows.record(row, rows.changes(1, version=2)),
        type(Subscription.objects),
        "of_topic",
        lambda: outbox.settle(batch, [outcome(batch.deliveries[0], 500)]),
    )
    assert not Subscription.objects.get().active
    assert set(Delivery.objects.values_list("status", flat=True)) == {"queued"}
    assert Delivery.objects.count() == 2


def test_a_poll_and_an_event_from_outside_count_on_from_each_other(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver drops what comes with the sequence that it has seen last."""
    row = rows.instance(user, "http://one.example/")
    rows.record(row, [NewChange("x", "1:hash", "CREATED", 1, 1, "{}", "")])
    poller = row.pollers.get()
    text = '{"eventType": "contact.updated", "contactId": "x"}'
    inbound.store([row.pk], text, webhooks.meaning_of(text), timezone.now())

    def polled() -> None:
        with transaction.atomic():
            before = recording.remembered(poller.pk, ["x"])["x"]
            rows.record(row, [NewChange("x", "2:hash", "UPDATED", before.sequence + 1, 2, "{}", "")])

    in_the_midst(monkeypatch, polled, recording, "remembered", lambda: inbound.arrange(timezone.now()))
    assert sorted(Change.objects.values_list("sequence", flat=True)) == [1, 2, 3]


def test_two_claims_leave_a_failing_callback_with_one_delivery_in_hand(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.record(rows.instance(user, "http://one.example/"), rows.changes(40))
    Subscription.objects.update(failing_since=timezone.now())

    def claim() -> None:
        outbox.claim("holder", 2, timezone.now())

    in_the_midst(monkeypatch, claim, turns, "_deal", claim)
    assert Delivery.objects.filter(lease_until__isnull=False).count() == 1
