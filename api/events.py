"""`/instances/{id}/events` (CONTRACT §5)."""

from django.db import connection
from django.db.models import TextField
from django.db.models.expressions import RawSQL
from django.http import HttpResponse
from pydantic import Field

from api.answers import EventAnswer
from api.authorization import ApiRequest
from api.endpoint import ApiError
from api.instances import find_id
from api.operations import JSON, Paging, operation
from api.paging import Moment, newest_first_as_text
from events.models import Event


class EventsQuery(Paging):
    begin: Moment | None = Field(None, alias="from", description="events from this moment on")
    end: Moment | None = Field(None, alias="to", description="events up to this moment")


# JSON text of an event, written by the database: many times faster than by way of objects. An event id is a text here;
# `notifiedData` holds what was sent, once it was accepted; moments are written as `notification_body.iso` does.
JSON_TEXT = """
    {object}(
        'id', CAST(events_event.id AS text), 'instanceId', events_event.instance_id,
        'objectType', events_event.object_type, 'eventDate', replace({moment} || 'Z', '.000Z', 'Z'),
        'status', events_event.status, 'providerData', events_event.provider_data,
        'notifiedData', CASE WHEN events_event.status = 'NOTIFIED' THEN COALESCE(
            (SELECT {list}('{{"id": ' || told.id || ', ' || told.body_tail) FROM events_notification told
             WHERE told.event_id = events_event.id), {list}()) ELSE {list}() END
    )
"""
SQLITE = {
    "object": "json_object",
    "list": "json_array",
    "moment": "replace(substr(events_event.event_date, 1, 23), ' ', 'T')",
}
POSTGRESQL = {
    "object": "json_build_object",
    "list": "json_build_array",
    "moment": "to_char(events_event.event_date AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')",
}


def as_json() -> RawSQL:
    """JSON text of an event, as an expression for the database that is in use."""
    sql = JSON_TEXT.format(**(POSTGRESQL if connection.vendor == "postgresql" else SQLITE))
    return RawSQL(f"CAST({sql} AS text)", [], output_field=TextField())  # noqa: S611 - nothing of a request is in it


@operation("The events of an instance, newest first", query=EventsQuery, answer=list[EventAnswer])
def read_all(request: ApiRequest, query: EventsQuery, instance_id: int | None = None) -> HttpResponse:
    rows = Event.objects.filter(instance=find_id(request, instance_id))
    if query.begin and query.end and query.begin > query.end:
        raise ApiError(400, "from: must not be later than to.")
    if query.begin:
        rows = rows.filter(event_date__gte=query.begin)
    if query.end:
        rows = rows.filter(event_date__lte=query.end)
    return newest_first_as_text(request, rows, query, as_json())


@operation("One event of an instance", answer=EventAnswer)
def read(request: ApiRequest, event_id: int, instance_id: int | None = None) -> HttpResponse:
    instance = find_id(request, instance_id)
    event = Event.objects.filter(instance=instance, pk=event_id).values_list(as_json(), flat=True).first()
    if event is None:
        raise ApiError(404, f"There is no event {event_id} of instance {instance}.")
    return HttpResponse(event, content_type=JSON)
