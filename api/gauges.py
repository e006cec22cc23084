"""What stands in the database at the moment of asking, as Prometheus gauges.

Nothing here looks at what has been delivered, or at polls that have ended: what waits is counted by partial indexes,
and the rest has a row an instance or an account.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, Count, Max, Min, Q, Sum, When
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

import acton_hub
from acton_hub import queue
from acton_hub.models import Heartbeat
from alerts.models import Alert, Kind, Message
from elements.acton.limits import CALLS_A_DAY
from elements.models import CallBudget, Connection
from events.models import Delivery, Event, EventStatus, SetAside, Subscription
from polling.models import Poll, Poller

LAG_BOUNDS_S = (60, 300, 900, 1800, 3600, 10_800, 43_200, 86_400)
OVERDUE_AFTER = timedelta(minutes=1)
KINDS = ("cluster", "dispatcher")
NEVER_S = 1e9  # the age of a heartbeat that there has not been


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"acton_hub_{name}", text, value=value)


def labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"acton_hub_{name}", text, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    """0 where there is no such moment."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def polling(now: datetime) -> Iterator[Metric]:
    """How far behind the pollers are: what Act-On changed less than so many seconds ago may be missing."""
    within = {f"within_{bound}": Count(Case(When(lag_ms__lte=bound * 1000, then=1))) for bound in LAG_BOUNDS_S}
    lags = Poller.objects.lagging(now).aggregate(
        **within, pollers=Count("pk"), together_ms=Sum("lag_ms"), most_ms=Max("lag_ms"),
        failing=Count(Case(When(failures__gt=0, then=1))),
    )  # fmt: skip
    buckets = [(str(bound), lags[f"within_{bound}"]) for bound in LAG_BOUNDS_S]
    yield HistogramMetricFamily(
        "acton_hub_poller_lag_seconds",
        "Time since which nothing is known to be complete, of the pollers as they are now.",
        buckets=[*buckets, ("+Inf", lags["pollers"])],
        sum_value=(lags["together_ms"] or 0) / 1000,
    )
    yield gauge("poller_lag_seconds_max", "The largest lag of a poller.", (lags["most_ms"] or 0) / 1000)
    yield gauge("pollers_failing", "Active pollers whose last poll failed.", lags["failing"])
    overdue = Poller.objects.active().filter(next_poll_at__lt=now - OVERDUE_AFTER).count()
    yield gauge("pollers_overdue", "Pollers that should have been queued a minute ago or longer.", overdue)
    # One by one: each has an index that holds these polls alone.
    unfinished = {
        str(status): 0.0 + Poll.objects.filter(status=status).count()
        for status in (Poll.Status.QUEUED, Poll.Status.RUNNING)
    }
    yield labelled("polls_unfinished", "Polls that wait or run.", "status", unfinished)


def delivering(now: datetime) -> Iterator[Metric]:
    """What waits to be delivered, and for how long."""
    waiting = Delivery.objects.filter(next_attempt_at__isnull=False)
    due = waiting.filter(next_attempt_at__lte=now)
    in_hand = Delivery.objects.filter(lease_until__gte=now).count()
    queued = Delivery.objects.filter(status=Delivery.Status.QUEUED)
    retried = Delivery.objects.filter(status=Delivery.Status.RETRY)
    numbers = {
        "due": max(0, due.count() - in_hand),
        "in_hand": in_hand,
        "later": waiting.filter(next_attempt_at__gt=now).count(),
        "queued": queued.count(),
    }
    yield labelled("deliveries_waiting", "Deliveries not accepted yet, by what they wait for.", "for", numbers)
    yield gauge("deliveries_due", "Deliveries that could be attempted now.", numbers["due"])
    since = {
        "due": due.aggregate(since=Min("next_attempt_at"))["since"],
        "retry": retried.aggregate(since=Min("created_at"))["since"],
        "queued": queued.aggregate(since=Min("created_at"))["since"],
    }
    ages = {name: _seconds_since(moment, now) for name, moment in since.items()}
    text = "How long the oldest one has waited: since it was due, or, of those that failed, since it was stored."
    yield labelled("delivery_age_seconds_max", text, "status", ages)
    new = Event.objects.filter(status=EventStatus.NEW).count()
    yield gauge("events_new", "Events from outside that nothing was made of yet.", new)
    aside = SetAside.objects.count()
    yield gauge("events_set_aside", "Events from outside of which nothing could be made; they are tried again.", aside)


