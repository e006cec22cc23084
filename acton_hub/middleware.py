"""What every answer carries: a request id, and frame options on pages (CONTRACT §1)."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from acton_hub import log
from acton_hub.errors import is_page

# CONTRACT §1: what browsers of applications may read.
EXPOSED = (
    "Elements-Returned-Count, Elements-Total-Count, Elements-Request-Id, Elements-Next-Page-Token, "
    "Elements-Trace-Id, Elements-Error, Content-Disposition"
)
PREFLIGHT_KEPT_S = 3600
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def request_id(get_response: GetResponse) -> GetResponse:
    """Name the request: the id stands in the header, in error bodies and in the log."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        told = log.request_id.set(request.request_id)  # type: ignore[attr-defined]
        try:
            response = get_response(request)
        finally:
            log.request_id.reset(told)
        response.headers["Elements-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response

    return middleware


def content_security_policy(*, forms_anywhere: bool = False) -> str:
    """Everything from this hub alone, nothing inline. A form may end at Act-On, where it is sent on to."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    if forms_anywhere:
        return policy
    hosts = [settings.ACTON_US_URL, settings.ACTON_EUROPE_URL, settings.ACTON_OLDER_URL, *settings.ACTON_API_HOSTS]
    hosts += [settings.ACTON_API_URL] if settings.ACTON_API_URL != "sandbox" else []
    hosts += [settings.PUBLIC_URL] if settings.SANDBOX_ENABLED else []
    return f"{policy}; form-action 'self' {' '.join(hosts)}"


def pages_only_frame_options(get_response: GetResponse) -> GetResponse:
    """Pages must not be framed, and run no script but ours; API responses carry no such headers, as on the platform."""
    policy, sandbox_policy = content_security_policy(), content_security_policy(forms_anywhere=True)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if is_page(request):
            response.headers.setdefault("X-Frame-Options", "DENY")
            # The sandbox's log-in sends the browser back to whatever application asked.
            wanted = sandbox_policy if request.path_info.startswith("/sandbox/") else policy
            response.headers.setdefault("Content-Security-Policy", wanted)
        return response

    return middleware


def any_origin_for_the_api(get_response: GetResponse) -> GetResponse:
    """Applications in browsers may call the API from any origin: it knows a header only, never a cookie."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not is_page(request):
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
            if asked := request.headers.get("Access-Control-Request-Headers"):
                response.headers["Access-Control-Allow-Headers"] = asked
                response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_KEPT_S)
        return response

    return middleware
