"""From `POST /instances` to an event at the callback, with real processes over real HTTP."""

import os
import signal
from collections import Counter

from tests.end_to_end.api import Hub
from tests.running import wait_until


def test_a_created_and_an_updated_contact_arrive_and_are_notified(hub: Hub) -> None:
    instance = hub.create(**{"event.notification.signature.key": "optional key"})
    hub.act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    hub.act_on.account("PATCH", "/lists/l-0001/contacts/1", {"First Name": "Grace"})
    assert hub.poll(instance)["status"] == "succeeded"
    wait_until(lambda: len(hub.act_on.delivered()) == 2, 30, "both changes are delivered")
    assert Counter(entry["eventType"] for entry in hub.act_on.delivered()) == {"CREATED": 1, "UPDATED": 1}
    wait_until(
        lambda: {event["status"] for event in hub.ok("GET", f"/instances/{instance}/events")} == {"NOTIFIED"},
        10,
        "the events are notified",
    )
    events = hub.ok("GET", f"/instances/{instance}/events")
    assert events[0]["notifiedData"] == [message["text"] for message in hub.act_on.inbox()]
    assert hub.ok("GET", f"/instances/{instance}/events/{events[0]['id']}") == events[0]


def test_with_the_sandbox_in_another_process(hub_apart: Hub) -> None:
    instance = hub_apart.create()
    hub_apart.act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    hub_apart.poll(instance)
    wait_until(lambda: len(hub_apart.act_on.delivered()) == 1, 30, "the change is delivered")


def test_everything_killed_in_mid_poll_and_every_change_arrives(hub: Hub) -> None:
    instance = hub.create()
    for _ in range(3):
        hub.act_on.account("POST", "/lists", {"name": "More", "contacts": 1500})
    lists = [row["id"] for row in hub.act_on.account("GET", "/lists")["lists"]]
    changed = sum(
        hub.act_on.account("PATCH", f"/lists/{each}/contacts", {"first": 700})["changed"] for each in lists[-3:]
    )
    hub.act_on.account("POST", "/faults", {"kind": "slow", "delay_ms": 400, "path": "/api/1/list/"})
    hub.ok("POST", f"/instances/{instance}/poll")
    wait_until(lambda: hub.running.query("select count(*) from events_change")[0][0] > 0, 30, "some changes are stored")
    assert hub.running.query("select status from polling_poll") == [("running",)], "the poll is under way"
    hub.running.kill()
    hub.running.start()
    hub.act_on.account("DELETE", "/faults")
    contacts = sum(len(hub.act_on.account("GET", f"/lists/{each}/contacts")["contacts"]) for each in lists[-3:])
    assert contacts == 4500
    assert changed == 2100
    wait_until(
        lambda: len({entry["objectId"] for entry in hub.act_on.delivered()}) == contacts, 180, "every change arrives"
    )
    by_id = Counter(message["headers"]["Elements-Webhook-Id"] for message in hub.act_on.inbox())
    bodies = {(message["headers"]["Elements-Webhook-Id"], message["text"]) for message in hub.act_on.inbox()}
    assert len(bodies) == len(by_id), "what comes twice has the same id and bytes"
    assert Counter(entry["objectId"] for entry in hub.act_on.delivered(once=True)).most_common(1)[0][1] == 1


def test_an_idle_worker_process_killed_and_the_next_event_still_arrives(hub: Hub) -> None:
    instance = hub.create()
    reader = wait_until(hub.running.reader_of_the_queue, 10, "a worker process waits at the queue")
    os.kill(reader, signal.SIGKILL)
    hub.act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    hub.ok("POST", f"/instances/{instance}/poll")
    wait_until(lambda: len(hub.act_on.delivered()) == 1, 30, "the next event arrives")
