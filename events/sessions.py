"""Sessions to callback hosts, kept for a moment: the next batch mostly goes to the same, over open connections."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from acton_hub import outbound

# Receivers hang up on connections that idle for some seconds; a request that meets that moment counts as a failure.
KEPT_S = 1.0
MOST_KEPT = 256

_idle: deque[tuple[float, str, requests.Session]] = deque()  # since when, host; in the order in which they came
_lock = threading.Lock()


@contextmanager
def to(host: str) -> Iterator[requests.Session]:
    """A guarded session for this thread, with an open connection to that host where one is kept."""
    session = _taken(host) or outbound.session()
    try:
        yield session
    except BaseException:
        session.close()
        raise
    with _lock:
        _idle.append((time.monotonic(), host, session))
    close_idle(KEPT_S)


def close_idle(seconds: float = 0.0) -> None:
    """Close what has been idle for so long, and the oldest of more than MOST_KEPT."""
    until = time.monotonic() - seconds
    while True:
        with _lock:
            if not _idle or (_idle[0][0] > until and len(_idle) <= MOST_KEPT):
                return
            _, _, session = _idle.popleft()
        session.close()


def _taken(host: str) -> requests.Session | None:
    close_idle(KEPT_S)
    with _lock:
        kept = next((entry for entry in reversed(_idle) if entry[1] == host), None)
        if kept is not None:
            _idle.remove(kept)
    return kept[2] if kept else None
