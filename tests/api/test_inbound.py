"""Events from outside, Act-On's own webhooks, and how many there were (CONTRACT §5, §8)."""

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import bootstrap
from accounts.models import User
from events import delivery, retention, signing, tasks, webhooks
from events.models import REPEATED_WITHIN, Change, Delivery, Event, InboundCall, Notification, SetAside
from instances import configuration
from instances.models import Instance
from polling import dispatch
from polling.models import Poll, Poller
from tests import rows
from tests.conftest import authorization
from tests.cut import cut_short
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
JSON = "application/json"


@pytest.fixture
def instance(user: User) -> Instance:
    return rows.instance(user, "https://mycoolapp.com/events", signature_key="planted-key")


@pytest.fixture
def webhook_instance(instance: Instance) -> Instance:
    instance.configuration["event.vendor.type"] = "webhooks"
    instance.save()
    return instance


def address(api: Client, instance: Instance) -> str:
    url = urlsplit(api.get(f"/instances/{instance.pk}/webhook").json()["url"])
    return f"{url.path}?{url.query}"


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    """The answer; what the workers make of it is made, too."""
    text = body if isinstance(body, str) else json.dumps(body)
    answered = client.post(path, text, content_type=JSON, headers=headers)
    tasks.arrange()
    return answered


@pytest.mark.parametrize("path", ["/events/acton", "/events", "/elements/api-v2/events/acton"])
def test_an_event_is_kept_verbatim_and_makes_one_notification(api: Client, instance: Instance, path: str) -> None:
    text = '{"any":  "thing", "n": 1.50}'
    response = post(api, path, text, **{"Element-Instances": str(instance.pk)})
    assert response.status_code == 200
    event = Event.objects.get()
    assert event.provider_data == text
    assert response.json()["events"] == [str(event.pk)]
    body = json.loads(Notification.objects.get().body)
    assert body["message"]["raw"] == {
        "objectType": "events", "instance_id": instance.pk, "payload": {"any": "thing", "n": 1.5},
    }  # fmt: skip
    (entry,) = body["message"]["events"]
    assert entry["eventType"] == "UPDATED"
    shown = api.get(f"/instances/{instance.pk}/events/{event.pk}").json()
    assert shown["providerData"] == text


def test_one_event_an_instance_and_call(api: Client, user: User, instance: Instance) -> None:
    other = rows.instance(user, connection=instance.connection)
    both = {"Element-Instances": f"{instance.pk}, {other.pk}"}
    for _ in range(2):
        assert post(api, "/events/acton", {"a": 1}, **both).status_code == 200
    assert Event.objects.filter(instance=instance).count() == Event.objects.filter(instance=other).count() == 2


def test_the_instance_may_stand_in_the_path_or_in_the_body(api: Client, instance: Instance) -> None:
    assert post(api, f"/events/acton/{instance.pk}", "plain text").status_code == 200
    assert post(api, "/events/acton", {"message": {"instanceId": instance.pk}}).status_code == 200
    assert Event.objects.count() == 2


@pytest.mark.parametrize("named", ["", "999999", "x", "1,2,999999", "9" * 30])
def test_no_such_instance_is_404_and_nothing_is_stored(api: Client, instance: Instance, named: str) -> None:
    assert post(api, "/events/acton", {}, **{"Element-Instances": named}).status_code == 404
    assert not Event.objects.exists()


def test_who_may_call(client: Client, instance: Instance) -> None:
    path = f"/events/acton/{instance.pk}"
    body = '{"a": 1}'
    assert post(client, path, body).status_code == 401
    assert post(client, path, body, **{"Elements-Webhook-Signature": "sha256=wrong"}).status_code == 401
    assert post(client, f"{path}?key=wrong", body).status_code == 401
    stranger = bootstrap.create_organization("Other", "stranger@example.com")[1]
    theirs = f"User {stranger.secret}, Organization {stranger.organization.secret}"
    assert post(client, path, body, Authorization=theirs).status_code == 404
    assert not Event.objects.exists()
    signed = signing.signature("planted-key", body.encode())
    assert post(client, path, body, **{"Elements-Webhook-Signature": signed}).status_code == 200
    assert post(client, f"{path}?key={instance.webhook_key}", body).status_code == 200
    assert Event.objects.count() == 2


