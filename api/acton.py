"""A request's own calls of Act-On: within the limits, with a token that works, and never more than a bounded wait."""

from collections.abc import Callable
from typing import TypeVar

from api.authorization import ApiRequest, Unauthenticated
from api.endpoint import ApiError
from elements.acton import connections, limits
from elements.acton.exceptions import Throttled, Unauthorized
from elements.acton.resources import Access
from instances.models import Instance

T = TypeVar("T")
WAIT_S = 10.0  # for a call's slot; beyond it the caller is told to come back


def instance_of(request: ApiRequest, *, even_disabled: bool = False) -> Instance:
    """The instance whose Element token was sent. Raises Unauthenticated; ApiError (403) for a disabled one."""
    if request.instance is None:
        raise Unauthenticated("The Authorization header needs Element: the token of an instance.")
    if request.instance.disabled and not even_disabled:
        raise ApiError(403, "The instance is disabled.")
    return request.instance


def ask(instance: Instance, call: Callable[[Access], T]) -> T:
    """What Act-On answers to `call`. A token that it refuses is renewed once. Raises ActOnError and its kinds."""
    connection = instance.connection
    token = connections.access_token(connection.pk)
    try:
        return _once(instance, token, call)
    except Unauthorized:
        return _once(instance, connections.access_token(connection.pk, refused=token), call)


def _once(instance: Instance, token: str, call: Callable[[Access], T]) -> T:
    connection = instance.connection

    def made(leave_at: float) -> T:
        return call(Access(connection.api_url, token, leave_at))

    try:
        return limits.within(connection.budget_id, made, wait_s=WAIT_S)
    except Throttled as error:
        if error.status is not None:
            error.retry_after = limits.slow_down(connection.budget_id, error.retry_after or None)
        raise
