"""Deliveries of notifications: found by CEQL, released, made again (CONTRACT §6, §9)."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NotRequired

from django.core import signing
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from api.authorization import ApiRequest
from api.endpoint import ApiError, answer
from api.instances import find
from api.notifications import (
    NotificationAnswer,
    SubscriptionAnswer,
    notification_json,
    notification_of,
    subscription_json,
)
from api.operations import Paging, operation
from api.paging import Moment
from elements import ceql
from elements.acton.sources import finder
from elements.ceql import All, Among, Comparison, Expression
from events import outbox
from events.models import Delivery, EventStatus
from events.notification_body import iso

MOST_LOOKED_AT = 20_000  # deliveries, for one page of those that fit
ROWS_AT_ONCE = 500
IDS = ("id", "notificationId", "subscriptionId", "instanceId")


class DeliveryAnswer(TypedDict):
    id: int
    notificationId: int
    subscriptionId: int
    status: str
    createdDate: str
    updatedDate: str
    attempts: int
    error: NotRequired[str]
    notification: NotRequired[NotificationAnswer]
    subscription: NotRequired[SubscriptionAnswer]


class DeliveriesQuery(Paging):
    where: str = Field("", max_length=8000, description="CEQL over channel, status, config.url, ...")
    hydrate: bool = Field(False, description="with the notification and the subscription")


class RedeliverBody(BaseModel):
    """Which of an instance's events: by time, by status of the event or the delivery, or by several of these."""

    model_config = ConfigDict(populate_by_name=True)

    begin: Moment | None = Field(None, alias="from")
    end: Moment | None = Field(None, alias="to")
    status: str = ""


def delivery_json(row: Delivery, *, hydrate: bool) -> DeliveryAnswer:
    shown: DeliveryAnswer = {
        "id": row.pk,
        "notificationId": row.notification_id,
        "subscriptionId": row.subscription_id,
        "status": row.status,
        "createdDate": iso(row.created_at),
        "updatedDate": iso(row.updated_at),
        "attempts": row.attempts_made,
    }
    if row.last_error:
        shown["error"] = row.last_error
    if hydrate:
        shown["notification"] = notification_json(row.notification)
        shown["subscription"] = subscription_json(row.subscription)
    return shown


def _deliveries(request: ApiRequest) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(subscription__organization=request.organization)
    return rows.select_related("notification", "subscription__instance").order_by("-pk")


@operation("Deliver a notification again: the same bytes, the same id", answer=dict[str, int])
def redeliver(request: ApiRequest, notification_id: int) -> HttpResponse:
    row = notification_of(request, notification_id)
    return answer({"redelivered": outbox.release(Delivery.objects.filter(notification=row), timezone.now())})


@operation("Deliver events of an instance again", body=RedeliverBody, answer=dict[str, int])
def redeliver_events(request: ApiRequest, body: RedeliverBody, instance_id: int | None = None) -> HttpResponse:
    rows = Delivery.objects.filter(notification__event__instance=find(request, instance_id))
    if not (body.begin or body.end or body.status):
        raise ApiError(400, "from: is required, or to, or status; all events at once are never sent again by mistake.")
    if body.begin and body.end and body.begin > body.end:
        raise ApiError(400, "from: must not be later than to.")
    if body.begin:
        rows = rows.filter(notification__event__event_date__gte=body.begin)
    if body.end:
        rows = rows.filter(notification__event__event_date__lte=body.end)
    if body.status and body.status in Delivery.Status.values:
        rows = rows.filter(status=body.status)
    elif body.status.upper() not in ("", *EventStatus.values):
        raise ApiError(400, "status: must be the status of an event or of a delivery.")
    elif body.status:
        rows = rows.filter(notification__event__status=body.status.upper())
    chosen = {"status": body.status, "from": body.begin and iso(body.begin), "to": body.end and iso(body.end)}
    request.audit_target = " ".join([request.path, *(f"{name}={value}" for name, value in chosen.items() if value)])
    return answer({"redelivered": outbox.release(rows, timezone.now())})


@dataclass
class Search:
    """The deliveries that a query in CEQL lets pass, newest first. Raises ApiError for one that cannot be read.

    `begin` is where it goes on: behind the last delivery that was looked at. It ends early after `most` of them.
    """

    rows: QuerySet[Delivery]
    where: str
    begin: int | None = None
    most: int | None = None

    def __iter__(self) -> Iterator[Delivery]:
        expression = _parsed(self.where)
        rows, looked_at = _with_status(self.rows, expression), 0
        while self.most is None or looked_at < self.most:
            found = list((rows if self.begin is None else rows.filter(pk__lt=self.begin))[:ROWS_AT_ONCE])
            for row in found:
                self.begin = row.pk
                if expression is None or ceql.matches(expression, finder(_as_record(row))):
                    yield row
            if len(found) < ROWS_AT_ONCE:
                self.begin = None
                return
            looked_at += len(found)


