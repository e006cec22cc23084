"""The sliding window of a limit, without clock or database. All moments and widths are in milliseconds."""

from collections.abc import Iterable


def most_in_any_window(moments_ms: Iterable[int], width_ms: int) -> int:
    """The largest number of moments that lie in one window; two that are `width_ms` apart share none."""
    moments = sorted(moments_ms)
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= width_ms:
            first += 1
        most = max(most, last - first + 1)
    return most


def with_call(counted_ms: Iterable[int], at_ms: int, width_ms: int) -> int:
    """The largest number of calls in any window that holds a call at `at_ms`, that call included.

    Calls later than `at_ms` count as well: threads reach the counter in another order than they arrived.
    """
    near = [moment for moment in counted_ms if abs(moment - at_ms) < width_ms]
    return most_in_any_window([*near, at_ms], width_ms)
