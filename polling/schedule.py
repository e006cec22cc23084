"""When a poller is polled next. Pure."""

import hashlib
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_WITHIN = timedelta(minutes=1)
BACK_OFF_FIRST = timedelta(seconds=5)
BACK_OFF_MOST = timedelta(minutes=30)


def share(key: str) -> float:
    """A number from 0 to 1, spread evenly over keys."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) / 2**32


def first_poll(key: str, interval: timedelta, now: datetime) -> datetime:
    """Within a minute: whoever makes an instance wants to see it work."""
    return now + min(interval, FIRST_WITHIN) * share(key)


def next_poll(key: str, interval: timedelta, now: datetime) -> datetime:
    """The next moment of the poller's own grid, whose phase is a hash of its key: no thousand pollers at :00.

    However late a poller is, it is polled once, not once for each interval that it missed.
    """
    phase = interval * share(key)
    begun = (now - EPOCH - phase) // interval
    return EPOCH + phase + (begun + 1) * interval


def after_failure(failures: int, interval: timedelta, retry_after_s: float, now: datetime) -> datetime:
    """Back-off after the `failures`-th failure in a row: 5 s, doubling to 30 min, no longer than the interval.

    What Act-On or our own count asks for (`retry_after_s`) is respected beyond that.
    """
    pause = min(BACK_OFF_FIRST * (1 << min(failures - 1, 20)), BACK_OFF_MOST, max(interval, BACK_OFF_FIRST))
    return now + max(pause, timedelta(seconds=retry_after_s))


def sweep_interval(key: str, interval: timedelta) -> timedelta:
    """How long after one sweep of ids the next one is due: up to a tenth more than `interval`, by the list's share.

    So the sweeps of many lists, that all begin with the first poll, drift apart.
    """
    return interval + interval * share(key) / 10
