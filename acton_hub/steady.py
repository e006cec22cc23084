"""By how much the wall clock was set: by a person, by NTP, by a virtual machine that woke up.

Moments are stored on the wall clock, since several machines, and a machine after its restart, must understand them.
Where a jump of that clock would do harm, a stamp lies beside them: what the kernel's steady clock showed then.
"""

import time
from functools import cache
from pathlib import Path
from typing import Any

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Stamp = dict[str, Any]  # as it lies in a JSON column


def seconds() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps; it begins anew with each boot."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@cache
def boot() -> str:
    """Which boot of which machine this is; empty where the system does not tell."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.is_file() else ""


def stamp() -> Stamp:
    """Both clocks, now."""
    return {"boot": boot(), "wall": time.time(), "steady": seconds()}


def moved_s(then: Stamp | None, now: Stamp | None = None) -> float:
    """Seconds by which the wall clock was set ahead between two stamps (the later one: now); negative: set back.

    0 where nobody can tell: there is no stamp, or another machine or another boot took it.
    """
    now = now or stamp()
    if not then or not now["boot"] or then["boot"] != now["boot"]:
        return 0.0
    return float((now["wall"] - then["wall"]) - (now["steady"] - then["steady"]))
