"""Instances: the list, one of them, and what can be done to it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Count, Prefetch, QuerySet, Subquery, prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from console import access, curl, event_log, overview, paging, records
from console.access import PageRequest, operators_page, page
from events import inbound, webhooks
from events.models import Change, Delivery
from instances.actions import set_enabled
from instances.configuration import masked
from instances.models import Instance
from polling.models import Poll
from polling.provisioning import PollRefused, poll_now

LATEST_POLLS = 20
LATEST_EVENTS = 10
LONGEST_WAITING = 10


@require_safe
@page
def listing(request: PageRequest) -> HttpResponse:
    rows = paging.newest_first(request, access.instances(request).select_related("connection", "subscription"))
    context: dict[str, Any] = {"page": rows, "overviews": overview.of(rows.rows, timezone.now())}
    if not rows.rows:
        context |= {
            "authorize_url_call": curl.authorize_url(),
            "authorize_at_sandbox": curl.authorize_at_sandbox(),
            "create_call": curl.create_instance("THE_CODE"),
        }
    return render(request, "console/instances.html", context)


@require_safe
@page
def one(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    (summary,) = overview.of([instance], timezone.now())
    prefetch_related_objects([row.poller for row in summary.pollers], "positions")
    context = {
        "instance": instance,
        "overview": summary,
        "configuration": {key: records.text(value) for key, value in sorted(masked(instance).items())},
        "polls": _latest_polls(instance, summary),
        "changes": event_log.with_deliveries(access.changes(request).filter(instance=instance))[:LATEST_EVENTS],
        "waiting": _waiting(instance),
        "webhook": _webhook(instance),
        "authorize_url_call": curl.authorize_url(instance.option("oauth.callback.url", "")),
        "authenticate_again_call": curl.authenticate_again(instance),
    }
    return render(request, "console/instance.html", context)


def _webhook(instance: Instance) -> dict[str, Any] | None:
    """Where Act-On's own webhooks go, of an instance that wants them, and whether their signature can be checked."""
    if instance.vendor_type != "webhooks":
        return None
    return {"verified": webhooks.is_verified(instance), "path": f"/instances/{instance.pk}/webhook"}


def _latest_polls(instance: Instance, summary: overview.InstanceOverview) -> list[Poll]:
    """The newest polls of all pollers; one that failed knows `tried_again_at` where nothing came after it."""
    retries = {
        row.last_poll.pk: row.poller.next_poll_at
        for row in summary.pollers
        if summary.polls and row.last_poll is not None and row.last_poll.status == Poll.Status.FAILED
    }
    polls = list(Poll.objects.filter(poller__instance=instance).select_related("poller").order_by("-pk")[:LATEST_POLLS])
    for poll in polls:
        poll.tried_again_at = retries.get(poll.pk)  # type: ignore[attr-defined]
    return polls


def _waiting(instance: Instance) -> QuerySet[Delivery]:
    """The first of the deliveries that the callback has not accepted, oldest first; each knows their `total`."""
    waiting = Delivery.objects.filter(subscription__instance=instance).exclude(status=Delivery.Status.NOTIFIED)
    total = waiting.order_by().values("subscription").annotate(total=Count("pk")).values("total")
    changes = Change.objects.only("object_id", "event").order_by("pk")
    return (
        waiting.annotate(total=Subquery(total))
        .select_related("notification__event")
        .defer("notification__body_tail", "notification__event__provider_data")
        .prefetch_related(Prefetch("notification__event__changes", queryset=changes))
        .order_by("pk")[:LONGEST_WAITING]
    )


@require_POST
@operators_page
def poll(request: PageRequest, instance_id: int) -> HttpResponse:
    """Poll now: the resource that the form names, or all of them."""
    instance = access.instance(request, instance_id)
    pollers = instance.pollers.select_related("instance__connection").order_by("resource")
    resource = request.POST.get("resource")
    if resource:
        pollers = pollers.filter(resource=resource)
        if not pollers:
            raise Http404
    for poller in pollers:
        try:
            poll_now(poller)
        except PollRefused as refused:
            messages.error(request, f"{poller.resource} is not polled now: {refused}")
        else:
            messages.success(request, f"A poll of {poller.resource} is queued. Load this page again to see it run.")
    return redirect("console:instance", instance.pk)


@require_POST
@operators_page
def enabled(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    wanted = request.POST.get("enabled")
    if wanted not in ("true", "false"):
        raise BadRequest
    enable = wanted == "true"
    set_enabled(instance, enable)
    messages.success(
        request,
        f"{instance.name} is enabled. Polling goes on where it was."
        if enable
        else f"{instance.name} is disabled. It is not polled until it is enabled again; its position is kept.",
    )
    return redirect("console:instance", instance.pk)


@require_POST
@operators_page
def test_event(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    try:
        inbound.store_test(instance, timezone.now())
    except inbound.TestRefused as refused:
        messages.error(request, f"No test event was sent: {refused}")
        return redirect("console:instance", instance.pk)
    messages.success(request, "A test event is on its way; here it is shown with every attempt to deliver it.")
    return redirect(f"{reverse('console:events')}?{urlencode({'instance': str(instance.pk), 'resource': 'test'})}")
