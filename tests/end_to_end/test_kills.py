"""Processes killed at random moments while contacts change: nothing is lost, and what comes twice is the same."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from itertools import cycle

import pytest
import requests

from tests.end_to_end.api import Hub
from tests.running import RunningHub, wait_until

EVERYTHING = "everything"
VICTIMS = [
    EVERYTHING, "hub-web", "hub-web-serving", "hub-worker", "hub-dispatcher", "hub-cluster", "hub-sentinel", "hub-task",
    "hub-monitor", "hub-pusher",
]  # fmt: skip
TIMES_EACH = 2
MOMENTS = {
    "random": None,
    "mid-poll": "select count(*) from polling_poll where status = 'running'",
    "mid-delivery": "select count(*) from events_delivery where lease_holder <> ''",
}
CHANGED_BETWEEN = 100


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_doubled_over_twenty_kills(hub_apart: Hub) -> None:
    hub, act_on = hub_apart, hub_apart.act_on
    victims = random.sample(VICTIMS * TIMES_EACH, len(VICTIMS) * TIMES_EACH)
    lists = [act_on.account("POST", "/lists", {"name": f"Many {each}", "contacts": 700})["id"] for each in range(3)]
    instance = hub.create(**{"event.poller.refresh_interval": "1"})
    act_on.account("POST", "/faults", {"kind": "slow", "delay_ms": 150, "path": "/api/1/list/"})
    act_on.call("PUT", "/control/inboxes/first", {"fault": {"delay_ms": 200}})
    contacts = [(each, record) for each in lists for record in range(1, 701)]
    random.shuffle(contacts)
    changed: set[str] = set()
    met: Counter[str] = Counter()
    for victim, moment in zip(victims, cycle(MOMENTS), strict=False):
        now, contacts = contacts[:CHANGED_BETWEEN], contacts[CHANGED_BETWEEN:]
        for each in lists:
            records = {str(record): {"Company": victim} for where, record in now if where == each}
            act_on.account("PATCH", f"/lists/{each}/contacts", {"changes": records})
        changed |= {f"{where}:{record}" for where, record in now}
        wait_until(lambda: _poll_now(hub, instance), 60, "the web server takes a poll")
        met[moment] += _await_moment(hub, moment, changed)
        _kill(hub.running, victim)
    act_on.account("DELETE", "/faults")
    act_on.call("PUT", "/control/inboxes/first", {"fault": None})
    hub.poll_now(instance)
    wait_until(lambda: {entry["objectId"] for entry in act_on.delivered()} >= changed, 240, "every change arrives")

    assert len(changed) == 2000
    assert met["mid-poll"], "no kill came in mid-poll"
    assert met["mid-delivery"], "no kill came in mid-delivery"
    once = Counter(entry["objectId"] for entry in act_on.delivered(once=True))
    assert once == dict.fromkeys(changed, 1), "each change is in one notification, and in no other"
    texts = {(message["headers"]["Elements-Webhook-Id"], message["text"]) for message in act_on.inbox()}
    assert len(texts) == len({webhook_id for webhook_id, _ in texts}), "what comes twice has the same bytes"
    counters = act_on.account("GET", "/counters")
    assert counters["most_in_a_second"] <= counters["limits"]["calls_per_second"]
    assert not [name for name in ("refused_by_second", "refused_by_day", "refused_by_hour") if counters[name]]


def _await_moment(hub: Hub, moment: str, changed: set[str]) -> bool:
    """Wait for the moment of the kill; False if it did not come because all that changed had arrived before."""
    query = MOMENTS[moment]
    if query is None:
        time.sleep(random.uniform(0, 2))
        return True

    def come() -> str | None:
        if hub.running.query(query)[0][0]:
            return "come"
        return "over" if {entry["objectId"] for entry in hub.act_on.delivered()} >= changed else None

    return wait_until(come, 120, f"a kill in {moment}") == "come"


def _poll_now(hub: Hub, instance: int) -> bool:
    """Whether the web server took it: 409 says that a poll is running."""
    try:
        return hub.call("POST", f"/instances/{instance}/poll").status_code in (200, 409)
    except requests.ConnectionError:  # it went down with the request in hand
        return False


def _kill(running: RunningHub, victim: str) -> None:
    if victim == EVERYTHING:
        running.kill()
        running.start()
        return
    pid = wait_until(lambda: running.named(victim), 60, f"there is a {victim}")[0]
    with suppress(ProcessLookupError):  # it ended with the one that was killed before
        os.kill(pid, signal.SIGKILL)
