"""On PYTHONPATH of a hub under libfaketime, which answers EINVAL to the clock_nanosleep(2) behind `time.sleep`."""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep  # type: ignore[assignment]
