"""Who looks at a page, and what is theirs to see: views read rows through these functions only.

What belongs to another organization does not exist here: it is a 404, as an id that was never given.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache

from accounts import audit
from accounts.models import Role, User
from acton_hub.errors import DATABASE_AWAY
from events.models import Change
from instances.actions import is_gone
from instances.models import Instance, InstanceQuerySet

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """The request of somebody who has logged in."""

    user: User
    audit_target: str | None  # what the audit log shall name, where not the path; None: nothing was done
    audit_action: str  # what it shall say, where the view's own sentence (`noted`) is too general


View = Callable[Concatenate[PageRequest, P], HttpResponseBase]


def noted(sentence: str) -> Callable[[View[P]], View[P]]:
    """What the audit log says of a view that has changed something."""

    def described(view: View[P]) -> View[P]:
        view.noted = sentence  # type: ignore[attr-defined]
        return view

    return described


def page_for(needed: Role) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """A view for people who have logged in and have that role; what they change is noted in the audit log.

    Browsers keep no copy of it for whoever comes after them. Raises PermissionDenied.
    """

    def decorated(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @login_required
        @wraps(view)
        def logged_in(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            asked = cast(PageRequest, request)
            if not asked.user.may(needed):
                raise PermissionDenied(f"This needs the role {needed}; yours is {asked.user.role}.")
            try:
                response = view(asked, *args, **kwargs)
            except DATABASE_AWAY:
                raise
            except DatabaseError:
                if not is_gone(cast(int | None, kwargs.get("instance_id"))):
                    raise
                raise Http404 from None
            target = getattr(asked, "audit_target", request.path)
            if request.method == "POST" and response.status_code < 400 and target is not None:
                action = getattr(asked, "audit_action", "") or getattr(view, "noted", view.__name__)
                audit.record(f"{audit.CONSOLE}{action}", user=asked.user, target=target, request=request)
            return response

        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if "HX-Request" in request.headers and not request.user.is_authenticated:
                return HttpResponse("Log in again.", status=401)  # a log-in page is no part of another page
            return logged_in(request, *args, **kwargs)

        guarded.needed = needed  # type: ignore[attr-defined]
        return guarded

    return decorated


page = page_for(Role.VIEWER)
operators_page = page_for(Role.OPERATOR)
admins_page = page_for(Role.ADMIN)


def id_of(text: str) -> int:
    """0, that no row has, for what is no id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def member(request: PageRequest, user_id: int) -> User:
    """Raises Http404."""
    return get_object_or_404(User, organization=request.user.organization_id, pk=user_id)


def instances(request: PageRequest) -> InstanceQuerySet:
    return Instance.objects.filter(organization=request.user.organization_id)


def instance(request: PageRequest, instance_id: int) -> Instance:
    """Raises Http404."""
    return get_object_or_404(
        instances(request).select_related("connection__budget", "user", "subscription"), pk=instance_id
    )


def changes(request: PageRequest) -> QuerySet[Change]:
    # EXISTS, not a join: the newest rows are then walked one by one, instead of all of them being sorted.
    return Change.objects.filter(Exists(instances(request).filter(pk=OuterRef("instance_id"))))


def change(request: PageRequest, change_id: int) -> Change:
    """Raises Http404."""
    rows = changes(request).select_related("instance__connection", "poll", "poller", "event__notification__instance")
    return get_object_or_404(rows, pk=change_id)
