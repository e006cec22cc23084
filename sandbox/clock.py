"""The one clock of the sandbox. Moments are milliseconds since 1970, as in Act-On's own API."""

import time
from datetime import UTC, datetime

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def now_ms() -> int:
    """The present moment in ms."""
    return time.time_ns() // 1_000_000


def day_of(moment_ms: int) -> str:
    """The UTC day of a moment, such as `2026-11-24`."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date().isoformat()
