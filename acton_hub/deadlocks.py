"""PostgreSQL ends one of two transactions that wait for each other; that one is to be tried again."""

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError
from psycopg.errors import DeadlockDetected

TRIES = 5
T = TypeVar("T")


def again_after_deadlock(work: Callable[[], T]) -> T:
    """What `work` returns, which makes transactions of its own and can be done again after any of them.

    Raises what it raises, the deadlock too where it comes every time.
    """
    for _ in range(TRIES - 1):
        try:
            return work()
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    return work()
