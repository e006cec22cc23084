"""`GET /metrics`: how the hub fares, as Prometheus text, counted in the database when it is asked (CONTRACT §9).

So every web server of a hub tells the same, whichever is asked, and a restart loses no count. No names and ids of
instances: the number of series does not grow with them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.http import HttpResponse
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from acton_hub.models import Heartbeat
from api.authorization import ApiRequest
from api.operations import operation
from elements.acton.limits import CALLS_A_DAY
from elements.models import CallBudget, Connection
from events.models import Delivery, Subscription
from polling.models import Poll, Poller

LAG_BUCKETS_S = (60, 300, 900, 1800, 3600, 10_800, 43_200, 86_400)
OVERDUE_AFTER = timedelta(minutes=1)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"acton_hub_{name}", text, value=value)


def polling(now: datetime) -> Iterator[Metric]:
    """How far behind the pollers are: what Act-On changed less than so many seconds ago may be missing."""
    lags = [
        poller.lag(now).total_seconds() for poller in Poller.objects.active().select_related("instance__connection")
    ]
    cumulated = [(str(bound), sum(lag <= bound for lag in lags)) for bound in LAG_BUCKETS_S]
    yield HistogramMetricFamily(
        "acton_hub_poller_lag_seconds",
        "Time since which nothing is known to be complete, by poller.",
        buckets=[*cumulated, ("+Inf", len(lags))],
        sum_value=sum(lags),
    )
    yield gauge("poller_lag_seconds_max", "The largest lag of a poller.", max(lags, default=0))
    overdue = Poller.objects.active().filter(next_poll_at__lt=now - OVERDUE_AFTER).count()
    yield gauge("pollers_overdue", "Pollers that should have been queued a minute ago or longer.", overdue)
    failing = Poller.objects.active().filter(failures__gt=0).count()
    yield gauge("pollers_failing", "Active pollers whose last poll failed.", failing)
    polls = GaugeMetricFamily("acton_hub_polls", "Polls kept, by status.", labels=["status"])
    for status, count in Poll.objects.order_by().values_list("status").annotate(Count("pk")):
        polls.add_metric([status], count)
    yield polls


def delivering(now: datetime) -> Iterator[Metric]:
    """What waits to be delivered, and for how long."""
    deliveries = GaugeMetricFamily("acton_hub_deliveries", "Deliveries kept, by status.", labels=["status"])
    oldest = GaugeMetricFamily(
        "acton_hub_delivery_age_seconds_max", "Age of the oldest delivery not accepted yet.", labels=["status"]
    )
    rows = Delivery.objects.order_by().values_list("status").annotate(Count("pk"), Min("created_at"))
    for status, count, first in rows:
        deliveries.add_metric([status], count)
        if status != Delivery.Status.NOTIFIED:
            oldest.add_metric([status], (now - first).total_seconds())
    yield deliveries
    yield oldest
    yield gauge("deliveries_due", "Deliveries that could be attempted now.", Delivery.objects.due(now).count())
    failing = Subscription.objects.filter(failing_since__isnull=False)
    yield gauge("callbacks_failing", "Subscriptions whose callback accepts nothing at present.", failing.count())
    since = failing.aggregate(since=Min("failing_since"))["since"]
    yield gauge(
        "callback_failing_seconds_max",
        "How long the longest failing callback has accepted nothing.",
        (now - since).total_seconds() if since else 0,
    )


def asking_acton(now: datetime) -> Iterator[Metric]:
    """How much of Act-On's limits is used, and who needs a person."""
    today = CallBudget.objects.filter(day=now.date())
    most = today.order_by("-day_calls").values_list("day_calls", flat=True).first() or 0
    share = most / CALLS_A_DAY
    yield gauge("acton_calls_today_ratio_max", "The largest share of its daily calls that an account used.", share)
    paused = CallBudget.objects.filter(paused_until__gt=now).count()
    yield gauge("acton_accounts_paused", "Accounts that Act-On asked to slow down.", paused)
    refused = Connection.objects.exclude(problem="").count()
    yield gauge("connections_needing_authentication", "Connections that only a person can mend.", refused)


def working(now: datetime) -> Iterator[Metric]:
    """Since when which kind of process has shown no life."""
    ages = GaugeMetricFamily(
        "acton_hub_heartbeat_age_seconds", "Since the youngest heartbeat, by kind of process.", labels=["kind"]
    )
    newest: dict[str, float] = {}
    for name, beaten in Heartbeat.objects.values_list("name", "beat_at"):
        kind, age = name.partition(":")[0], (now - beaten).total_seconds()
        newest[kind] = min(newest.get(kind, age), age)
    for kind, age in newest.items():
        ages.add_metric([kind], age)
    yield ages


class _Collector(Collector):
    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        for part in (polling, delivering, asking_acton, working):
            yield from part(now)


@operation("How the hub fares, as Prometheus text", public=True, produces="text/plain")
def metrics(request: ApiRequest) -> HttpResponse:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
