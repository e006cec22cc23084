"""The event log: one row a change, filtered, page by page; and the rows that come in while somebody looks.

With `live` in its URL it waits for them from the start: without scripts it is loaded again every few seconds.
"""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console import event_filter, paging
from console.access import PageRequest, page
from console.event_search import Search
from elements.acton import resources
from events.models import Change

TAIL_ROWS = 200
UNSETTLED_ROWS = 100
# Ids are given before a transaction commits: one that is missing may still come, for so long.
COMES_WITHIN = timedelta(seconds=60)
LOOKED_BACK = 1000  # rows
LOOKED_AHEAD = 5000
LARGE = (
    "record",
    "previous",
    "event__provider_data",
    "event__notification__body_tail",
    "instance__configuration",
    "instance__token",
    "instance__secrets",
    "instance__webhook_key",
    "instance__former_signature_key",
)


def with_deliveries(changes: QuerySet[Change]) -> QuerySet[Change]:
    """All that a row of the log shows, newest first, without the large texts."""
    return (
        changes.select_related("instance", "event__notification")
        .prefetch_related("event__notification__deliveries")
        .defer(*LARGE)
        .order_by("-pk")
    )


@require_safe
@page
def listing(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    form = event_filter.of(request)
    if not form.is_valid():
        if "instance" in form.errors:
            raise Http404
        return render(request, "console/event_log.html", {"form": form, "page": paging.Page([]), "filtered": True})
    # Before the rows are read: what commits between the two is in one of them at least.
    known = known_up_to(list(_ids().order_by("-pk")[:LOOKED_BACK])[::-1], now)
    search = Search(form)
    found = paging.page(
        request, lambda most, before, after: search.ids(most, before=before, after=after), lambda pk: pk
    )
    context = {
        "form": form,
        "page": found,
        "changes": with_deliveries(Change.objects.filter(pk__in=found.rows)) if found.rows else [],
        # Told where one begins to look; to find it out again on each page would cost as much as the page.
        "count": None if found.newest else search.count(len(found.rows) if found.is_whole else None),
        "filtered": form.is_filtered,
        "query": paging.query_of(request, "live"),
        "live": "live" in request.GET and not found.newest,
        "tail_after": None if found.newest else known,
        "spans": event_filter.links(request),
        "resources": [*resources.NAMES, "test"],
    }
    return render(request, "console/event_log.html", context)


@require_safe
@page
def tail(request: PageRequest) -> HttpResponse:
    """What passes the filter and came in after the change that `after` names, and the rows that `unsettled` names as
    they are now; the header Tail-After tells what to ask for next.

    A change may come twice: where an id is missing that may still be on its way, the next call begins before it.
    """
    form = event_filter.of(request)
    after = paging.number(request, "after") or 0
    context: dict[str, object] = {"changes": []}
    if form.is_valid():
        search = Search(form)
        come = search.ids_near(after, TAIL_ROWS)
        ids = _ids().filter(pk__gt=after).order_by("pk")[:LOOKED_AHEAD]
        after = max(after, known_up_to([(after, timezone.now()), *ids], timezone.now()))
        if len(come) == TAIL_ROWS:
            after = min(after, come[0])
        settling = Change.objects.filter(pk__in=_unsettled(request), instance__in=form.scope)
        rows = Change.objects.filter(pk__in=[*come, *settling.values_list("pk", flat=True)])
        context["changes"] = with_deliveries(rows)
    response = render(request, "console/_tail.html", context)
    response.headers["Tail-After"] = str(after)
    return response


def _ids() -> "QuerySet[Change, tuple[int, datetime]]":
    return Change.objects.values_list("pk", "found_at")


def known_up_to(ids: list[tuple[int, datetime]], now: datetime) -> int:
    """The last of these ids (rising, each with when its change was found) before which none is on its way; 0 for none.

    An id that is missing is on its way where the one behind it is young; else its transaction was rolled back.
    """
    known = ids[0][0] if ids else 0
    for pk, found_at in ids[1:]:
        if pk != known + 1 and now - found_at < COMES_WITHIN:
            break
        known = pk
    return known


def _unsettled(request: PageRequest) -> list[int]:
    """The rows on the page that may look different by now; what is no id is passed over."""
    names = request.GET.get("unsettled", "").split(",")[:UNSETTLED_ROWS]
    return [int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 19]
