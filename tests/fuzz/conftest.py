"""How many inputs the fuzz tests make: a short run by itself, a long one with FUZZ_INPUTS (`make test-fuzz`)."""

import gc
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

T = TypeVar("T")

INPUTS = int(os.environ.get("FUZZ_INPUTS", "0"))  # 0: the short run
AT_ONCE = 1000  # then Hypothesis begins anew, and lets go of what it remembers of them
HANGS_S = 20  # one input that takes longer than that hangs
MOST_GROWTH_KIB = 48 * 1024
tried: Counter[str] = Counter()
grown: dict[str, int] = {}


def throw(kind: str, inputs: st.SearchStrategy[T], try_one: Callable[[T], None], *, short: int, share: float) -> None:
    """Try `short` inputs, or in the long run its `share` of all; fails where one fails or hangs, or memory is kept."""
    left = int(INPUTS * share) or short
    first = 0
    while left:
        size = min(left, AT_ONCE)

        @seed(random.getrandbits(32))
        @settings(
            max_examples=size, deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )  # fmt: skip
        @given(inputs)
        def some(value: T) -> None:
            tried[kind] += 1
            with _hanging_is_a_failure(kind):
                try_one(value)

        some()
        left -= size
        gc.collect()
        first = first or resident_kib()  # caches are warm
    grown[kind] = grown.get(kind, 0) + resident_kib() - first
    assert grown[kind] < MOST_GROWTH_KIB, f"{kind}: {tried[kind]} inputs left {grown[kind]} KiB behind"


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@contextmanager
def _hanging_is_a_failure(kind: str) -> Iterator[None]:
    def hangs(*_: Any) -> None:
        raise AssertionError(f"{kind}: an input took longer than {HANGS_S} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if tried and INPUTS:
        for kind, count in sorted(tried.items()):
            terminalreporter.write_line(f"fuzz: {kind}: {count} inputs, memory {grown.get(kind, 0):+} KiB")
        terminalreporter.write_line(f"fuzz: {tried.total()} inputs in all")
