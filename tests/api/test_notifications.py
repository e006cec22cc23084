"""Notifications, subscriptions, deliveries, redelivery and the account's failure policy (CONTRACT §6, §9)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import bootstrap
from accounts.models import User
from api import deliveries
from events import delivery, signing
from events.models import Attempt, Delivery, Event, Notification, Subscription
from instances.models import Instance
from tests import rows
from tests.conftest import authorization
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def call(api: Client, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    response = api.generic(method, path, json.dumps(body), content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()


def deliver() -> None:
    """Send everything that is due, as the worker would."""
    while delivery.deliver_batch("test", 50):
        pass


@pytest.fixture
def instance(user: User, receiver: Receiver) -> Instance:
    return rows.instance(user, receiver.url, signature_key="planted-key")


def test_a_notification_has_its_deliveries_when_it_is_answered(api: Client, receiver: Receiver) -> None:
    made = call(api, "POST", "/notifications/subscriptions", {"topics": ["news"], "config": {"url": receiver.url}})
    call(api, "POST", "/notifications/subscriptions", {"topics": ["other"], "config": {"url": receiver.url}})
    body = {"topic": "news", "from": "billing", "severity": "high", "message": {"text": "hello"}}
    sent = call(api, "POST", "/notifications", body)
    assert {key: sent[key] for key in body} == body
    assert sent["active"]
    (row,) = call(api, "GET", f"/notifications/{sent['id']}/subscriptions/deliveries")
    assert (row["subscriptionId"], row["status"]) == (made["id"], "created")
    deliver()
    path = f"/notifications/{sent['id']}/subscriptions/{made['id']}/deliveries?hydrate=true"
    shown = call(api, "GET", path)
    assert shown["status"] == "notified"
    assert shown["notification"]["message"] == {"text": "hello"}
    assert shown["subscription"]["config"] == {"url": receiver.url}
    (request,) = receiver.received
    assert json.loads(request.body)["message"] == {"text": "hello"}


def test_a_users_subscription_gets_the_events_of_instances_too(
    api: Client, instance: Instance, receiver: Receiver
) -> None:
    call(api, "POST", "/notifications/subscriptions", {"topics": "acton", "config": {"url": receiver.url}})
    rows.record(instance, rows.changes(1))
    deliver()
    assert len(receiver.received) == 2
    assert len({request.headers["Elements-Webhook-Id"] for request in receiver.received}) == 1


def test_notifications_are_read_by_topic_acknowledged_and_deleted(api: Client) -> None:
    ids = [call(api, "POST", "/notifications", {"topic": topic, "message": 1})["id"] for topic in ("a", "b", "a")]
    assert [row["id"] for row in call(api, "GET", "/notifications?topics[]=a")] == [ids[2], ids[0]]
    assert "topics" in call(api, "GET", "/notifications", status=400)["message"]
    assert call(api, "PUT", f"/notifications/{ids[0]}/acknowledge")["acknowledged"]
    call(api, "DELETE", f"/notifications/{ids[0]}")
    call(api, "GET", f"/notifications/{ids[0]}", status=404)
    assert call(api, "DELETE", "/notifications?topics[]=a") == {"deleted": 1}


def test_nothing_undelivered_can_be_deleted(api: Client, instance: Instance) -> None:
    rows.record(instance, rows.changes(1))
    call(api, "DELETE", f"/notifications/{Notification.objects.get().pk}", status=409)
    call(api, "DELETE", f"/notifications/subscriptions/{instance.subscription.pk}", status=409)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({}, "topics"),
        ({"topics": [], "config": {"url": "https://a.example"}}, "topics"),
        ({"topics": ["a"]}, "config"),
        ({"topics": ["a"], "config": {"url": "ftp://a.example"}}, "config.url"),
        ({"topics": ["a"], "config": {"url": "http://10.0.0.1/"}}, "config.url"),
        ({"topics": ["a"], "config": {"url": "https://a.example"}, "channel": "email"}, "channel"),
        ({"topics": ["a"], "config": {"url": "https://a.example"}, "channel": "pigeon"}, "channel"),
    ],
)
def test_a_subscription_at_fault_is_400_that_names_the_key(api: Client, body: Any, key: str) -> None:
    assert key in call(api, "POST", "/notifications/subscriptions", body, status=400)["message"]
    assert not Subscription.objects.exists()


def test_deliveries_are_found_by_ceql_and_released(api: Client, user: User, receiver: Receiver) -> None:
    failing = rows.instance(user, "http://127.0.0.1:9/nobody")
    working = rows.instance(user, receiver.url, connection=failing.connection)
    call(api, "PATCH", "/accounts/settings", {"notification.webhook.failure.policy": "queue"})
    rows.record(failing, rows.changes(1))
    rows.record(working, rows.changes(1))
    deliver()
    path = "/notifications/subscriptions/deliveries"
    (queued,) = call(api, "GET", f"{path}?where=channel%3D'webhook' and status%3D'queued'&hydrate=true")
    assert queued["subscription"]["instanceId"] == failing.pk
    assert not Subscription.objects.get(instance=failing).active
    assert call(api, "GET", f"{path}?where=config.url%3D'{receiver.url}'")[0]["status"] == "notified"
    assert call(api, "GET", f"{path}?where=status ~ 'x'", status=400)["message"].startswith("where: ")
    assert call(api, "PUT", f"{path}?where=status%3D'queued'") == {"released": 1}
    assert Subscription.objects.get(instance=failing).active
    deliver()
    assert Attempt.objects.filter(delivery=queued["id"]).count() == 2
    assert Delivery.objects.get(pk=queued["id"]).status == "queued"


def test_the_failure_policy_is_the_accounts(api: Client, user: User) -> None:
    key = "notification.webhook.failure.policy"
    assert call(api, "GET", "/accounts/settings") == {key: "retry"}
    assert call(api, "POST", f"/accounts/{user.organization_id}/settings", {key: "queue"}) == {key: "queue"}
    assert key in call(api, "PATCH", "/accounts/settings", {key: "drop"}, status=400)["message"]
    call(api, "GET", f"/accounts/{user.organization_id + 1}/settings", status=403)


def test_a_notification_is_delivered_again_with_the_same_bytes_and_id(
    api: Client, instance: Instance, receiver: Receiver
) -> None:
    rows.record(instance, rows.changes(3))
    deliver()
    assert call(api, "POST", f"/notifications/{Notification.objects.get().pk}/redeliver") == {"redelivered": 1}
    deliver()
    again = {"status": "notified", "from": "2000-01-01T00:00:00Z", "to": timezone.now().isoformat()}
    assert call(api, "POST", f"/instances/{instance.pk}/events/redeliver", again) == {"redelivered": 1}
    deliver()
    assert len(receiver.received) == 3
    assert len({(request.body, request.headers["Elements-Webhook-Id"]) for request in receiver.received}) == 1
    assert call(api, "POST", f"/instances/{instance.pk}/events/redeliver", {"to": 0}) == {"redelivered": 0}
    assert Event.objects.get().status == "NOTIFIED"


def test_both_signatures_hold(instance: Instance, receiver: Receiver) -> None:
    rows.record(instance, rows.changes(1))
    deliver()
    (request,) = receiver.received
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert signing.is_signed("planted-key", request.body, headers["elements-webhook-signature"])
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = signing.standard_headers(headers["webhook-id"], ["planted-key"], request.body, moment)
    assert headers["webhook-signature"] == expected["webhook-signature"]
    assert headers["webhook-id"] == headers["elements-webhook-id"]


def test_the_standard_signature_is_the_one_of_its_specification() -> None:
    """The example of the Standard Webhooks specification."""
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    moment = datetime.fromtimestamp(1614265330, UTC)
    headers = signing.standard_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", [key], b'{"test": 2432232314}', moment)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_nothing_of_another_organization_is_seen(api: Client, instance: Instance) -> None:
    rows.record(instance, rows.changes(1))
    stranger = bootstrap.create_organization("Other", "stranger@example.com")[1]
    other = Client(headers=authorization(stranger))
    notification = Notification.objects.get().pk
    subscription = instance.subscription.pk
    for path in (
        f"/notifications/{notification}",
        f"/notifications/{notification}/subscriptions/deliveries",
        f"/notifications/{notification}/subscriptions/{subscription}/deliveries",
        f"/notifications/subscriptions/{subscription}",
    ):
        call(other, "GET", path, status=404)
    assert call(other, "GET", "/notifications/subscriptions/deliveries") == []
    assert call(other, "GET", "/notifications?topics=acton") == []
    assert call(other, "PUT", "/notifications/subscriptions/deliveries") == {"released": 0}


def test_an_event_is_notified_by_its_instances_callback_alone(api: Client, user: User, receiver: Receiver) -> None:
    instance = rows.instance(user, "http://127.0.0.1:9/nobody")
    call(api, "POST", "/notifications/subscriptions", {"topics": "acton", "config": {"url": receiver.url}})
    rows.record(instance, rows.changes(1))
    deliver()
    assert len(receiver.received) == 1
    assert Event.objects.get().status == "CONSUMED"


def test_the_few_queued_are_found_among_many_that_were_accepted(
    api: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(deliveries, "MOST_LOOKED_AT", 4)
    rows.record(instance, rows.changes(100))
    Delivery.objects.update(status="notified", next_attempt_at=None)
    Delivery.objects.filter(pk=Delivery.objects.earliest("pk").pk).update(status="queued")
    path = "/notifications/subscriptions/deliveries"
    assert len(call(api, "GET", f"{path}?where=status%3D'queued'")) == 1
    found, token = [], ""
    for _ in range(10):
        response = api.get(path, {"where": "status != 'notified'", "nextPage": token})
        found += response.json()
        token = response.headers.get("Elements-Next-Page-Token", "")
        if not token:
            break
    assert len(found) == 1, "a page that was cut short leads on"
    assert call(api, "PUT", f"{path}?where=status != 'notified'") == {"released": 1}


def test_an_unknown_status_is_400(api: Client, instance: Instance) -> None:
    path = f"/instances/{instance.pk}/events/redeliver"
    assert "status" in call(api, "POST", path, {"status": "lost"}, status=400)["message"]


def test_a_redelivery_of_nothing_named_is_400(api: Client, instance: Instance) -> None:
    path = f"/instances/{instance.pk}/events/redeliver"
    assert "from" in call(api, "POST", path, {}, status=400)["message"]


def test_the_deliveries_of_one_notification_by_query(api: Client, instance: Instance) -> None:
    call(api, "POST", "/notifications/subscriptions", {"topics": ["acton"], "config": {"url": "http://127.0.0.1:9/"}})
    rows.record(instance, rows.changes(1))
    Delivery.objects.filter(subscription__instance=instance).update(status="queued")
    path = f"/notifications/{Notification.objects.get().pk}/subscriptions/deliveries"
    assert len(call(api, "GET", path)) == 2
    (queued,) = call(api, "GET", f"{path}?where=status%3D'queued'")
    assert queued["status"] == "queued"
    assert "where" in call(api, "GET", f"{path}?where=status", status=400)["message"]


def test_settings_that_are_left_out_stay_and_unknown_ones_are_400(api: Client) -> None:
    call(api, "PATCH", "/accounts/settings", {"notification.webhook.failure.policy": "queue"})
    assert call(api, "PATCH", "/accounts/settings", {}) == {"notification.webhook.failure.policy": "queue"}
    assert "unheard.of" in call(api, "PATCH", "/accounts/settings", {"unheard.of": 1}, status=400)["message"]
