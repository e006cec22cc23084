"""From a stored change to an accepted notification, over real HTTP (CONTRACT §6)."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from events import delivery, outbox, signing
from events.models import Change, Delivery, Event, Notification, Subscription
from tests import rows
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def make_due() -> None:
    """As if the time until the next attempt had passed."""
    Subscription.objects.update(not_before=None)
    Delivery.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=timezone.now())


def deliver() -> int:
    return delivery.deliver_batch("test", 100)


def test_a_change_arrives_as_one_signed_notification(user: User, receiver: Receiver) -> None:
    row = rows.instance(user, receiver.url, signature_key="key")
    rows.record(row, rows.changes(1))
    assert Event.objects.get().status == "DISPATCHED"
    assert deliver() == 1
    (got,) = receiver.received
    notification = Notification.objects.get()
    assert got.body == notification.body
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["Elements-Webhook-Id"] == str(notification.webhook_id)
    assert got.headers["Elements-Webhook-Signature"] == signing.signature("key", got.body)
    body = json.loads(got.body)
    assert body["id"] == notification.pk
    assert body["message"]["eventId"] == str(Event.objects.get().pk)
    assert body["message"]["raw"] == json.loads(Event.objects.get().provider_data)
    assert Event.objects.get().status == "NOTIFIED"
    assert Delivery.objects.get().status == "notified"
    assert Delivery.objects.get().attempts.get().status_code == 200


def test_at_most_ten_records_go_into_a_notification(user: User, receiver: Receiver) -> None:
    rows.record(rows.instance(user, receiver.url), rows.changes(25))
    deliver()
    sizes = sorted(len(json.loads(got.body)["message"]["events"]) for got in receiver.received)
    assert sizes == [5, 10, 10]
    assert Change.objects.count() == 25


@pytest.mark.parametrize("status", [500, 404, 302, 199 + 101])
def test_what_is_not_2xx_is_tried_again_with_the_same_bytes_and_id(user: User, receiver: Receiver, status: int) -> None:
    receiver.answers = [status, 200]
    rows.record(rows.instance(user, receiver.url), rows.changes(1))
    before = timezone.now()
    deliver()
    waiting = Delivery.objects.get()
    assert (waiting.status, waiting.failures) == ("retry", 1)
    assert waiting.next_attempt_at is not None
    assert timedelta(seconds=4) <= waiting.next_attempt_at - before <= timedelta(seconds=14)
    assert str(status) in waiting.last_error
    assert Event.objects.get().status == "CONSUMED"
    assert deliver() == 0
    make_due()
    deliver()
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["Elements-Webhook-Id"] == second.headers["Elements-Webhook-Id"]
    assert [attempt.status_code for attempt in waiting.attempts.order_by("pk")] == [status, 200]
    assert Delivery.objects.get().status == "notified"


def test_after_the_ninth_retry_the_subscription_is_deactivated_and_all_that_waits_is_queued(user: User) -> None:
    row = rows.instance(user)
    rows.record(row, rows.changes(1))
    for failures in range(1, 10):
        make_due()
        deliver()
        waiting = Delivery.objects.get()
        assert waiting.failures == failures
        assert waiting.next_attempt_at
        assert waiting.next_attempt_at - waiting.updated_at == timedelta(seconds=4**failures)
    rows.record(row, rows.changes(1, version=2))
    make_due()
    Delivery.objects.filter(failures=9).update(next_attempt_at=timezone.now() - timedelta(days=1))
    deliver()
    assert not Subscription.objects.get().active
    assert set(Delivery.objects.values_list("status", "next_attempt_at")) == {("queued", None)}
    rows.record(row, rows.changes(1, version=3))
    assert deliver() == 0
    assert Delivery.objects.filter(status="queued").count() == 3


def test_a_callback_that_fails_gets_one_delivery_until_it_answers(user: User, receiver: Receiver) -> None:
    receiver.answers = [500]
    row = rows.instance(user, receiver.url)
    rows.record(row, rows.changes(100))
    deliver()
    tried = len(receiver.received)
    assert tried <= delivery.LANES_A_HOST
    subscription = Subscription.objects.get()
    assert subscription.failing_since is not None
    assert subscription.not_before is not None
    assert subscription.not_before >= subscription.failing_since + timedelta(seconds=1)
    assert deliver() == 0, "it rests"
    Subscription.objects.update(not_before=None)
    assert deliver() == 1
    assert deliver() == 0
    receiver.answers = [200]
    Subscription.objects.update(not_before=None)
    deliver()
    assert Subscription.objects.get().failing_since is None
    assert Subscription.objects.get().not_before is None
    deliver()
    assert Delivery.objects.filter(status="notified").count() >= 10 - tried - 1


def test_a_released_callback_is_tried_at_once_and_fails_until_it_accepts(user: User, receiver: Receiver) -> None:
    receiver.answers = [500]
    rows.record(rows.instance(user, receiver.url), rows.changes(100))
    deliver()
    since = timezone.now() - timedelta(minutes=59)
    Subscription.objects.update(active=False, failing_since=since, not_before=timezone.now() + timedelta(hours=1))
    outbox.release(Delivery.objects.all(), timezone.now())
    subscription = Subscription.objects.get()
    assert (subscription.active, subscription.failing_since) == (True, since), "nothing was accepted since"
    receiver.answers = [500, 200]
    assert deliver() == 1
    assert Subscription.objects.get().failing_since == since
    outbox.release(Delivery.objects.all(), timezone.now())
    assert deliver() == 1
    assert Subscription.objects.get().failing_since is None
    assert deliver() == 9


def test_a_lease_keeps_others_off_until_it_runs_out(user: User, receiver: Receiver) -> None:
    rows.record(rows.instance(user, receiver.url), rows.changes(1))
    batch = outbox.claim("killed", 10, timezone.now())
    assert len(batch.deliveries) == 1
    assert deliver() == 0
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert deliver() == 1
    late = outbox.Outcome(batch.deliveries[0].pk, timezone.now(), 5, 500, "late")
    outbox.settle(batch, [late])
    assert Delivery.objects.get().status == "notified", "the holder of a lost lease changes nothing"


def test_a_retry_is_due_at_its_time_and_not_before_whoever_looks(user: User) -> None:
    rows.record(rows.instance(user), rows.changes(1))
    deliver()
    due = Delivery.objects.get().next_attempt_at
    assert due
    assert outbox.claim("began since", 10, due - timedelta(milliseconds=1)).deliveries == []
    assert len(outbox.claim("began since", 10, due).deliveries) == 1


def test_a_forbidden_address_is_a_failure_that_says_so(user: User, settings: object) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE = []  # type: ignore[attr-defined]
    rows.record(rows.instance(user, "http://127.0.0.1:9/x"), rows.changes(1))
    deliver()
    assert "the hub must not go" in Delivery.objects.get().attempts.get().error


def test_basic_credentials_are_sent(user: User, receiver: Receiver) -> None:
    row = rows.instance(user, receiver.url)
    row.configuration["event.notification.basic.username"] = "aladdin"
    row.set_secrets({"event.notification.basic.password": "sesame"})
    row.save()
    rows.record(row, rows.changes(1))
    deliver()
    assert receiver.received[0].headers["Authorization"] == "Basic YWxhZGRpbjpzZXNhbWU="


@pytest.mark.parametrize(
    "url",
    [
        "https://api.cloud-elements.com/elements/api-v2/events",
        "http://api.cloud-elements.io/x",
        "http://127.0.0.1:8000/elements/api-v2/events",
        "http://127.0.0.1:8000/events/acton",
    ],
)
def test_the_hub_as_its_own_callback_keeps_the_event_without_a_request(user: User, url: str) -> None:
    rows.record(rows.instance(user, url), rows.changes(1))
    deliver()
    assert Event.objects.get().status == "NOTIFIED"
    assert "hub itself" in Delivery.objects.get().attempts.get().response


def test_one_version_of_one_object_is_one_change(user: User) -> None:
    from django.db import IntegrityError

    row = rows.instance(user)
    rows.record(row, rows.changes(1))
    with pytest.raises(IntegrityError):
        rows.record(row, rows.changes(1))
    assert Notification.objects.count() == 1


def test_a_callback_that_hangs_holds_up_no_other(user: User, receiver: Receiver) -> None:
    hanging = rows.instance(user, receiver.url.replace("events", "hang"))
    other = rows.instance(user, receiver.url.replace("127.0.0.1", "localhost"))
    rows.record(hanging, rows.changes(10))
    rows.record(other, rows.changes(30))
    seen: list[str] = []
    for outcomes in delivery._outcomes(
        delivery.lanes(
            [delivery.letter(row, timezone.now()) for row in outbox.claim("t", 100, timezone.now()).deliveries]
        )
    ):
        seen += [outcome.response for outcome in outcomes]
        if len(seen) == 3:
            break
    assert seen == ["ok"] * 3


def test_a_callback_that_refuses_holds_up_no_other_on_its_host(user: User, receiver: Receiver) -> None:
    refusing = rows.instance(user, receiver.url.replace("events", "refuse"))
    other = rows.instance(user, receiver.url)
    rows.record(refusing, rows.changes(100))
    rows.record(other, rows.changes(100))
    deliver()
    paths = Counter(got.path for got in receiver.received)
    assert paths["/events"] == 10
    assert paths["/refuse"] <= delivery.LANES_A_HOST


def test_a_worker_that_finds_more_than_it_takes_wakes_another(
    user: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever is idle, or has just joined, gets work at once and not with the dispatcher's next look."""
    woken: list[str] = []
    monkeypatch.setattr(delivery, "wake", woken.append)
    rows.record(rows.instance(user, receiver.url), rows.changes(30))
    assert delivery.deliver_batch("first", 2) == 2
    assert woken == ["events.tasks.deliver"]
    assert delivery.deliver_batch("second", 2) == 1
    assert woken == ["events.tasks.deliver"]
