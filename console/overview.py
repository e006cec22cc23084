"""How instances and their pollers fare, put together in a number of queries that does not grow with them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery

from events.models import Change
from instances.models import Instance
from polling.models import Poll, Poller

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class PollerOverview:
    poller: Poller
    last_poll: Poll | None
    lag: timedelta  # how long ago, on Act-On's clock, nothing was missing

    @property
    def failing(self) -> bool:
        return self.poller.failures > 0


@dataclass(frozen=True)
class InstanceOverview:
    instance: Instance
    pollers: list[PollerOverview]
    events_of_a_day: int

    @property
    def polls(self) -> bool:
        return self.instance.state == "polling"

    @property
    def state(self) -> str:
        """The instance's own word for it, but "failing" where a poller's last polls failed."""
        failing = self.polls and any(poller.failing for poller in self.pollers)
        return "failing" if failing else self.instance.state

    @property
    def last_poll(self) -> Poll | None:
        polls = [row.last_poll for row in self.pollers if row.last_poll is not None]
        return max(polls, key=lambda poll: poll.pk, default=None)

    @property
    def next_poll_at(self) -> datetime | None:
        """None where nothing is polled."""
        return min((row.poller.next_poll_at for row in self.pollers), default=None) if self.polls else None


def of(instances: Sequence[Instance], now: datetime) -> list[InstanceOverview]:
    """The overviews of these instances, in their order. Their connections must be loaded."""
    pollers: dict[int, list[PollerOverview]] = defaultdict(list)
    for row in _pollers({instance.pk: instance for instance in instances}, now):
        pollers[row.poller.instance_id].append(row)
    events = dict(
        Change.objects.filter(instance__in=[instance.pk for instance in instances], found_at__gte=now - DAY)
        .values_list("instance")
        .annotate(Count("pk"))
        .order_by()
    )
    return [InstanceOverview(instance, pollers[instance.pk], events.get(instance.pk, 0)) for instance in instances]


def _pollers(instances: dict[int, Instance], now: datetime) -> list[PollerOverview]:
    pollers = list(Poller.objects.filter(instance__in=instances).order_by("resource"))
    newest = Poll.objects.filter(poller=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    newest_ids = Poller.objects.filter(instance__in=instances).annotate(newest=Subquery(newest)).values("newest")
    polls = {poll.poller_id: poll for poll in Poll.objects.filter(pk__in=newest_ids)}
    rows = []
    for poller in pollers:
        poller.instance = instances[poller.instance_id]
        rows.append(PollerOverview(poller, polls.get(poller.pk), poller.lag(now)))
    return rows
