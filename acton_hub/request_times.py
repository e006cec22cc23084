"""How long requests take, by area and status: counted in memory, written down every few seconds.

A row a request would cost more than many a request does. So a web server that is killed loses the counts of its last
seconds; one that is stopped writes them first.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase

from acton_hub import tallies

logger = logging.getLogger(__name__)
BASE = "elements/api-v2/"  # the platform's base path, under which everything is served once more

_lock = threading.Lock()
_gathered = tallies.Amounts()


def middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def timed(request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response = get_response(request)
        took = tallies.observed(
            "request_seconds", [time.monotonic() - began], area_of(request), str(response.status_code)
        )
        with _lock:
            _gathered.update(took)
        return response

    return timed


def area_of(request: HttpRequest) -> str:
    """The first word of the route, as it stands in the URLs: as many areas as the hub has, whatever is asked for."""
    if request.path_info.startswith(settings.STATIC_URL):
        return "static"
    if request.resolver_match is None:
        return "unknown"
    words = request.resolver_match.route.removeprefix(BASE).split("/")
    rest = words[2:] if words[0] == "hubs" else words  # /hubs/{anything}/lists is /lists
    return rest[0] or "start"


def write() -> None:
    """Write down what was gathered; what a database that is away does not take is kept."""
    with _lock:
        taken = tallies.Amounts(_gathered)
        _gathered.clear()
    try:
        tallies.add(taken)
    except DatabaseError as error:
        logger.warning("request times not stored error=%s", str(error).strip())
        with _lock:
            _gathered.update(taken)
