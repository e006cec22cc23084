"""Whether the rest of a collection is too old to matter, for what Act-On does not filter by date. Pure.

The platform reads such a collection from its newest page on, until the last poll date. Nobody promises that the newest
come first; so that is looked at, and where it is not so, everything is read: nothing is lost, it only costs more calls.
"""

from dataclasses import dataclass
from typing import Any

from polling import detection
from polling.configuration import PollerConfiguration


@dataclass
class Order:
    """The dates of a collection as they come; `falling` while each is at most the one before."""

    falling: bool = True
    last_ms: int | None = None

    def is_old_enough(self, records: list[dict[str, Any]], since_ms: int, configuration: PollerConfiguration) -> bool:
        """Whether all further records are older than `since_ms`, going by the pages so far, with this one.

        A page is enough only if all of its own records are: then no record that a shift moved is missed.
        """
        moments = []
        for record in records:
            try:
                sighting = detection.sight(record, configuration)
            except ValueError:
                self.falling = False
                return False
            moment = sighting.updated_ms if configuration.filter_by_updated_date else sighting.created_ms
            if moment is None:
                self.falling = False
                return False
            moments.append(moment)
        for moment in moments:
            self.falling = self.falling and (self.last_ms is None or moment <= self.last_ms)
            self.last_ms = moment
        return self.falling and bool(moments) and max(moments) <= since_ms
