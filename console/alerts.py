"""What needs somebody now, what did, and whether the operators were told."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from alerts import channels, telling
from alerts.models import Alert
from console import paging
from console.access import PageRequest, admins_page, noted, page
from events.models import Subscription

SHOWN = 10  # callbacks that fail, while none of them is an alert


@require_safe
@page
def listing(request: PageRequest) -> HttpResponse:
    """Current alerts whole, past ones by pages. Where there is none, callbacks that fail, but not for an hour yet."""
    rows = Alert.objects.begun().filter(organization=request.user.organization_id)
    rows = rows.select_related("instance").prefetch_related("messages")
    failing = Subscription.objects.failing().filter(organization=request.user.organization_id)
    context = {
        "failing": failing.select_related("instance").order_by("failing_since", "pk")[:SHOWN],
        "current": rows.open().order_by("began_at", "pk"),
        "past": paging.newest_first(request, rows.filter(ended_at__isnull=False)),
        "channels": [(channel.label, channels.addresses(channel)) for channel in channels.in_use()],
    }
    return render(request, "console/alerts.html", context)


@require_POST
@admins_page
@noted("Send a test alert")
def send_test_alert(request: PageRequest) -> HttpResponse:
    if channels.in_use():
        telling.make_test(request.user.organization, timezone.now())
        messages.success(request, "A test alert is on its way; how it went stands below, in a moment.")
    else:
        request.audit_target = None
        messages.error(request, "No channel is set up: set ALERT_EMAIL or ALERT_WEBHOOK_URL.")
    return redirect("console:alerts")
