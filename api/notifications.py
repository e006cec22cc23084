"""`/notifications`, subscriptions, deliveries (CONTRACT §6)."""

import json
from typing import Annotated, Any, Literal, NotRequired

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from api.authorization import ApiRequest
from api.bodies import storable
from api.endpoint import ApiError, answer
from api.operations import Paging, operation
from api.paging import newest_first
from events import notification_body, recording
from events.models import Delivery, Notification, Subscription
from events.notification_body import iso
from instances.configuration import check_http_url, check_not_private

NotificationAnswer = TypedDict(
    "NotificationAnswer",
    {
        "id": int,
        "from": str,
        "topic": str,
        "severity": str,
        "message": Any,
        "createdDate": str,
        "active": bool,
        "acknowledged": bool,
    },
)


class SubscriptionConfig(TypedDict):
    url: str


class SubscriptionAnswer(TypedDict):
    """`instanceId` and `active` are beyond the platform."""

    id: int
    channel: str
    topics: list[str]
    config: SubscriptionConfig
    active: bool
    createdDate: str
    instanceId: NotRequired[int]


Topic = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]


class NotificationBody(BaseModel):
    model_config = ConfigDict(strict=True, populate_by_name=True)

    topic: Topic
    sender: str = Field("api", alias="from", max_length=200)
    severity: Literal["low", "medium", "high"] = "low"
    message: Any


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ConfigBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", str_strip_whitespace=True)

    url: str = Field(max_length=2000)

    @field_validator("url")
    @classmethod
    def may_be_called(cls, value: str) -> str:
        check_http_url(value)
        check_not_private(value)
        return value


class SubscriptionBody(BaseModel):
    model_config = ConfigDict(strict=True)

    channel: str = "webhook"
    topics: Annotated[list[Topic], BeforeValidator(_as_list), Field(min_length=1, max_length=100)]
    config: ConfigBody

    @field_validator("channel")
    @classmethod
    def known_channel(cls, value: str) -> str:
        if value == "email":
            raise ValueError("this hub sends no mail; use webhook")
        if value != "webhook":
            raise ValueError("must be webhook")
        return value


class TopicsQuery(Paging):
    topics: list[str] = Field([], description="only these topics; required")


def notification_json(row: Notification) -> NotificationAnswer:
    body = json.loads(row.body)
    return {
        "id": row.pk,
        "from": body["from"],
        "topic": row.topic,
        "severity": row.severity,
        "message": body["message"],
        "createdDate": iso(row.created_at),
        "active": not row.acknowledged,
        "acknowledged": row.acknowledged,
    }


def subscription_json(row: Subscription) -> SubscriptionAnswer:
    shown: SubscriptionAnswer = {
        "id": row.pk,
        "channel": row.channel,
        "topics": row.topics or [notification_body.TOPIC],
        "config": {"url": row.callback_url},
        "active": row.active,
        "createdDate": iso(row.created_at),
    }
    if row.instance_id is not None:
        shown["instanceId"] = row.instance_id
    return shown


def _notifications(request: ApiRequest) -> QuerySet[Notification]:
    return Notification.objects.filter(organization=request.organization)


def notification_of(request: ApiRequest, notification_id: int) -> Notification:
    """Raises ApiError (404) for one that is not the organization's."""
    row = _notifications(request).filter(pk=notification_id).first()
    if row is None:
        raise ApiError(404, f"There is no notification {notification_id}.")
    return row


@operation("Send a notification to all who subscribed to its topic", body=NotificationBody, answer=NotificationAnswer)
def create(request: ApiRequest, body: NotificationBody) -> HttpResponse:
    """The rows of its deliveries exist when this answers."""
    now = timezone.now()
    with transaction.atomic():
        row = Notification.objects.create(
            organization=request.organization,
            topic=body.topic,
            severity=body.severity,
            body_tail=notification_body.of_user(body.topic, body.sender, body.severity, body.message, now),
            created_at=now,
        )
        subscriptions = Subscription.objects.of_topic(request.organization.pk, body.topic)
        recording.deliver([row.pk], subscriptions, now)
    request.audit_target = f"{request.path}/{row.pk}"
    return answer(notification_json(row))


@operation("The notifications of some topics, newest first", query=TopicsQuery, answer=list[NotificationAnswer])
def read_all(request: ApiRequest, query: TopicsQuery) -> HttpResponse:
    if not query.topics:
        raise ApiError(400, "topics: is required.")
    return newest_first(request, _notifications(request).filter(topic__in=query.topics), query, notification_json)


@operation("One notification", answer=NotificationAnswer)
def read(request: ApiRequest, notification_id: int) -> HttpResponse:
    return answer(notification_json(notification_of(request, notification_id)))


@operation("Delete a notification, unless it waits to be delivered", answer=dict[str, str], refuses=(409,))
def delete(request: ApiRequest, notification_id: int) -> HttpResponse:
    """Nothing undelivered is ever deleted, nor what an event stands for."""
    row = notification_of(request, notification_id)
    if row.event_id is not None or row.deliveries.exclude(status=Delivery.Status.NOTIFIED).exists():
        raise ApiError(409, "The notification belongs to an event, or was not delivered yet.")
    row.delete()
    return answer({})


@operation("Delete the delivered notifications of some topics", query=TopicsQuery, answer=dict[str, int])
def delete_all(request: ApiRequest, query: TopicsQuery) -> HttpResponse:
    if not query.topics:
        raise ApiError(400, "topics: is required.")
    waiting = Delivery.objects.exclude(status=Delivery.Status.NOTIFIED).values("notification")
    rows = _notifications(request).filter(topic__in=query.topics, event=None).exclude(pk__in=waiting)
    count = rows.count()
    rows.delete()
    return answer({"deleted": count})


@operation("Acknowledge a notification", answer=NotificationAnswer)
def acknowledge(request: ApiRequest, notification_id: int) -> HttpResponse:
    row = notification_of(request, notification_id)
    row.acknowledged = True
    row.save(update_fields=["acknowledged"])
    return answer(notification_json(row))


@operation("Subscribe to topics", body=SubscriptionBody, answer=SubscriptionAnswer)
def subscribe(request: ApiRequest, body: SubscriptionBody) -> HttpResponse:
    row = Subscription.objects.create(
        organization=request.organization, channel=body.channel, topics=body.topics, url=body.config.url
    )
    request.audit_target = f"{request.path}/{row.pk}"
    return answer(subscription_json(row))


def _subscriptions(request: ApiRequest) -> QuerySet[Subscription]:
    return Subscription.objects.filter(organization=request.organization).select_related("instance")


def _subscription(request: ApiRequest, subscription_id: int) -> Subscription:
    row = _subscriptions(request).filter(pk=subscription_id).first()
    if row is None:
        raise ApiError(404, f"There is no subscription {subscription_id}.")
    return row


@operation("The subscriptions, with those of instances, newest first", query=Paging, answer=list[SubscriptionAnswer])
def subscriptions(request: ApiRequest, query: Paging) -> HttpResponse:
    return newest_first(request, _subscriptions(request), query, subscription_json)


@operation("One subscription", answer=SubscriptionAnswer)
def read_subscription(request: ApiRequest, subscription_id: int) -> HttpResponse:
    return answer(subscription_json(_subscription(request, subscription_id)))


@operation("End a subscription that a user made", answer=dict[str, str], refuses=(409,))
def unsubscribe(request: ApiRequest, subscription_id: int) -> HttpResponse:
    row = _subscription(request, subscription_id)
    if row.instance_id is not None:
        raise ApiError(409, "This is an instance's own subscription; it ends with the instance.")
    row.delete()
    return answer({})
