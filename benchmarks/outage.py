"""Callbacks that are down for hours: what goes on beside a million waiting deliveries, and how they recover."""

import json
import time
from collections import Counter
from collections.abc import Callable

from benchmarks.figures import Figure, percentile, rate
from benchmarks.polls import poll_all
from benchmarks.processes import pss_mib
from benchmarks.stage import Stage, another_hub
from tests.running import wait_until

WAITING, QUICK_WAITING = 1_000_000, 2000
CALLBACKS = 50
A_SECOND = 20
LONGEST_S = 300.0
DEPTH = "acton_hub_queue_depth "


def outage(stage: Stage) -> list[Figure]:
    waiting, seconds, sample = (QUICK_WAITING, 1, 500) if stage.quick else (WAITING, 5, 20_000)
    with another_hub(stage, "outage") as hub:
        healthy = hub.seed("instances", urls=[f"{hub.receiver.url}/keep"] * 5)
        contacts = 20 if stage.quick else 500
        poll_all(hub, healthy, contacts, 1)
        alone = min(poll_all(hub, healthy, contacts, version) for version in (2, 3))
        before = pss_mib(hub.hub)
        down = [f"{hub.receiver.url}/down/{number}" for number in range(CALLBACKS)]
        instances = hub.seed("backlog", urls=down, deliveries=waiting)
        _latencies(hub, healthy, 1)  # what the hub had begun while the tables had no indexes is over then
        beside = min(poll_all(hub, healthy, contacts, version) for version in (4, 5))
        arrived = _latencies(hub, healthy, seconds)
        memory, depth = pss_mib(hub.hub), _queue_depth(hub)

        hub.receiver.post("/forget")
        hub.receiver.post("/up")
        fresh = _latencies(hub, instances[:5], seconds)
        wait_until(lambda: hub.receiver.get("/count") >= sample, LONGEST_S, "the backlog is worked off")
        times, paths = hub.receiver.get("/times")[:sample], hub.receiver.get("/paths")
    shares = Counter(paths[:sample])
    least = min(shares[str(number)] for number in range(CALLBACKS)) * CALLBACKS / max(1, sum(shares.values()))
    what = f"{waiting:,} deliveries wait for {CALLBACKS} callbacks that are down:"
    then = f"the same, up again, the first {sample:,}:"
    return [
        Figure(f"{what} a change of others arrives, p99", "at most 1 s", [percentile(arrived, 0.99)], " s", most=1.0),
        Figure(
            f"{what} polls of others", "at most 1.5 times", [beside / alone], most=1.5, floor="before the outage",
            absolute=f"{beside:.1f} s",
        ),
        Figure(f"{what} memory (PSS) besides", "at most 50 MiB", [memory - before], " MiB", most=50.0),
        Figure(f"{what} wake-ups in the queue", "at most 100", [depth], most=100.0),
        Figure(
            f"{then} the least share of an instance", "at least 0.5", [least], least=0.5, floor="equal shares",
            absolute=f"{rate(len(times) - 1, times[-1] - times[0]):.0f}/s",
        ),
        Figure(f"{then} a new change of theirs arrives, p99", "at most 5 s", [percentile(fresh, 0.99)], " s", most=5.0),
    ]  # fmt: skip


def _latencies(hub: Stage, instances: list[int], seconds: int) -> list[float]:
    """From commit to callback, while changes of these come steadily."""
    committed: dict[str, float] = hub.seed("steadily", instances=instances, a_second=A_SECOND, seconds=seconds)
    arrived: dict[str, float] = {}

    def all_arrived() -> bool:
        for moment, body in hub.receiver.get("/kept"):
            arrived.setdefault(json.loads(body)["message"]["eventId"], moment)
        return set(committed) <= set(arrived)

    wait_until(all_arrived, LONGEST_S, "all are delivered")
    return [arrived[event] - moment for event, moment in committed.items()]


def _queue_depth(hub: Stage) -> float:
    """The greatest of several looks."""
    depths = []
    for _ in range(5):
        metrics = hub.get("/metrics").text
        depths += [float(line.removeprefix(DEPTH)) for line in metrics.splitlines() if line.startswith(DEPTH)]
        time.sleep(0.2)
    return max(depths)


ROWS: dict[str, Callable[[Stage], list[Figure]]] = {"outage": outage}
