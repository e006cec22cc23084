"""Who was ended by PostgreSQL for waiting in a circle begins again; what else goes wrong goes wrong."""

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, DiskFull

from acton_hub.deadlocks import TRIES, again_after_deadlock


class Work:
    """Fails so many times, each time for `cause`."""

    def __init__(self, failures: int, cause: type[Exception]) -> None:
        self.failures, self.cause, self.runs = failures, cause, 0

    def __call__(self) -> int:
        self.runs += 1
        if self.runs <= self.failures:
            raise OperationalError("it failed") from self.cause()
        return self.runs


def test_a_deadlock_is_tried_again() -> None:
    assert again_after_deadlock(Work(TRIES - 1, DeadlockDetected)) == TRIES


@pytest.mark.parametrize(("failures", "cause", "runs"), [(TRIES, DeadlockDetected, TRIES), (1, DiskFull, 1)])
def test_one_that_comes_every_time_raises_and_so_does_anything_else(
    failures: int, cause: type[Exception], runs: int
) -> None:
    work = Work(failures, cause)
    with pytest.raises(OperationalError):
        again_after_deadlock(work)
    assert work.runs == runs
