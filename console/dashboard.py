"""The first page: how everything is, and what needs somebody."""

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console import access
from console.access import PageRequest, page
from events.models import Delivery

DAY = timedelta(hours=24)


@require_safe
@page
def show(request: PageRequest) -> HttpResponse:
    organization = request.user.organization_id
    waiting = Delivery.objects.filter(notification__organization=organization).exclude(status=Delivery.Status.NOTIFIED)
    context = {
        "instances": access.instances(request).count(),
        "events": access.changes(request).filter(found_at__gte=timezone.now() - DAY).count(),
        "waiting": waiting.count(),
    }
    return render(request, "console/dashboard.html", context)
