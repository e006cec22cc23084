"""The list of instances: searched, by tag and by state, with how each fares at a glance."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console import access, curl, overview, paging
from console.access import PageRequest, page
from instances.models import InstanceQuerySet
from polling.models import Poller

# What needs somebody first. The words are those of `InstanceOverview.state`.
STATES = ("needs authentication", "late", "failing", "polling", "paused", "disabled")
MOST_TAGS = 200  # that are offered


@dataclass(frozen=True)
class Filter:
    """What the URL asks for; nothing of it: everything."""

    text: str
    tags: list[str]
    state: str

    @property
    def is_any(self) -> bool:
        return bool(self.text or self.tags or self.state)


def filter_of(request: HttpRequest) -> Filter:
    """A state that does not exist counts as none."""
    state = request.GET.get("state", "")
    tags = [tag.strip().replace("\0", "") for tag in request.GET.getlist("tag")]
    text = request.GET.get("q", "").strip().replace("\0", "")[:200]
    return Filter(text, [tag for tag in tags if tag], state if state in STATES else "")


def with_states(rows: InstanceQuerySet, now: datetime) -> Any:
    """The rows, each with its `state_word`: the rule of `InstanceOverview.state`, told to the database."""
    mine = Poller.objects.filter(instance=OuterRef("pk"))
    word = Case(
        When(disabled=True, then=Value("disabled")),
        When(~Q(connection__problem=""), then=Value("needs authentication")),
        When(Q(paused=True) | Q(events_enabled=False), then=Value("paused")),
        When(Exists(mine.late(now)), then=Value("late")),
        When(Exists(mine.filter(failures__gt=0)), then=Value("failing")),
        default=Value("polling"),
        output_field=CharField(),
    )
    return rows.annotate(state_word=word)


def matching(rows: InstanceQuerySet, wanted: Filter) -> InstanceQuerySet:
    """Those whose name, or whole id, is searched for. Tags and state are looked at later."""
    if not wanted.text:
        return rows
    found = Q(name__icontains=wanted.text)
    if wanted.text.isascii() and wanted.text.isdigit() and len(wanted.text) < 19:
        found |= Q(pk=int(wanted.text))
    return rows.filter(found)


@require_safe
@page
def listing(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    wanted = filter_of(request)
    mine = access.instances(request)
    rows = matching(mine, wanted)
    # Not every database looks into JSON, and the tags are offered anyway: one query for both.
    tagged = list(mine.values_list("pk", "tags"))
    if wanted.tags:
        rows = rows.filter(pk__in=[pk for pk, tags in tagged if set(wanted.tags) <= set(tags)])
    counted = with_states(rows, now).order_by().values_list("state_word").annotate(Count("pk"))
    counts = dict(counted) if tagged else {}
    if wanted.state:
        rows = with_states(rows, now).filter(state_word=wanted.state)
    shown = paging.newest_first(request, rows.select_related("connection", "subscription"))
    context: dict[str, Any] = {
        "page": shown,
        "overviews": overview.of(shown.rows, now),
        "filter": wanted,
        "states": _states(request, counts, wanted),
        "tags": Counter(tag for _, tags in tagged for tag in tags).most_common(MOST_TAGS),
        "total": len(tagged),
        "found": counts.get(wanted.state, 0) if wanted.state else sum(counts.values()),
    }
    if not tagged:
        context |= {
            "authorize_url_call": curl.authorize_url(),
            "authorize_at_sandbox": curl.authorize_at_sandbox(),
            "create_call": curl.create_instance("THE_CODE"),
        }
    return render(request, "console/instances.html", context)


def _states(request: PageRequest, counts: dict[str, int], wanted: Filter) -> list[dict[str, Any]]:
    """A link for each state that occurs: how many, and the query string that shows them alone."""
    links = []
    for state in STATES:
        if counts.get(state) or state == wanted.state:
            query = request.GET.copy()
            for name in ("before", "after", "state"):
                query.pop(name, None)
            if state != wanted.state:
                query["state"] = state
            current = state == wanted.state
            links.append(
                {"word": state, "count": counts.get(state, 0), "query": f"?{query.urlencode()}", "is_current": current}
            )
    return links