def test_a_notification_that_comes_back_ends_here(client: Client, instance: Instance) -> None:
    rows.record(instance, rows.changes(1))
    notification = Notification.objects.get()
    given = {"Elements-Webhook-Id": str(notification.webhook_id)}
    assert post(client, "/events/acton", notification.body.decode(), **given).status_code == 200
    assert Event.objects.count() == 1
    assert post(client, "/events/acton", {}, **{"Elements-Webhook-Id": "no-id"}).status_code == 404


def test_an_unknown_element_is_404(api: Client) -> None:
    assert post(api, "/events/sfdc", {}).status_code == 404
    assert api.get("/events/acton").status_code == 200


def test_a_body_that_no_database_stores_is_400(api: Client, instance: Instance) -> None:
    path = f"/events/acton/{instance.pk}"
    assert api.post(path, b"\xff\xfe", content_type=JSON).status_code == 400
    assert api.post(path, b"a\0b", content_type=JSON).status_code == 400


@pytest.mark.parametrize("act_on_type", webhooks.MEANINGS)
def test_each_of_act_ons_event_types_is_mapped(
    api: Client, client: Client, webhook_instance: Instance, act_on_type: str
) -> None:
    Poller.objects.all().delete()
    body = {"eventType": act_on_type, "data": {"contactId": "l-0001:5"}}
    assert post(client, address(api, webhook_instance), body).status_code == 200
    change = Change.objects.get()
    assert (change.object_type, change.event_type) == webhooks.MEANINGS[act_on_type]
    assert change.object_id == "l-0001:5"
    assert json.loads(Event.objects.get().provider_data) == body


def test_what_polling_sees_is_left_to_a_poll_at_once(api: Client, client: Client, webhook_instance: Instance) -> None:
    """So a webhook and a poll of one change make one event."""
    body = {"eventType": "contact.updated", "contactId": "l-0001:5"}
    answered = post(client, address(api, webhook_instance), body).json()
    assert answered["polled"] == "contacts"
    assert not Event.objects.exists()
    assert Poller.objects.get().next_poll_at <= timezone.now()


def test_a_repeated_webhook_is_taken_once(api: Client, client: Client, webhook_instance: Instance) -> None:
    body = {"eventType": "form.submitted", "id": 7}
    path = address(api, webhook_instance)
    assert "events" in post(client, path, body).json()
    assert post(client, path, body).json()["repeated"]
    assert Event.objects.count() == InboundCall.objects.count() == 1


def test_act_ons_signature_is_checked_where_it_is_known_how(
    api: Client, client: Client, webhook_instance: Instance
) -> None:
    path = address(api, webhook_instance)
    assert api.get(f"/instances/{webhook_instance.pk}/webhook").json()["verified"] is False
    webhook_instance.configuration[configuration.WEBHOOK_HEADER] = "X-Act-On-Signature"
    webhook_instance.set_secrets({configuration.WEBHOOK_SECRET: "shared"})
    webhook_instance.save()
    assert api.get(f"/instances/{webhook_instance.pk}/webhook").json()["verified"] is True
    text = '{"eventType": "form.submitted"}'
    assert post(client, path, text).status_code == 401
    digest = hmac.new(b"shared", text.encode(), hashlib.sha256).hexdigest()
    assert post(client, path, text, **{"X-Act-On-Signature": f"sha256={digest}"}).status_code == 200
    assert Event.objects.count() == 1


def test_of_a_burst_none_is_lost(api: Client, webhook_instance: Instance) -> None:
    path = address(api, webhook_instance)

    def send(number: int) -> int:
        try:
            body = {"eventType": "form.submitted", "id": number}
            return int(post(Client(), path, body).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(400))) == {200}
    assert Event.objects.count() == Notification.objects.count() == 400


def test_a_valid_signature_holds_beside_another_header(client: Client, instance: Instance) -> None:
    """A hub whose callback wants basic authorization sends both."""
    body = '{"a": 1}'
    signed = signing.signature("planted-key", body.encode())
    given = {"Elements-Webhook-Signature": signed, "Authorization": "Basic eDp5"}
    assert post(client, f"/events/acton/{instance.pk}", body, **given).status_code == 200


@pytest.mark.parametrize("text", ['{"n": 1e400}', '{"n": 12345678901234567890.10}', '{"n": NaN}', "plain"])
def test_a_notification_of_any_payload_is_json_to_the_last_digit(api: Client, instance: Instance, text: str) -> None:
    assert post(api, f"/events/acton/{instance.pk}", text).status_code == 200
    body = Notification.objects.get().body.decode()
    json.loads(body, parse_constant=pytest.fail)
    assert text in body or json.dumps(text) in body


