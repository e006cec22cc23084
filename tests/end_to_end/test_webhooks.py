"""Act-On's own webhooks at a running hub: none is lost, and what polling sees as well is told once."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.end_to_end.api import Hub
from tests.running import wait_until

# By hand more: 1,000 webhooks a second for ten seconds.
WEBHOOKS = int(os.environ.get("TEST_WEBHOOKS", "1500"))
SENDERS = 8


def address(hub: Hub, instance: int) -> str:
    return str(hub.ok("GET", f"/instances/{instance}/webhook")["url"])


def post(url: str, **body: Any) -> requests.Response:
    return requests.post(url, json=body, timeout=60)


def test_a_webhook_and_a_poll_of_one_change_make_one_event(hub: Hub) -> None:
    instance = hub.create(**{"event.vendor.type": "webhooks"})
    url = address(hub, instance)
    hub.act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    assert post(url, eventType="contact.added", contactId="l-0001:1").json()["polled"] == "contacts"
    wait_until(lambda: len(hub.act_on.delivered()) == 1, 30, "the contact is told of")
    assert hub.poll(instance)["status"] == "succeeded"
    assert post(url, eventType="form.submitted", id=7).status_code == 200
    wait_until(lambda: len(hub.act_on.delivered()) == 2, 30, "what only a webhook tells is told of, too")
    kinds = [(event["objectType"], event["status"]) for event in hub.ok("GET", f"/instances/{instance}/events")]
    assert [object_type for object_type, _ in kinds] == ["forms", "contacts"]


def test_of_a_burst_none_is_lost(hub: Hub) -> None:
    instance = hub.create(**{"event.vendor.type": "webhooks"})
    url = address(hub, instance)
    sessions = threading.local()

    def send(number: int) -> int:
        if not hasattr(sessions, "one"):
            sessions.one = requests.Session()
        body = {"eventType": "form.submitted", "id": number}
        return int(sessions.one.post(url, json=body, timeout=60).status_code)

    with ThreadPoolExecutor(SENDERS) as pool:
        assert set(pool.map(send, range(WEBHOOKS))) == {200}
    wanted = {str(number) for number in range(WEBHOOKS)}
    wait_until(lambda: {entry["objectId"] for entry in hub.act_on.delivered()} == wanted, 120, "all are delivered")
    assert len(hub.act_on.delivered()) == WEBHOOKS, "each once"
