"""What the hub's processes cost, read from /proc."""

import os
from pathlib import Path

from tests.running import RunningHub

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(hub: RunningHub) -> float:
    """What all of its processes have used, user and system; those that ended meanwhile do not count."""
    total = 0.0
    for pid in _own(hub):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(after_name[11]) + int(after_name[12])) / TICKS
    return total


def pss_mib(hub: RunningHub) -> float:
    """Memory of all of its processes; what several share is counted once."""
    return sum(_kib(f"/proc/{pid}/smaps_rollup", "Pss") for pid in _own(hub)) / 1024


def peak_mib(hub: RunningHub, name: str) -> float:
    """The most that any process of that name ever had in memory."""
    return max(_kib(f"/proc/{pid}/status", "VmHWM") for pid in hub.named(name)) / 1024


def _own(hub: RunningHub) -> list[int]:
    """Without what runs beside the hub on its data, as the seeder does."""
    return [pid for pid, name in hub.processes().items() if name.startswith("hub-")]


def _kib(path: str, name: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(f"no {name} in {path}")