def test_the_sequence_of_an_object_goes_on(api: Client, instance: Instance) -> None:
    rows.record(instance, rows.changes(1))
    for _ in range(2):
        body = {"eventType": "contact-bounce.hard", "contactId": "l-0001:0"}
        assert post(api, f"/events/acton/{instance.pk}", body).status_code == 200
    assert list(Change.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2, 3]


def test_an_instance_without_events_keeps_what_comes_and_tells_nobody(api: Client, instance: Instance) -> None:
    Instance.objects.update(events_enabled=False)
    assert post(api, f"/events/acton/{instance.pk}", {"a": 1}).status_code == 200
    assert Event.objects.get().status == "RECEIVED"
    assert not Delivery.objects.exists()


def polled_webhook(api: Client, client: Client, instance: Instance, number: int = 1) -> Any:
    body = {"eventType": "contact.updated", "contactId": "l-0001:5", "number": number}
    return post(client, address(api, instance), body).json()


def test_a_webhook_while_a_poll_runs_makes_another_one_after_it(
    api: Client, client: Client, webhook_instance: Instance
) -> None:
    started = timezone.now() - timedelta(minutes=1)
    running = rows.poll(webhook_instance, status="running", started_at=started, queued_at=started)
    Poll.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
    assert polled_webhook(api, client, webhook_instance)["polled"] == "contacts"
    dispatch.queue_due_pollers(timezone.now())
    assert Poll.objects.count() == 1
    Poll.objects.filter(pk=running.pk).update(status="succeeded")
    dispatch.queue_due_pollers(timezone.now())
    assert Poll.objects.filter(status="queued").count() == 1


def test_a_stream_of_webhooks_makes_few_polls(api: Client, client: Client, webhook_instance: Instance) -> None:
    for number in range(20):
        polled_webhook(api, client, webhook_instance, number)
        dispatch.queue_due_pollers(timezone.now())
        Poll.objects.filter(status="queued").update(status="succeeded")
    assert Poll.objects.count() == 1
    assert Poller.objects.get().next_poll_at > timezone.now() + timedelta(seconds=20)


def test_a_webhook_leaves_the_back_off_and_a_resting_instance_alone(
    api: Client, client: Client, webhook_instance: Instance
) -> None:
    """The poll that comes then brings the change, from the old position: once."""
    later = timezone.now() + timedelta(hours=1)
    Poller.objects.update(failures=3, next_poll_at=later)
    assert polled_webhook(api, client, webhook_instance, 1)["polled"] == "contacts"
    assert Poller.objects.get().next_poll_at == later
    Instance.objects.update(disabled=True)
    assert polled_webhook(api, client, webhook_instance, 2)["polled"] == "contacts"
    assert not Event.objects.exists()


def test_a_get_with_a_query_or_a_body_is_an_event_too(api: Client, client: Client, instance: Instance) -> None:
    path = f"/events/acton/{instance.pk}"
    assert api.get(path).json() == {"status": "ok"}
    assert api.head(f"{path}?a=1").status_code == 200
    assert client.get(f"{path}?a=1").status_code == 401
    assert not Event.objects.exists()
    assert api.get(f"{path}?eventType=form.submitted&tag=x&tag=y").status_code == 200
    assert client.get(f"{path}?key={instance.webhook_key}&a=1").status_code == 200
    assert api.generic("GET", path, '{"b": 2}', content_type=JSON).status_code == 200
    kept = [json.loads(text) for text in Event.objects.order_by("pk").values_list("provider_data", flat=True)]
    assert kept == [{"eventType": "form.submitted", "tag": ["x", "y"]}, {"a": "1"}, {"b": 2}]


def test_an_equal_webhook_an_hour_later_is_another_event(
    api: Client, client: Client, webhook_instance: Instance
) -> None:
    path, body = address(api, webhook_instance), {"eventType": "form.submitted", "email": "a@example.com"}
    assert "events" in post(client, path, body).json()
    InboundCall.objects.update(received_at=timezone.now() - REPEATED_WITHIN + timedelta(minutes=1))
    assert post(client, path, body).json()["repeated"]
    InboundCall.objects.update(received_at=timezone.now() - REPEATED_WITHIN - timedelta(minutes=1))
    assert "events" in post(client, path, body).json()
    assert post(client, path, body).json()["repeated"]
    assert Event.objects.count() == 2


