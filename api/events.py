"""`/instances/{id}/events` (CONTRACT §5)."""

from typing import Any

from django.http import HttpResponse
from pydantic import Field

from api.answers import EventAnswer
from api.authorization import ApiRequest
from api.endpoint import ApiError, answer
from api.instances import find
from api.operations import Paging, operation
from api.paging import Moment, newest_first
from events.models import Event, EventStatus, body_of
from events.notification_body import iso


class EventsQuery(Paging):
    begin: Moment | None = Field(None, alias="from", description="events from this moment on")
    end: Moment | None = Field(None, alias="to", description="events up to this moment")


# What an event is shown by; rows of these cost a fraction of what model instances do.
COLUMNS = (
    "pk", "instance_id", "object_type", "event_date", "status", "provider_data", "notification__pk",
    "notification__body_tail",
)  # fmt: skip


def as_json(row: Any) -> EventAnswer:
    """A row of COLUMNS. An event id is a text here; `notifiedData` holds what was sent, once it was accepted."""
    notified = row.status == EventStatus.NOTIFIED and row.notification__pk is not None
    return {
        "id": str(row.pk),
        "instanceId": row.instance_id,
        "objectType": row.object_type,
        "eventDate": iso(row.event_date),
        "status": row.status,
        "providerData": row.provider_data,
        "notifiedData": [body_of(row.notification__pk, row.notification__body_tail)] if notified else [],
    }


@operation("The events of an instance, newest first", query=EventsQuery, answer=list[EventAnswer])
def read_all(request: ApiRequest, query: EventsQuery, instance_id: int | None = None) -> HttpResponse:
    rows = Event.objects.filter(instance=find(request, instance_id)).values_list(*COLUMNS, named=True)
    if query.begin and query.end and query.begin > query.end:
        raise ApiError(400, "from: must not be later than to.")
    if query.begin:
        rows = rows.filter(event_date__gte=query.begin)
    if query.end:
        rows = rows.filter(event_date__lte=query.end)
    return newest_first(request, rows, query, as_json)


@operation("One event of an instance", answer=EventAnswer)
def read(request: ApiRequest, event_id: int, instance_id: int | None = None) -> HttpResponse:
    instance = find(request, instance_id)
    event = Event.objects.filter(instance=instance, pk=event_id).values_list(*COLUMNS, named=True).first()
    if event is None:
        raise ApiError(404, f"There is no event {event_id} of instance {instance.pk}.")
    return answer(as_json(event))
