"""An Act-On in memory with a clock beside it, for tests in which time passes."""

from collections import Counter
from datetime import UTC, datetime

import time_machine

from accounts.models import User
from events.models import Change
from polling.models import Poller
from tests import rows
from tests.polling.act_on import ActOn, run_poll

START_MS = 1_800_000_000_000
OVERLAP_MS = 60_000


class World:
    """An Act-On in memory, our clock beside it, and one poller that starts now."""

    def __init__(self, user: User, page_size: int = 3) -> None:
        self.acton = ActOn(START_MS, page_size=page_size)
        self.clock = time_machine.travel(self.moment(), tick=False)
        self.traveller = self.clock.start()
        for list_id in ("l-0001", "l-0002"):
            self.acton.add_list(list_id)
        row = rows.instance(user, connection=rows.connection(user))
        self.poller: Poller = row.pollers.get()
        self.poller.started_ms = START_MS
        self.poller.save()
        self.later(1000)

    def moment(self, skew_ms: int = 0) -> datetime:
        return datetime.fromtimestamp((self.acton.now_ms + skew_ms) / 1000, UTC)

    def later(self, ms: int, skew_ms: int = 0) -> None:
        """Time passes; `skew_ms` is our clock less Act-On's."""
        self.acton.now_ms += ms
        self.traveller.move_to(self.moment(skew_ms))

    def poll(self) -> str:
        self.poller.refresh_from_db()
        return run_poll(self.acton, self.poller).status

    def stored(self) -> Counter[str]:
        """How many changes of each object are stored."""
        return Counter(Change.objects.values_list("object_id", flat=True))
