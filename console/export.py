"""The event log as a file: CSV or newline-delimited JSON, streamed, so that its size does not matter."""

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from django.views.decorators.http import require_safe

from console import access, event_filter
from console.access import PageRequest, page
from events.models import Change
from events.notification_body import iso, iso_ms

ROWS_AT_ONCE = 1000
COLUMNS = [
    "id", "found", "status", "type", "objectId", "resource", "instanceId", "instance", "date", "sequence", "eventId",
    "attempts", "error",
]  # fmt: skip
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file for the csv module that hands each line back."""

    def write(self, line: str) -> str:
        return line


def rows(changes: QuerySet[Change]) -> Iterator[dict[str, Any]]:
    """All of them, newest first, a bounded number at a time; what comes in meanwhile changes nothing."""
    before: int | None = None
    changes = (
        changes.select_related("instance", "event__notification")
        .prefetch_related("event__notification__deliveries")
        .defer("previous", "event__provider_data", "event__notification__body_tail")
        .order_by("-pk")
    )
    while True:
        found = list((changes if before is None else changes.filter(pk__lt=before))[:ROWS_AT_ONCE])
        for change in found:
            yield _row(change)
        if len(found) < ROWS_AT_ONCE:
            return
        before = found[-1].pk


def _row(change: Change) -> dict[str, Any]:
    notification = getattr(change.event, "notification", None)
    deliveries = list(notification.deliveries.all()) if notification else []
    return {
        "id": change.pk,
        "found": iso(change.found_at),
        "status": change.event.status,
        "type": change.event_type,
        "objectId": change.object_id,
        "resource": change.object_type,
        "instanceId": change.instance_id,
        "instance": change.instance.name,
        "date": iso_ms(change.occurred_ms) if change.occurred_ms is not None else None,
        "sequence": change.sequence,
        "eventId": str(change.event_id),
        "attempts": sum(delivery.attempts_made for delivery in deliveries),
        "error": "; ".join(delivery.last_error for delivery in deliveries if delivery.last_error),
        "record": change.record,
    }


def as_csv(changes: QuerySet[Change]) -> Iterator[str]:
    """A spreadsheet must not take a contact's text for a formula: such cells begin with an apostrophe."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in rows(changes):
        cells = ["" if row[name] is None else str(row[name]) for name in COLUMNS]
        yield writer.writerow([f"'{cell}" if cell.startswith(DANGEROUS) else cell for cell in cells])


def as_ndjson(changes: QuerySet[Change]) -> Iterator[str]:
    """One object a line, with the record as it was sent."""
    for row in rows(changes):
        yield json.dumps(row | {"record": json.loads(row["record"])}) + "\n"


FORMATS: dict[str, tuple[str, Callable[[QuerySet[Change]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "ndjson": ("application/x-ndjson", as_ndjson),
}


@require_safe
@page
def export(request: PageRequest, kind: str) -> StreamingHttpResponse:
    """What the filter in the URL lets pass, as a file."""
    if kind not in FORMATS:
        raise Http404
    content_type, write = FORMATS[kind]
    changes = event_filter.of(request).apply(access.changes(request))
    response = StreamingHttpResponse(write(changes), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="events.{kind}"'
    return response
