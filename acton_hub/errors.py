"""The one error envelope (CONTRACT §1), and what Django itself refuses: 400, 403, 404, 500, CSRF; a database away."""

import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from acton_hub import masking

logger = logging.getLogger(__name__)
DATABASE_AWAY = (OperationalError, InterfaceError)  # or locked, or its disk is full
HEADINGS = {
    400: "This cannot be read",
    403: "Not allowed",
    404: "Nothing is here",
    429: "Too many tries",
    500: "The hub failed",
    503: "The database does not answer",
}
PAGES = ("/console", "/oauth", "/sandbox", "/static")


def is_page(request: HttpRequest) -> bool:
    """Whether the path is for browsers; every other path answers JSON."""
    return request.path_info == "/" or request.path_info.startswith(tuple(f"{page}/" for page in PAGES))


def envelope(request: HttpRequest, status: int, message: str, provider_message: str = "") -> JsonResponse:
    """`providerMessage` stands only where Act-On said something. The line in the log names the same request id."""
    body = {"requestId": request_id_of(request), "message": message}
    if provider_message:
        body["providerMessage"] = provider_message
    logger.info(
        "refused request_id=%s status=%s method=%s path=%s message=%r",
        body["requestId"],
        status,
        request.method,
        masking.in_path(request),
        message,
    )
    return JsonResponse(body, status=status)


def request_id_of(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", ""))


def _answer(request: HttpRequest, status: int, message: str, heading: str = "") -> HttpResponse:
    if is_page(request):
        context = {"status": status, "heading": heading or HEADINGS[status], "message": message}
        return render(request, "error.html", context, status=status)
    return envelope(request, status, message)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400, "The request cannot be read.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, str(exception) or "This is not allowed.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(
        request, 403, "It was not used. Go back, load the page again and send it once more.", "The form has expired"
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, f"There is nothing at {request.path}.")


def server_error(request: HttpRequest) -> HttpResponse:
    # Called while the exception is handled: its traceback goes into the log, under the id that the answer names.
    error = sys.exc_info()[1]
    if isinstance(error, DATABASE_AWAY):
        return database_away(request, error)
    line = "failed request_id=%s method=%s path=%s"
    logger.error(line, request_id_of(request), request.method, masking.in_path(request), exc_info=sys.exc_info())
    return _answer(request, 500, "The hub failed to answer. The log names this request's id.")


def database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """503 for one of DATABASE_AWAY: nothing is wrong with the request, and it may be sent again."""
    logger.error("database away request_id=%s error=%r", request_id_of(request), " ".join(str(error).split()))
    response = _answer(request, 503, "The database does not answer now; try again.")
    response.headers["Retry-After"] = "5"
    return response


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: object) -> HttpResponse:
    """Too many log-ins failed; whether the account is there is not said."""
    return _answer(request, 429, "Too many log-ins failed. Wait a quarter of an hour, then try again.")
