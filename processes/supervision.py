"""Keeping children alive: what died is started again, what shows no life is replaced, with a growing pause."""

import logging
import time
from collections.abc import Callable

from processes import children

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 60.0  # a child that lived so long starts again without delay the next time
STALE_S = 10.0  # since the last sign of life
FIRST_SIGN_S = 15.0  # a new child may take this long to show life
GRACE_S = 7.5  # from SIGTERM to SIGKILL, when all stops
REPLACED_WITHIN_S = 5.0  # the same for a child that shows no life; longer than most tasks take
LOOK_S = 0.5  # between two looks at the children


class Child:
    """One process that should always run.

    `launch` starts it and returns its process id, the leader of its own group; `last_sign` tells when it last showed
    life, in monotonic seconds (none: only its death is noticed).
    """

    def __init__(self, name: str, launch: Callable[[], int], last_sign: Callable[[], float] | None = None) -> None:
        self.name = name
        self.exit_code: int | None = None
        self.pid = 0  # 0 while there is no process
        self._launch, self._last_sign = launch, last_sign
        self._pause = FIRST_PAUSE_S
        self._started_at = 0.0
        self._start_at = 0.0
        self._kill_at: float | None = None

    def start(self) -> None:
        self.pid = self._launch()
        self._started_at = time.monotonic()
        self._kill_at = None

    def look(self) -> None:
        """Do what is due: reap and start again, ask a stale child to stop, kill one that was asked in vain."""
        now = time.monotonic()
        if not self.pid:
            if now >= self._start_at:
                self.start()
        elif children.ended(self.pid):
            self.clear()
            self._pause = FIRST_PAUSE_S if now - self._started_at >= HEALTHY_S else self._pause
            self._start_at = now + self._pause
            logger.warning("process ended name=%s exit=%s again_in_s=%.0f", self.name, self.exit_code, self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        elif self._kill_at is not None:
            if now >= self._kill_at:
                children.end_group(self.pid)
        elif self._is_stale(now):
            logger.warning("process shows no life name=%s pid=%s: replacing it", self.name, self.pid)
            self.replace()

    def _is_stale(self, now: float) -> bool:
        if self._last_sign is None:
            return False
        sign = self._last_sign()
        return now > (sign + STALE_S if sign > self._started_at else self._started_at + FIRST_SIGN_S)

    def replace(self) -> None:
        """SIGTERM now, SIGKILL to what is left of the group after REPLACED_WITHIN_S."""
        children.ask_to_stop(self.pid)
        self._kill_at = time.monotonic() + REPLACED_WITHIN_S

    def clear(self) -> None:
        """Reap a child that has ended, and kill what it left of its group."""
        children.end_group(self.pid)
        self.exit_code = children.reap(self.pid)
        self.pid = 0


def watch(members: list[Child]) -> None:
    """Keep the children alive until a signal asks to stop."""
    while not children.await_signal(LOOK_S):
        for child in members:
            child.look()


def stop(members: list[Child], longest_s: float) -> None:
    """Ask all to stop at once, and kill what has not ended within so many seconds."""
    deadline = time.monotonic() + longest_s
    running = [child for child in members if child.pid]
    for child in running:
        children.ask_to_stop(child.pid)
    while running and time.monotonic() < deadline:
        for child in [child for child in running if children.ended(child.pid)]:
            child.clear()
            running.remove(child)
        if running:
            children.await_signal(min(0.1, deadline - time.monotonic()))
    for child in running:
        logger.warning("process did not stop in time name=%s pid=%s: killed", child.name, child.pid)
        children.end_group(child.pid)
        child.clear()
