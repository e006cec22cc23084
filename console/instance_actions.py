"""What can be done to an instance at its page."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from api import inbound as inbound_calls
from console import access, instances
from console.access import PageRequest, admins_page, noted, operators_page
from events import inbound, outbox
from events.models import Delivery
from instances.actions import set_enabled, set_paused
from instances.models import Instance
from polling import provisioning


def _switched(
    request: PageRequest,
    instance_id: int,
    name: str,
    switch: Callable[[Instance, bool], None],
    verbs: dict[bool, str],
    words: dict[bool, str],
) -> HttpResponse:
    """Do as the form says, `true` or `false`, and tell it. Raises BadRequest for anything else."""
    instance = access.instance(request, instance_id)
    value = request.POST.get(name)
    if value not in ("true", "false"):
        raise BadRequest(f"{name} must be true or false.")
    switch(instance, value == "true")
    request.audit_action = f"{verbs[value == 'true']} an instance"
    if not _is_told_by_page(instance, name):
        messages.success(request, f"{instance.name} {words[value == 'true']}")
    return redirect("console:instance", instance.pk)


def _is_told_by_page(instance: Instance, name: str) -> bool:
    """Whether the page says in a banner of its own that the instance is paused, or disabled: once is enough."""
    if instance.connection.needs_authentication:
        return False
    return instance.disabled if name == "enabled" else instance.state == "paused" and instance.events_enabled


@require_POST
@operators_page
@noted("Pause or resume an instance")
def paused(request: PageRequest, instance_id: int) -> HttpResponse:
    words = {
        True: "is paused: nothing is polled until somebody resumes it. Its position is kept.",
        False: "is polled again, from where it was.",
    }
    return _switched(request, instance_id, "paused", set_paused, {True: "Pause", False: "Resume"}, words)


@require_POST
@operators_page
@noted("Enable or disable an instance")
def enabled(request: PageRequest, instance_id: int) -> HttpResponse:
    words = {
        True: "is enabled. Polling goes on where it was.",
        False: "is disabled. It is not polled until it is enabled again; its position is kept.",
    }
    return _switched(request, instance_id, "enabled", set_enabled, {True: "Enable", False: "Disable"}, words)


@require_POST
@admins_page
@noted("Show the token of an instance")
def token(request: PageRequest, instance_id: int) -> HttpResponse:
    """The page, with the instance's token on it: shown when it is asked for, and noted in the audit log."""
    instance = access.instance(request, instance_id)
    return instances.shown(request, instance, token=instance.token)


@require_POST
@admins_page
@noted("Show the address for Act-On's webhooks")
def webhook_address(request: PageRequest, instance_id: int) -> HttpResponse:
    """The page, with the secret address for Act-On's webhooks on it: as with the token."""
    instance = access.instance(request, instance_id)
    return instances.shown(request, instance, webhook_address=inbound_calls.webhook_address(instance))


@require_POST
@operators_page
@noted("Send a test event")
def test_event(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    try:
        inbound.store_test(instance, timezone.now())
    except inbound.TestRefused as refused:
        request.audit_target = None
        messages.error(request, f"No test event was sent: {refused}")
        return redirect("console:instance", instance.pk)
    messages.success(request, "A test event is on its way. It shows here by itself, with every attempt.")
    query = urlencode({"instance": str(instance.pk), "resource": "test", "live": "on"})
    return redirect(f"{reverse('console:events')}?{query}")


@require_POST
@operators_page
@noted("Release what is queued for an instance's callback")
def release_deliveries(request: PageRequest, instance_id: int) -> HttpResponse:
    """All that is queued for the instance's callback is due at once, and the callback is called again."""
    instance = access.instance(request, instance_id)
    queued = Delivery.objects.filter(subscription=instance.subscription, status=Delivery.Status.QUEUED)
    count = outbox.release(queued, timezone.now())
    if count:
        released = "One delivery is" if count == 1 else f"{count:,} deliveries are"
        messages.success(request, f"{released} released: the callback is called again, with the ids as before.")
    else:
        request.audit_target = None
        messages.warning(request, "Nothing is queued any more: somebody else released it, or it was delivered again.")
    return redirect("console:instance", instance.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@operators_page
@noted("Delete an instance")
def delete(request: PageRequest, instance_id: int) -> HttpResponse:
    """Asks for the name, and deletes the instance whose name was typed."""
    instance = access.instance(request, instance_id)
    typed = request.POST.get("name", "").strip()
    if request.method == "POST" and typed == instance.name:
        request.audit_target = f"{reverse('console:instance', args=[instance.pk])} ({instance.name})"
        provisioning.delete(instance)
        messages.success(request, f"{instance.name} was deleted, with its events and positions.")
        return redirect("console:instances")
    wrong = request.method == "POST"
    context = {"instance": instance, "typed": typed, "wrong": wrong}
    return render(request, "console/instance_delete.html", context, status=400 if wrong else 200)
