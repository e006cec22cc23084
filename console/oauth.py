"""Where Act-On sends a browser back to (CONTRACT §9): ends the console's own flow, or shows an application's code."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console import authorize, curl


@require_safe
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    query = {name: request.GET.get(name, "") for name in ("code", "state", "error", "error_description")}
    if query["state"].startswith(authorize.PREFIX):
        return authorize.finish(request, query["state"], query)
    code = query["code"]
    return render(
        request, "console/oauth_callback.html", query | {"create_call": curl.create_instance(code) if code else ""}
    )
