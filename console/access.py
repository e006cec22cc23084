"""Who looks at a page, and what is theirs to see: views read rows through these functions only.

What belongs to another organization does not exist here: it is a 404, as an id that was never given.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache

from accounts.models import User
from events.models import Change
from instances.models import Instance, InstanceQuerySet

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """The request of somebody who has logged in."""

    user: User


def page(
    view: Callable[Concatenate[PageRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A view for people who have logged in; browsers keep no copy of it for whoever comes after them."""

    @never_cache
    @login_required
    @wraps(view)
    def logged_in(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return view(cast(PageRequest, request), *args, **kwargs)

    return logged_in


def instances(request: PageRequest) -> InstanceQuerySet:
    return Instance.objects.filter(organization=request.user.organization_id)


def instance(request: PageRequest, instance_id: int) -> Instance:
    """Raises Http404."""
    return get_object_or_404(instances(request).select_related("connection", "user", "subscription"), pk=instance_id)


def changes(request: PageRequest) -> QuerySet[Change]:
    # EXISTS, not a join: the newest rows are then walked one by one, instead of all of them being sorted.
    return Change.objects.filter(Exists(instances(request).filter(pk=OuterRef("instance_id"))))


def change(request: PageRequest, change_id: int) -> Change:
    """Raises Http404."""
    rows = changes(request).select_related("instance__connection", "poll", "poller", "event__notification__instance")
    return get_object_or_404(rows, pk=change_id)
