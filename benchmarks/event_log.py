"""Pages of events by the depth of the log: they must cost the same at any."""

from collections.abc import Callable
from contextlib import nullcontext

from benchmarks.figures import Figure, percentile
from benchmarks.load import durations, packet
from benchmarks.stage import Stage, another_hub

SMALL, LARGE = 10_000, 2_000_000
CALLS = 25


def event_log(stage: Stage) -> list[Figure]:
    """Two hubs, asked in turn; what is compared is the 95th percentile. Quick: one hub, compared with itself."""
    small, large = (500, 1000) if stage.quick else (SMALL, LARGE)
    with nullcontext(stage) if stage.quick else another_hub(stage, "large") as big:
        plans = [(hub, hub.seed("log", changes=count)) for hub, count in ((stage, small), (big, large))]
        figures = []
        for name in plans[0][1]["pages"]:
            ratios, slow = [], 0.0
            for _ in range(stage.rounds):
                few, many = (_p95(hub, plan, name, 5 if stage.quick else CALLS) for hub, plan in plans)
                ratios.append(many / few)
                slow = many
            figures.append(
                Figure(
                    f"{name}, {large:,} changes", "at most 1.5", ratios, most=1.5, floor=f"the same, {small:,} changes",
                    absolute=f"p95 {slow * 1000:.1f} ms",
                )
            )  # fmt: skip
    return figures


def _p95(hub: Stage, plan: dict[str, dict[str, str]], name: str, calls: int) -> float:
    url = hub.hub.url + plan["pages"][name]
    header = {"Cookie": plan["session"]["cookie"]} if "/console/" in url else hub.header
    request = packet("GET", url, header)
    durations(url, request, 3)
    return percentile(durations(url, request, calls), 0.95)


ROWS: dict[str, Callable[[Stage], list[Figure]]] = {"event_log": event_log}
