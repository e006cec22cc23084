"""Whether the wall clock was set, as the steady clock tells."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from acton_hub import steady


@pytest.mark.usefixtures("clock_is_set")
@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_was_set_is_noticed_in_both_directions(hours: int) -> None:
    then = steady.stamp()
    assert steady.moved_s(then) == pytest.approx(0, abs=0.5)
    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        assert steady.moved_s(then) == pytest.approx(hours * 3600, abs=0.5)
        assert steady.moved_s(steady.stamp()) == pytest.approx(0, abs=0.5)


@pytest.mark.usefixtures("clock_is_set")
def test_of_another_boot_and_of_no_stamp_nothing_is_known() -> None:
    then = steady.stamp() | {"boot": "another"}
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert steady.moved_s(then) == 0
        assert steady.moved_s(None) == 0
