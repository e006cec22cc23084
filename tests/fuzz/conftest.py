"""How many inputs the fuzz tests make: a short run by itself, a long one with FUZZ_INPUTS (`make test-fuzz`)."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

INPUTS = int(os.environ.get("FUZZ_INPUTS", "0"))  # 0: the short run
HANGS_S = 20  # one input that takes longer than that hangs
MOST_GROWTH_KIB = 64 * 1024
SHARE_OF_ENDPOINTS = 4  # one input in so many goes to an endpoint, which is slower than a parser
tried: Counter[str] = Counter()
grown: dict[str, int] = {}


def examples(short: int, share: float) -> settings:
    """Hypothesis's settings for a test that makes `share` of the long run's inputs."""
    return settings(
        max_examples=int(INPUTS * share) or short, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )  # fmt: skip


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@contextmanager
def one_input(kind: str) -> Iterator[None]:
    """Count one input; it fails where it hangs. And after many, the memory is measured."""
    tried[kind] += 1
    if tried[kind] == 500:  # caches are warm
        grown[kind] = -resident_kib()

    def hangs(*_: Any) -> None:
        raise AssertionError(f"{kind}: an input took longer than {HANGS_S} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def memory_has_not_grown(kind: str) -> None:
    """Since the 500th input. Said, where there were so many."""
    if grown.get(kind, 0) < 0:
        grown[kind] += resident_kib()
        assert grown[kind] < MOST_GROWTH_KIB, f"{kind}: {tried[kind]} inputs left {grown[kind]} KiB behind"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if tried and INPUTS:
        for kind, count in sorted(tried.items()):
            more = f", memory {grown[kind]:+} KiB" if kind in grown else ""
            terminalreporter.write_line(f"fuzz: {kind}: {count} inputs{more}")
        terminalreporter.write_line(f"fuzz: {tried.total()} inputs in all")
