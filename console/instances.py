"""One instance: what it is, how far it was read, its last polls and events, and what waits."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console import access, curl, event_log, first_visit, overview, polls, records, sparkline
from console.access import PageRequest, page
from elements.acton import limits
from events import webhooks
from events.models import Change, Delivery
from instances.configuration import masked
from instances.models import Instance
from polling.models import Poll

BARS = 60
LATEST_POLLS = 10
LATEST_EVENTS = 10
LONGEST_WAITING = 10


@require_safe
@page
def one(request: PageRequest, instance_id: int) -> HttpResponse:
    return shown(request, access.instance(request, instance_id))


def shown(request: PageRequest, instance: Instance, **more: Any) -> HttpResponse:
    """The page of an instance; `token` or `webhook_address` among `more` shows it."""
    now = timezone.now()
    (summary,) = overview.of([instance], now, positions=True)
    latest = _latest_polls(instance, summary)
    unfinished = [poll for poll in latest if poll.finished_at is None]
    paused_until = instance.connection.budget.paused_until
    context = {
        "instance": instance,
        "overview": summary,
        "usage": limits.usage(instance.connection.budget, now),
        "paused_until": paused_until,
        "is_slowed_down": paused_until is not None and paused_until > now,
        "yesterday": now - timedelta(days=1),
        "configuration": {key: records.text(value) for key, value in sorted(masked(instance).items())},
        "polls": latest[:LATEST_POLLS],
        "unfinished": unfinished,
        "watching": polls.watching(instance, [poll.pk for poll in unfinished]) if unfinished else "",
        "poll_chart": sparkline.of_polls(latest[::-1]),
        "changes": event_log.with_deliveries(access.changes(request).filter(instance=instance))[:LATEST_EVENTS],
        "waiting": list(_waiting(instance)),
        "can_be_tried_out": first_visit.fits(instance),
        "webhook": _webhook(instance),
        "authorize_url_call": curl.authorize_url(instance.option("oauth.callback.url", "")),
        "authenticate_again_call": curl.authenticate_again(instance),
    }
    return render(request, "console/instance.html", context | more)


def _webhook(instance: Instance) -> dict[str, Any] | None:
    """Where Act-On's own webhooks go, of an instance that wants them, and whether their signature can be checked."""
    if instance.vendor_type != "webhooks":
        return None
    return {"verified": webhooks.is_verified(instance)}


def _latest_polls(instance: Instance, summary: overview.InstanceOverview) -> list[Poll]:
    """The newest polls of all pollers; one that failed knows `tried_again_at` where nothing came after it."""
    retries = {
        row.last_poll.pk: row.poller.next_poll_at
        for row in summary.pollers
        if summary.polls and row.last_poll is not None and row.last_poll.status == Poll.Status.FAILED
    }
    polls = list(Poll.objects.filter(poller__instance=instance).select_related("poller").order_by("-pk")[:BARS])
    for poll in polls:
        poll.tried_again_at = retries.get(poll.pk)  # type: ignore[attr-defined]
    return polls


def _waiting(instance: Instance) -> QuerySet[Delivery]:
    """The first of the deliveries that the callback has not accepted, oldest first; each knows their `total`, and how
    many of all are `queued`.
    """
    waiting = Delivery.objects.filter(subscription__instance=instance).exclude(status=Delivery.Status.NOTIFIED)
    counted = waiting.order_by().values("subscription")
    total = counted.annotate(total=Count("pk")).values("total")
    queued = counted.annotate(queued=Count("pk", filter=Q(status=Delivery.Status.QUEUED))).values("queued")
    changes = Change.objects.only("object_id", "event").order_by("pk")
    return (
        waiting.annotate(total=Subquery(total), queued=Subquery(queued))
        .select_related("notification__event")
        .defer("notification__body_tail", "notification__event__provider_data")
        .prefetch_related(Prefetch("notification__event__changes", queryset=changes))
        .order_by("pk")[:LONGEST_WAITING]
    )
