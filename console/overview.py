"""How instances and their pollers fare, put together in a number of queries that does not grow with them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from console import sparkline
from events.models import Change
from instances.models import Instance
from polling.models import Poll, Poller, Position

HOURS = 24
MOST_POSITIONS = 200  # of a poller that are shown


@dataclass(frozen=True)
class PollerOverview:
    poller: Poller
    last_poll: Poll | None
    lag: timedelta  # how long ago, on Act-On's clock, nothing was missing
    late_since: datetime | None

    @property
    def failing(self) -> bool:
        return self.poller.failures > 0


@dataclass(frozen=True)
class InstanceOverview:
    instance: Instance
    pollers: list[PollerOverview]
    hours: list[int] = field(default_factory=lambda: [0] * HOURS)  # events an hour, oldest first

    @property
    def polls(self) -> bool:
        return self.instance.state == "polling"

    @property
    def state(self) -> str:
        """The instance's own word for it, but "late" or "failing" where a poller of one that polls is; see STATES."""
        if not self.polls:
            return self.instance.state
        if self.late_since:
            return "late"
        return "failing" if any(row.failing for row in self.pollers) else "polling"

    @property
    def late_since(self) -> datetime | None:
        return min((row.late_since for row in self.pollers if row.late_since), default=None) if self.polls else None

    @property
    def events_of_a_day(self) -> int:
        return sum(self.hours)

    @property
    def chart(self) -> sparkline.Chart:
        return sparkline.of_hours(self.hours)

    @property
    def last_poll(self) -> Poll | None:
        polls = [row.last_poll for row in self.pollers if row.last_poll is not None]
        return max(polls, key=lambda poll: poll.pk, default=None)

    @property
    def next_poll_at(self) -> datetime | None:
        """None where nothing is polled."""
        return min((row.poller.next_poll_at for row in self.pollers), default=None) if self.polls else None


def of(instances: Sequence[Instance], now: datetime, *, positions: bool = False) -> list[InstanceOverview]:
    """The overviews of these instances, in their order. Their connections must be loaded.

    With `positions` each poller knows its `latest_positions`, at most MOST_POSITIONS, and its `position_count`.
    """
    pollers: dict[int, list[PollerOverview]] = defaultdict(list)
    for row in _pollers({instance.pk: instance for instance in instances}, now, positions=positions):
        pollers[row.poller.instance_id].append(row)
    hours = _hours(instances, now)
    return [InstanceOverview(instance, pollers[instance.pk], hours[instance.pk]) for instance in instances]


def _hours(instances: Sequence[Instance], now: datetime) -> dict[int, list[int]]:
    """Events an hour of each instance, oldest first, the last hour ending now: one pass over the day's index."""
    begin = now - timedelta(hours=HOURS)
    bounds = [(begin + timedelta(hours=hour), begin + timedelta(hours=hour + 1)) for hour in range(HOURS)]
    counts = {
        f"hour_{number}": Count(
            "pk", filter=Q(found_at__gte=first, found_at__lt=last) if number + 1 < HOURS else Q(found_at__gte=first)
        )
        for number, (first, last) in enumerate(bounds)
    }
    rows: Iterable[Any] = (
        Change.objects.filter(instance__in=[instance.pk for instance in instances], found_at__gte=begin)
        .order_by()
        .values("instance")
        .annotate(**counts)
    )
    found: dict[int, list[int]] = defaultdict(lambda: [0] * HOURS)
    for row in rows:
        found[row["instance"]] = [row[f"hour_{number}"] for number in range(HOURS)]
    return found


def _pollers(instances: dict[int, Instance], now: datetime, *, positions: bool) -> list[PollerOverview]:
    newest = Poll.objects.filter(poller=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    rows: QuerySet[Poller] = Poller.objects.filter(instance__in=instances).order_by("resource")
    rows = rows.annotate(newest=Subquery(newest))
    if positions:
        count = Position.objects.filter(poller=OuterRef("pk")).order_by().values("poller").annotate(n=Count("pk"))
        shown = Position.objects.order_by("-position_ms", "pk")[:MOST_POSITIONS]
        rows = rows.annotate(position_count=Coalesce(Subquery(count.values("n")), 0))
        rows = rows.prefetch_related(Prefetch("positions", queryset=shown, to_attr="latest_positions"))
    pollers = list(rows)
    polls = {poll.poller_id: poll for poll in Poll.objects.filter(pk__in=[row.newest for row in pollers if row.newest])}
    found = []
    for poller in pollers:
        poller.instance = instances[poller.instance_id]
        last = polls.get(poller.pk)
        found.append(PollerOverview(poller, last, poller.lag(now), poller.late_since(last, now)))
    return found
