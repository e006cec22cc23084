"""Delivery: how fast what waits reaches callbacks."""

import time
from collections.abc import Callable
from pathlib import Path

import requests

from benchmarks import floor
from benchmarks.figures import Figure, rate
from benchmarks.floor import PROCESSES
from benchmarks.stage import Stage
from tests.running import wait_until

INSTANCES = 20
LONGEST_S = 300.0


def floor_rate(url: str, bodies: list[bytes]) -> float:
    """Bodies a second of bare sessions, each sending one after another."""

    def send(share: list[bytes]) -> None:
        with requests.Session() as session:
            for body in share:
                session.post(url, data=body, headers={"Content-Type": "application/json"}).raise_for_status()

    return rate(len(bodies), floor.seconds_of(send, [bodies[number::PROCESSES] for number in range(PROCESSES)]))


def arrivals(stage: Stage, count: int) -> list[float]:
    """When the callback got each of `count` notifications, in order, once all of them are there."""
    wait_until(lambda: int(stage.receiver.get("/count")) >= count, LONGEST_S, f"{count} notifications are delivered")
    return sorted(stage.receiver.get("/times"))


def sustained(stage: Stage) -> list[Figure]:
    """Rounds of product and floor in turn, so that the machine's mood falls on both."""
    url = f"{stage.receiver.url}/fast"
    waiting = stage.seed("instances", urls=[url] * INSTANCES)
    count = (300 if stage.quick else 20_000) // stage.rounds
    ratios, rates = [], []
    for number in range(stage.rounds):
        path = Path(stage.folder) / f"bodies-{number}"
        stage.receiver.post("/forget")
        stage.seed("waiting", instances=waiting, count=count, bodies=str(path))
        times = arrivals(stage, count)
        bodies = path.read_bytes().splitlines()
        rates.append(rate(count - 1, times[-1] - times[0]))
        ratios.append(rates[-1] / floor_rate(url, bodies))
    least = 0.4 if stage.hub.on_sqlite else 0.5
    return [Figure(
        "sustained delivery, notifications of 10 changes", f"at least {least}", ratios, least=least,
        floor=f"bare requests sessions, {PROCESSES} processes", absolute=f"{sorted(rates)[len(rates) // 2]:.0f}/s",
    )]  # fmt: skip


def slow_receivers(stage: Stage) -> list[Figure]:
    """50 callback hosts that answer after 100 ms."""
    hosts = 50
    urls = [f"http://127.0.1.{number + 1}:{stage.receiver.port}/slow/100" for number in range(hosts)]
    waiting = stage.seed("instances", urls=urls)
    count = (200 if stage.quick else 20_000) // stage.rounds
    ratios, rates = [], []
    for _ in range(stage.rounds):
        began = time.monotonic()
        with requests.Session() as session:
            for _ in range(5):
                session.post(urls[0], data=b"{}").raise_for_status()
        one_by_one = rate(5, time.monotonic() - began)
        stage.receiver.post("/forget")
        stage.seed("waiting", instances=waiting, count=count)
        times = arrivals(stage, count)
        rates.append(rate(count - 1, times[-1] - times[0]))
        ratios.append(rates[-1] / one_by_one)
    return [Figure(
        "delivery to 50 hosts that answer after 100 ms", "at least 60", ratios, least=60, floor="one at a time",
        absolute=f"{sorted(rates)[len(rates) // 2]:.0f}/s",
    )]  # fmt: skip


ROWS: dict[str, Callable[[Stage], list[Figure]]] = {"sustained": sustained, "slow": slow_receivers}
