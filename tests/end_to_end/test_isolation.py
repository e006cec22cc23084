"""Nobody waits for somebody else, and all together keep within Act-On's limits (DESIGN, promises 5 and 7)."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.api import Hub
from tests.running import wait_until

MANY = 200_000


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """A callback that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        listening.settimeout(30)
        yield listening


@pytest.mark.timeout(600)
def test_a_hanging_callback_a_throttled_account_and_a_giant_list_hold_up_no_other(
    hub_apart: Hub, hanging: socket.socket
) -> None:
    hub, act_on = hub_apart, hub_apart.act_on
    for name in ("hanging", "throttled", "giant"):
        act_on.account("PUT", body={"lists": 1, "contacts": 600}, name=name)
    mine = hub.create()
    callbacks = {name: f"{act_on.url}/inbox/{name}" for name in ("throttled", "giant")}
    callbacks["hanging"] = f"http://127.0.0.1:{hanging.getsockname()[1]}/"
    others = {
        name: hub.create(user=name, key=name, **{"acton.account": name, "event.notification.callback.url": url})
        for name, url in callbacks.items()
    }
    act_on.account("PATCH", "/lists/l-0001/contacts", {"first": 600}, name="hanging")
    act_on.account("POST", "/faults", {"kind": "throttle"}, name="throttled")
    act_on.account("POST", f"/lists/l-0001/contacts?count={MANY}", name="giant")
    polls = {name: hub.poll_now(instance) for name, instance in others.items()}
    wait_until(lambda: act_on.inbox("giant"), 60, "the giant list is being read")
    wait_until(lambda: _refused(hub), 60, "an account is throttled")
    held, _ = hanging.accept()

    with held:
        for number in range(5):
            act_on.account("POST", "/lists/l-0001/contacts", {"Email": f"{number}@example.com"})
            hub.poll_now(mine)
            _arrive(hub, number + 1, 30)
        assert hub.ended(others["giant"], polls["giant"]) is None, "the giant list was read before the others' changes"

    assert "succeeded" not in {poll["status"] for poll in _polls(hub, others["throttled"])}


def _arrive(hub: Hub, number: int, within_s: float, inbox: str = "first") -> None:
    wait_until(lambda: len(hub.act_on.delivered(inbox)) == number, within_s, f"{number} changes arrive at {inbox}")


def _refused(hub: Hub) -> bool:
    requests = hub.act_on.account("GET", "/requests?path=/api/", name="throttled")["requests"]
    return any(request["status"] == 429 for request in requests)


def _polls(hub: Hub, instance: int) -> list[dict[str, Any]]:
    polls: list[dict[str, Any]] = hub.ok("GET", f"/instances/{instance}/polls")
    return polls


def test_several_processes_together_keep_within_the_limits_of_one_connection(hub_apart: Hub) -> None:
    hub, act_on = hub_apart, hub_apart.act_on
    lists = [act_on.account("POST", "/lists", {"name": f"Many {each}", "contacts": 900})["id"] for each in range(3)]
    inboxes = ["first", "second", "third"]
    instances = [hub.create(inbox=inbox, **{"acton.account": "sandbox"}) for inbox in inboxes]
    for each in lists:
        act_on.account("PATCH", f"/lists/{each}/contacts", {"first": 900})
    for instance in instances:
        hub.poll_now(instance)
    for inbox in inboxes:
        _arrive(hub, 2700, 120, inbox)
    counters = act_on.account("GET", "/counters")
    assert counters["token_calls"] == len(instances)
    assert counters["api_calls"] >= len(instances) * (1 + len(lists))
    assert counters["most_in_a_second"] <= counters["limits"]["calls_per_second"]
    assert not [name for name in ("refused_by_second", "refused_by_day", "refused_by_hour") if counters[name]]