def calling_back(now: datetime) -> Iterator[Metric]:
    failing = Subscription.objects.filter(failing_since__isnull=False)
    found = failing.aggregate(number=Count("pk"), since=Min("failing_since"))
    yield gauge("callbacks_failing", "Subscriptions whose callback accepts nothing at present.", found["number"])
    longest = _seconds_since(found["since"], now)
    yield gauge("callback_failing_seconds_max", "How long the longest failing callback has accepted nothing.", longest)
    inactive = Subscription.objects.filter(active=False).count()
    yield gauge("subscriptions_deactivated", "Subscriptions given up after the last retry.", inactive)


def asking_acton(now: datetime) -> Iterator[Metric]:
    """How much of Act-On's limits is used, and who needs a person."""
    near = Q(day=now.date())
    found = CallBudget.objects.aggregate(
        most=Max("day_calls", filter=near),
        together=Sum("day_calls", filter=near),
        paused=Count("pk", filter=Q(paused_until__gt=now)),
    )
    share = (found["most"] or 0) / CALLS_A_DAY
    yield gauge("acton_calls_today_ratio_max", "The largest share of its daily calls that an account used.", share)
    yield gauge("acton_calls_today", "Calls of today (UTC), of all accounts.", found["together"] or 0)
    yield gauge("acton_accounts_paused", "Accounts that Act-On asked to slow down.", found["paused"])
    refused = Connection.objects.exclude(problem="").count()
    yield gauge("connections_needing_authentication", "Connections that only a person can mend.", refused)


def telling(now: datetime) -> Iterator[Metric]:
    """What the operators are told themselves."""
    open_now = dict.fromkeys((str(kind) for kind in Kind if kind != Kind.TEST), 0.0)
    for kind, number in Alert.objects.open().begun().values_list("kind").annotate(Count("pk")).order_by():
        open_now[kind] = number
    yield labelled("alerts_open", "Alerts that have begun and not ended, by kind.", "kind", open_now)
    untold = Message.objects.filter(told_at=None, attempts__gt=0)
    number, since = untold.aggregate(number=Count("pk"), since=Min("alert__began_at")).values()
    yield gauge("alert_messages_waiting", "Messages to operators that could not be told so far.", number)
    yield gauge("alert_message_age_seconds_max", "How old the oldest of these is.", _seconds_since(since, now))


def working(now: datetime) -> Iterator[Metric]:
    """Since when which kind of process has shown no life, and what lies in the queue."""
    newest = dict.fromkeys(KINDS, NEVER_S)
    alive = dict.fromkeys(KINDS, 0.0)
    for name, beaten in Heartbeat.objects.values_list("name", "beat_at"):
        kind = name.partition(":")[0]
        newest[kind] = min(newest.get(kind, NEVER_S), (now - beaten).total_seconds())
    for name in Heartbeat.objects.young(now).values_list("name", flat=True):
        alive[name.partition(":")[0]] += 1
    yield labelled("heartbeat_age_seconds", "Since the youngest heartbeat, by kind of process.", "kind", newest)
    yield labelled("processes_alive", "Processes with a young heartbeat, by kind.", "kind", alive)
    depth = queue.depth()
    if depth is not None:
        yield gauge("queue_depth", "Wake-ups in the queue that no worker has taken; absent while it is away.", depth)
    version = GaugeMetricFamily("acton_hub_build_info", "Always 1; the version is in the label.", labels=["version"])
    version.add_metric([acton_hub.__version__], 1)
    yield version


def by_instance(now: datetime) -> Iterator[Metric]:
    """A series a poller and a callback: only where METRICS_BY_INSTANCE asks for it."""
    if not settings.METRICS_BY_INSTANCE:
        return
    lag = GaugeMetricFamily(
        "acton_hub_instance_poller_lag_seconds", "The lag of each active poller.", labels=["instance_id", "resource"]
    )
    for poller in Poller.objects.lagging(now).only("instance", "resource"):
        lag.add_metric([str(poller.instance_id), poller.resource], poller.lag_ms / 1000)
    yield lag
    failing = GaugeMetricFamily(
        "acton_hub_instance_callback_failing_seconds", "How long its callback has failed.", labels=["instance_id"]
    )
    rows = Subscription.objects.filter(failing_since__isnull=False, instance__isnull=False)
    for instance, since in rows.values_list("instance", "failing_since"):
        failing.add_metric([str(instance)], _seconds_since(since, now))
    yield failing


PARTS = (polling, delivering, calling_back, asking_acton, telling, working, by_instance)
