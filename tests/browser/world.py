"""A hub with something of everything in it, as an operator finds it in the morning."""

import json
import subprocess
import sys
import uuid
from dataclasses import dataclass
from typing import Any

from tests.end_to_end.api import Hub
from tests.running import CHECKOUT, wait_until

HOURS = 48


@dataclass
class World:
    """The ids that the routes of the console want are in `ids`; instances in other states, in `others`."""

    hub: Hub
    ids: dict[str, object]
    others: dict[str, int]
    queries: dict[str, str]  # of routes that tell nothing without one


def past(hub: Hub, instance: int, hours: int = HOURS, many: int = 0) -> None:
    """Store what an instance has behind it (see tests.browser.history)."""
    asked = json.dumps({"instance": instance, "hours": hours, "many": many})
    subprocess.run(
        [sys.executable, "-m", "tests.browser.history", asked],
        cwd=CHECKOUT,
        env=hub.running.env | {"DJANGO_SETTINGS_MODULE": hub.running.settings},
        timeout=300,
        check=True,
    )


def build(hub: Hub, hours: int = HOURS) -> World:
    """An instance in each state: works, its callback refuses, tokens lost, Act-On fails, disabled."""
    works = instance(hub, "acme", "Customer sync", ["crm", "production"])
    refused = instance(hub, "umbra", "Newsletter service", ["marketing"])
    lost = instance(hub, "globex", "Billing export", ["finance", "production"])
    failing = instance(hub, "initech", "Lead scoring", ["crm"])
    off = instance(hub, "hooli", "Old CRM", ["crm"])
    past(hub, works, hours)
    past(hub, refused, hours // 4)

    hub.act_on.call("PUT", "/control/inboxes/umbra", {"fault": {"status": 503}})
    hub.act_on.account("POST", "/expire", {"access": True, "refresh": True}, name="globex")
    hub.act_on.account("POST", "/faults", {"kind": "error", "path": "/api/1/list"}, name="initech")
    for name in ("acme", "umbra"):
        contacts = [{"Email": f"{who}@{name}.example", "First Name": who.title()} for who in ("ada", "grace", "alan")]
        hub.act_on.account("POST", "/lists/l-0001/contacts", contacts, name=name)
    hub.poll(works)
    for change in ({"Company": "Analytical Engines"}, {"Company": "Harvard Mark I", "Last Name": "Hopper"}):
        hub.act_on.account("PATCH", "/lists/l-0001/contacts/1", change, name="acme")
        poll_id = hub.poll(works)["id"]
    for each in (refused, failing):
        hub.poll(each)
    hub.call("POST", f"/instances/{lost}/poll")  # a scheduled poll may have found out already
    hub.ok("DELETE", f"/instances/{off}/enabled")
    wait_until(lambda: statuses(hub, works) == {"NOTIFIED"}, 60, "the callback has accepted everything")
    wait_until(lambda: lost_tokens(hub), 60, "it is known that the tokens are lost")
    wait_until(lambda: failed_attempts(hub), 60, "the other callback has refused")
    return World(
        hub,
        {
            "instance_id": works,
            "change_id": newest_change(hub, works),
            "user_id": 1,
            "kind": "csv",
            "key": uuid.UUID(int=1),
        },
        {"refused": refused, "lost": lost, "failing": failing, "disabled": off},
        {"watch": f"?poll={poll_id}", "why": f"?object_id=l-0001:1&instance={works}"},
    )


def instance(hub: Hub, account: str, name: str, tags: list[str]) -> int:
    """A new instance of an Act-On account of its own, with the sandbox's inbox of that name as its callback."""
    hub.act_on.account("PUT", body={"lists": 3, "contacts": 8}, name=account)
    key = {"event.notification.signature.key": "optional key"}
    number = hub.create(user=account, key=f"key-of-{account}", inbox=account, **key)
    hub.ok("PATCH", f"/instances/{number}", {"name": name, "tags": tags})
    return number


def statuses(hub: Hub, instance: int) -> set[str]:
    rows: list[dict[str, Any]] = hub.ok("GET", f"/instances/{instance}/events?pageSize=20")
    return {row["status"] for row in rows}


def failed_attempts(hub: Hub) -> int:
    return int(hub.running.query("SELECT count(*) FROM events_attempt WHERE status_code = 503")[0][0])


def lost_tokens(hub: Hub) -> int:
    return int(hub.running.query("SELECT count(*) FROM elements_connection WHERE problem <> ''")[0][0])


def newest_change(hub: Hub, instance: int) -> int:
    """The newest one that was seen before, so that its page tells what changed."""
    rows = hub.running.query(
        "SELECT max(id) FROM events_change WHERE instance_id = ? AND event_type = 'UPDATED'", instance
    )
    return int(rows[0][0])
