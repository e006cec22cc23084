"""Throughput by the number of worker processes, against a callback that answers after 100 ms."""

from collections.abc import Callable
from itertools import pairwise

from benchmarks.deliveries import arrivals
from benchmarks.figures import Figure, rate
from benchmarks.stage import Stage, another_hub

PROCESSES, FEWEST = (2, 4, 8), (1, 2)
INSTANCES = 60
A_PROCESS = 40  # four lanes to a host, each answered after 100 ms
SECONDS = 5
RAMP_S = 1.0  # at both ends not every process is at work


def rate_of(stage: Stage, processes: int, seconds: int) -> float:
    with another_hub(stage, f"scale-{processes}", WORKER_PROCESSES=str(processes)) as found:
        url = f"{found.receiver.url}/slow/100"
        instances = found.seed("instances", urls=[f"{url}?{number}" for number in range(INSTANCES)])
        found.receiver.post("/forget")
        found.seed("waiting", instances=instances, count=processes * A_PROCESS * seconds)
        times = arrivals(found, processes * A_PROCESS * seconds)
    within = [moment for moment in times if times[0] + RAMP_S <= moment <= times[-1] - RAMP_S]
    return rate(len(within), times[-1] - times[0] - 2 * RAMP_S)


def scale(stage: Stage) -> list[Figure]:
    """What each doubling brings, as a share of double."""
    numbers, seconds = (FEWEST, 3) if stage.quick else (PROCESSES, SECONDS)
    rates = [rate_of(stage, number, seconds) for number in numbers]
    shares = [more / fewer - 1 for fewer, more in pairwise(rates)]
    what = " to ".join(str(number) for number in numbers)
    told = ", ".join(f"{each:.0f}/s" for each in rates)
    return [
        Figure(
            f"{what} worker processes, callbacks of 100 ms: growth by doubling", "at least 0.8", shares, least=0.8,
            floor="half as many processes", absolute=told,
        )
    ]  # fmt: skip


ROWS: dict[str, Callable[[Stage], list[Figure]]] = {"scale": scale}
