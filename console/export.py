"""The event log as a file: CSV or newline-delimited JSON, streamed, so that its size does not matter.

How long it will be is not known beforehand, so a browser shows no progress of its own. The page that offers the files
makes up a key for each; the rows written are counted under it, and the page shows them.
"""

import csv
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from acton_hub import masking
from console import event_filter, paging
from console.access import PageRequest, page
from console.event_search import Search
from console.models import KEPT, Export
from events.models import Change, Delivery
from events.notification_body import iso, iso_ms

ROWS_AT_ONCE = 1000
COLUMNS = [
    "id", "found", "status", "type", "objectId", "resource", "instanceId", "instance", "date", "sequence", "eventId",
    "attempts", "error",
]  # fmt: skip
READ = [
    "pk", "found_at", "event__status", "event_type", "object_id", "object_type", "instance", "instance__name",
    "occurred_ms", "sequence", "event",
]  # fmt: skip
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
Batches = Iterator[list[dict[str, Any]]]


class _Echo:
    """A file for the csv module that hands each line back."""

    def write(self, line: str) -> str:
        return line


def batches(search: Search, *, with_records: bool) -> Batches:
    """All that passes, newest first, a bounded number at a time; what comes in meanwhile changes nothing."""
    before: int | None = None
    while True:
        ids = search.ids(ROWS_AT_ONCE, before=before)
        if ids:
            yield _rows(ids, with_records=with_records)
        if len(ids) < ROWS_AT_ONCE:
            return
        before = ids[-1]


def _rows(ids: list[int], *, with_records: bool) -> list[dict[str, Any]]:
    """What is written of these changes, newest first: read as plain values, of which there may be millions."""
    columns = [*READ, "record"] if with_records else READ
    found = list(Change.objects.filter(pk__in=ids).order_by("-pk").values_list(*columns))
    deliveries: dict[int, list[tuple[int, str]]] = defaultdict(list)
    sent = Delivery.objects.filter(notification__event__in={row[READ.index("event")] for row in found}).order_by("pk")
    for event, attempts, error in sent.values_list("notification__event", "attempts_made", "last_error"):
        deliveries[event].append((attempts, error))
    return [_row(row, deliveries) for row in found]


def _row(values: Sequence[Any], deliveries: dict[int, list[tuple[int, str]]]) -> dict[str, Any]:
    pk, found_at, status, kind, object_id, resource, instance, name, occurred_ms, sequence, event, *record = values
    made = deliveries.get(event, [])
    row = {
        "id": pk,
        "found": iso(found_at),
        "status": status,
        "type": kind,
        "objectId": object_id,
        "resource": resource,
        "instanceId": instance,
        "instance": name,
        "date": iso_ms(occurred_ms) if occurred_ms is not None else None,
        "sequence": sequence,
        "eventId": str(event),
        "attempts": sum(attempts for attempts, _ in made),
        "error": masking.in_words("; ".join(error for _, error in made if error)),
    }
    return row | ({"record": masking.in_value(json.loads(record[0]))} if record else {})


def as_csv(found: Batches) -> Iterator[str]:
    """A spreadsheet must not take a contact's text for a formula: such cells begin with an apostrophe."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for batch in found:
        for row in batch:
            cells = ["" if row[name] is None else str(row[name]) for name in COLUMNS]
            yield writer.writerow([f"'{cell}" if cell.startswith(DANGEROUS) else cell for cell in cells])


def as_ndjson(found: Batches) -> Iterator[str]:
    """One object a line, with the record as it was sent, but for MASKED_FIELDS."""
    for batch in found:
        for row in batch:
            yield json.dumps(row) + "\n"


FORMATS: dict[str, tuple[str, Callable[[Batches], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "ndjson": ("application/x-ndjson", as_ndjson),
}


@require_safe
@page
def export(request: PageRequest, kind: str) -> StreamingHttpResponse:
    """What the filter in the URL lets pass, as a file; with a key, its rows are counted under it."""
    if kind not in FORMATS:
        raise Http404
    content_type, write = FORMATS[kind]
    form = event_filter.of(request)
    found = batches(Search(form), with_records=kind == "ndjson") if form.is_valid() else iter(())
    key = _key(request)
    if key is not None:
        found = _counted(found, _begun(request, key, kind))
    response = StreamingHttpResponse(write(found), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="events.{kind}"'
    return response


@require_safe
@page
def offer(request: PageRequest) -> HttpResponse:
    """The files that there are of this filter, and how far those are that were asked for.

    A filter that cannot be used leads back to the event log, where what is wrong stands beside the field.
    """
    form = event_filter.of(request)
    if not form.is_valid():
        return redirect(f"{reverse('console:events')}?{paging.query_of(request, 'export')}")
    key = _key(request) or uuid.uuid4()
    context = {
        "count": Search(form).count(None),
        "filters": [(form[name].label, value) for name, value in form.named().items()],
        "query": paging.query_of(request, "export"),
    }
    return render(request, "console/export.html", context | _progress(request, key))


@require_safe
@page
def progress(request: PageRequest, key: uuid.UUID) -> HttpResponse:
    """How far the page's files are; nothing (204) where that is what `seen` names: it is not read out twice."""
    context = _progress(request, key)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return render(request, "console/_export_progress.html", context)


def _progress(request: PageRequest, key: uuid.UUID) -> dict[str, Any]:
    keys = [_key_of(key, kind) for kind in FORMATS]
    rows = Export.objects.filter(pk__in=keys, organization=request.user.organization_id).order_by("started_at")
    now = timezone.now()
    exports = [(row, row.state(now)) for row in rows]
    return {
        "key": key,
        "exports": exports,
        "seen": ",".join(f"{row.kind}.{row.rows}.{state}" for row, state in exports),
    }


def _key(request: PageRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.GET.get("export", ""))
    except ValueError:
        return None


def _key_of(key: uuid.UUID, kind: str) -> uuid.UUID:
    """The key of one file among those that a page offers: both may be written at once."""
    return uuid.uuid5(key, kind)


def _begun(request: PageRequest, key: uuid.UUID, kind: str) -> Export:
    """Raises Http404 for a key that is another organization's."""
    now = timezone.now()
    Export.objects.filter(started_at__lt=now - KEPT).delete()
    key = _key_of(key, kind)
    if Export.objects.filter(pk=key).exclude(organization=request.user.organization_id).exists():
        raise Http404
    values = {"kind": kind, "organization": request.user.organization, "rows": 0, "started_at": now}
    anew = {"written_at": None, "finished_at": None, "whole": False}
    row, _ = Export.objects.update_or_create(pk=key, defaults=values | anew)
    return row


def _counted(found: Batches, row: Export) -> Batches:
    """The same, counted in the row; however it ends, the row tells."""
    whole = False
    try:
        for batch in found:
            yield batch
            row.rows, row.written_at = row.rows + len(batch), timezone.now()
            row.save(update_fields=["rows", "written_at"])
        whole = True
    finally:
        row.finished_at, row.whole = timezone.now(), whole
        row.save(update_fields=["finished_at", "whole"])