def test_a_new_secret_address_ends_the_old_one(api: Client, client: Client, instance: Instance) -> None:
    old = address(api, instance)
    made = api.post(f"/instances/{instance.pk}/webhook").json()["url"]
    new = address(api, instance)
    assert made.endswith(new)
    assert new != old
    assert post(client, old, {"a": 1}).status_code == 401
    assert post(client, new, {"a": 1}).status_code == 200


def test_what_came_is_new_until_a_worker_tells_of_it(
    api: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the database when the call is answered; a worker that fails half-way leaves it as it was."""
    response = api.post(f"/events/acton/{instance.pk}", '{"a": 1}', content_type=JSON)
    (event_id,) = response.json()["events"]
    assert api.get(f"/instances/{instance.pk}/events/{event_id}").json()["status"] == "NEW"
    with monkeypatch.context() as patch:
        patch.setattr("events.recording.notify", lambda *args, **more: 1 / 0)
        tasks.arrange()
    assert not Change.objects.exists()
    assert Event.objects.get().status == "NEW"
    Event.objects.update(event_date=timezone.now() - timedelta(days=400))
    assert retention.prune(timezone.now()) == 0
    SetAside.objects.update(again_at=timezone.now())  # the pause that follows a failure is over
    dispatch.dispatch()
    tasks.arrange()
    assert Event.objects.get().status == "DISPATCHED"
    assert Delivery.objects.count() == 1


def test_sequences_go_on_within_one_batch_and_over_objects(api: Client, instance: Instance) -> None:
    for object_id in ("a", "b", "a", "a"):
        body = json.dumps({"eventType": "form.submitted", "id": object_id})
        api.post(f"/events/acton/{instance.pk}", body, content_type=JSON)
    tasks.arrange()
    found = Change.objects.order_by("event_id").values_list("object_id", "sequence")
    assert list(found) == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]


def test_a_test_event_goes_the_way_of_every_other_one(api: Client, instance: Instance, receiver: Receiver) -> None:
    instance.configuration["event.notification.callback.url"] = receiver.url
    instance.save()
    event_id = api.post(f"/instances/{instance.pk}/events/test").json()["eventId"]
    tasks.arrange()
    delivery.deliver_batch("t", 10)
    (got,) = receiver.received
    message = json.loads(got.body)["message"]
    assert message["eventId"] == event_id
    assert message["raw"]["objectType"] == message["events"][0]["objectType"] == "test"
    assert message["raw"]["payload"]["test"] is True
    Instance.objects.update(events_enabled=False)
    assert api.post(f"/instances/{instance.pk}/events/test").status_code == 409


def test_for_a_day_both_signature_keys_sign(api: Client, instance: Instance, receiver: Receiver) -> None:
    def change(**configuration: str) -> None:
        wanted = {"configuration": {key.replace("__", "."): value for key, value in configuration.items()}}
        body = json.dumps(wanted)
        assert api.patch(f"/instances/{instance.pk}", body, content_type=JSON).status_code == 200

    change(event__notification__callback__url=receiver.url, event__notification__signature__key="new-key")
    change(event__notification__callback__url=receiver.url)
    assert "former" not in api.get(f"/instances/{instance.pk}").content.decode()
    for until in (timezone.now() + timedelta(minutes=1), timezone.now() - timedelta(minutes=1)):
        Instance.objects.update(former_signs_until=until)
        api.post(f"/instances/{instance.pk}/events/test")
        tasks.arrange()
        delivery.deliver_batch("t", 10)
    both, one = receiver.received
    for got, keys in ((both, ["new-key", "planted-key"]), (one, ["new-key"])):
        headers = {name.lower(): value for name, value in got.headers.items()}
        assert headers["elements-webhook-signature"] == signing.signature("new-key", got.body)
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = signing.standard_headers(headers["webhook-id"], keys, got.body, moment)
        assert headers["webhook-signature"] == expected["webhook-signature"]
    assert post(Client(), f"/events/acton/{instance.pk}", "{}", **{
        "Elements-Webhook-Signature": signing.signature("planted-key", b"{}")
    }).status_code == 401, "what is past its day signs nothing"  # fmt: skip


def test_what_was_cut_short_is_refused_and_not_stored(live_server: Any, user: User, instance: Instance) -> None:
    """A sender that is killed in mid-sentence sends it again; half of it is no event."""
    headers = authorization(user) | {"Content-Type": JSON}
    assert " 400 " in cut_short(f"{live_server.url}/events/acton/{instance.pk}", headers, '{"a": ', 20)
    assert not Event.objects.exists()
    assert " 200 " in cut_short(f"{live_server.url}/events/acton/{instance.pk}", headers, "{}", 2)
