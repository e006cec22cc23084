"""How many events there were, step by step (CONTRACT §5)."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDay, TruncHour, TruncMinute, TruncMonth, TruncWeek
from django.http import HttpResponse
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from api.authorization import ApiRequest
from api.endpoint import LARGEST_ID, ApiError, answer
from api.operations import Query, operation
from api.paging import Moment
from events.models import Delivery, Event, EventStatus
from events.notification_body import iso
from instances.models import Instance

MOST_BUCKETS = 5000
Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Interval = Literal["minute", "hour", "day", "week", "month"]
TRUNCATED: dict[str, Callable[..., Any]] = {
    "minute": TruncMinute,
    "hour": TruncHour,
    "day": TruncDay,
    "week": TruncWeek,
    "month": TruncMonth,
}
SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(7)}


class AnalyticsQuery(Query):
    begin: Moment | None = Field(None, alias="from", description="default: a day ago")
    end: Moment | None = Field(None, alias="to", description="default: now")
    interval: Interval = Field("hour", description="minute, hour, day, week or month")
    account_ids: list[Annotated[int, Field(ge=0)]] = Field([], alias="accountIds", description="only these accounts")
    instance_ids: list[Id] = Field([], alias="instanceIds", description="only these instances")
    tags: list[str] = Field([], description="only instances that have all of these tags")


class BucketAnswer(TypedDict):
    count: int
    timestamp: str


class RecordsAnswer(TypedDict):
    total: int
    count: int
    timestamp: str
    records: list[dict[str, int]]


def floor(moment: datetime, interval: str) -> datetime:
    """The beginning of the step that the moment lies in, in UTC; weeks begin on Monday."""
    moment = moment.astimezone(UTC).replace(second=0, microsecond=0)
    if interval == "minute":
        return moment
    moment = moment.replace(minute=0)
    if interval == "hour":
        return moment
    moment = moment.replace(hour=0)
    if interval == "week":
        return moment - timedelta(days=moment.weekday())
    return moment.replace(day=1) if interval == "month" else moment


def following(moment: datetime, interval: str) -> datetime:
    """The beginning of the next step."""
    if interval == "month":
        return (moment.replace(day=28) + timedelta(days=4)).replace(day=1)
    return moment + SPANS[interval]


def steps(query: AnalyticsQuery) -> list[datetime]:
    """The beginnings of all steps from `from` to `to`, both included. Raises ApiError."""
    end = query.end or timezone.now()
    found: list[datetime] = []
    try:
        begin = query.begin or end - timedelta(days=1)
        if begin > end:
            raise ApiError(400, "from: must not be later than to.")
        step = floor(begin, query.interval)
        while step <= end:
            found.append(step)
            if len(found) > MOST_BUCKETS:
                raise ApiError(400, f"interval: from and to are more than {MOST_BUCKETS} of these apart.")
            step = following(step, query.interval)
    except OverflowError:
        raise ApiError(400, "to: is too far away.") from None
    return found


def _events(request: ApiRequest, query: AnalyticsQuery, buckets: list[datetime]) -> QuerySet[Any]:
    """The events of the organization's instances within the steps. Raises ApiError (403) for another account."""
    if any(account != request.organization.pk for account in query.account_ids):
        raise ApiError(403, "accountIds: an account that is not yours is among them.")
    instances = Instance.objects.filter(organization=request.organization)
    if request.instance is not None:
        instances = instances.filter(pk=request.instance.pk)
    if query.instance_ids:
        instances = instances.filter(pk__in=query.instance_ids)
    if wanted := set(query.tags):
        fitting = [pk for pk, tags in instances.values_list("pk", "tags") if wanted <= set(tags)]
        instances = instances.filter(pk__in=fitting)
    last = following(buckets[-1], query.interval)
    events = Event.objects.filter(instance__in=instances, event_date__gte=buckets[0], event_date__lt=last)
    return events.annotate(step=TRUNCATED[query.interval]("event_date", tzinfo=UTC)).order_by()


@operation("Events by step", query=AnalyticsQuery, answer=list[BucketAnswer], refuses=(403,))
def totals(request: ApiRequest, query: AnalyticsQuery) -> HttpResponse:
    buckets = steps(query)
    counts = dict(_events(request, query, buckets).values_list("step").annotate(Count("pk")))
    shown: list[BucketAnswer] = [{"count": counts.get(step, 0), "timestamp": iso(step)} for step in buckets]
    return answer(shown)


def _by(request: ApiRequest, query: AnalyticsQuery, column: str, name: str) -> HttpResponse:
    """Steps with a record for each instance, or account, that had events."""
    buckets = steps(query)
    stuck = Delivery.objects.filter(
        notification__event=OuterRef("pk"), status__in=[Delivery.Status.RETRY, Delivery.Status.QUEUED]
    )
    rows = (
        _events(request, query, buckets)
        .annotate(stuck=Exists(stuck))
        .values_list("step", column)
        .annotate(
            Count("pk"),
            success=Count("pk", filter=Q(status=EventStatus.NOTIFIED)),
            failed=Count("pk", filter=Q(stuck=True)),
        )
    )
    records: dict[datetime, list[dict[str, int]]] = defaultdict(list)
    for step, of, count, success, failed in rows:
        records[step].append({"count": count, "success": success, "failed": failed, name: of})
    total = sum(record["count"] for found in records.values() for record in found)
    shown: list[RecordsAnswer] = [
        {
            "total": total,
            "count": sum(record["count"] for record in records[step]),
            "timestamp": iso(step),
            "records": records[step],
        }
        for step in buckets
    ]
    return answer(shown)


@operation("Events by step and instance", query=AnalyticsQuery, answer=list[RecordsAnswer], refuses=(403,))
def by_instance(request: ApiRequest, query: AnalyticsQuery) -> HttpResponse:
    return _by(request, query, "instance", "instanceId")


@operation("Events by step and account", query=AnalyticsQuery, answer=list[RecordsAnswer], refuses=(403,))
def by_account(request: ApiRequest, query: AnalyticsQuery) -> HttpResponse:
    return _by(request, query, "instance__organization", "accountId")