def _parsed(where: str) -> Expression | None:
    try:
        return ceql.parse(where) if where.strip() else None
    except ValueError as error:
        raise ApiError(400, f"where: {error}") from None


def _told(where: str) -> str:
    """What the audit log may tell of a query: its statuses and ids. Addresses, and whatever else, may hold secrets."""
    expression = _parsed(where)
    parts = expression.parts if isinstance(expression, All) else (expression,)
    told = [text for part in parts if (text := _part_told(part))]
    return " ".join([*told, *(["and more"] if len(told) < len(parts) else [])])


def _part_told(part: Expression | None) -> str:
    """Empty for what is not to be told."""
    if not isinstance(part, Comparison | Among):
        return ""
    values = [str(value) for value in (part.values if isinstance(part, Among) else (part.value,))]
    known = set(Delivery.Status.values) if part.field == "status" else set()
    if not all(value in known or (part.field in IDS and value.isdigit()) for value in values):
        return ""
    return f"{part.field}{part.sign if isinstance(part, Comparison) else '='}{','.join(values)}"


def _with_status(rows: QuerySet[Delivery], expression: Expression | None) -> QuerySet[Delivery]:
    """A status that is asked for is looked up by the database: among many accepted ones the queued are few."""
    parts = expression.parts if isinstance(expression, All) else (expression,)
    for part in parts:
        if isinstance(part, Comparison) and part.field == "status" and part.sign == "=":
            rows = rows.filter(status=str(part.value))
    return rows


def _as_record(row: Delivery) -> dict[str, Any]:
    subscription = row.subscription
    return {
        **delivery_json(row, hydrate=False),
        "channel": subscription.channel,
        "topic": row.notification.topic,
        "config": {"url": subscription.callback_url},
        "instanceId": subscription.instance_id,
    }


@operation("Deliveries, newest first", query=DeliveriesQuery, answer=list[DeliveryAnswer])
def deliveries(request: ApiRequest, query: DeliveriesQuery) -> HttpResponse:
    return _found(request, query, _deliveries(request))


def _found(request: ApiRequest, query: DeliveriesQuery, rows: QuerySet[Delivery]) -> HttpResponse:
    """One page of those that the query lets pass. Raises ApiError for a token of another query."""
    salt = f"deliveries {request.organization.pk} {request.path} {query.where}"
    begin = None
    if query.next_page:
        try:
            begin = int(signing.loads(query.next_page, salt=salt))
        except signing.BadSignature:
            raise ApiError(400, "nextPage: is not a token of this query.") from None
    search = Search(rows, query.where, begin, MOST_LOOKED_AT)
    skip = 0 if query.next_page else (query.page - 1) * query.page_size
    shown = list(itertools.islice(search, skip, skip + query.page_size))
    headers = {"Elements-Returned-Count": str(len(shown))}
    if search.begin is not None:
        headers["Elements-Next-Page-Token"] = signing.dumps(search.begin, salt=salt)
    return answer([delivery_json(row, hydrate=query.hydrate) for row in shown], headers)


@operation(
    "Release deliveries: they are due at once, and their subscriptions active again",
    query=DeliveriesQuery,
    answer=dict[str, int],
)
def release(request: ApiRequest, query: DeliveriesQuery) -> HttpResponse:
    """Without `where`: every queued one of the account. What was accepted is never sent again by this."""
    rows = _deliveries(request).exclude(status=Delivery.Status.NOTIFIED)
    where = query.where or "status = 'queued'"
    ids = [row.pk for row in Search(rows, where)]
    request.audit_target = f"{request.path} {_told(where)}"
    return answer({"released": outbox.release(Delivery.objects.filter(pk__in=ids), timezone.now())})


@operation("The deliveries of a notification", query=DeliveriesQuery, answer=list[DeliveryAnswer])
def of_notification(request: ApiRequest, query: DeliveriesQuery, notification_id: int) -> HttpResponse:
    return _found(request, query, _deliveries(request).filter(notification=notification_of(request, notification_id)))


@operation("The delivery of a notification to a subscription", query=DeliveriesQuery, answer=DeliveryAnswer)
def one_delivery(
    request: ApiRequest, query: DeliveriesQuery, notification_id: int, subscription_id: int
) -> HttpResponse:
    row = _deliveries(request).filter(notification=notification_id, subscription=subscription_id).first()
    if row is None:
        raise ApiError(404, f"Notification {notification_id} has no delivery to subscription {subscription_id}.")
    return answer(delivery_json(row, hydrate=query.hydrate))
