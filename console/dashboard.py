"""The first page: how everything is, and what needs somebody."""

from collections import Counter, defaultdict

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
    rows = with_states(access.instances(request), now).order_by("name")
    states: dict[int, str] = {}
    sharing: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for pk, name, budget, state in rows.values_list("pk", "name", "connection__budget", "state_word"):
        states[pk] = state
        sharing[budget].append((pk, name))
    instances = list(states)
    if not instances:
        return render(request, "console/dashboard.html")
    views = activity.views()
    by = request.GET.get("by", "")
    by = by if by in views else "hour"
    chart = activity.chart(activity.counted(organization, instances, views[by], now))
    accounts, are_near = attention.limits_near(organization, sharing, now)
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
        "accounts": accounts,
        "are_near": are_near,
    }
    return render(request, "console/dashboard.html", context)
