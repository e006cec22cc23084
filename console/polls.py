"""Polls at an operator's wish, watched while they run; and reading again what was read, after a dry run."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from pydantic import TypeAdapter, ValidationError

from api.paging import Moment
from console import access, paging
from console.access import PageRequest, noted, operators_page, page
from instances.models import Instance
from polling import provisioning
from polling.models import Poll
from polling.provisioning import PollRefused

MOST_WATCHED = 50
moment = TypeAdapter(Moment)


@require_safe
@page
def listing(request: PageRequest, instance_id: int) -> HttpResponse:
    """Every poll that is kept, newest first."""
    instance = access.instance(request, instance_id)
    context = {"instance": instance, "page": paging.newest_first(request, _polls(instance))}
    return render(request, "console/polls.html", context)


def _polls(instance: Instance) -> QuerySet[Poll]:
    return Poll.objects.filter(poller__instance=instance).select_related("poller")


def watching(instance: Instance, polls: list[int]) -> str:
    """Where these polls can be watched."""
    return f"{reverse('console:watch', args=[instance.pk])}?{urlencode({'poll': polls}, doseq=True)}"


@require_safe
@page
def watch(request: PageRequest, instance_id: int) -> HttpResponse:
    """The polls that the URL names (`poll`), as far as they have come."""
    instance = access.instance(request, instance_id)
    return _watched(request, instance, request.GET.getlist("poll"))


def _watched(request: PageRequest, instance: Instance, ids: list[str]) -> HttpResponse:
    """Those polls: the page, or to htmx its part that is asked for again while one of them has not ended."""
    known = [access.id_of(each) for each in ids[:MOST_WATCHED]]
    polls = list(_polls(instance).filter(pk__in=known).order_by("poller__resource", "pk"))
    if not polls:
        raise Http404
    context = {
        "instance": instance,
        "polls": polls,
        "watching": watching(instance, [poll.pk for poll in polls]),
        "is_over": all(poll.finished_at is not None for poll in polls),
        "embedded": "HX-Request" in request.headers and request.headers.get("HX-Target") == "polling",
    }
    partly = "HX-Request" in request.headers
    return render(request, "console/_watched.html" if partly else "console/watch.html", context)


@require_POST
@operators_page
@noted("Poll now")
def poll(request: PageRequest, instance_id: int) -> HttpResponse:
    """Poll now: the resource that the form names, or all of them; then show how they go."""
    instance = access.instance(request, instance_id)
    pollers = instance.pollers.select_related("instance__connection").order_by("resource")
    resource = _name_in(request, "resource")
    if resource:
        pollers = pollers.filter(resource=resource)
        if not pollers:
            raise Http404
    queued: list[int] = []
    refusals = []
    request.audit_target = None
    for poller in pollers:
        try:
            queued.append(provisioning.poll_now(poller).pk)
            request.audit_target = f"{request.path} {resource}".strip()
        except PollRefused as refused:
            refusals.append(f"{poller.resource} is not polled now: {refused}")
    if "HX-Request" in request.headers and queued and not refusals:
        return _watched(request, instance, [str(pk) for pk in queued])
    for refusal in refusals or ([] if queued else ["Nothing is polled: the configuration names no resource."]):
        messages.error(request, refusal)
    to = reverse("console:instance", args=[instance.pk])
    if queued:
        to = watching(instance, queued)
    response = redirect(to)
    if "HX-Request" in request.headers:
        response.status_code, response["HX-Redirect"] = 200, to
    return response


@require_POST
@operators_page
@noted("Read again what was read")
def backfill(request: PageRequest, instance_id: int) -> HttpResponse:
    """Read again everything since a moment: a dry run, that counts, unless the form says `go`."""
    instance = access.instance(request, instance_id)
    pollers = instance.pollers.select_related("instance__connection")
    poller = get_object_or_404(pollers, resource=_name_in(request, "resource"))
    list_id = _name_in(request, "list")
    request.audit_action = _said(request.POST.get("go"))
    request.audit_target = f"{request.path} {poller.resource}"
    try:
        begin_ms = _begin_ms(request.POST)
        queued = provisioning.backfill(
            poller,
            begin_ms,
            dry_run="go" not in request.POST,
            redeliver=request.POST.get("go") == "all",
            list_id=list_id,
        )
    except (ValueError, PollRefused) as error:
        request.audit_target = None
        messages.error(request, f"{poller.resource} is not read again: {error}")
        return redirect("console:instance", instance.pk)
    return redirect(watching(instance, [queued.pk]))


def _said(go: str | None) -> str:
    """What the audit log says of reading again."""
    if go is None:
        return "Count what reading again would bring"
    return "Read again, and deliver again what was delivered" if go == "all" else "Read again, and bring what is new"


def _name_in(request: PageRequest, field: str) -> str:
    """Raises Http404 for one that no database holds."""
    name = request.POST.get(field, "")
    if "\0" in name:
        raise Http404
    return name


def _begin_ms(sent: Any) -> int:
    """Since when, in ms on Act-On's clock; a moment without a zone is UTC. Raises ValueError for what is none."""
    if sent.get("everything"):
        return 0
    try:
        begin = moment.validate_python(sent.get("from", "").strip())
    except ValidationError:
        raise ValueError("say since when: a day and a time of day") from None
    return max(0, int(begin.timestamp() * 1000))
