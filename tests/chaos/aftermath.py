"""What must be true once a storm is over and all processes are left alone."""

import time
from collections.abc import Callable
from typing import Any

from tests.chaos.machine import Machine
from tests.running import wait_until

# What must come to nothing, and within which time: the term of a lease, and some work.
COMES_TO_NOTHING = {
    "a delivery is stuck": ("SELECT count(*) FROM events_delivery WHERE status <> 'notified'", 180),
    "a delivery is leased": ("SELECT count(*) FROM events_delivery WHERE lease_until IS NOT NULL", 75),
    "a poll is under way for ever": ("SELECT count(*) FROM polling_poll WHERE status IN ('queued', 'running')", 75),
    "an event waits to be told": ("SELECT count(*) FROM events_event WHERE status <> 'NOTIFIED'", 15),
    "a poller is failing": ("SELECT count(*) FROM polling_poller WHERE failures > 0", 75),
    "a refresh of the token is leased": (
        "SELECT count(*) FROM elements_connection WHERE refresh_lease_until IS NOT NULL",
        60,
    ),
}
REFUSED = ("refused_by_second", "refused_by_day", "refused_by_hour")
POLLS_COUNTED = 3


def comes_to_nothing(machine: Machine, poll_now: Callable[[], Any]) -> None:
    """Wait until nothing is left over, polling meanwhile. Raises AssertionError that names what is."""
    for what, (statement, within_s) in COMES_TO_NOTHING.items():

        def none_left(statement: str = statement) -> bool:
            poll_now()
            time.sleep(0.2)  # a poll is under way for a moment after each of these
            return not machine.hub.running.query(statement)[0][0]

        wait_until(none_left, within_s, f"never: {what}")


def wrong_positions(machine: Machine, versions: dict[str, int]) -> list[str]:
    """Lists whose position lies ahead of Act-On's clock, or before a change that was delivered."""
    now_ms = machine.act_on.account("GET")["now_ms"]
    newest: dict[str, int] = {}
    for object_id, modified_ms in versions.items():
        list_id = object_id.partition(":")[0]
        newest[list_id] = max(newest.get(list_id, 0), modified_ms)
    stored = dict(machine.hub.running.query("SELECT list_id, position_ms FROM polling_position"))
    # A position is Act-On's Date header, in whole seconds.
    return [each for each, changed_ms in newest.items() if not changed_ms - 1000 <= stored.get(each, 0) <= now_ms]


def exceeded(machine: Machine) -> list[str]:
    """Act-On's limits that the hub ran into, by Act-On's own count."""
    counters = machine.act_on.account("GET", "/counters")
    limits = counters["limits"]
    found = [name for name in REFUSED if counters[name]]
    found += ["hour"] if counters["most_token_calls_in_an_hour"] > limits["token_calls_per_hour"] else []
    return found + _crowded_seconds(machine, limits["calls_per_second"])


def _crowded_seconds(machine: Machine, most: int) -> list[str]:
    calls = [call for call in machine.act_on.account("GET", "/requests")["requests"] if call["kind"] == "api"]
    moments = sorted(call["at_ms"] for call in calls)
    windows = zip(moments, moments[most:], strict=False)
    return [f"{most + 1} calls within {last - first} ms at {first}" for first, last in windows if last - first < 1000]


def calls_of_polls(machine: Machine, poll_now: Callable[[], Any]) -> tuple[int, int]:
    """Calls that Act-On counted while some polls ran, and calls that these polls say they made: equal, if each of
    them was run by one process, once.
    """
    began = _calls_at_rest(machine)
    for _ in range(POLLS_COUNTED):
        wait_until(poll_now, 30, "the hub takes a poll")
        wait_until(lambda: _rests(machine), 60, "the poll ends")
    ended = _calls_at_rest(machine)
    return ended[0] - began[0], ended[1] - began[1]


def _rests(machine: Machine) -> bool:
    return not machine.hub.running.query(COMES_TO_NOTHING["a poll is under way for ever"][0])[0][0]


def _calls_at_rest(machine: Machine) -> tuple[int, int]:
    """Act-On's count and the polls' own, read while no poll is under way."""
    statement = "SELECT coalesce(sum(requests), 0), coalesce(max(id), 0) FROM polling_poll"
    while True:
        wait_until(lambda: _rests(machine), 60, "no poll is under way")
        before = machine.hub.running.query(statement)[0]
        counted = machine.act_on.account("GET", "/counters")["api_calls"]
        if _rests(machine) and machine.hub.running.query(statement)[0] == before:
            return int(counted), int(before[0])
