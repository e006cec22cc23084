"""What is queued is released at the page of its instance, where every page that tells of it leads."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from events.models import Delivery, EventStatus, Subscription
from instances.models import Instance
from tests.console import rows

BUTTON = "Release 2 deliveries"


@pytest.fixture
def instance(member: User) -> Instance:
    """Its callback was given up with two deliveries queued, and one that had been accepted."""
    row = rows.instance(member)
    rows.change(row)
    for _ in range(2):
        rows.change(row, event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.QUEUED, error="503")
    Delivery.objects.filter(status=Delivery.Status.QUEUED).update(failures=10)
    Subscription.objects.update(active=False, failing_since=timezone.now())
    return row


def shown(browser: Client, instance: Instance) -> str:
    return browser.get(f"/console/instances/{instance.pk}").content.decode()


def release(browser: Client, instance: Instance) -> str:
    response = browser.post(f"/console/instances/{instance.pk}/release", follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_all_that_is_queued_is_due_again_and_the_callback_is_called_again(browser: Client, instance: Instance) -> None:
    assert BUTTON in shown(browser, instance)
    text = release(browser, instance)
    assert "2 deliveries are released" in text
    assert "Release" not in text
    again = Delivery.objects.filter(status=Delivery.Status.CREATED, failures=0, next_attempt_at__lte=timezone.now())
    assert (again.count(), Delivery.objects.filter(status=Delivery.Status.NOTIFIED).count()) == (2, 1)
    subscription = Subscription.objects.get()
    assert (subscription.active, subscription.not_before) == (True, None)
    assert subscription.failing_since is not None, "it fails until it accepts"
    entry = AuditEntry.objects.get(action__startswith="console: Release")
    assert entry.target == f"/console/instances/{instance.pk}/release"


def test_what_is_queued_for_an_active_callback_is_released_too(browser: Client, instance: Instance) -> None:
    """After one of them was delivered again by itself, the callback is active and the others are still queued."""
    change = instance.changes.order_by("pk").last()
    assert change
    browser.post(f"/console/events/{change.pk}/redeliver")
    assert Subscription.objects.get().active
    assert "Release 1 delivery<" in shown(browser, instance)
    assert "One delivery is released" in release(browser, instance)
    assert not Delivery.objects.filter(status=Delivery.Status.QUEUED).exists()


def test_what_is_queued_elsewhere_stays_queued(browser: Client, instance: Instance, stranger: User) -> None:
    others = rows.instance(instance.user, "Another"), rows.instance(stranger, "Theirs")
    for other in others:
        rows.change(other, event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.QUEUED)
    release(browser, instance)
    left = Delivery.objects.filter(status=Delivery.Status.QUEUED).values_list("subscription__instance", flat=True)
    assert set(left) == {other.pk for other in others}
    assert browser.post(f"/console/instances/{others[1].pk}/release").status_code == 404


def test_where_nothing_is_queued_there_is_no_button_and_nothing_is_noted(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.change(row, event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.RETRY)
    assert "Release" not in shown(browser, row)
    assert "Nothing is queued any more" in release(browser, row)
    assert not AuditEntry.objects.filter(action__startswith="console: Release").exists()


def test_viewers_are_told_who_releases(browser: Client, member: User, instance: Instance) -> None:
    User.objects.filter(pk=member.pk).update(role="viewer")
    text = shown(browser, instance)
    assert BUTTON not in text
    assert "2 are queued: nothing is tried before an operator releases them." in text


@pytest.mark.parametrize("path", ["/console/", "/console/events/why?object_id={}"])
def test_whoever_tells_of_it_leads_there(browser: Client, instance: Instance, path: str) -> None:
    change = instance.changes.order_by("pk").last()
    assert change
    text = browser.get(path.format(change.object_id)).content.decode()
    assert f'href="/console/instances/{instance.pk}#waiting">Release' in text
    assert 'id="waiting"' in shown(browser, instance)
    Subscription.objects.update(active=True, failing_since=None)
    text = browser.get(path.format(change.object_id)).content.decode()
    assert f'href="/console/instances/{instance.pk}#waiting">Release' in text
