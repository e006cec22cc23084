"""The same work done barely, by as many processes as the hub has for it."""

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

PROCESSES = 4  # the hub's task processes
READY_S, LONGEST_S = 60.0, 300.0


def seconds_of(work: Callable[[Any], None], shares: list[Any]) -> float:
    """How long it takes until each process has done `work` on its share; starting them is not counted."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(shares) + 1)

    def one(share: Any) -> None:
        barrier.wait(READY_S)
        work(share)
        barrier.wait(LONGEST_S)

    processes = [context.Process(target=one, args=(share,)) for share in shares]
    for process in processes:
        process.start()
    barrier.wait(READY_S)
    began = time.monotonic()
    barrier.wait(LONGEST_S)
    seconds = time.monotonic() - began
    for process in processes:
        process.join()
    return seconds
