"""Nothing lost, nothing doubled, no limit exceeded, whatever dies and fails meanwhile (promises 1 to 5).

`make test-chaos` runs it long; every test run runs it short.
"""

import os
from pathlib import Path

import pytest

from tests.chaos import aftermath
from tests.chaos.machine import machine
from tests.chaos.storm import Storm

KILLS = int(os.environ.get("CHAOS_KILLS", "5"))
CONTACTS = int(os.environ.get("CHAOS_CONTACTS", "400"))
LISTS = int(os.environ.get("CHAOS_LISTS", "4"))
LASTS_S = float(os.environ.get("CHAOS_LASTS_S", "1.5"))
LONG = KILLS >= 50


@pytest.mark.timeout(1200 + 60 * KILLS)
def test_nothing_is_lost_and_nothing_doubled_in_a_storm(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with machine(tmp_path) as hubs:
        storm = Storm(hubs, kills=KILLS, lists=LISTS, contacts=CONTACTS, lasts_s=LASTS_S, long=LONG)
        try:
            storm.blow()
        finally:
            with capfd.disabled():
                print(f"\n{storm.summary()}")  # noqa: T201 - what the run is for
        assert len(storm.versions) >= CONTACTS
        assert storm.received.missing(storm.versions) == []
        assert storm.received.doubled == 0
        assert aftermath.wrong_positions(hubs, storm.versions) == []
        counted, told = aftermath.calls_of_polls(hubs, storm.poll_now)
        assert counted == told, "each poll is run once"
        assert aftermath.exceeded(hubs) == []
        assert storm.done["kills"] == KILLS
        assert set(storm.answers) <= {200, 409, 503}
