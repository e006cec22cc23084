"""Small charts as shapes for inline SVG, each with the text that says the same. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from polling.models import Poll

SPARK_HEIGHT = 20
POLL_HEIGHT = 48
LEAST = 2  # of anything that is not nothing


@dataclass(frozen=True)
class Bar:
    """A bar that stands on the ground: `y` is its upper edge."""

    x: int
    y: int
    height: int
    kind: str = ""  # of the outcome, where it has one
    title: str = ""

    @property
    def middle(self) -> int:
        return self.x + 3


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    width: int
    height: int
    text: str  # what a reader hears who does not see it


def of_hours(counts: Sequence[int]) -> Chart:
    """One bar an hour, oldest first."""
    most = max(counts, default=0)
    bars = [
        Bar(4 * number, SPARK_HEIGHT - height, height)
        for number, count in enumerate(counts)
        for height in [_height(count, most, SPARK_HEIGHT)]
        if height
    ]
    total = sum(counts)
    text = f"{total:,} in {len(counts)} hours; {counts[-1] if counts else 0:,} in the last, {most:,} in the busiest"
    return Chart(bars, 4 * len(counts), SPARK_HEIGHT, text)


def of_polls(polls: Sequence[Poll]) -> Chart:
    """One bar a poll, in the order given: as high as it read records, of its outcome's kind."""
    most = max((poll.records_read for poll in polls), default=0)
    bars = []
    for number, poll in enumerate(polls):
        height = max(_height(poll.records_read, most, POLL_HEIGHT), LEAST)
        records = f"{poll.records_read:,} record{'' if poll.records_read == 1 else 's'}"
        title = f"{poll.poller.resource}, {poll.trigger}: {poll.status}, {records}, {poll.events_created:,} events"
        bars.append(Bar(8 * number, POLL_HEIGHT - height, height, poll.status, title))
    counts = {status: sum(poll.status == status for poll in polls) for status in Poll.Status.values}
    outcomes = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    last = f"The last {len(polls)} polls" if len(polls) > 1 else "The last poll"
    read = sum(poll.records_read for poll in polls)
    text = f"{last}: {outcomes}; {read:,} record{'' if read == 1 else 's'} read"
    return Chart(bars, 8 * len(polls), POLL_HEIGHT, text)


def _height(count: int, most: int, whole: int) -> int:
    return max(LEAST, round(whole * count / most)) if count else 0
