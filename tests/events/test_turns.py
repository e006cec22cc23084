"""What a claim takes of what is due."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from events import outbox, turns
from events.models import Delivery, Subscription
from tests import rows

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.fixture(autouse=True)
def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_turn", turns.Turn())


def test_what_others_have_in_hand_hides_nothing_that_is_due(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        rows.record(rows.instance(user, f"http://{number}.example/"), rows.changes(1))
    assert len(outbox.claim("slow", 12, timezone.now()).deliveries) == 12
    for number in range(4):
        rows.record(rows.instance(user, f"http://late{number}.example/"), rows.changes(1))
    monkeypatch.setattr(outbox, "_turn", turns.Turn())
    assert Delivery.objects.due(timezone.now()).count() == 4
    assert len(outbox.claim("idle", 4, timezone.now()).deliveries) == 4


def test_a_failing_callback_is_tried_with_what_waits_longest(user: User) -> None:
    row = rows.instance(user, "http://one.example/")
    rows.record(row, rows.changes(100))
    now = timezone.now()
    Delivery.objects.update(next_attempt_at=now - timedelta(hours=1))
    retried = Delivery.objects.earliest("pk")
    Delivery.objects.filter(pk=retried.pk).update(next_attempt_at=now - timedelta(seconds=1), status="retry")
    Subscription.objects.update(failing_since=now - timedelta(hours=1))
    (found,) = outbox.claim("t", 256, now).deliveries
    assert found.pk != retried.pk
