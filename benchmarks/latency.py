"""Latency: from the commit of a change to the first byte at the callback, while changes come steadily."""

import json

from benchmarks.figures import Figure, percentile
from benchmarks.stage import Stage
from tests.running import wait_until

A_SECOND = 50


def latency(stage: Stage) -> list[Figure]:
    waiting = stage.seed("instances", urls=[f"{stage.receiver.url}/keep"] * 10)
    seconds = 1 if stage.quick else 3
    halves, ninety_nines = [], []
    for _ in range(stage.rounds):
        stage.receiver.post("/forget")
        committed = stage.seed("steadily", instances=waiting, a_second=A_SECOND, seconds=seconds)
        wait_until(lambda: stage.receiver.get("/count") >= len(committed), 60, "all are delivered")  # noqa: B023
        arrived = {json.loads(body)["message"]["eventId"]: moment for moment, body in stage.receiver.get("/kept")}
        taken = [arrived[event] - moment for event, moment in committed.items()]
        halves.append(percentile(taken, 0.5))
        ninety_nines.append(percentile(taken, 0.99))
    what = f"latency at {A_SECOND} notifications/s"
    return [
        Figure(f"{what}, p50", "at most 0.3 s", halves, unit=" s", most=0.3),
        Figure(f"{what}, p99", "at most 1 s", ninety_nines, unit=" s", most=1.0),
    ]


ROWS = {"latency": latency}
