"""`GET /metrics`: how the hub fares, as Prometheus text (CONTRACT §9).

All of it comes out of the database: what is counted is added up there, what waits is counted when it is asked. So every
web server of a hub tells the same, whichever is asked, and a process that dies takes no count with it.
"""

import hmac
import ipaddress
from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from accounts.audit import address_of
from acton_hub import outbound, tallies
from api import gauges
from api.operations import operation

OF_PROXIES = {"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}
REFUSED = (
    "The metrics are told to the networks of METRICS_ALLOW, and to whoever sends METRICS_TOKEN: "
    "`Authorization: Bearer <token>`."
)


@operation("How the hub fares, as Prometheus text", public=True, produces="text/plain", refuses=(403,))
def metrics(request: HttpRequest) -> HttpResponse:
    if not may_read(request):
        raise PermissionDenied(REFUSED)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """By token, where there is one; else by address, unless a proxy that is not to be believed hides that."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    if not settings.BEHIND_PROXY and OF_PROXIES & set(request.headers):
        return False
    try:
        address = ipaddress.ip_address(address_of(request))
    except ValueError:
        return False
    return outbound.is_within(address, settings.METRICS_ALLOW)


class _Collector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from counted()
        now = timezone.now()
        for part in gauges.PARTS:
            yield from part(now)


def counted() -> Iterator[Metric]:
    """What is counted since the hub's first day."""
    totals = tallies.totals()
    for name, series in tallies.SERIES.items():
        if series.bounds:
            yield _histogram(name, series, totals[name])
            continue
        family = CounterMetricFamily(f"acton_hub_{name}", series.text, labels=series.labels)
        found = dict.fromkeys(series.values if series.labels else [""], 0) | totals[name]
        for value, amount in found.items():
            family.add_metric([value] if series.labels else [], amount)
        yield family


def _histogram(name: str, series: tallies.Series, found: dict[str, int]) -> HistogramMetricFamily:
    """Buckets as Prometheus wants them: each holds all that the narrower ones hold."""
    family = HistogramMetricFamily(f"acton_hub_{name}", series.text, labels=series.labels)
    by_labels: dict[tuple[str, ...], dict[str, int]] = {} if series.labels else {(): {}}
    for label, amount in found.items():
        *values, part = label.split("|")
        by_labels.setdefault(tuple(values), {})[part] = amount
    for labels, amounts in sorted(by_labels.items()):
        cumulated, buckets = 0, []
        for bound in (*series.bounds, float("inf")):
            cumulated += amounts.get(str(bound), 0)
            buckets.append(("+Inf" if bound == float("inf") else str(bound), cumulated))
        family.add_metric(labels, buckets, sum_value=amounts.get(tallies.SUM, 0) / 1000)
    return family
