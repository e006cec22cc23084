"""What callers of the API wait for: events handed in, and pages of events."""

import json
from collections.abc import Callable

from benchmarks.figures import Figure
from benchmarks.load import calls_a_second, packet
from benchmarks.stage import Stage

PAYLOAD = {"eventType": "form.submitted", "id": 1, "contact": {"Email": "ada@example.com", "Company": "Acme"}}
EVENTS = 200


def against(stage: Stage, real: tuple[str, bytes], bare: tuple[str, bytes]) -> tuple[list[float], float]:
    """The ratios of the calls a second, and the median of the real ones."""
    seconds = 0.5 if stage.quick else 1.5
    ratios, rates = [], []
    for _ in range(stage.rounds):
        floor = calls_a_second(*bare, seconds)
        rates.append(calls_a_second(*real, seconds))
        ratios.append(rates[-1] / floor)
    return ratios, sorted(rates)[len(rates) // 2]


def inbound(stage: Stage) -> list[Figure]:
    """The callback is the hub itself: a worker that delivers meanwhile would be measured, too."""
    url = stage.hub.url
    (instance,) = stage.seed("instances", urls=[f"{url}/elements/api-v2/events"])
    body = json.dumps(PAYLOAD).encode()
    header = stage.header | {"Content-Type": "application/json"}
    real, bare = f"{url}/events/acton/{instance}", f"{url}/benchmark/store/{instance}"
    ratios, measured = against(
        stage, (real, packet("POST", real, header, body)), (bare, packet("POST", bare, header, body))
    )
    return [
        Figure(
            "inbound POST /events/acton/{id}", "at least 0.6", ratios, least=0.6, floor="a view with one INSERT",
            absolute=f"{measured:.0f}/s",
        )
    ]  # fmt: skip


def pages(stage: Stage) -> list[Figure]:
    url = stage.hub.url
    (instance,) = stage.seed("instances", urls=[f"{url}/elements/api-v2/events"])
    stage.seed("waiting", instances=[instance], count=EVENTS, due=False)
    real = f"{url}/instances/{instance}/events?pageSize={EVENTS}"
    request = packet("GET", real, stage.header)
    size = len(stage.get(f"/instances/{instance}/events?pageSize={EVENTS}").content)
    bare = f"{url}/benchmark?size={size}"
    ratios, measured = against(stage, (real, request), (bare, packet("GET", bare)))
    return [
        Figure(
            f"GET /instances/{{id}}/events, a page of {EVENTS}", "none", ratios, floor="a view with as many bytes",
            absolute=f"{measured:.0f}/s",
        )
    ]  # fmt: skip


ROWS: dict[str, Callable[[Stage], list[Figure]]] = {"inbound": inbound, "pages": pages}
