"""Instances are deleted in the midst of their work: each is gone at once and whole, and nobody else notices."""

from functools import partial
from typing import Any

import pytest

from tests.chaos.received import Received
from tests.end_to_end.api import Hub
from tests.running import wait_until

CONTACTS = 3000
GOES = ("one", "two", "three")


@pytest.mark.timeout(300)
def test_an_instance_that_is_deleted_while_it_polls_and_delivers_is_gone_and_others_go_on(hub: Hub) -> None:
    act_on = hub.act_on
    for name in ("sandbox", *GOES):
        act_on.account("PUT", body={"lists": 2, "contacts": CONTACTS}, name=name)
    stays = hub.create()
    for name in GOES:
        goes = hub.create(user=name, key=name, **{"event.notification.callback.url": f"{act_on.url}/inbox/{name}"})
        for account in (name, "sandbox"):
            act_on.account("PATCH", "/lists/l-0001/contacts", {"changes": _changes(name)}, name=account)
        hub.poll_now(goes)
        hub.poll_now(stays)
        wait_until(partial(act_on.inbox, name), 60, "some of it was delivered")
        for number in range(20):
            assert hub.call("POST", f"/events/acton/{goes}", {"number": number}).status_code == 200
        assert hub.call("DELETE", f"/instances/{goes}").status_code == 200
        assert hub.call("GET", f"/instances/{goes}").status_code == 404
    hub.poll(stays)
    contacts = act_on.account("GET", "/lists/l-0001/contacts")["contacts"]
    versions = {contact["id"]: contact["modified_ms"] for contact in contacts}
    received = Received(act_on, "first")
    wait_until(lambda: received.has(versions), 60, "every change of the one that stays arrives")
    assert received.doubled == 0
    for table in ("events_event", "events_change", "events_notification", "polling_poller", "events_subscription"):
        assert {row for (row,) in hub.running.query(f"SELECT DISTINCT instance_id FROM {table}")} == {stays}  # noqa: S608
    assert [line for line in hub.running.output().splitlines() if " ERROR " in line] == []


def _changes(company: str) -> dict[str, Any]:
    return {str(record): {"Company": company} for record in range(1, CONTACTS + 1)}
