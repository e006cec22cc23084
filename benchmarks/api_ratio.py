"""How fast the API answers, as a share of what a bare Django view with the same bytes does.

Both run in the same gunicorn, one after the other and again, so that the machine's mood falls on both:

    .venv/bin/python -m benchmarks.api_ratio [--seconds 5] [--rounds 5]
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from tests.act_on import Sandbox
from tests.end_to_end.api import Hub
from tests.running import RunningHub, running_hub

THREADS = 4
EVENTS = 200


def rate(call: Callable[[requests.Session], requests.Response], seconds: float) -> float:
    """Requests a second of a few threads, each on its own connection."""
    counts = [0] * THREADS
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        with requests.Session() as session:
            while time.perf_counter() < until:
                response = call(session)
                assert response.status_code == 200, response.text[:200]
                counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def compare(
    name: str, hub: Hub, real: Callable[[requests.Session], requests.Response], bare: str, options: argparse.Namespace
) -> None:
    """Print the median of the ratios, with their spread."""
    ratios, rates = [], []
    for _ in range(options.rounds):
        floor = rate(lambda session: session.get(hub.running.url + bare, headers=hub.header), options.seconds)
        rates.append(rate(real, options.seconds))
        ratios.append(rates[-1] / floor)
    print(
        f"{name}: {statistics.median(ratios):.2f} of the bare view"
        f" ({min(ratios):.2f} to {max(ratios):.2f}), {statistics.median(rates):.0f} requests a second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    RunningHub.settings = "benchmarks.settings"
    with tempfile.TemporaryDirectory() as folder, running_hub(Path(folder) / "data") as running:
        hub = Hub(running, Sandbox(f"{running.url}/sandbox"))
        # Events that no one has to be told of keep the worker quiet while the web server is measured.
        body = hub.act_on.body(**{"event.notification.callback.url": f"{running.url}/elements/api-v2/events"})
        instance = hub.ok("POST", "/instances", body)["id"]
        path = f"{running.url}/events/acton/{instance}"
        payload = {"eventType": "form.submitted", "contact": {"Email": "ada@example.com", "Company": "Acme"}}
        with requests.Session() as session:
            for number in range(EVENTS):
                session.post(path, json=payload | {"id": number}, headers=hub.header).raise_for_status()
        page = f"{running.url}/instances/{instance}/events?pageSize=200"
        size = len(requests.get(page, headers=hub.header, timeout=10).content)
        bare = f"/benchmark?size={size}"
        compare("GET /instances/{id}/events", hub, lambda s: s.get(page, headers=hub.header), bare, options)
        text = json.dumps(payload)
        compare(
            "POST /events/acton/{id}", hub, lambda s: s.post(path, data=text, headers=hub.header), "/benchmark?size=40",
            options,
        )  # fmt: skip


if __name__ == "__main__":
    main()
