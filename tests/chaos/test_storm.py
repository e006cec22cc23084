"""Nothing lost, nothing doubled, no limit exceeded, whatever dies and fails meanwhile (promises 1 to 5).

`make test-chaos` runs it long; every test run runs it short.
"""

import os

import pytest

from tests.chaos.storm import Storm
from tests.end_to_end.api import Hub

KILLS = int(os.environ.get("CHAOS_KILLS", "5"))
CONTACTS = int(os.environ.get("CHAOS_CONTACTS", "400"))
LISTS = int(os.environ.get("CHAOS_LISTS", "4"))
LOCKED_S = float(os.environ.get("CHAOS_LOCKED_S", "3"))


@pytest.mark.timeout(1200 + 60 * KILLS)
def test_nothing_is_lost_and_nothing_doubled_in_a_storm(hub_apart: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    storm = Storm(hub_apart, kills=KILLS, lists=LISTS, contacts=CONTACTS, locked_s=LOCKED_S)
    storm.blow()
    with capfd.disabled():
        print(f"\n{storm.summary()}")  # noqa: T201 - what the run is for
    assert len(storm.changed) == CONTACTS
    assert storm.arrived() >= storm.changed
    assert storm.doubled() == 0
    assert storm.exceeded() == []
    assert storm.done["kills"] == KILLS
