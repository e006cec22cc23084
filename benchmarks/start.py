"""How long a start takes, everything installed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.figures import Figure
from benchmarks.stage import Stage
from tests.running import CHECKOUT, RunningHub, wait_until


def start(stage: Stage) -> list[Figure]:
    """The data is there, too: a first start makes the tables besides."""
    ratios, taken = [], []
    hub = RunningHub(stage.folder / "start", DATABASE_URL=stage.hub.env.get("DATABASE_URL"))
    env = hub.env | {"REDIS_URL": stage.hub.env.get("REDIS_URL") or ""}
    env = {name: value for name, value in env.items() if value is not None} | {"XDG_CACHE_HOME": str(stage.folder)}
    if not stage.quick:
        _until_healthy(hub, env)
    for _ in range(stage.rounds):
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "manage.py", "check", "--settings=acton_hub.settings_local"], cwd=CHECKOUT, env=env,
            capture_output=True, check=True,
        )  # fmt: skip
        floor = time.monotonic() - began
        taken.append(_until_healthy(hub, env))
        ratios.append(taken[-1] / floor)
    return [
        Figure(
            "start: make run to the first 200 of /healthz", "at most 5", ratios, most=5.0, floor="manage.py check",
            absolute=f"{sorted(taken)[len(taken) // 2]:.1f} s",
        )
    ]  # fmt: skip


def _until_healthy(hub: RunningHub, env: dict[str, str]) -> float:
    """Seconds from `make run` to health; it is stopped then."""
    began = time.monotonic()
    with subprocess.Popen(
        ["make", "run"], cwd=CHECKOUT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            wait_until(hub.is_healthy, 60, "the hub is healthy")
            return time.monotonic() - began
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            wait_until(lambda: process.poll() is not None, 30, "make has ended")
            wait_until(lambda: not hub.processes(), 30, "the hub has stopped")


ROWS: dict[str, Callable[[Stage], list[Figure]]] = {"start": start}
