"""The one gap that no code can close: a kill after Act-On has rotated a refresh token, before its answer was stored.

Act-On that honours the last token until the new one is used gives the hub a second answer. A strict one does not: the
instance then shows that it needs authentication, and afterwards nothing is missing (DESIGN, promise 1).
"""

from pathlib import Path

import pytest

from tests.chaos.machine import Machine, machine
from tests.chaos.received import Received
from tests.running import wait_until

HOLDS_MS = 2500  # how long Act-On takes to answer: the kill comes within it
REFRESH_LEASE_S = 60  # longer than the lease that the killed process leaves


@pytest.mark.parametrize("strict", [False, True], ids=["honours the last token", "strict"])
def test_killed_between_rotation_and_commit(tmp_path: Path, strict: bool) -> None:
    with machine(tmp_path, with_disk=False) as hubs:
        act_on = hubs.act_on
        act_on.account("PUT", body={"lists": 1, "contacts": 30, "strict_refresh": strict})
        instance = hubs.hub.create(**{"event.poller.refresh_interval": "1"})
        changes = {"before": 1, "in the gap": 2, "after": 3}
        _change(hubs, changes["before"])
        _kill_while_act_on_rotates(hubs, instance)
        _change(hubs, changes["in the gap"])
        for each in hubs.hubs:
            each.start()
        if hubs.clock:
            hubs.clock.set(REFRESH_LEASE_S)
        if strict:
            _authenticate_again(hubs, instance)
        _change(hubs, changes["after"])

        received = Received(act_on, "first")
        versions = {
            contact["id"]: contact["modified_ms"]
            for contact in act_on.account("GET", "/lists/l-0001/contacts")["contacts"]
            if contact["id"] in {f"l-0001:{record}" for record in changes.values()}
        }
        wait_until(lambda: _poll_now(hubs, instance) and received.has(versions), 90, "every change arrives")
        assert len(versions) == len(changes)
        assert received.doubled == 0
        assert act_on.account("GET", "/counters")["refused_by_hour"] == 0


def _change(hubs: Machine, record: int) -> None:
    hubs.act_on.account("PATCH", "/lists/l-0001/contacts", {"changes": {str(record): {"Company": "changed"}}})


def _poll_now(hubs: Machine, instance: int) -> bool:
    return hubs.hub.call("POST", f"/instances/{instance}/poll").status_code in (200, 409)


def _kill_while_act_on_rotates(hubs: Machine, instance: int) -> None:
    act_on = hubs.act_on
    act_on.account("POST", "/faults", {"kind": "slow", "path": "/token", "times": 1, "delay_ms": HOLDS_MS})
    act_on.account("POST", "/expire")
    wait_until(lambda: _poll_now(hubs, instance), 30, "the hub takes a poll")
    wait_until(lambda: len(_token_calls(hubs)) == 2, 60, "the hub asks for a new token")
    for each in hubs.hubs:
        each.kill()
    answered = wait_until(lambda: _token_calls(hubs)[-1], 30, "Act-On answers nobody")
    assert answered == 200, "the token was rotated"


def _token_calls(hubs: Machine) -> list[int]:
    """The answers of the token calls so far; None for one that is being answered."""
    return [call["status"] for call in hubs.act_on.account("GET", "/requests?path=/token")["requests"]]


def _authenticate_again(hubs: Machine, instance: int) -> None:
    refusal = wait_until(lambda: _refusal(hubs, instance), 60, "the hub says that it needs authentication")
    assert "needs authentication" in refusal
    hubs.hub.ok("PATCH", f"/instances/{instance}", {"providerData": {"code": hubs.act_on.code()}})
    wait_until(lambda: hubs.hub.call("POST", f"/instances/{instance}/poll").status_code == 200, 60, "it polls again")


def _refusal(hubs: Machine, instance: int) -> str | None:
    answer = hubs.hub.call("POST", f"/instances/{instance}/poll")
    if answer.status_code == 409 and "authentication" in answer.json()["message"]:
        return str(answer.json()["message"])
    return None
