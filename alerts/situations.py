"""The situations that operators are told of, each as a query over what is now. Nothing here stores anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q

from alerts.models import Alert, Kind
from elements.acton.limits import CALLS_A_DAY
from elements.models import CallBudget, Connection
from events.models import Subscription
from instances.models import Instance
from polling.models import Poller

CALLBACK_FAILS_FOR = timedelta(hours=1)
LAGS_INTERVALS = 3
DAY_SHARE = 0.8
NAMED = 5  # instances that a text names
# An instance that is enabled after a while lags until its first poll has ended.
SEEN_FOR = {Kind.POLLER_LAGS: timedelta(minutes=1)}
Key = tuple[str, str]


@dataclass(frozen=True)
class Situation:
    """One thing that is not as it should be; `subject` knows it again."""

    kind: Kind
    subject: str
    organization_id: int
    instance_id: int | None
    text: str

    @property
    def key(self) -> Key:
        return self.kind, self.subject

    def as_alert(self, now: datetime) -> Alert:
        return Alert(
            kind=self.kind, subject=self.subject, organization_id=self.organization_id,
            instance_id=self.instance_id, text=self.text, seen_at=now,
        )  # fmt: skip


def found(now: datetime) -> dict[Key, Situation]:
    """Everything that is to be told of now."""
    kinds = (needing_authentication(), failing_callbacks(now), lagging_pollers(now), near_the_days_limit(now))
    return {situation.key: situation for kind in kinds for situation in kind}


def _names(instances: list[Instance]) -> str:
    names = ", ".join(f"{instance.name} ({instance.pk})" for instance in instances[:NAMED])
    return names + (f" and {len(instances) - NAMED} more" if len(instances) > NAMED else "")


def needing_authentication() -> Iterator[Situation]:
    """Connections that Act-On refuses; those that no enabled instance uses hurt nobody."""
    for connection in Connection.objects.exclude(problem="").prefetch_related("instances"):
        instances = [instance for instance in connection.instances.all() if not instance.disabled]
        if instances:
            text = f"Act-On refuses the authorization of {_names(instances)}: {connection.problem}"
            yield Situation(
                Kind.NEEDS_AUTHENTICATION, f"connection:{connection.pk}", connection.organization_id,
                instances[0].pk, f"{text}. It is not polled until somebody authenticates it again.",
            )  # fmt: skip


def failing_callbacks(now: datetime) -> Iterator[Situation]:
    """Those that have failed for long, and at once those that are not called any more: only a person can help."""
    told = Q(active=False) | Q(failing_since__lte=now - CALLBACK_FAILS_FOR)
    for subscription in Subscription.objects.filter(told).select_related("instance"):
        whose = f" of {_names([subscription.instance])}" if subscription.instance else f" of {subscription}"
        text = f"The callback{whose} at {subscription.host} has accepted nothing"
        if subscription.failing_since:
            text += f" since {subscription.failing_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if not subscription.active:
            text += " and is not called any more: what comes is queued until somebody releases it"
        yield Situation(
            Kind.CALLBACK_FAILS, f"subscription:{subscription.pk}", subscription.organization_id,
            subscription.instance_id, f"{text}.",
        )  # fmt: skip


def lagging_pollers(now: datetime) -> Iterator[Situation]:
    most_ms = LAGS_INTERVALS * 60_000 * F("instance__refresh_minutes")
    for poller in Poller.objects.lagging(now).filter(lag_ms__gt=most_ms).select_related("instance"):
        yield Situation(
            Kind.POLLER_LAGS, f"poller:{poller.pk}", poller.instance.organization_id, poller.instance_id,
            f"The {poller.resource} of {_names([poller.instance])} were not polled to the end for "
            f"{LAGS_INTERVALS} intervals of {poller.instance.refresh_minutes} min; changes may be missing since then.",
        )  # fmt: skip


def near_the_days_limit(now: datetime) -> Iterator[Situation]:
    """An account counts once for each organization that uses it."""
    today = now.astimezone(UTC).date()
    near = CallBudget.objects.filter(day=today, day_calls__gte=DAY_SHARE * CALLS_A_DAY)
    for budget in near.prefetch_related("connections__instances"):
        of_organization: dict[int, list[Instance]] = {}
        for connection in budget.connections.all():
            of_organization.setdefault(connection.organization_id, []).extend(connection.instances.all())
        for organization_id, instances in of_organization.items():
            yield Situation(
                Kind.DAY_LIMIT, f"account:{budget.pk}:{organization_id}", organization_id,
                instances[0].pk if instances else None,
                f"{DAY_SHARE:.0%} of Act-On's {CALLS_A_DAY:,} calls of today (UTC) are used by the account of "
                f"{_names(instances) or 'no instance'}. At the limit it is not polled until tomorrow.",
            )  # fmt: skip
