"""How late this process's calls were: one may reach Act-On after the moment that was reserved for it.

A busy machine, or the network, holds a call up; those after it then come closer behind it than they were meant to. When
it arrived is not known, but when it was answered is: what follows keeps its distance from there.
"""

import threading
import time
from collections import defaultdict

from elements.acton.exceptions import SlotMissed

LATEST_S = 0.25  # a call may leave so late; as much again is left for its way
MOST_MISSES = 5  # in a row, of one call; a hub that is held up so often cannot keep to any moment
MOST_REMEMBERED = 64  # calls of one account whose answers are still out; what a dead thread left is forgotten


def leave(leave_at: float | None) -> None:
    """Wait for a call's reserved moment (monotonic seconds; None: none was reserved).

    Raises SlotMissed where that moment passed too long ago: leaving now, the call could come too close to later ones.
    """
    if leave_at is None:
        return
    time.sleep(max(0.0, leave_at - time.monotonic()))
    if time.monotonic() - leave_at > LATEST_S:
        raise SlotMissed("The hub was too busy to make the call at its moment")


class Lateness:
    def __init__(self, harmless_ms: int) -> None:
        """So much lateness is allowed for anyway."""
        self._harmless_ms = harmless_ms
        self._out: dict[int, dict[float, int]] = defaultdict(dict)  # account → when it may leave → reserved moment
        self._late: dict[int, list[tuple[int, int]]] = defaultdict(list)  # account → reserved moment, ms too late
        self._lock = threading.Lock()

    def reserved(self, budget_id: int, leave_at: float, moment_ms: int) -> None:
        """A call may leave at `leave_at` (monotonic seconds); its moment in the account's row is `moment_ms`."""
        with self._lock:
            out = self._out[budget_id]
            out[leave_at] = moment_ms
            while len(out) > MOST_REMEMBERED:
                out.pop(next(iter(out)))

    def answered(self, budget_id: int, leave_at: float) -> None:
        """Its answer is here, or there will be none."""
        late_ms = int((time.monotonic() - leave_at) * 1000) - self._harmless_ms
        with self._lock:
            moment_ms = self._out[budget_id].pop(leave_at, None)
            if moment_ms is not None and late_ms > 0:
                self._late[budget_id] = [*self._late[budget_id], (moment_ms, late_ms)][-MOST_REMEMBERED:]

    def missed(self, budget_id: int, leave_at: float) -> None:
        """It was not made, and will not be."""
        with self._lock:
            self._out[budget_id].pop(leave_at, None)

    def corrected(self, budget_id: int, recent: list[int]) -> list[int]:
        """The account's moments, those of late calls at the latest at which they can have arrived."""
        with self._lock:
            late = list(self._late.get(budget_id, []))
        moments = list(recent)
        for moment_ms, late_ms in late:
            if moment_ms in moments:
                moments[moments.index(moment_ms)] = moment_ms + late_ms
        return sorted(moments)

    def stored(self, budget_id: int, recent: list[int]) -> None:
        """The account's row holds these moments, committed: what was late among others need not be told again."""
        with self._lock:
            left = [(moment, late) for moment, late in self._late.pop(budget_id, []) if moment in recent]
            if left:
                self._late[budget_id] = left
