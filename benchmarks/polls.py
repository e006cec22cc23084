"""Polling: many changes at once, and many accounts where nothing changes."""

import json
import time

import requests

from benchmarks.figures import Figure, rate
from benchmarks.floor import PROCESSES, seconds_of
from benchmarks.processes import cpu_seconds, peak_mib, pss_mib
from benchmarks.stage import Stage, another_hub
from tests.running import wait_until

CONNECTIONS, LISTS, CONTACTS = 50, 2, 1000
IDLE_INSTANCES, IDLE_LISTS = 5000, 20
LONGEST_S = 300.0


def fetch(urls: list[str]) -> None:
    """The floor: pages fetched and read, and nothing else."""
    with requests.Session() as session:
        for url in urls:
            json.loads(session.get(url, timeout=60).content)


def poll_all(stage: Stage, instances: list[int], contacts: int, version: int) -> float:
    """Have everything changed, and polled; returns the seconds from the first poll's begin to the last one's end."""
    changed_ms = int(time.time() * 1000)
    stage.act_on.post("/control", {"lists": LISTS, "contacts": contacts, "changed_ms": changed_ms, "version": version})
    last = stage.seed("due", instances=instances)
    expected = contacts * LISTS * len(instances)
    found = "SELECT coalesce(sum(events_created), 0) FROM polling_poll WHERE id > ? AND finished_at IS NOT NULL"
    wait_until(lambda: stage.hub.query(found, last)[0][0] >= expected, LONGEST_S, "all is found")
    return float(stage.seed("polled_in", after=last))


def polling(stage: Stage) -> list[Figure]:
    connections = 5 if stage.quick else CONNECTIONS
    contacts = 50 if stage.quick else CONTACTS
    url = f"{stage.receiver.url}/fast"
    instances = stage.seed("instances", urls=[url] * connections, active=False)
    poll_all(stage, instances[:1], 1000 // LISTS, 1)
    before = peak_mib(stage.hub, "hub-task")
    pages = [f"/api/1/list/l-{number + 1:04}?datequalifiers=true&count=1000&offset=0" for number in range(LISTS)]
    urls = [stage.act_on.url + page for page in ["/api/1/list?listingtype=contact_list", *pages]] * connections
    records = connections * LISTS * contacts
    ratios, rates = [], []
    for number in range(stage.rounds):
        seconds = poll_all(stage, instances, contacts, number + 2)
        ratios.append(seconds_of(fetch, [urls[share::PROCESSES] for share in range(PROCESSES)]) / seconds)
        rates.append(rate(records, seconds))
    growth = peak_mib(stage.hub, "hub-task") - before
    return [
        Figure(
            f"polling: {records:,} changed contacts over {connections} connections", "at least 0.4", ratios, least=0.4,
            floor=f"pages fetched and read, {PROCESSES} processes", absolute=f"{sorted(rates)[len(rates) // 2]:.0f}/s",
        ),
        Figure("the same: memory over that of a poll of 1,000", "at most 50 MiB", [growth], unit=" MiB", most=50.0),
    ]  # fmt: skip


def idle(stage: Stage) -> list[Figure]:
    """On a hub of its own: what other rows left in memory is none of its business."""
    count = 100 if stage.quick else IDLE_INSTANCES
    seconds = 2.0 if stage.quick else 25.0
    with another_hub(stage, "idle") as hub:
        return _idle(hub, count, seconds)


def _idle(stage: Stage, count: int, seconds: float) -> list[Figure]:
    stage.act_on.post("/control", {"lists": IDLE_LISTS, "contacts": 0, "changed_ms": 1, "version": 1})
    url = f"{stage.receiver.url}/fast"
    instances = stage.seed(
        "instances", urls=[url] * count, polled=True, lists=IDLE_LISTS, minutes=1 if stage.quick else 15
    )
    time.sleep(0 if stage.quick else 5)  # what was made late by the seeding itself
    requests_before, cpu, since_ms = stage.act_on.get("/requests"), cpu_seconds(stage.hub), int(time.time() * 1000)
    memory = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(seconds / 5)
        memory.append(pss_mib(stage.hub))
    used, requests_made = cpu_seconds(stage.hub) - cpu, stage.act_on.get("/requests") - requests_before
    late = stage.seed("lateness", instances=instances, since_ms=since_ms)
    what = f"idle, {count:,} instances of {IDLE_LISTS} lists:"
    return [
        Figure(f"{what} requests a poll", "1", [requests_made / max(1, len(late))], most=1.1),
        Figure(f"{what} share of one core", "at most 30 %", [100 * used / seconds], unit=" %", most=30.0),
        Figure(f"{what} memory (PSS) of all processes", "at most 450 MiB", memory, unit=" MiB", most=450.0),
        Figure(f"{what} latest poll after its due time", "at most 5 s", late or [0.0], unit=" s", most=5.0),
    ]


ROWS = {"polling": polling, "idle": idle}
