"""The event log: one row a change; and one change with everything that came of it."""

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.db.models.functions import Length, Substr
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from console import access, event_filter, paging, records
from console.access import PageRequest, operators_page, page
from events import outbox, signing
from events.models import Attempt, Change, Delivery, Notification
from instances.configuration import MASK

TAIL_ROWS = 100
RESPONSE_HEAD = 2000  # characters of an answer that are shown
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
    form = event_filter.of(request)
    if "instance" in form.errors:
        raise Http404
    rows = paging.newest_first(request, with_deliveries(form.apply(access.changes(request))))
    filtered = any(request.GET.get(name) for name in form.fields)
    context = {"form": form, "page": rows, "filtered": filtered, "query": _filters(request)}
    if not rows.newest and not form.errors:
        context["tail_after"] = rows.rows[0].pk if rows.rows else 0
    return render(request, "console/event_log.html", context)


@require_safe
@page
def tail(request: PageRequest) -> HttpResponse:
    """What came in after the change that `after` names, as rows to be put on top; the next call names the newest."""
    after = paging.number(request, "after") or 0
    changes = with_deliveries(event_filter.of(request).apply(access.changes(request)))
    found = list(changes.filter(pk__gt=after).order_by("pk")[:TAIL_ROWS])[::-1]
    context = {"changes": found, "tail_after": found[0].pk if found else after, "query": _filters(request)}
    return render(request, "console/_tail.html", context)


def _filters(request: PageRequest) -> str:
    """The filters of the URL, without where in the log it is."""
    query = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    return query.urlencode()


@require_safe
@page
def one(request: PageRequest, change_id: int) -> HttpResponse:
    change = access.change(request, change_id)
    notification = getattr(change.event, "notification", None)
    siblings = change.event.changes.exclude(pk=change.pk).only("object_id", "event").order_by("pk")
    context = {
        "change": change,
        "fields": records.fields(change.record, change.previous),
        "siblings": siblings,
        "notification": notification,
    }
    if notification is not None:
        context |= {
            "headers": _headers(notification),
            "body": notification.body.decode(),
            "deliveries": _deliveries(notification),
        }
    return render(request, "console/event.html", context)


@require_POST
@operators_page
def redeliver(request: PageRequest, change_id: int) -> HttpResponse:
    """Make the deliveries of a change's notification due again: the same bytes, the same id."""
    change = access.change(request, change_id)
    count = outbox.release(Delivery.objects.filter(notification__event=change.event_id), timezone.now())
    if count:
        messages.success(request, "It is delivered again, with the same id. Load this page again to see how it went.")
    else:
        messages.error(request, "There is nothing to deliver again: it is on its way, or nobody is to be told.")
    return redirect("console:event", change.pk)


def _headers(notification: Notification) -> dict[str, str]:
    basic = notification.instance is not None and notification.instance.basic_credentials is not None
    return signing.headers(notification) | ({"Authorization": f"Basic {MASK}"} if basic else {})


def _deliveries(notification: Notification) -> QuerySet[Delivery]:
    attempts = (
        Attempt.objects.defer("response")
        .annotate(head=Substr("response", 1, RESPONSE_HEAD), length=Length("response"))
        .order_by("pk")
    )
    return notification.deliveries.prefetch_related(Prefetch("attempts", queryset=attempts)).order_by("pk")
