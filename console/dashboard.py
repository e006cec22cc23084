"""The first page: how everything is, and what needs somebody."""

from collections import Counter

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console import access, activity, attention
from console.access import PageRequest, page
from console.instance_list import with_states


@require_safe
@page
def show(request: PageRequest) -> HttpResponse:
    organization = request.user.organization_id
    now = timezone.now()
    states = dict(with_states(access.instances(request), now).order_by("name").values_list("pk", "state_word"))
    instances = list(states)
    if not instances:
        return render(request, "console/dashboard.html")
    views = activity.views()
    by = request.GET.get("by", "")
    by = by if by in views else "hour"
    chart = activity.chart(activity.counted(organization, instances, views[by], now))
    near, busiest = attention.limits_near(organization, now)
    context = {
        "states": dict(Counter(states.values())),
        "by": by,
        "views": views,
        "view": views[by],
        "chart": chart,
        "items": attention.of_instances(states)
        + attention.of_callbacks(organization)
        + attention.of_events(organization),
        "slow": attention.slow_callbacks(organization, now),
        "near": near,
        "busiest": busiest,
    }
    return render(request, "console/dashboard.html", context)
