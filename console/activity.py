"""How many changes were found, minute by minute, hour by hour or day by day, and how many of them are stuck.

Each step is counted in the index by time alone. What is not accepted is few among many, and is found by its own index.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import CharField, Count, Exists, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Substr

from accounts.models import Organization
from console.event_filter import STUCK
from events.models import Change, Delivery, Event, EventStatus

HEIGHT = 120
GAP = 2  # between bars, of 10
UNDER_WAY = (EventStatus.DISPATCHED, EventStatus.CONSUMED)
NAMED_INSTANCES = 50  # up to so many are named one by one


@dataclass(frozen=True)
class View:
    """One way to look: how long a step is, and how many there are. `digits` tell a moment's step from the next."""

    name: str
    step: timedelta
    count: int
    digits: int


def views() -> dict[str, View]:
    days = min(settings.EVENT_RETENTION_DAYS + 1, 31)
    return {
        "minute": View("Last hour, by minute", timedelta(minutes=1), 60, 16),
        "hour": View("Last 24 hours, by hour", timedelta(hours=1), 24, 13),
        "day": View(f"Last {days} days, by day", timedelta(days=1), days, 10),
    }


@dataclass(frozen=True)
class Step:
    """What was found from `begin` on, until the next step begins."""

    begin: datetime
    end: datetime
    found: int
    failed: int  # of these: their delivery failed, and is tried again or waits for somebody
    waiting: int  # of these: not accepted yet, nor failed

    @property
    def accepted(self) -> int:
        return max(self.found - self.failed - self.waiting, 0)


@dataclass(frozen=True)
class Part:
    """One part of a bar, `y` its upper edge."""

    kind: str
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Chart:
    """Stacked bars, oldest first. Pure."""

    steps: list[Step]
    parts: list[Part] = field(default_factory=list)
    top: int = 0  # what the upper edge stands for

    @property
    def width(self) -> int:
        return 10 * len(self.steps)

    @property
    def found(self) -> int:
        return sum(step.found for step in self.steps)

    @property
    def failed(self) -> int:
        return sum(step.failed for step in self.steps)

    @property
    def waiting(self) -> int:
        return sum(step.waiting for step in self.steps)

    @property
    def accepted(self) -> int:
        return sum(step.accepted for step in self.steps)

    @property
    def marks(self) -> list[Step | None]:
        """What is written below: some of the steps, evenly apart, and nothing below those between."""
        apart = max(len(self.steps) // 6, 1)
        return [None if number % apart else step for number, step in enumerate(self.steps)]


def chart(steps: list[Step]) -> Chart:
    top = _round_up(max((step.found for step in steps), default=0))
    parts = []
    for number, step in enumerate(steps):
        y = float(HEIGHT)
        for kind, amount in (("accepted", step.accepted), ("waiting", step.waiting), ("failed", step.failed)):
            if amount:
                height = max(round(HEIGHT * amount / top, 1), 1.5)  # what is not nothing is seen
                y -= height
                parts.append(Part(kind, 10 * number + GAP / 2, round(y, 1), height))
    return Chart(steps, parts, top)


def _round_up(most: int) -> int:
    """The next of 5, 10, 20, 50, 100, ..."""
    unit = 1
    while True:
        for times in (5, 10, 20):
            if most <= times * unit:
                return times * unit
        unit *= 10


def counted(organization_id: int, instances: Sequence[int], view: View, now: datetime) -> list[Step]:
    """The steps of a view, the last one that in which `now` lies. Two queries, whatever there is."""
    last = _floor(now, view.step)
    begins = [last - view.step * back for back in range(view.count - 1, -1, -1)]
    mine = _changes_of(organization_id, instances)
    totals = Organization.objects.filter(pk=organization_id).values_list(
        *(_number(mine.filter(found_at__gte=begin, found_at__lt=begin + view.step)) for begin in begins)
    )
    troubled = _troubled(instances, view)
    found = []
    for begin, total in zip(begins, totals.get(), strict=True):
        name = f"{begin:%Y-%m-%d %H:%M}"[: view.digits]
        failed, waiting = troubled.get((name, True), 0), troubled.get((name, False), 0)
        found.append(Step(begin, begin + view.step, total, failed, waiting))
    return found


def _changes_of(organization_id: int, instances: Sequence[int]) -> QuerySet[Change]:
    if len(instances) <= NAMED_INSTANCES:
        return Change.objects.filter(instance__in=instances)
    return Change.objects.filter(instance__organization=organization_id)


def _number(rows: QuerySet[Change]) -> Coalesce:
    counts = rows.order_by().values(all=Value(1)).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


def _troubled(instances: Sequence[int], view: View) -> dict[tuple[str, bool], int]:
    """How many changes are not accepted, by step and by whether their delivery failed.

    Of all times: these are few, and their events alone lead to them, not their time.
    """
    # Spelled as the condition of the index, which SQLite only uses then.
    unsettled = Event.objects.filter(instance__in=instances).exclude(status=EventStatus.NOTIFIED)
    stuck = Delivery.objects.filter(notification__event=OuterRef("event"), status__in=STUCK)
    counts = (
        Change.objects.filter(event__in=unsettled.filter(status__in=UNDER_WAY).values("pk"))
        .annotate(step=Substr(Cast("found_at", CharField()), 1, view.digits), stuck=Exists(stuck))
        .order_by()
        .values_list("step", "stuck")
        .annotate(Count("pk"))
    )
    return {(step, stuck): number for step, stuck, number in counts}


def _floor(moment: datetime, step: timedelta) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + step * ((moment - day) // step)
